"""Harmless questions to a port: does it speak HTTP, and which path says that all is well?"""

import asyncio
import contextlib
import ssl
from collections.abc import Iterable
from dataclasses import dataclass

_WITHIN_S = 2.0
_BANNER_WITHIN_S = 0.25
_LONGEST = 1 << 16
_UNLIKELY = "/paramedic-asks-for-what-is-not-there"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a port said to a request."""

    scheme: str
    """``http`` or ``https``."""
    path: str
    status: int
    names: tuple[str, ...] = ()
    """Those in its certificate, where this machine trusts it."""

    @property
    def is_well(self) -> bool:
        """Whether a component with this address and nothing else would be healthy."""
        return 200 <= self.status < 300


async def ask(host: str, port: int, paths: Iterable[str]) -> Answer | None:
    """The best answer of a port to a few GET requests; ``None`` where it does not speak HTTP.

    A server that answers any path alike is asked for ``/`` alone: its ``/health`` would say nothing.
    """
    if await _speaks_first(host, port):
        return None
    for scheme in ("http", "https"):
        status = await _get(scheme, host, port, _UNLIKELY)
        if status is None or (scheme == "http" and status == 400 and await _get("https", host, port, "/")):
            continue
        names = await _trusted_names(host, port) if scheme == "https" else ()
        if not 200 <= status < 300:
            for path in paths:
                told = await _get(scheme, host, port, path)
                if told is not None and 200 <= told < 300:
                    return Answer(scheme=scheme, path=path, status=told, names=names)
        root = await _get(scheme, host, port, "/")
        return Answer(scheme=scheme, path="/", status=root or status, names=names)
    return None


async def accepts(host: str, port: int) -> bool:
    """Whether a connection is accepted."""
    try:
        async with asyncio.timeout(_WITHIN_S):
            _, writer = await asyncio.open_connection(host, port)
            await _close(writer)
    except (OSError, TimeoutError):
        return False
    return True


async def _speaks_first(host: str, port: int) -> bool:
    """Whether it sends a greeting, as SSH, SMTP and MySQL do: a request would only confuse it."""
    try:
        async with asyncio.timeout(_WITHIN_S):
            reader, writer = await asyncio.open_connection(host, port)
        try:
            async with asyncio.timeout(_BANNER_WITHIN_S):
                return bool(await reader.read(1))
        finally:
            await _close(writer)
    except (OSError, TimeoutError):
        return False


async def _get(scheme: str, host: str, port: int, path: str) -> int | None:
    """The status of one GET; ``None`` where what came was no HTTP."""
    context = _any_certificate() if scheme == "https" else None
    shown = f"[{host}]" if ":" in host else host
    heads = (f"Host: {shown}:{port}", "User-Agent: paramedic", "Accept: */*", "Connection: close")
    request = "\r\n".join((f"GET {path} HTTP/1.1", *heads, "", ""))
    try:
        async with asyncio.timeout(_WITHIN_S):
            reader, writer = await asyncio.open_connection(host, port, ssl=context)
            try:
                writer.write(request.encode())
                line = await reader.readuntil(b"\n")
                await reader.read(_LONGEST)  # a server whose answer is cut off would log it
            finally:
                await _close(writer)
    except (OSError, TimeoutError, ValueError, EOFError, asyncio.LimitOverrunError):
        return None
    parts = line.split()
    is_http = line.startswith(b"HTTP/1.") and len(parts) > 1 and parts[1].isdigit() and len(parts[1]) == 3
    return int(parts[1]) if is_http else None


async def _trusted_names(host: str, port: int) -> tuple[str, ...]:
    """The names in a certificate that this machine trusts, whatever name it was asked for."""
    context = ssl.create_default_context()
    context.check_hostname = False
    try:
        async with asyncio.timeout(_WITHIN_S):
            _, writer = await asyncio.open_connection(host, port, ssl=context)
            about = writer.get_extra_info("peercert") or {}
            await _close(writer)
    except (OSError, TimeoutError, ValueError):
        return ()
    return tuple(str(name) for sort, name in about.get("subjectAltName", ()) if sort in ("DNS", "IP Address"))


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError, TimeoutError, ssl.SSLError):
        async with asyncio.timeout(0.2):
            await writer.wait_closed()


def _any_certificate() -> ssl.SSLContext:
    """Only whether it speaks TLS is asked here; the checks judge the certificate."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
