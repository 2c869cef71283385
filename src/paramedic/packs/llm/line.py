"""The way to a model server: its pages, and answers that are read while they are being generated."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import aiohttp

from paramedic.model.clock import Clock
from paramedic.packs.http.answer import Answer, NoAnswer, Trouble, readable
from paramedic.packs.http.exchange import Client, revealed
from paramedic.packs.http.failing import telling
from paramedic.packs.http.request import Request
from paramedic.packs.llm.strangers import Document, document, error_said
from paramedic.packs.llm.target import ModelServer
from paramedic.sdk.patience import fair_timeout

_LINE_LIMIT = 1 << 18
_ALL_LIMIT = 4 << 20
_SHOWN = 2000


@dataclass(kw_only=True)
class Spoken:
    """What a model said, as far as it came."""

    status: int
    title: str = ""
    said: str = ""
    """The body of an answer that is an error."""
    retry_after: str = ""
    pieces: list[str] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)
    """When each piece came, since the question was sent."""
    finish: str | None = None
    """Why the model ended: ``stop``, ``length``; ``None`` where it did not."""
    is_late: bool = False
    """Whether the time was over before it ended."""
    broke_off: str = ""
    """Why the connection ended before the answer did."""
    strange: str = ""
    """What came that is not the protocol."""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    took_s: float = 0.0

    @property
    def text(self) -> str:
        """All that it said."""
        return "".join(self.pieces)

    @property
    def is_alive(self) -> bool:
        """Whether at least one token was generated, or the model ended by itself."""
        return bool(self.pieces) or self.finish is not None

    @property
    def first_token_ms(self) -> float | None:
        """The time until the first token."""
        at = self.times_s[0] if self.times_s else self.took_s if self.finish is not None else None
        return None if at is None else at * 1000

    @property
    def between_tokens_ms(self) -> float | None:
        """The mean time from one token to the next."""
        if len(self.times_s) < 2:
            return None
        tokens = max(self.completion_tokens or 0, len(self.times_s))  # a piece may hold several
        return (self.times_s[-1] - self.times_s[0]) * 1000 / (tokens - 1)

    def cost(self, guess: int) -> int:
        """Tokens that were spent; a guess where the server does not say."""
        if self.status != 200:
            return 0
        if self.prompt_tokens is None:
            return max(guess, len(self.pieces))
        return self.prompt_tokens + (self.completion_tokens or len(self.pieces))

    @property
    def measures(self) -> dict[str, float]:
        """What is worth keeping over time."""
        found = {"first_token_ms": self.first_token_ms, "between_tokens_ms": self.between_tokens_ms}
        return {name: round(value, 2) for name, value in found.items() if value is not None}


class Line:
    """Asks one server, each time on a fresh connection."""

    def __init__(self, server: ModelServer, clock: Clock) -> None:
        self._server = server
        self._clock = clock
        self._client = Client(clock)

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.__aexit__(kind, error, trace)

    async def page(self, url: str, limit_s: float, body: Mapping[str, Document] | None = None) -> Answer:
        """One page, read whole.

        Raises:
            NoAnswer: for the reason it says.
        """
        headers = dict(self._server.headers)
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(body).encode()
        request = Request(url=url, method="GET" if body is None else "POST", headers=headers, body=content)
        return await self._client.ask(request, limit_s)

    async def speak(self, path: str, question: Mapping[str, Document], limit_s: float) -> Spoken:
        """Ask for an answer and read it as it comes; what had come is returned when the time is over.

        Raises:
            NoAnswer: no connection, or one that ended before its head.
        """
        body = {**question, "stream": True, "stream_options": {"include_usage": True}}
        headers = {**revealed(self._server.headers), "Accept": "text/event-stream"}
        began = self._clock.monotonic()
        spoken = Spoken(status=0)
        try:
            with telling(limit_s, lambda: "before the head of an answer"):
                async with (
                    fair_timeout(limit_s),
                    self._client.session.post(
                        self._server.api + path, json=body, headers=headers, allow_redirects=False
                    ) as response,
                ):
                    spoken.status = response.status
                    spoken.title = readable(f"{response.status} {response.reason or ''}".strip())
                    spoken.retry_after = readable(response.headers.get("Retry-After", ""))
                    await self._listen(response, spoken, began)
        except NoAnswer as none:
            if none.trouble is Trouble.TIMEOUT:
                spoken.is_late = True
            elif not spoken.status:
                raise
            else:
                spoken.broke_off = str(none)
        spoken.took_s = self._clock.monotonic() - began
        return spoken

    async def _listen(self, response: aiohttp.ClientResponse, spoken: Spoken, began: float) -> None:
        is_stream = response.status == 200 and "event-stream" in response.headers.get("Content-Type", "")
        held, total = bytearray(), 0
        async for chunk in response.content.iter_any():
            held += chunk
            total += len(chunk)
            if total > _ALL_LIMIT or len(held) > (_LINE_LIMIT if is_stream else _ALL_LIMIT):
                spoken.strange = "more text than anybody asked for"
                return
            while is_stream and (end := held.find(b"\n")) >= 0:
                line = bytes(held[:end]).strip()
                del held[: end + 1]
                if line == b"data: [DONE]":
                    return
                if line.startswith(b"data:"):
                    _take(line[5:], spoken, self._clock.monotonic() - began)
        if response.status != 200:
            spoken.said = readable(bytes(held[:_SHOWN]).decode(errors="replace"))
        elif not is_stream:
            _take(bytes(held), spoken, self._clock.monotonic() - began)


def _take(content: bytes, spoken: Spoken, at_s: float) -> None:
    """Add what one event, or a whole answer, says."""
    data = document(content)
    if not isinstance(data, dict):
        spoken.strange = spoken.strange or f"no JSON: {readable(content[:80].decode(errors='replace'))}"
        return
    if data.get("error"):
        spoken.said = error_said(readable(content.decode(errors="replace")))
        return
    usage = data.get("usage")
    if isinstance(usage, dict):
        spoken.prompt_tokens = _count(usage.get("prompt_tokens"), spoken.prompt_tokens)
        spoken.completion_tokens = _count(usage.get("completion_tokens"), spoken.completion_tokens)
    choices = data.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    for part in (choice, choice.get("delta"), choice.get("message")):
        for key in ("text", "content", "reasoning_content", "reasoning"):
            piece = part.get(key) if isinstance(part, dict) else None
            if isinstance(piece, str) and piece:
                spoken.pieces.append(piece)
                spoken.times_s.append(at_s)
    if isinstance(choice.get("finish_reason"), str):
        spoken.finish = choice["finish_reason"]


def _count(value: Document, otherwise: int | None) -> int | None:
    return value if isinstance(value, int) and 0 <= value < 1 << 40 else otherwise
