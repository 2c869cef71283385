"""What a model server tells of its work by itself: its slots, its counters, its queue. Asking costs no token."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from paramedic.packs.http.answer import Answer, NoAnswer, Trouble
from paramedic.packs.llm.line import Line
from paramedic.packs.llm.strangers import Document, document
from paramedic.packs.llm.target import ModelServer

_LIMIT_S = 2.0
_MOST_SLOTS = 1024
_SAMPLE = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{[^}]*\})?\s+(\S+)")
_TOKENS = (
    "llamacpp:n_decode_total",
    "llamacpp:tokens_predicted_total",
    "llamacpp:prompt_tokens_total",
    "vllm:generation_tokens_total",
    "vllm:prompt_tokens_total",
    "sglang:generation_tokens_total",
    "sglang:prompt_tokens_total",
    "tgi_request_generated_tokens_sum",
)
_RUNNING = (
    "llamacpp:requests_processing",
    "vllm:num_requests_running",
    "sglang:num_running_reqs",
    "tgi_batch_current_size",
)
_WAITING = ("llamacpp:requests_deferred", "vllm:num_requests_waiting", "sglang:num_queue_reqs", "tgi_queue_size")
_KV = ("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc", "sglang:token_usage", "llamacpp:kv_cache_usage_ratio")
"""What each server calls it; the same thing may have had another name in an earlier version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A place where a server works on one request."""

    task: int
    read: int
    """Tokens of the prompt that it has read."""
    wrote: int
    """Tokens that it has generated."""

    def has_moved(self, earlier: "Slot | None") -> bool:
        """Whether it has computed anything since."""
        if earlier is None or earlier.task != self.task:
            return self.wrote > 0
        return self.wrote > earlier.wrote or self.read > earlier.read


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """One moment of a server."""

    at: float
    """Monotonic."""
    pages: frozenset[str] = frozenset()
    """Which of its pages told it."""
    silent: frozenset[str] = frozenset()
    """Pages that accepted the question and did not answer it in time."""
    absent: frozenset[str] = frozenset()
    """Pages that the server says it does not have."""
    running: int | None = None
    """Requests that it works on; ``None`` where it does not say."""
    waiting: int | None = None
    places: int | None = None
    """How many requests it can work on at once."""
    counters: Mapping[str, float] = field(default_factory=dict)
    """Numbers that only grow while it works."""
    slots: Mapping[int, "Slot"] = field(default_factory=dict)
    """Those of its places at which it works."""
    kv_percent: float | None = None
    context_tokens: int | None = None
    """How long a prompt and its answer may be together."""

    @property
    def tells(self) -> bool:
        """Whether it tells how busy it is."""
        return self.running is not None

    @property
    def is_busy(self) -> bool:
        """Whether it works on something, or something waits."""
        return bool(self.running or self.waiting)

    def has_moved(self, earlier: "Activity") -> bool:
        """Whether it has computed anything since an earlier moment. That requests came or were given up is nothing."""
        counted = any(value > earlier.counters.get(name, value) for name, value in self.counters.items())
        return counted or any(each.has_moved(earlier.slots.get(number)) for number, each in self.slots.items())

    @property
    def in_words(self) -> str:
        """Such as ``2 requests running, 1 waiting``."""
        parts = []
        if self.running is not None:
            of = f" of {self.places}" if self.places else ""
            parts.append(f"{self.running}{of} requests running")
        if self.waiting:
            parts.append(f"{self.waiting} waiting")
        if self.kv_percent is not None:
            parts.append(f"{self.kv_percent:.0f} % of the KV cache used")
        return ", ".join(parts)


async def read_activity(
    line: Line, server: ModelServer, now: float, *, skip: frozenset[str] = frozenset(), limit_s: float = _LIMIT_S
) -> Activity:
    """What it tells now.

    Args:
        line: to the server.
        server: the server.
        now: by the monotonic clock.
        skip: pages that it is known not to have.
        limit_s: how long a page may take.
    """
    said: dict[str, Answer] = {}
    silent: set[str] = set()
    absent: set[str] = set()
    for page in ("/slots", "/metrics"):
        if page in skip:
            continue
        try:
            answer = await line.page(server.root + page, limit_s)
        except NoAnswer as none:
            if none.trouble is Trouble.TIMEOUT:
                silent.add(page)
        else:
            if answer.status == 200:
                said[page] = answer
            elif answer.status < 500 or answer.status == 501:
                absent.add(page)
    slots = _slots(document(said["/slots"].body)) if "/slots" in said else []
    counters = _counters(said["/metrics"].text) if "/metrics" in said else {}
    busy = [each for each in slots if _is_processing(each)]
    running = len(busy) if slots else _first(counters, _RUNNING)
    kv = _first(counters, _KV)
    return Activity(
        at=now,
        pages=frozenset(page for page, found in (("/slots", slots), ("/metrics", counters)) if found),
        silent=frozenset(silent),
        absent=frozenset(absent),
        running=None if running is None else int(running),
        waiting=None if (waiting := _first(counters, _WAITING)) is None else int(waiting),
        places=len(slots) or None,
        counters={name: counters[name] for name in _TOKENS if name in counters},
        slots={_whole(each["id"]): _slot(each) for each in busy},
        kv_percent=None if kv is None else kv * 100 if kv <= 1 else kv,
        context_tokens=min((n for each in slots if (n := _whole(each.get("n_ctx")))), default=None),
    )


def _slots(data: Document) -> list[dict[str, Document]]:
    if not isinstance(data, list):
        return []
    return [each for each in data[:_MOST_SLOTS] if isinstance(each, dict) and "id" in each]


def _is_processing(slot: Mapping[str, Document]) -> bool:
    state = slot.get("is_processing", slot.get("state"))  # older servers number their states; 0 is idle
    return bool(state)


def _decoded(slot: Mapping[str, Document]) -> int:
    parts = slot.get("next_token")
    parts = parts if isinstance(parts, list) else [parts]  # older servers have only one
    return sum(_whole(each.get("n_decoded")) for each in parts if isinstance(each, dict))


def _slot(slot: Mapping[str, Document]) -> Slot:
    return Slot(
        task=_whole(slot.get("id_task")), read=_whole(slot.get("n_prompt_tokens_processed")), wrote=_decoded(slot)
    )


def _counters(text: str) -> dict[str, float]:
    """Samples of a page for Prometheus; those that differ only by labels are added up."""
    found: dict[str, float] = {}
    for name, value in _samples(text):
        found[name] = found.get(name, 0.0) + value
    for name in _KV:
        values = [value for each, value in _samples(text) if each == name]
        if values:
            found[name] = max(values)
    return found


def _samples(text: str) -> Iterator[tuple[str, float]]:
    wanted = {*_TOKENS, *_RUNNING, *_WAITING, *_KV}
    for row in text.splitlines():
        match = _SAMPLE.match(row)
        if match and match[1] in wanted:
            try:
                value = float(match[2])
            except ValueError:
                continue
            if math.isfinite(value):
                yield match[1], value


def _first(found: Mapping[str, float], names: Iterable[str]) -> float | None:
    return next((found[name] for name in names if name in found), None)


def _whole(value: Document) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 50 else 0
