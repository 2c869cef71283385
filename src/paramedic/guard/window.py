"""What a breaker remembers of its calls: a streak, the last N calls, or the last T seconds.

A tally is told fast successes in batches (a breaker hands them over when it needs to judge) and failures and slow
calls one by one. It is used under the breaker's lock.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol, Self

from paramedic.guard.demands import is_number, is_whole

SLICES = 60
"""A time window forgets in this many steps: it covers between 59/60 and 60/60 of its seconds."""

_FAILED = 1
_SLOW = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Which calls count, and which rates open the breaker. Without calls and seconds: the streak of failures."""

    calls: int | None = None
    """The last N calls."""
    seconds: float | None = None
    """The last T seconds."""
    failure_rate: float | None = None
    """Share of failures, 0 to 1, that opens; without it `failure_threshold` failures within the window open."""
    slow_call_rate: float | None = None
    """Share of slow calls, 0 to 1, that opens."""
    slow_call_s: float = 5.0
    """A call that takes longer is slow."""
    minimum_calls: int = 10
    """No rate is judged below so many calls; a window of fewer calls is judged when it is full."""

    def __post_init__(self) -> None:
        if self.calls is not None and self.seconds is not None:
            raise ValueError("a window counts either calls or seconds")
        if self.calls is not None and not is_whole(self.calls):
            raise ValueError(f"`calls` is at least 1, a whole number, not `{self.calls}`")
        if self.seconds is not None and not is_number(self.seconds, above=True):
            raise ValueError(f"`seconds` is more than 0, not `{self.seconds}`")
        for name in ("failure_rate", "slow_call_rate"):
            rate = getattr(self, name)
            if rate is not None and not (is_number(rate, above=True) and rate <= 1):
                raise ValueError(f"`{name}` is a share, more than 0 and at most 1, not `{rate}`")
            if rate is not None and self.consecutive:
                raise ValueError(f"`{name}` needs a window of calls or seconds")
        if not is_number(self.slow_call_s, above=True):
            raise ValueError(f"`slow_call_s` is more than 0, not `{self.slow_call_s}`")
        if not is_whole(self.minimum_calls):
            raise ValueError(f"`minimum_calls` is at least 1, a whole number, not `{self.minimum_calls}`")

    @property
    def consecutive(self) -> bool:
        """Whether only the streak of failures counts."""
        return self.calls is None and self.seconds is None

    @property
    def slow_after_s(self) -> float:
        """From here on a call is told one by one as slow; infinite where slowness does not matter."""
        return float("inf") if self.slow_call_rate is None else self.slow_call_s

    @property
    def enough(self) -> int:
        """Calls that a rate needs."""
        return self.minimum_calls if self.calls is None else min(self.minimum_calls, self.calls)

    def tally(self) -> "Tally":
        """A fresh memory of this kind."""
        if self.calls is not None:
            return LastCalls(self.calls)
        if self.seconds is not None:
            return LastSeconds(self.seconds)
        return Streak()

    @classmethod
    def of(cls, given: "Window | Mapping[str, Any] | str | int | None") -> Self:  # Any: a value of a settings file
        """A window from what people write: ``consecutive``, ``100 calls``, ``60 s``, ``{"seconds": 60}``, 100."""
        if given is None or given == "consecutive":
            return cls()
        if isinstance(given, cls):
            return given
        if isinstance(given, Mapping):
            known = {each.name for each in fields(cls)}
            strange = sorted(set(given) - known)
            if strange:
                raise ValueError(f"a window has no `{strange[0]}`; it has {', '.join(sorted(known))}")
            return cls(**given)
        if isinstance(given, int) and not isinstance(given, bool):
            return cls(calls=given)
        if isinstance(given, str):
            number, unit = _split(given)
            if number.isdecimal() and unit in ("calls", "call"):
                return cls(calls=int(number))
            if number and unit in ("s", "seconds", "second"):
                return cls(seconds=float(number))
        raise ValueError(f"`{given}` is no window; `consecutive`, `100 calls` and `60 s` are")


def _split(text: str) -> tuple[str, str]:
    """``last 60 s`` -> ``60``, ``s``."""
    text = text.removeprefix("last ").strip()
    unit = text.lstrip("0123456789.")
    return text[: len(text) - len(unit)], unit.strip()


class Tally(Protocol):
    """Counts of the calls that matter now."""

    calls: int
    failures: int
    slow: int

    def succeed(self, times: Sequence[float]) -> None:
        """Fast successes, by the monotonic moments of their ends, in order."""

    def note(self, *, failed: bool, slow: bool, now: float) -> None:
        """One call that failed, was slow, or both."""

    def forget(self, now: float) -> None:
        """Drop what is too old."""


class Streak:
    """Every call since the breaker closed; the streak itself is kept by the breaker."""

    __slots__ = ("calls", "failures", "slow")

    def __init__(self) -> None:
        self.calls = self.failures = self.slow = 0

    def succeed(self, times: Sequence[float]) -> None:
        self.calls += len(times)

    def note(self, *, failed: bool, slow: bool, now: float) -> None:  # noqa: ARG002 - a streak has no time
        self.calls += 1
        self.failures += failed
        self.slow += slow

    def forget(self, now: float) -> None:
        """A streak has no age."""


class LastCalls:
    """The last N calls in a ring of marks."""

    __slots__ = ("_at", "_ring", "calls", "failures", "slow")

    def __init__(self, size: int) -> None:
        self._ring = bytearray(size)
        self._at = 0
        self.calls = self.failures = self.slow = 0

    def succeed(self, times: Sequence[float]) -> None:
        size = len(self._ring)
        if not self.failures and not self.slow:  # nothing but good calls: which ones they are does not matter
            self.calls = min(size, self.calls + len(times))
            return
        for _ in range(min(len(times), size)):
            self._push(0)

    def note(self, *, failed: bool, slow: bool, now: float) -> None:  # noqa: ARG002 - calls, not time
        self._push(_FAILED * failed | _SLOW * slow)

    def forget(self, now: float) -> None:
        """Calls push each other out."""

    def _push(self, mark: int) -> None:
        ring, at = self._ring, self._at
        old = ring[at]
        self.failures += (mark & _FAILED) - (old & _FAILED)
        self.slow += (mark >> 1) - (old >> 1)
        ring[at] = mark
        self._at = (at + 1) % len(ring)
        self.calls = min(len(ring), self.calls + 1)


class LastSeconds:
    """The last T seconds in slices of T/60."""

    __slots__ = ("_slices", "_width", "calls", "failures", "slow")

    def __init__(self, seconds: float) -> None:
        self._width = seconds / SLICES
        self._slices: dict[int, list[int]] = {}  # number of the slice -> calls, failures, slow; oldest first
        self.calls = self.failures = self.slow = 0

    def succeed(self, times: Sequence[float]) -> None:
        if times and times[0] // self._width == times[-1] // self._width:
            self._add(times[-1], len(times), failed=0, slow=0)
            return
        for moment in times:
            self._add(moment, 1, failed=0, slow=0)

    def note(self, *, failed: bool, slow: bool, now: float) -> None:
        self._add(now, 1, failed=failed, slow=slow)
        self.forget(now)

    def forget(self, now: float) -> None:
        oldest = int(now // self._width) - SLICES + 1
        for number in [each for each in self._slices if each < oldest]:
            calls, failures, slow = self._slices.pop(number)
            self.calls -= calls
            self.failures -= failures
            self.slow -= slow

    def _add(self, moment: float, calls: int, *, failed: int, slow: int) -> None:
        slice_ = self._slices.setdefault(int(moment // self._width), [0, 0, 0])
        for place, more in enumerate((calls, failed, slow)):
            slice_[place] += more
        self.calls += calls
        self.failures += failed
        self.slow += slow
