"""Judges the last calls of one operation: too slow on average, too slow at the end, too many errors."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from threading import Lock
from typing import Any, TypeVar, cast

from paramedic.guard.clock import SYSTEM, Clock, iso
from paramedic.guard.demands import check_name, is_number, is_whole
from paramedic.guard.events import GuardEvent, Listener, Listeners, announce
from paramedic.guard.watcher import WATCHER

_UNMEASURED = 10_000
F = TypeVar("F", bound=Callable[..., Any])  # Any: any function can be measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """The judgement of the window."""

    samples: int
    mean_s: float | None
    p95_s: float | None
    error_rate: float | None
    problems: tuple[str, ...]
    """What is over its limit; empty too where there are too few samples to judge."""

    @property
    def judged(self) -> bool:
        """Whether there were enough samples."""
        return self.mean_s is not None


class Measuring:
    """Tells a monitor how long something took."""

    def __init__(self, monitor: "PerformanceMonitor", clock: Clock) -> None:
        self._monitor = monitor
        self._clock = clock

    def __enter__(self) -> None:
        self._started = self._clock.monotonic()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, Exception):  # what ends the program or the task is no call
            self._monitor.record(self._clock.monotonic() - self._started, error=error is not None)

    def __call__(self, function: F) -> F:
        """The function, measured at each of its calls."""
        from paramedic.guard.wrapping import is_async

        @wraps(function)
        def plain(*args: Any, **kwargs: Any) -> Any:
            with self._monitor.measure():
                return function(*args, **kwargs)

        @wraps(function)
        async def coroutine(*args: Any, **kwargs: Any) -> Any:
            with self._monitor.measure():
                return await function(*args, **kwargs)

        return cast("F", coroutine if is_async(function) else plain)


class PerformanceMonitor:
    """A sliding window over durations and errors.

    >>> monitor = PerformanceMonitor(minimum_samples=1)
    >>> monitor.record(7.0)
    >>> monitor.judge().problems
    ('mean 7.00 s over 5 s',)
    """

    kind = "performance"

    def __init__(
        self,
        *,
        window: int = 100,
        minimum_samples: int = 10,
        mean_s: float = 5.0,
        p95_s: float = 10.0,
        error_rate: float = 0.1,
        name: str = "performance",
        listener: Listener | None = None,
        clock: Clock = SYSTEM,
    ) -> None:
        if not is_whole(minimum_samples) or not is_whole(window, minimum_samples):
            raise ValueError("`minimum_samples` is at least 1 and at most `window`")
        self.name = check_name(name)
        for limit, given in {"mean_s": mean_s, "p95_s": p95_s, "error_rate": error_rate}.items():
            if not is_number(given):
                raise ValueError(f"`{limit}` is a number of at least 0, not `{given}`")
        self.minimum_samples = minimum_samples
        self.mean_s = mean_s
        self.p95_s = p95_s
        self.error_rate = error_rate
        self.listeners = Listeners()
        if listener is not None:
            self.listeners.add(listener)
        self._clock = clock
        self._lock = Lock()
        self._samples: deque[tuple[float, bool]] = deque(maxlen=window)
        self.unmeasured: deque[tuple[float, bool]] = deque(maxlen=_UNMEASURED)
        """Calls that no metric has yet; the oldest are forgotten where nobody measures."""
        self._told: tuple[str, ...] = ()
        self._watched = False

    def record(self, duration_s: float, error: bool = False) -> None:
        """Tell one call."""
        if not 0 <= duration_s < float("inf"):
            raise ValueError(f"a duration is a number of seconds, not `{duration_s}`")
        with self._lock:
            self._samples.append((duration_s, error))
        self.unmeasured.append((duration_s, error))
        if not self._watched:
            self._watched = True
            WATCHER.watch(self)

    def measure(self) -> "Measuring":
        """Measure a ``with`` block, or as a decorator a function, async ones too; what it raises counts as an error."""
        return Measuring(self, self._clock)

    def judge(self) -> Performance:
        """How the window stands. Nothing is judged below `minimum_samples`."""
        with self._lock:
            samples = list(self._samples)
        count = len(samples)
        if count < self.minimum_samples:
            return Performance(samples=count, mean_s=None, p95_s=None, error_rate=None, problems=())
        durations = sorted(duration for duration, _ in samples)
        mean = sum(durations) / count
        p95 = durations[-(-count * 95 // 100) - 1]  # nearest rank
        errors = sum(error for _, error in samples) / count
        problems = []
        if mean > self.mean_s:
            problems.append(f"mean {mean:.2f} s over {self.mean_s:g} s")
        if p95 > self.p95_s:
            problems.append(f"p95 {p95:.2f} s over {self.p95_s:g} s")
        if errors > self.error_rate:
            problems.append(f"{errors:.0%} errors over {self.error_rate:.0%}")
        return Performance(samples=count, mean_s=mean, p95_s=p95, error_rate=errors, problems=tuple(problems))

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Hear ``slow`` and ``well``; the returned function stops it."""
        return self.listeners.add(listener)

    def tick(self) -> None:
        """Tell when the judgement turns."""
        problems = self.judge().problems
        if bool(problems) != bool(self._told):
            kind = "slow" if problems else "well"
            because = ", ".join(problems)
            event = GuardEvent(
                guard="performance", name=self.name, kind=kind, at=iso(self._clock.wall()) or "", because=because
            )
            announce(event, self.listeners)
        self._told = problems

    def report(self) -> dict[str, Any]:  # Any: plain JSON values
        """What is shown outside the process."""
        judged = self.judge()
        return {name: getattr(judged, name) for name in ("samples", "mean_s", "p95_s", "error_rate")} | {
            "problems": list(judged.problems)
        }

    def obey(self, verb: str, settings: Mapping[str, Any]) -> str:
        """Carry out an order: ``reset`` forgets the window."""
        del settings
        if verb != "reset":
            return f"refused: performance knows no `{verb}`"
        with self._lock:
            self._samples.clear()
        return "done"

    def forked(self) -> None:
        """In the child of a fork: what its parent measured is told by its parent."""
        self._lock = Lock()
        self.unmeasured.clear()
        self._watched = False
