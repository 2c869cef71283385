"""The way to a server over streamable HTTP: a message is a request, its answer JSON or a stream of events."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from types import TracebackType
from typing import Self
from urllib.parse import urljoin, urlsplit

import aiohttp

from paramedic.model.clock import Clock
from paramedic.packs.http.answer import NoAnswer, Trouble, readable
from paramedic.packs.http.exchange import Client, revealed
from paramedic.packs.http.failing import telling
from paramedic.packs.mcp.messages import Message, answers, encoded, message_in, reply_to
from paramedic.packs.mcp.target import Mcp
from paramedic.packs.mcp.trouble import NoTalk, Why
from paramedic.packs.tcp.entry import Why as Cause
from paramedic.packs.tcp.entry import by_cause

_LARGEST, _HEAD, _SHOWN = 8 << 20, 64 << 10, 400
_REDIRECTS, _KEEPING_THE_METHOD = 5, (307, 308)
_PEEK_S, _GOODBYE_S, _AGAIN_S = 1.0, 0.5, 1.0
_SESSION = "Mcp-Session-Id"
_EVENTS = "text/event-stream"
_ACCEPT = {"Accept": f"application/json, {_EVENTS}", "Content-Type": "application/json"}
_WHY = {Trouble.NAME: Why.UNRESOLVED, Trouble.TLS: Why.TLS, Trouble.OURS: Why.OURS, Trouble.TIMEOUT: Why.SILENT}


class Wire:
    """Speaks with one server. What it could not say or hear is a ``NoTalk``."""

    def __init__(self, server: Mcp, clock: Clock) -> None:
        assert server.url is not None, "a command is spoken to over its pipes"
        self._headers = revealed(server.headers)
        self._url = server.url
        if any(name.lower() == "authorization" for name in self._headers):  # both at once cannot be sent
            self._url = urlsplit(self._url)._replace(netloc=urlsplit(self._url).netloc.rpartition("@")[2]).geturl()
        self._verify_tls = server.verify_tls
        self._client = Client(clock, keeps_cookies=True)
        self._session_id: str | None = None

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._session_id is not None:
                with contextlib.suppress(Exception):  # a boundary: whatever it says, it is over
                    async with asyncio.timeout(_GOODBYE_S), self._sent("DELETE", {}):
                        pass
        finally:
            await self._client.__aexit__(kind, error, trace)

    async def ask(self, message: Message, headers: Mapping[str, str]) -> Message:
        """Send a request, and give its answer."""
        with _telling():
            async with self._sent("POST", headers, encoded(message)) as response:
                self._session_id = response.headers.get(_SESSION) or self._session_id
                if response.status >= 300:
                    return await _refusal(response)
                kind = response.content_type.lower() if "Content-Type" in response.headers else ""
                if kind != _EVENTS:
                    return await _answer(response, kind, message["id"])
                found, onward = await self._listen(response, message["id"], headers)
            while found is None and onward is not None:  # a server may hang up and be asked for the rest
                await asyncio.sleep(onward.again_s)
                async with self._sent("GET", {**headers, "Last-Event-ID": onward.last}) as response:
                    if response.status != 200 or response.content_type.lower() != _EVENTS:
                        break
                    found, onward = await self._listen(response, message["id"], headers)
        if found is None:
            raise NoTalk(Why.PROTOCOL, "its stream of events ended without an answer")
        return found

    async def tell(self, message: Message, headers: Mapping[str, str]) -> None:
        """Send what has no answer; what the server thinks of it shows when it is asked next."""
        with _telling():
            async with self._sent("POST", headers, encoded(message)):
                pass

    @asynccontextmanager
    async def _sent(
        self, method: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The head of an answer, after redirects within the same server."""
        session = {_SESSION: self._session_id} if self._session_id else {}
        for _ in range(_REDIRECTS + 1):
            async with self._client.session.request(
                method,
                self._url,
                data=body,
                headers={**self._headers, **_ACCEPT, **session, **headers},
                allow_redirects=False,
                ssl=self._verify_tls,
            ) as response:
                onward = urljoin(self._url, response.headers.get("Location", ""))
                if response.status not in _KEEPING_THE_METHOD or urlsplit(onward)[:2] != urlsplit(self._url)[:2]:
                    yield response
                    return
            self._url = onward
        raise NoTalk(Why.STATUS, f"more than {_REDIRECTS} redirects", status=response.status)

    async def _listen(
        self, response: aiohttp.ClientResponse, number: object, headers: Mapping[str, str]
    ) -> "tuple[Message | None, _Onward | None]":
        """The answer among the events; where it is not, how the rest can be asked for."""
        onward = _Onward()
        async for data in _events(response.content, onward):
            message = message_in(data)
            if message is None:
                raise NoTalk(Why.PROTOCOL, "its answer is no message", line=_line(data))
            if answers(message, number):
                return message, None
            if reply := reply_to(message):
                await self.tell(reply, headers)
        return None, onward if onward.last else None


class _Onward:
    """Where a stream of events can be taken up again."""

    def __init__(self) -> None:
        self.last = ""
        self.again_s = _AGAIN_S


async def _events(content: aiohttp.StreamReader, onward: _Onward) -> AsyncIterator[bytes]:
    """The data of each event (HTML Living Standard, 9.2.6)."""
    held, total = bytearray(), 0
    data: list[bytes] = []
    async for chunk in content.iter_any():
        held += chunk
        total += len(chunk)
        if total > _LARGEST:
            raise NoTalk(Why.PROTOCOL, f"an answer is longer than {_LARGEST >> 20} MiB")
        while (end := held.find(b"\n")) >= 0:
            line = bytes(held[:end]).rstrip(b"\r")
            del held[: end + 1]
            name, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            if not line:
                if event := b"\n".join(data):
                    yield event
                data = []
            elif name == b"data":
                data.append(value)
            elif name == b"id":
                onward.last = value.decode(errors="replace")
            elif name == b"retry" and value.isdigit():
                onward.again_s = min(int(value) / 1000, 60.0)


async def _answer(response: aiohttp.ClientResponse, kind: str, number: object) -> Message:
    """The answer that a whole body is."""
    if response.status in (202, 204):
        raise NoTalk(Why.PROTOCOL, f"it took the request with {response.status} and will not answer")
    if kind != "application/json":
        raise NoTalk(
            Why.PROTOCOL, f"its answer is `{readable(kind) or 'of no kind'}`", line=_line(await _peek(response))
        )
    body = bytearray()
    while len(body) <= _LARGEST and (chunk := await response.content.read(1 << 16)):
        body += chunk
    if len(body) > _LARGEST:
        raise NoTalk(Why.PROTOCOL, f"an answer is longer than {_LARGEST >> 20} MiB")
    message = message_in(bytes(body))
    if message is None or not answers(message, number):
        said = "its answer is no message" if message is None else "its answer is to another request"
        raise NoTalk(Why.PROTOCOL, said, line=_line(bytes(body)))
    return message


async def _refusal(response: aiohttp.ClientResponse) -> Message:
    """The error of the protocol that came with a status; where there is none, the status is the answer."""
    head, status = await _peek(response), response.status
    message = message_in(head)
    if message is not None and "error" in message:
        if status not in (401, 403):
            return message
        said = str(message["error"]["message"])
    else:
        said = f"answered {status}" + (", a redirect elsewhere" if status < 400 else "")
    raise NoTalk(Why.STATUS, said, status=status, line=_line(head))


async def _peek(response: aiohttp.ClientResponse) -> bytes:
    """The beginning of a body that nobody needs."""
    head = bytearray()
    with contextlib.suppress(TimeoutError, aiohttp.ClientError):
        async with asyncio.timeout(_PEEK_S):
            while len(head) < _HEAD and (chunk := await response.content.read(_HEAD)):
                head += chunk
    return bytes(head)


def _line(content: bytes) -> str:
    """The first line, for people."""
    return readable(next(iter(content.decode(errors="replace").strip().splitlines()), ""))[:_SHOWN]


@contextmanager
def _telling() -> Iterator[None]:
    """Within it every failure of an exchange is a ``NoTalk``."""
    try:
        with telling(0.0, lambda: ""):  # how long it may take is bounded elsewhere
            yield
    except NoAnswer as none:
        why = _WHY.get(none.trouble)
        if none.trouble is Trouble.CONNECT:
            why = Why.SILENT if by_cause(none) is Cause.TIMEOUT else Why.REFUSED
        said = str(none) if why else f"the connection broke: {none}"
        raise NoTalk(why or Why.PROTOCOL, said) from None
