"""One visit: open a socket, ping it, let it be for a while, ping it again, hang up. Tells exactly how it failed."""

import asyncio
import errno
import secrets
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from types import SimpleNamespace
from typing import Any

import aiohttp

from paramedic import __version__
from paramedic.model.clock import Clock
from paramedic.packs.tcp.names import Names
from paramedic.packs.websocket.target import WebSocket
from paramedic.sdk import Secret
from paramedic.sdk.patience import fair_timeout
from paramedic.sdk.system_error import in_words

LARGEST_MESSAGE = 4 << 20
_HANG_UP_S = 0.2
_OURS = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.EACCES, errno.EPERM}
_ABNORMAL = 1006
"""RFC 6455: the connection ended without a word."""


class Trouble(StrEnum):
    """Why there is no socket."""

    NAME = "name"
    REFUSED = "refused"
    SILENT = "silent"
    """An attempt to connect got no answer."""
    TLS = "tls"
    HANGING = "hanging"
    """Connected, and the handshake is not answered."""
    HANDSHAKE = "handshake"
    """The answer is not the one that opens a socket."""
    OURS = "ours"
    """This machine could not ask."""


class NoSocket(Exception):
    """No socket was opened; the message says what was seen."""

    def __init__(self, trouble: Trouble, seen: str, status: int | None = None) -> None:
        super().__init__(printable(seen))
        self.trouble = trouble
        self.status = status
        """Of the HTTP answer, where there was one."""


class Dropped(Exception):
    """The server hung up."""

    def __init__(self, code: int, reason: str, after_s: float) -> None:
        super().__init__(printable(reason))
        self.code = code
        self.after_s = after_s


class Deaf(Exception):
    """A ping, or a text that should come back, stayed unanswered; the message says what came instead."""


class NotEchoed(Deaf):
    """Of the text."""


class Broken(Exception):
    """What came is no WebSocket."""


class TooLarge(Exception):
    """A message is larger than a look reads, which is no trouble of the server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A socket that did all that was expected."""

    handshake_ms: float
    ping_ms: float
    open_s: float


class _Redirected(Exception):
    """A redirect, which no WebSocket client has to follow."""

    def __init__(self, status: int, location: str) -> None:
        super().__init__(location)
        self.status = status


async def visit(server: WebSocket, *, limit_s: float, pong_s: float, clock: Clock) -> Visit:
    """Visit once. The socket stays open as long as declared, or as the limit allows.

    Raises:
        NoSocket: none was opened.
        Dropped: the server closed it.
        Deaf: a ping was not answered within ``pong_s``, or the text did not come back (``NotEchoed``).
        Broken: what came breaks the rules.
        TooLarge: a message is too large to be read.
    """
    ends = clock.monotonic() + limit_s
    began = clock.monotonic()
    async with _opened(server, limit_s) as raw:
        talk = _Talk(raw, clock)
        handshake_ms = (talk.began - began) * 1000
        ping_ms = await talk.ping(min(pong_s, ends - clock.monotonic()))
        if server.echo is not None:
            await talk.echo(server.echo, min(pong_s, ends - clock.monotonic()))
        await talk.stay(min(talk.began + server.stays_open_s, ends - pong_s))
        ping_ms = min(ping_ms, await talk.ping(max(0.1, min(pong_s, ends - clock.monotonic()))))
        return Visit(handshake_ms=handshake_ms, ping_ms=ping_ms, open_s=clock.monotonic() - talk.began)


@asynccontextmanager
async def _opened(server: WebSocket, limit_s: float) -> AsyncIterator["aiohttp.ClientWebSocketResponse[bool]"]:
    phase = {"connected": False}

    async def connected(*_: Any) -> None:  # Any: aiohttp's own parameters
        phase["connected"] = True

    async def redirected(_session: Any, _context: SimpleNamespace, what: aiohttp.TraceRequestRedirectParams) -> None:
        raise _Redirected(what.response.status, what.response.headers.get("Location", ""))

    tracing = aiohttp.TraceConfig()
    tracing.on_connection_create_end.append(connected)
    tracing.on_request_redirect.append(redirected)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(resolver=Names(), force_close=True, use_dns_cache=False),
        timeout=aiohttp.ClientTimeout(total=None),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": f"paramedic/{__version__}"},
        trace_configs=[tracing],
    ) as session:
        try:
            async with fair_timeout(limit_s):
                raw = await session.ws_connect(
                    server.url,
                    headers={
                        name: value.reveal() if isinstance(value, Secret) else value
                        for name, value in server.headers.items()
                    },
                    protocols=(server.subprotocol,) if server.subprotocol else (),
                    timeout=aiohttp.ClientWSTimeout(ws_close=_HANG_UP_S),
                    autoping=False,
                    autoclose=False,
                    ssl=server.verify_tls,
                    max_msg_size=LARGEST_MESSAGE,
                )
        except TimeoutError:
            trouble = Trouble.HANGING if phase["connected"] else Trouble.SILENT
            raise NoSocket(trouble, f"nothing more came within {limit_s:.1f} s") from None
        except (aiohttp.ClientError, aiohttp.http_exceptions.HttpProcessingError, OSError, _Redirected) as error:
            raise _no_socket(error) from None
        except ValueError as error:  # a header that cannot be sent
            raise NoSocket(Trouble.OURS, str(error)) from None
        try:
            if server.subprotocol and raw.protocol != server.subprotocol:
                raise NoSocket(Trouble.HANDSHAKE, f"it does not agree to speak `{server.subprotocol}`", 101)
            yield raw
        finally:
            with suppress(aiohttp.ClientError, OSError):
                await raw.close()


def _no_socket(error: Exception) -> NoSocket:
    """Why, from what aiohttp says."""
    match error:
        case _Redirected():
            where = f" to {str(error).partition('?')[0]}" if str(error) else ""
            return NoSocket(Trouble.HANDSHAKE, f"it redirects{where}", error.status)
        case aiohttp.WSServerHandshakeError(status=101):
            return NoSocket(Trouble.HANDSHAKE, f"its answer is wrong: {error.message.lower()}", 101)
        case aiohttp.WSServerHandshakeError():
            return NoSocket(Trouble.HANDSHAKE, "", error.status)
        case aiohttp.ClientConnectorDNSError():
            return NoSocket(Trouble.NAME, f"{error.os_error.strerror or error.os_error}")
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return NoSocket(Trouble.TLS, _tls_reason(error))
        case aiohttp.ClientConnectorError():
            trouble = Trouble.OURS if error.os_error.errno in _OURS else Trouble.REFUSED
            return NoSocket(trouble, in_words(error.os_error))
        case aiohttp.ServerDisconnectedError():
            return NoSocket(Trouble.HANDSHAKE, "it closed the connection without an answer")
        case aiohttp.ClientResponseError():
            return NoSocket(Trouble.HANDSHAKE, f"what it sends is no HTTP: {' '.join(error.message.split())[:200]}")
        case OSError():
            trouble = Trouble.OURS if error.errno in _OURS else Trouble.HANDSHAKE
            return NoSocket(trouble, f"the connection broke off: {in_words(error)}")
        case _:
            return NoSocket(Trouble.HANDSHAKE, " ".join(str(error).split())[:200] or type(error).__name__)


def _tls_reason(error: Exception) -> str:
    cause = error
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        cause = error.certificate_error
    elif isinstance(error, aiohttp.ClientConnectorSSLError):
        cause = error.os_error
    return str(getattr(cause, "verify_message", "") or getattr(cause, "reason", "") or cause)


class _Talk:
    """What is said over an open socket."""

    def __init__(self, raw: "aiohttp.ClientWebSocketResponse[bool]", clock: Clock) -> None:
        self._raw = raw
        self._clock = clock
        self.began = clock.monotonic()

    async def ping(self, limit_s: float) -> float:
        """How long a pong takes, in milliseconds."""
        mark, sent = secrets.token_hex(8).encode(), self._clock.monotonic()
        try:
            async with fair_timeout(limit_s):
                await self._send(self._raw.ping(mark))
                while (came := await self._next()).type is not aiohttp.WSMsgType.PONG or bytes(came.data) != mark:
                    continue
        except TimeoutError:
            raise Deaf(f"no pong came within {limit_s:.1f} s") from None
        return (self._clock.monotonic() - sent) * 1000

    async def echo(self, text: str, limit_s: float) -> None:
        """Send a text and wait until it comes back."""
        last = "nothing came back"
        try:
            async with fair_timeout(limit_s):
                await self._send(self._raw.send_str(text))
                while True:
                    came = await self._next()
                    if came.type is aiohttp.WSMsgType.PONG:
                        continue
                    said = came.data if isinstance(came.data, str) else bytes(came.data).decode(errors="replace")
                    if text in said:
                        return
                    last = f"what came last was `{printable(said[:200])}`"
        except TimeoutError:
            raise NotEchoed(f"{last} within {limit_s:.1f} s") from None

    async def stay(self, until: float) -> None:
        """Listen, and answer its pings, until then."""
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, until - self._clock.monotonic())):
                while self._clock.monotonic() < until:
                    await self._next()

    async def _send(self, sending: Any) -> None:  # Any: a coroutine of aiohttp
        try:
            await sending
        except ConnectionError:  # it is closed; what was said before that tells why
            await self._until_the_end()

    async def _until_the_end(self) -> None:
        while True:
            await self._next()

    async def _next(self) -> Any:  # Any: one of several shapes of aiohttp
        """The next message or pong.

        Raises:
            Dropped, Broken, TooLarge: there is none any more.
        """
        while True:
            came = await self._raw.receive()
            match came.type:
                case aiohttp.WSMsgType.PING:
                    await self._send(self._raw.pong(came.data))
                case aiohttp.WSMsgType.CLOSE:
                    raise self._dropped(came.data or 1005, str(came.extra or ""))
                case aiohttp.WSMsgType.CLOSED | aiohttp.WSMsgType.CLOSING:
                    raise self._dropped(_ABNORMAL, "")
                case aiohttp.WSMsgType.ERROR:
                    if getattr(came.data, "code", None) == aiohttp.WSCloseCode.MESSAGE_TOO_BIG:
                        raise TooLarge(printable(str(came.data)))
                    raise Broken(printable(str(came.data))[:200] or type(came.data).__name__)
                case _:
                    return came

    def _dropped(self, code: int, reason: str) -> Dropped:
        return Dropped(code, reason[:200], self._clock.monotonic() - self.began)


def printable(text: str) -> str:
    """Text from outside that can be printed and stored."""
    clean = text.encode("utf-8", "replace").decode("utf-8")
    return "".join(each if each.isprintable() else "�" for each in clean)
