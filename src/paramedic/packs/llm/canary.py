"""The smallest question that proves that a model generates, and the longer one that shows what it generates.

What it may cost is written into the ledger before it is asked, and what it did cost afterwards.
"""

from dataclasses import dataclass
from enum import StrEnum

from paramedic.model.clock import Clock
from paramedic.packs.llm.ledger import Ledger, Page
from paramedic.packs.llm.line import Line, Spoken
from paramedic.packs.llm.strangers import Document, error_said
from paramedic.packs.llm.target import ModelServer

SAMPLE_TOKENS = 16
CONFIRM_TOKENS = 48
_COSTS = {"completions": 3, "chat": 30}
_SAMPLE_EXTRA = 20
"""What a sample's longer prompt takes beside its tokens."""
_HAS_NOT = (404, 405, 501)


class Depth(StrEnum):
    """How much is asked."""

    TOKEN = "token"  # noqa: S105  # of a model
    SAMPLE = "sample"
    CONFIRM = "confirm"


_PROMPTS = {
    Depth.TOKEN: ("1", "Hi"),
    Depth.SAMPLE: ("Once upon a time", "Say hello."),
    Depth.CONFIRM: ("The weather report for tomorrow says that", "Name three animals and say where they live."),
}
_TOKENS = {Depth.TOKEN: 1, Depth.SAMPLE: SAMPLE_TOKENS, Depth.CONFIRM: CONFIRM_TOKENS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """An answer and what it cost."""

    spoken: Spoken
    tokens: int


def price(page: Page, depth: Depth) -> int:
    """What a question will cost at most, as far as is known."""
    token = page.cost or _COSTS[page.way or "completions"]
    return token if depth is Depth.TOKEN else token + _TOKENS[depth] + (_SAMPLE_EXTRA if page.way == "chat" else 8)


async def ask(line: Line, server: ModelServer, ledger: Ledger, depth: Depth, *, limit_s: float, clock: Clock) -> Said:
    """Ask one question, as the server likes to be asked.

    Raises:
        TooDear: nothing may be spent now.
        CannotKeep: what would be spent could not be written down.
        NoAnswer: no connection.
    """
    page = ledger.read()
    ways = [page.way] if page.way else ["completions", "chat"]
    until = clock.monotonic() + limit_s
    spoken = Spoken(status=0, is_late=True)
    for way in ways:
        now = clock.now().timestamp()
        guess = price(Page(way=way, cost=page.cost if page.way == way else 0), depth)
        with ledger.paying(guess, server.tokens_per_hour, now) as bill:
            spoken = await _speak(line, server, way, depth, max(0.1, until - clock.monotonic()))
            bill.tokens = spoken.cost(guess)
        if way == "completions" and len(ways) > 1 and _is_no_way(spoken):
            continue
        if spoken.is_alive:
            with ledger.opened(now) as changed:
                changed.way = way
                changed.proved_at = now
                if depth is Depth.TOKEN:
                    changed.cost = bill.tokens
                else:
                    changed.sampled_at = now
        return Said(spoken=spoken, tokens=bill.tokens)
    return Said(spoken=spoken, tokens=0)


async def _speak(line: Line, server: ModelServer, way: str, depth: Depth, limit_s: float) -> Spoken:
    plain, chat = _PROMPTS[depth]
    body: dict[str, Document] = {"max_tokens": _TOKENS[depth], "temperature": 0}
    if server.model:
        body["model"] = server.model
    if way == "completions":
        return await line.speak("/completions", {**body, "prompt": plain}, limit_s)
    body["messages"] = [{"role": "user", "content": chat}]
    spoken = await line.speak("/chat/completions", body, limit_s)
    if spoken.status == 400 and "max_completion_tokens" in error_said(spoken.said):
        body = {name: value for name, value in body.items() if name not in ("max_tokens", "temperature")}
        body["max_completion_tokens"] = _TOKENS[depth]
        spoken = await line.speak("/chat/completions", body, limit_s)
    return spoken


def _is_no_way(spoken: Spoken) -> bool:
    """Whether the server has no such page, rather than no such model."""
    if spoken.status in _HAS_NOT:
        return not ("model" in spoken.said.lower() and "not found" in spoken.said.lower())
    return spoken.status == 400 and "chat" in spoken.said.lower()
