"""For the tests of programs that use guards: time by hand, calls with a script, guards in a wanted state.

>>> clock = ManualClock()
>>> breaker = CircuitBreaker(name="model", failure_threshold=1, recovery_timeout=30, clock=clock)
>>> model = breaker(Outcomes([ConnectionError(), "hello"]))
>>> try:
...     model()
... except ConnectionError:
...     breaker.state
'open'
>>> clock.advance(30)
>>> model(), breaker.state
('hello', 'half_open')
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from paramedic.guard.breaker import CircuitBreaker
from paramedic.guard.clock import Clock
from paramedic.guard.flags import FeatureFlags

START = 1_700_000_000.0


class ManualClock(Clock):
    """A clock that stands until it is moved."""

    __slots__ = ("_hands",)
    _hands: dict[str, float]

    def __init__(self, wall_s: float = START) -> None:
        hands = {"monotonic": 1000.0, "wall": wall_s}
        super().__init__(lambda: hands["monotonic"], lambda: hands["wall"])
        object.__setattr__(self, "_hands", hands)

    def advance(self, seconds: float) -> None:
        """Time passes."""
        self._hands["monotonic"] += seconds
        self.step_wall(seconds)

    def step_wall(self, seconds: float) -> None:
        """The wall clock is set, forward or back; no time passes."""
        self._hands["wall"] += seconds


class Outcomes:
    """A callable that plays a script: an exception is raised, anything else returned; the last one stays.

    `calls` keeps the arguments of every call that arrived, so a test can see what a breaker let through.
    """

    __name__ = "outcomes"

    def __init__(self, script: Iterable[Any], clock: ManualClock | None = None, duration_s: float = 0.0) -> None:
        """With a clock every call takes `duration_s`."""
        self._script = list(script)
        self._clock = clock
        self._duration_s = duration_s
        self.calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.calls.append((args, kwargs))
        if self._clock is not None:
            self._clock.advance(self._duration_s)
        outcome = self._script[0] if len(self._script) == 1 else self._script.pop(0)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome


@contextmanager
def forced_open(breaker: CircuitBreaker) -> Iterator[CircuitBreaker]:
    """The breaker refuses every call inside; after that it is closed."""
    breaker.force_open("a test")
    try:
        yield breaker
    finally:
        breaker.reset()


@contextmanager
def flags_set(flags: FeatureFlags, **wanted: bool) -> Iterator[FeatureFlags]:
    """These flags are on or off inside; after that file and environment decide again."""
    for name, on in wanted.items():
        flags.override(name, on)
    try:
        yield flags
    finally:
        for name in wanted:
            flags.override(name, None)
