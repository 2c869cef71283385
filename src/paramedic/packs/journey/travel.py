"""Goes through the steps of a journey as a user would, with one set of cookies and one WebSocket."""

import json
import re
import secrets
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import quote, urljoin, urlsplit

import aiohttp

from paramedic.model.clock import Clock
from paramedic.packs.http.answer import Answer, NoAnswer, Trouble, readable
from paramedic.packs.http.conditions import Unmet, is_there, unmet_body, unmet_header, value_at
from paramedic.packs.http.exchange import Client, revealed
from paramedic.packs.http.failing import telling
from paramedic.packs.http.request import Request, encoded
from paramedic.packs.journey.blanks import as_text, fill, fill_expected, fill_text
from paramedic.packs.journey.target import RUN, Journey, Step
from paramedic.sdk import Secret
from paramedic.sdk.patience import fair_timeout

_LONGEST_MESSAGE = 1 << 20
_MOST_MESSAGES = 10_000
_SHORTEST_HIDDEN = 4


class Failed(Exception):
    """A step went otherwise than declared."""

    def __init__(self, expected: str, observed: str, answer: Answer | None = None) -> None:
        super().__init__(observed)
        self.expected = expected
        self.answer = answer


@dataclass(kw_only=True)
class Traveller:
    """One run through a journey. An async context."""

    journey: Journey
    clock: Clock
    values: dict[str, object] = field(init=False)
    """The variables and what was kept so far."""
    own: set[str] = field(init=False, default_factory=set)
    """The names of what was kept from answers, which nobody outside is told."""

    def __post_init__(self) -> None:
        plain = {
            name: each.reveal() if isinstance(each, Secret) else each for name, each in self.journey.variables.items()
        }
        self.values = {**plain, RUN: secrets.token_hex(4)}
        self._client = Client(self.clock, keeps_cookies=True)
        self._socket: aiohttp.ClientWebSocketResponse | None = None

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.__aexit__(kind, error, trace)  # closes the socket with its session

    async def take(self, step: Step, limit_s: float) -> None:
        """Take one step.

        Raises:
            Failed: it went otherwise than declared.
            NoAnswer: nothing came back, for the reason it says.
            CannotJudge: a schema could not be applied.
        """
        if step.request is not None:
            await self._request(step, limit_s)
        elif step.connect is not None:
            await self._connect(step, limit_s)
        elif step.receive:
            await self._receive(step, limit_s)
        else:
            await self._send(step, limit_s)

    def concealed(self, text: str) -> str:
        """The text without the values that were kept from answers: they may be tokens."""
        for name in self.own:
            value = as_text(self.values[name])
            if len(value) >= _SHORTEST_HIDDEN:
                text = text.replace(value, f"{{{{{name}}}}}")
        return text

    async def _request(self, step: Step, limit_s: float) -> None:
        body, told = encoded(fill(step.body, self.values))
        url = self._address(step)
        request = Request(
            url=url,
            method=step.method,
            headers={**told, **self._headers(step, url)},
            body=body,
            verify_tls=self.journey.verify_tls,
            follows_redirects=not any(300 <= each < 400 for each in step.expect.statuses),
        )
        answer = await self._client.ask(request, limit_s)
        expected = fill_expected(step.expect, self.values)
        if not expected.accepts(answer.status):
            raise Failed(expected.status_in_words(), f"answered {answer.title}", answer)
        if wrong := unmet_header(answer, expected) or unmet_body(answer, expected):
            raise Failed(wrong.expected, f"answered {answer.title}, but {wrong.observed}", answer)
        self._keep(step, answer)

    async def _connect(self, step: Step, limit_s: float) -> None:
        url = self._address(step)
        headers = revealed(self._headers(step, url))
        with telling(limit_s, lambda: "while a WebSocket was being opened"):
            async with fair_timeout(limit_s):
                self._socket = await self._client.session.ws_connect(
                    url, headers=headers, ssl=self.journey.verify_tls, max_msg_size=_LONGEST_MESSAGE
                )

    async def _send(self, step: Step, limit_s: float) -> None:
        filled = fill(step.send, self.values)
        text = filled if isinstance(filled, str) else json.dumps(filled)
        with telling(limit_s, lambda: "while a message was being sent"):
            async with fair_timeout(limit_s):
                await self._open_socket().send_str(text)

    async def _receive(self, step: Step, limit_s: float) -> None:
        expected = fill_expected(step.expect, self.values)
        passed: list[Unmet] = []
        try:
            async with fair_timeout(limit_s):
                while len(passed) < _MOST_MESSAGES:
                    message = await self._message()
                    wrong = unmet_body(message, expected)
                    if wrong is None:
                        self._keep(step, message)
                        return
                    passed.append(wrong)
        except TimeoutError:
            if not passed:
                raise NoAnswer(Trouble.TIMEOUT, f"no message came within {limit_s:.1f} s") from None
        raise Failed(passed[-1].expected, f"of {len(passed)} messages none was as expected: {passed[-1].observed}")

    async def _message(self) -> Answer:
        message = await self._open_socket().receive()
        if message.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
            code = self._open_socket().close_code
            raise Failed("an open WebSocket", f"the server closed the WebSocket{f' with code {code}' if code else ''}")
        body = message.data.encode(errors="replace") if isinstance(message.data, str) else bytes(message.data)
        return Answer(status=0, reason="", headers={}, body=body, is_whole=True, charset="utf-8", latency_ms=0.0)

    def _open_socket(self) -> aiohttp.ClientWebSocketResponse:
        assert self._socket is not None, "the target makes sure that `connect` came first"
        if self._socket.closed:
            raise Failed("an open WebSocket", f"the server closed the WebSocket with code {self._socket.close_code}")
        return self._socket

    def _address(self, step: Step) -> str:
        """Where a step goes. What an answer said can choose a page, never another server."""
        is_declared = step.place.startswith(("http://", "https://", "ws://", "wss://"))
        is_kept_whole = step.place.startswith("{{")
        filled = fill_text(step.place, self.values, str if is_kept_whole else lambda value: quote(value, safe=""))
        base = self.journey.url if step.connect is None else re.sub("^http", "ws", self.journey.url)
        try:
            url = urljoin(base, filled)
            is_away = urlsplit(url).netloc != urlsplit(base).netloc
        except ValueError:
            raise Failed("an address", f"`{readable(filled)[:80]}` is no address") from None
        if is_away and not is_declared:
            raise Failed("a page of the same server", "an answer led to another server")
        return url

    def _headers(self, step: Step, url: str) -> dict[str, str | Secret]:
        is_home = urlsplit(url).netloc == urlsplit(self.journey.url).netloc
        given = {**(self.journey.headers if is_home else {}), **step.headers}
        return {name: fill_text(each, self.values) for name, each in given.items()}

    def _keep(self, step: Step, answer: Answer) -> None:
        for name, place in step.keep.items():
            value = _found(answer, place)
            if not is_there(value):
                raise Failed(f"a value for `{name}` at `{place}`", f"the answer holds nothing at `{place}`", answer)
            self.values[name] = value
            self.own.add(name)


def _found(answer: Answer, place: str) -> object:
    """What stands at a place of an answer; see ``is_there``."""
    nothing = value_at(None, "")
    if place == "status":
        return answer.status
    if place == "body":
        return answer.text
    if place.startswith("header."):
        return answer.headers.get(place.removeprefix("header.").lower(), nothing)
    if place.startswith("/"):
        match = re.search(place[1:-1], answer.text[:100_000])
        return nothing if match is None else match[1] if match.re.groups else match[0]
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        return nothing
    return document if place == "json" else value_at(document, place.removeprefix("json."))
