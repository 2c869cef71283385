"""Small real WebSocket servers, down to the bytes."""

import asyncio
import base64
import hashlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from aiohttp import web

from packs.authority import Issued

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


@pytest.fixture
async def serve(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[str]]]:
    """Start a server of aiohttp whose handler gets each request; what comes back is its address."""
    async with AsyncExitStack() as stack:

        async def start(
            handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
            *,
            issued: Issued | None = None,
            host: str = "127.0.0.1",
        ) -> str:
            app = web.Application()
            app.router.add_get("/ws", handler)
            runner = web.AppRunner(app, shutdown_timeout=0.1)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            context = None
            if issued:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(*issued.write(tmp_path))
            site = web.TCPSite(runner, host, 0, ssl_context=context)
            await site.start()
            port = site._server.sockets[0].getsockname()[1]
            return f"ws{'s' if issued else ''}://{f'[{host}]' if ':' in host else host}:{port}/ws"

        yield start


@pytest.fixture
async def talk_to() -> AsyncIterator[Callable[..., Awaitable[str]]]:
    """Start a server that owns the bytes of every connection; what comes back is its address."""
    async with AsyncExitStack() as stack:

        async def start(talk: Talk) -> str:
            async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                try:
                    await talk(reader, writer)
                except (OSError, asyncio.IncompleteReadError):
                    pass  # the client went away, which is its right
                finally:
                    writer.transport.abort()

            server = await asyncio.start_server(on_connection, "127.0.0.1", 0)
            stack.callback(server.close)
            return f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/ws"

        yield start


@pytest.fixture
def upgrade() -> Callable[..., Awaitable[None]]:
    """Answer the handshake as it should be, so that a test can go on with whatever bytes it likes."""

    async def upgrade(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        key = next(
            line.split(b":")[1].strip() for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key")
        )
        accept = base64.b64encode(hashlib.sha1(key + _GUID).digest())
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        await writer.drain()

    return upgrade


@pytest.fixture
def well() -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """A handler that sends everything back and stays open until the other side hangs up."""

    async def handler(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(f'{{"heard": "{message.data}"}}')
        return socket

    return handler
