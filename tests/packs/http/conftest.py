"""Small real HTTP servers, down to the bytes."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

Reply = Callable[[int, str], bytes]
Talk = Callable[[int, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def ok(body: bytes = b"fine", status: str = "200 OK", headers: str = "") -> bytes:
    """The bytes of a whole answer."""
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


@pytest.fixture
async def serve() -> AsyncIterator[Callable[..., Awaitable[str]]]:
    """Start a server and get its address.

    ``await serve(reply)``: ``reply(n, head)`` gives the bytes for the n-th request.
    ``await serve(talk=…)``: ``talk(n, reader, writer)`` owns the connection.
    """
    async with AsyncExitStack() as stack:

        async def start(reply: Reply | None = None, *, talk: Talk | None = None, tls: bool = False) -> str:
            count = 0

            async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                nonlocal count
                number, count = count, count + 1
                try:
                    if talk is not None:
                        await talk(number, reader, writer)
                    else:
                        head = await reader.readuntil(b"\r\n\r\n")
                        writer.write(reply(number, head.decode()))
                        await writer.drain()
                except (ConnectionError, asyncio.IncompleteReadError):
                    pass  # the client went away, which is its right
                finally:
                    writer.close()

            context = None
            if tls:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(Path(__file__).with_name("self_signed.pem"))
            server = await asyncio.start_server(on_connection, "127.0.0.1", 0, ssl=context)
            stack.callback(server.close)
            return f"http{'s' if tls else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}/health"

        yield start


@pytest.fixture(name="ok")
def ok_fixture() -> Callable[..., bytes]:
    """``ok(body, status, headers)``: the bytes of a whole answer."""
    return ok
