"""The client library's way over HTTP, with what it keeps to itself: the statuses, the heads of bodies, the failures."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping
from functools import lru_cache

import httpx2

from paramedic.packs.tcp.resolve import addresses

_HEAD, _LARGEST = 2048, 8 << 20
_PEEK_S = 1.0
_SPOKEN = ("application/json", "text/event-stream")
SESSION = "mcp-session-id"


class TooMuch(httpx2.TransportError):
    """An answer is larger than any that is read."""


class Recorder(httpx2.AsyncBaseTransport):
    """Passes requests on, and remembers the newest answer."""

    def __init__(self, *, verify: bool, limit_s: float) -> None:
        self._inner = httpx2.AsyncHTTPTransport(verify=_trust(verify=verify), retries=0)
        self._limit_s = limit_s
        self.status: int | None = None
        self.kind = ""
        """The newest answer's content type."""
        self.head = b""
        """The beginning of its body."""
        self.failure: Exception | None = None
        self.session: str | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """One request."""
        try:
            await addresses(request.url.host, request.url.port or 0, self._limit_s)  # not where it blocks others
            response = await self._inner.handle_async_request(request)
        except Exception as error:
            self.failure = error
            raise
        if request.method != "POST":
            return response
        self.status, self.head = response.status_code, b""
        self.kind = response.headers.get("content-type", "")
        self.session = response.headers.get(SESSION) or self.session
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        overheard = response.stream = _Overheard(response.stream, self)
        if response.status_code >= 400 or not self.kind.startswith(_SPOKEN):
            await overheard.peek()  # nobody else reads it
        return response

    async def aclose(self) -> None:
        """Close what is open."""
        await self._inner.aclose()


class _Overheard(httpx2.AsyncByteStream):
    """A body on its way, of which the beginning is remembered."""

    def __init__(self, inner: httpx2.AsyncByteStream, recorder: Recorder) -> None:
        self._inner = inner
        self._parts = aiter(inner)
        self._recorder = recorder
        self._peeked: list[bytes] = []
        self._size = 0

    async def peek(self) -> None:
        """Remember the beginning before anybody reads on."""
        with contextlib.suppress(TimeoutError, StopAsyncIteration, httpx2.TransportError):
            async with asyncio.timeout(_PEEK_S):
                self._peeked.append(self._noted(await anext(self._parts)))

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self._peeked:
            yield part
        async for part in self._parts:
            yield self._noted(part)

    def _noted(self, part: bytes) -> bytes:
        self._size += len(part)
        if self._size > _LARGEST:
            raise TooMuch(f"an answer is longer than {_LARGEST >> 20} MiB")
        if len(self._recorder.head) < _HEAD:
            self._recorder.head += part[:_HEAD]
        return part

    async def aclose(self) -> None:
        await self._inner.aclose()


def client(recorder: Recorder, headers: Mapping[str, str], limit_s: float) -> httpx2.AsyncClient:
    """A client over the recorder that uses no proxy and nothing else of our environment."""
    return httpx2.AsyncClient(transport=recorder, headers=dict(headers), timeout=limit_s, trust_env=False)


@lru_cache(maxsize=2)
def _trust(*, verify: bool) -> ssl.SSLContext:
    """Made once: reading all certificates takes longer than a look."""
    trust = ssl.create_default_context()
    if not verify:
        trust.check_hostname = False
        trust.verify_mode = ssl.CERT_NONE
    return trust
