"""A circuit breaker: stops calling what does not answer, and finds out gently when it does again.

What turns it stands in `circuit`. Here are the ways to guard a call, and what people and the watcher say to it.
"""

from collections.abc import Callable, Mapping
from threading import Lock
from types import AsyncGeneratorType, GeneratorType, TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from paramedic.guard.circuit import Circuit, State
from paramedic.guard.clock import SYSTEM, Clock, iso
from paramedic.guard.errors import CircuitOpen
from paramedic.guard.events import Listener
from paramedic.guard.periods import ENTERED, Period
from paramedic.guard.settings import BreakerSettings, FailureTest, TripCondition
from paramedic.guard.window import Window
from paramedic.guard.wrapping import FULL, guarded, is_async, read

if TYPE_CHECKING:
    from paramedic.guard.sharing import Sharing

_entered, _set_entered = ENTERED.get, ENTERED.set
"""Looked up once: they are called twice in every block."""

_READ = (GeneratorType, AsyncGeneratorType)

F = TypeVar("F", bound=Callable[..., Any])  # Any: any function can be guarded


class CircuitBreaker(Circuit):
    """Guards calls to one dependency, as decorator, context manager, or by `call`; sync and async alike.

    >>> breaker = CircuitBreaker(name="model", failure_threshold=3, recovery_timeout=30)
    >>> breaker.call(max, 1, 2)
    2
    >>> breaker.get_state()["state"]
    'closed'
    """

    def __init__(
        self,
        name: str = "breaker",
        *,
        failure_threshold: int = 5,
        recovery_timeout: float = 300.0,
        success_threshold: int | None = None,
        half_open_max_calls: int = 1,
        window: Window | Mapping[str, Any] | str | int | None = None,
        trip_conditions: "list[TripCondition | Mapping[str, Any]] | tuple[TripCondition, ...]" = (),
        failure_on: FailureTest = Exception,
        shared: "Sharing | str | object | None" = None,
        listener: Listener | None = None,
        clock: Clock = SYSTEM,
        **more: Any,
    ) -> None:
        """Raise ``ValueError`` for settings that make no sense.

        `more` takes the parts of the window by name (``calls``, ``seconds``, ``failure_rate``, ``slow_call_rate``,
        ``slow_call_s``, ``minimum_calls``) and ``consecutive_success_threshold`` for `success_threshold`.
        `shared` is the path of an SQLite file, a Redis client, or a `Sharing`.
        """
        wanted = {
            "failure_threshold": failure_threshold, "recovery_timeout": recovery_timeout,
            "success_threshold": success_threshold, "half_open_max_calls": half_open_max_calls, "window": window,
            "trip_conditions": trip_conditions, "failure_on": failure_on, **more,
        }  # fmt: skip
        together: Sharing | None = None
        if shared is not None:
            from paramedic.guard.sharing import sharing

            together = sharing(shared, clock)
        super().__init__(name, BreakerSettings().changed(wanted), together, listener, clock)

    # ------------------------------------------------------------------ ways to guard a call

    def __call__(self, function: F) -> F:
        """Guard a function, coroutine function or generator function."""
        if not callable(function):
            raise TypeError(f"a breaker guards functions, `{function!r}` is none")
        return cast("F", guarded(self, function))

    def call(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Call a function through the breaker; give the coroutine to await or the generator to read where it is one."""
        if is_async(function):
            return guarded(self, function)(*args, **kwargs)
        period = self.closed_period or self.admit_call()
        started = self.clock.monotonic()
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            period.failed(error, started)
            raise
        if hasattr(result, "__await__"):  # a plain function that returned an awaitable: waiting for it is the call
            period.abandoned()
            return self.awaited(result)
        if isinstance(result, _READ):  # reading it is the call
            period.abandoned()
            return read(self, result)
        self.end_well(period, started)
        return result

    async def awaited(self, awaitable: Any) -> Any:
        """Guard the waiting for something that a plain function returned."""
        try:
            async with self:
                return await awaitable
        except CircuitOpen:
            if hasattr(awaitable, "close"):
                awaitable.close()  # a coroutine that nobody will await any more
            raise

    def __enter__(self) -> Self:
        period = self.closed_period or self.admit()
        _set_entered((self, period, self.clock.monotonic(), _entered()))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        entered = _entered()
        if entered is not None and entered[0] is self:
            _set_entered(entered[3])
            period, started = entered[1], entered[2]
        else:
            period, started = self._leave()
        if error is None:
            self.end_well(period, started)
        else:
            period.failed(error, started)

    def end_well(self, period: Period, started: float) -> None:
        """A call that was let through has succeeded."""
        now = self.clock.monotonic()
        if now - started <= self.slow_after_s:
            period.succeeded(now)
            if len(period.waiting) > FULL:
                period.count()
        else:
            period.was_slow(now)

    def _leave(self) -> tuple[Period, float]:
        """Take this breaker's entry out of the context, wherever it stands: generators end in any order.

        One that is closed from another context finds nothing; permits are fungible, so it gives back any.
        """
        entered, above = _entered(), []
        while entered is not None and entered[0] is not self:
            above.append(entered)
            entered = entered[3]
        if entered is None:
            with self._lock:
                return next(iter(self._trials), self._period), self.clock.monotonic()
        rest = entered[3]
        for each in reversed(above):
            rest = (*each[:3], rest)
        _set_entered(rest)
        return entered[1], entered[2]

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    # ------------------------------------------------------------------ people and programs

    @property
    def state(self) -> str:
        """``closed``, ``open`` or ``half_open``, as the next call would find it."""
        self.look()
        return self._state.value

    def get_state(self) -> dict[str, Any]:  # Any: plain JSON values
        """Where it stands and what it has counted. Times are ISO 8601 UTC."""
        self.look()
        now = self.clock.monotonic()
        with self._lock:
            period = self._period
            self._count(period)
            if self._state is State.CLOSED:
                period.tally.forget(now)
            waiting = self._state is State.OPEN and not self._forced
            return {
                "state": self._state.value,
                "failure_count": period.tally.failures,
                "success_count": self._good_trials if self._state is State.HALF_OPEN else period.successes,
                "consecutive_failures": period.streak,
                "half_open_calls": len(self._trials),
                "last_failure_time": iso(self._last_failure),
                "state_change_time": iso(self._changed),
                "because": self._because,
                "forced": self._forced,
                "retry_in_s": round(max(0.0, self._refuse_until - now), 3) if waiting else None,
                "calls": period.tally.calls,
                "slow_calls": period.tally.slow,
                "rejected": self._rejected,
                "opened_times": self._turns["opened"],
            }

    def events(self) -> dict[str, int]:
        """How often each thing happened that it tells of."""
        return {**self._turns, "rejected": self._rejected}

    def reset(self) -> None:
        """Close it and forget the failures."""
        self.act(lambda: self._close("reset"))

    def force_open(self, because: str = "opened by hand") -> None:
        """Open it and keep it open until `reset` or `allow_half_open`."""
        self.act(lambda: self._open(because, self.clock.monotonic(), forced=True))

    def allow_half_open(self) -> None:
        """Let trial calls through now; a closed breaker stays closed."""
        self.act(lambda: None if self._state is State.CLOSED else self._half_open("allowed by hand"))

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Hear ``opened``, ``closed``, ``half_opened``, ``tuned`` and ``rejected``; the returned function stops it."""
        return self.listeners.add(listener)

    # ------------------------------------------------------------------ the watcher

    def tick(self) -> None:
        """Look at the clock and at the other processes; called by the watcher."""
        if self.sharing is not None:
            self.sharing.exchange()
            told = self.sharing.news(self.name)
            if told is not None:
                with self._lock:
                    if told.is_open:
                        self._open(told.because, told.opened, forced=told.forced, publish=False)
                    elif self._state is not State.CLOSED:
                        self._close(told.because, publish=False)
        self.look()

    def report(self) -> dict[str, Any]:
        """What is shown outside the process."""
        settings = self.settings
        window = {name: getattr(settings.window, name) for name in Window.__slots__}
        return self.get_state() | {
            "settings": {
                "failure_threshold": settings.failure_threshold,
                "recovery_timeout": settings.recovery_timeout,
                "success_threshold": settings.success_threshold,
                "half_open_max_calls": settings.half_open_max_calls,
                "window": window,
                "trip_conditions": [
                    {name: getattr(each, name) for name in TripCondition.__slots__} for each in settings.trip_conditions
                ],
            }
        }

    def obey(self, verb: str, settings: Mapping[str, Any]) -> str:
        """Carry out an order from outside: ``reset``, ``open``, ``half_open``, ``tune``."""
        if verb == "reset":
            self.reset()
        elif verb == "open":
            self.force_open(str(settings.get("because", "opened from outside")))
        elif verb == "half_open":
            self.allow_half_open()
        elif verb == "tune":
            self.change(**settings)
        else:
            return f"refused: a breaker knows no `{verb}`"
        return "done"

    def forked(self) -> None:
        """In the child of a fork: locks may be held by threads that are gone, and the watcher must start anew."""
        self._lock = Lock()
        self._trials = set()
        self._watched = False
        self.closed_period = None
        if self.sharing is not None:
            self.sharing.forked()


def _setting(name: str) -> property:
    def read(self: CircuitBreaker) -> Any:
        return getattr(self.settings, name)

    def write(self: CircuitBreaker, value: Any) -> None:
        self.change(**{name: value})

    return property(read, write, doc=f"The setting `{name}`; assigning changes it while calls run.")


for _name in (
    "failure_threshold",
    "recovery_timeout",
    "success_threshold",
    "half_open_max_calls",
    "window",
    "trip_conditions",
    "failure_on",
):
    setattr(CircuitBreaker, _name, _setting(_name))
