"""Asks an HTTP server once, through aiohttp, and tells exactly how it failed."""

import asyncio
import errno
import socket
import ssl
from types import TracebackType
from typing import Self
from urllib.parse import urljoin, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from paramedic import __version__
from paramedic.model.clock import Clock
from paramedic.packs.http.answer import BODY_LIMIT, Answer, NoAnswer, Trouble
from paramedic.packs.http.target import Http, shown
from paramedic.packs.tcp.resolve import Unresolved, addresses
from paramedic.sdk import Secret
from paramedic.sdk.system_error import in_words

MOST_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_OURS = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.EACCES, errno.EPERM}
_RESOLVE_LIMIT_S = 30.0  # the time of the whole exchange ends it sooner


class _Resolver(AbstractResolver):
    """Resolves on threads that may hang without holding anybody up."""

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: int = socket.AF_UNSPEC,  # noqa: ARG002  # any family is asked for
    ) -> list[ResolveResult]:
        try:
            found = await addresses(host, port, _RESOLVE_LIMIT_S)
        except Unresolved as unresolved:
            raise OSError(str(unresolved)) from None
        return [
            ResolveResult(
                hostname=host,
                host=each,
                port=port,
                family=socket.AF_INET6 if ":" in each else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for each in found
        ]

    async def close(self) -> None:
        """Nothing is kept open."""


class Client:
    """Asks one server again and again, each time on a fresh connection."""

    def __init__(self, server: Http, clock: Clock) -> None:
        self._server = server
        self._clock = clock
        self._phase = ""

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(resolver=_Resolver(), force_close=True, use_dns_cache=False)
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=None),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": f"paramedic/{__version__}", "Accept-Encoding": "identity"},
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def ask(self, limit_s: float) -> Answer:
        """One exchange, redirects followed.

        Raises:
            NoAnswer: there is none, for the reason it says.
        """
        began = self._clock.monotonic()
        self._phase = "while connecting"
        try:
            async with asyncio.timeout(limit_s):
                return await self._follow(began)
        except TimeoutError:
            raise NoAnswer(Trouble.TIMEOUT, f"nothing more came within {limit_s:.1f} s, {self._phase}") from None
        except aiohttp.ClientConnectorDNSError as error:
            raise NoAnswer(Trouble.NAME, f"`{error.host}`: {error.os_error.strerror or error.os_error}") from None
        except (aiohttp.ClientSSLError, ssl.SSLError) as error:
            raise NoAnswer(Trouble.TLS, _tls_reason(error)) from None
        except aiohttp.ClientConnectorError as error:
            trouble = Trouble.OURS if error.os_error.errno in _OURS else Trouble.CONNECT
            raise NoAnswer(trouble, in_words(error.os_error)) from None
        except aiohttp.InvalidURL as error:
            raise NoAnswer(Trouble.REDIRECTS, f"`{error}` is no address") from None
        except aiohttp.ServerDisconnectedError:
            raise NoAnswer(Trouble.PROTOCOL, "the connection was closed without an answer") from None
        except aiohttp.ClientResponseError as error:
            raise NoAnswer(Trouble.PROTOCOL, " ".join(error.message.split())[:200]) from None
        except (aiohttp.ClientError, aiohttp.http_exceptions.HttpProcessingError) as error:
            raise NoAnswer(Trouble.PROTOCOL, " ".join(str(error).split())[:200] or type(error).__name__) from None
        except OSError as error:
            trouble = Trouble.OURS if error.errno in _OURS else Trouble.PROTOCOL
            raise NoAnswer(trouble, in_words(error)) from None
        except ValueError as error:  # a header that cannot be sent
            raise NoAnswer(Trouble.OURS, str(error)) from None

    async def _follow(self, began: float) -> Answer:
        url = self._server.url
        way = [url]
        while True:
            # What was given for this server (a token, say) goes to no other.
            headers = (
                {name: value.reveal() if isinstance(value, Secret) else value for name, value in self._given()}
                if _origin(url) == _origin(self._server.url)
                else {}
            )
            async with self._session.request(
                self._server.method,
                url,
                headers=headers,
                allow_redirects=False,
                ssl=self._server.verify_tls,
            ) as response:
                location = response.headers.get("Location")
                if not (self._server.follows_redirects and response.status in _REDIRECTS and location):
                    return await self._read(response, began)
            try:
                url = urljoin(url, location)
                parts = urlsplit(url)
                leads_out = parts.scheme not in ("http", "https") or parts.port == 0  # a port that is none raises
            except ValueError:
                raise NoAnswer(Trouble.REDIRECTS, f"`{location}` is no address") from None
            course = " -> ".join(map(shown, (*way, url)))
            if leads_out:
                raise NoAnswer(Trouble.REDIRECTS, f"it leads out of HTTP: {course}")
            if url in way:
                raise NoAnswer(Trouble.REDIRECTS, f"it goes in a circle: {course}")
            way.append(url)
            if len(way) > MOST_REDIRECTS + 1:
                raise NoAnswer(Trouble.REDIRECTS, f"more than {MOST_REDIRECTS} redirects: {course}")

    def _given(self) -> list[tuple[str, str | Secret]]:
        return list(self._server.headers.items())

    async def _read(self, response: aiohttp.ClientResponse, began: float) -> Answer:
        self._phase = f"after the header `{response.status} {response.reason}`, in the middle of the body"
        body = bytearray()
        while len(body) <= BODY_LIMIT and (chunk := await response.content.read(1 << 16)):
            body += chunk
        return Answer(
            status=response.status,
            reason=response.reason or "",
            headers={name.lower(): value for name, value in response.headers.items()},
            body=bytes(body[:BODY_LIMIT]),
            is_whole=len(body) <= BODY_LIMIT,
            charset=response.charset,
            latency_ms=(self._clock.monotonic() - began) * 1000,
        )


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _tls_reason(error: Exception) -> str:
    cause = error
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        cause = error.certificate_error
    elif isinstance(error, aiohttp.ClientConnectorSSLError):
        cause = error.os_error
    return getattr(cause, "verify_message", "") or getattr(cause, "reason", "") or str(cause)
