"""Asks HTTP servers through aiohttp, follows redirects, and tells exactly how it failed."""

from collections.abc import Mapping
from types import TracebackType
from typing import Self
from urllib.parse import urljoin, urlsplit

import aiohttp

from paramedic import __version__
from paramedic.model.clock import Clock
from paramedic.packs.http.answer import BODY_LIMIT, Answer, NoAnswer, Trouble
from paramedic.packs.http.failing import telling
from paramedic.packs.http.request import READING, Request
from paramedic.packs.tcp.names import Names
from paramedic.sdk import Secret
from paramedic.sdk.patience import fair_timeout
from paramedic.sdk.url import shown

MOST_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_KEEPING_THE_METHOD = (307, 308)


class Client:
    """Asks again and again, each time on a fresh connection."""

    def __init__(self, clock: Clock, *, keeps_cookies: bool = False) -> None:
        self._clock = clock
        self._keeps_cookies = keeps_cookies
        self._phase = ""

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(resolver=Names(), force_close=True, use_dns_cache=False)
        self.session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=None),
            cookie_jar=aiohttp.CookieJar(unsafe=True) if self._keeps_cookies else aiohttp.DummyCookieJar(),
            headers={"User-Agent": f"paramedic/{__version__}", "Accept-Encoding": "identity"},
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.session.close()

    async def ask(self, request: Request, limit_s: float) -> Answer:
        """One exchange, redirects followed.

        Raises:
            NoAnswer: there is none, for the reason it says.
        """
        began = self._clock.monotonic()
        self._phase = "while connecting"
        with telling(limit_s, lambda: self._phase):
            async with fair_timeout(limit_s):
                return await self._follow(request, began)

    async def _follow(self, request: Request, began: float) -> Answer:
        url, method, body = request.url, request.method, request.body
        way = [url]
        downgrade = ""
        while True:
            # What was given for this server (a token, say) goes to no other.
            is_home = len(way) == 1 or _origin(url) == _origin(request.url)
            async with self.session.request(
                method,
                url,
                headers=revealed(request.headers) if is_home else {},
                data=body if is_home else None,
                allow_redirects=False,
                ssl=request.verify_tls,
            ) as response:
                location = response.headers.get("Location")
                if not (request.follows_redirects and response.status in _REDIRECTS and location):
                    return await self._read(response, request, began, downgrade)
                if response.status not in _KEEPING_THE_METHOD and method not in READING:
                    method, body = "GET", None
            # After a form, or with a new cookie, the same address is another page.
            may_repeat = self._keeps_cookies or method != request.method
            before, url = url, _next_place(way, location, may_repeat=may_repeat)
            if urlsplit(before).scheme == "https" and urlsplit(url).scheme == "http":
                downgrade = f"{shown(before)} -> {shown(url)}"
            way.append(url)
            if len(way) > MOST_REDIRECTS + 1:
                course = " -> ".join(map(shown, way))
                raise NoAnswer(Trouble.REDIRECTS, f"more than {MOST_REDIRECTS} redirects: {course}")

    async def _read(self, response: aiohttp.ClientResponse, request: Request, began: float, downgrade: str) -> Answer:
        self._phase = f"after the header `{response.status} {response.reason}`, in the middle of the body"
        body = bytearray()
        while request.reads_body and len(body) <= BODY_LIMIT and (chunk := await response.content.read(1 << 16)):
            body += chunk
        return Answer(
            status=response.status,
            reason=response.reason or "",
            headers={name.lower(): value for name, value in response.headers.items()},
            body=bytes(body[:BODY_LIMIT]),
            is_whole=request.reads_body and len(body) <= BODY_LIMIT,
            charset=response.charset,
            latency_ms=(self._clock.monotonic() - began) * 1000,
            downgrade=downgrade,
        )


def revealed(headers: Mapping[str, str | Secret]) -> dict[str, str]:
    """Headers as they are sent."""
    return {name: value.reveal() if isinstance(value, Secret) else value for name, value in headers.items()}


def _next_place(way: list[str], location: str, *, may_repeat: bool) -> str:
    """Where a redirect leads.

    Raises:
        NoAnswer: nowhere.
    """
    try:
        url = urljoin(way[-1], location)
        parts = urlsplit(url)
        leads_out = parts.scheme not in ("http", "https") or parts.port == 0  # a port that is none raises
    except ValueError:
        raise NoAnswer(Trouble.REDIRECTS, f"`{location}` is no address") from None
    course = " -> ".join(map(shown, (*way, url)))
    if leads_out:
        raise NoAnswer(Trouble.REDIRECTS, f"it leads out of HTTP: {course}")
    if url in way and not may_repeat:
        raise NoAnswer(Trouble.REDIRECTS, f"it goes in a circle: {course}")
    return url


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
