"""Small real TLS servers, and an authority of the test's own."""

import asyncio
import itertools
import ssl
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from packs.authority import Issued

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(scope="session")
def root() -> Issued:
    """An authority that nobody knows."""
    return Issued.make("test root", is_authority=True)


@pytest.fixture
def ca(root: Issued, tmp_path: Path) -> Path:
    """The authority's certificate, for `ca`."""
    path = tmp_path / "ca.pem"
    path.write_bytes(root.pem)
    return path


@pytest.fixture
def trusted(root: Issued, ca: Path) -> tuple[Issued, Path]:
    """Both of them."""
    return root, ca


@pytest.fixture
async def serve(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[int]]]:
    """Start a TLS server on loopback with a certificate; what comes back is its port."""
    numbers = itertools.count()
    async with AsyncExitStack() as stack:

        async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await reader.read()
            except OSError:
                pass  # the client went away, which is its right
            finally:
                writer.transport.abort()

        async def start(
            issued: Issued, *, is_whole: bool = True, old: bool = False, oldest: bool = False, host: str = "127.0.0.1"
        ) -> int:
            folder = tmp_path / f"server-{next(numbers)}"
            folder.mkdir()
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.load_cert_chain(*issued.write(folder, is_whole=is_whole))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                if old or oldest:
                    context.minimum_version = ssl.TLSVersion.TLSv1
                if oldest:
                    context.maximum_version = ssl.TLSVersion.TLSv1_1
            server = await asyncio.start_server(hold, host, 0, ssl=context)
            stack.callback(server.close)
            return int(server.sockets[0].getsockname()[1])

        yield start


@pytest.fixture
async def talk_to() -> AsyncIterator[Callable[..., Awaitable[int]]]:
    """Start a server that owns the bytes of every connection; what comes back is its port."""
    async with AsyncExitStack() as stack:

        async def start(talk: Talk) -> int:
            async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                try:
                    await talk(reader, writer)
                except (OSError, asyncio.IncompleteReadError):
                    pass  # the client went away, which is its right
                finally:
                    writer.transport.abort()

            server = await asyncio.start_server(on_connection, "127.0.0.1", 0)
            stack.callback(server.close)
            return int(server.sockets[0].getsockname()[1])

        yield start
