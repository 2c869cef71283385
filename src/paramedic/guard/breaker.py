"""A circuit breaker: stops calling what does not answer, and finds out gently when it does again.

    closed     calls pass; failures are counted; too many open it
    open       calls are refused; after `recovery_timeout` the first one becomes a trial
    half_open  at most `half_open_max_calls` trials run at once; `success_threshold` successes close, one failure opens

While it is closed a call takes no lock: its success is appended to the deque of the current closed period. Whoever must
judge (a failure, a slow call, a look at the state) takes the lock and counts what waits. A call that ends after its
period has ended speaks to a period that nobody reads any more, so it can change nothing.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from enum import StrEnum
from threading import Lock
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from paramedic.guard.clock import SYSTEM, Clock, iso
from paramedic.guard.errors import CircuitOpen
from paramedic.guard.events import GuardEvent, Listener, Listeners, announce
from paramedic.guard.settings import BreakerSettings, FailureTest, TripCondition
from paramedic.guard.watcher import WATCHER
from paramedic.guard.window import Window
from paramedic.guard.wrapping import FULL, guarded, is_async

if TYPE_CHECKING:
    from paramedic.guard.sharing import Sharing

F = TypeVar("F", bound=Callable[..., Any])  # Any: any function can be guarded
_FOREVER = float("inf")
_AT_ONCE = float("-inf")
_BUSY = "its trial calls are under way"


class State(StrEnum):
    """Where a breaker stands."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class ClosedPeriod:
    """The calls of one stretch of being closed."""

    __slots__ = ("_breaker", "streak", "succeeded", "successes", "tally", "waiting")

    def __init__(self, breaker: "CircuitBreaker", window: Window) -> None:
        self._breaker = breaker
        self.waiting: deque[float] = deque()
        self.succeeded = self.waiting.append
        self.tally = window.tally()
        self.streak = 0
        self.successes = 0

    def count(self) -> None:
        """Count the fast successes that wait."""
        self._breaker.settle(self)

    def failed(self, error: BaseException, started: float) -> None:
        """A call of this period raised."""
        self._breaker.note_failure(self, error, started)

    def abandoned(self) -> None:
        """A call of this period says nothing."""

    def was_slow(self, now: float) -> None:
        """A call of this period took too long and succeeded."""
        self._breaker.note_slow(self, now)


class Trial:
    """One call that is let through while half open. It holds its permit until it ends, whatever happens meanwhile."""

    __slots__ = ("_breaker", "around", "permit", "round", "waiting")

    around: "tuple[Trial, ...] | None"
    """The trials that its context was in before, if it is one of them now."""
    permit: str | None
    """The permit of the shared store, where there is one."""

    def __init__(self, breaker: "CircuitBreaker", round_: object) -> None:
        self._breaker = breaker
        self.round = round_
        self.around = None
        self.permit = None
        self.waiting = ()

    def count(self) -> None:
        """Nothing waits."""

    def succeeded(self, now: float) -> None:
        """The trial answered in time."""
        self._breaker.end_trial(self, good=True, because="", now=now)

    def abandoned(self) -> None:
        """The trial says nothing: it only gives its permit back."""
        self._breaker.end_trial(self, good=None, because="", now=self._breaker.clock.monotonic())

    def was_slow(self, now: float) -> None:
        """An answer that comes too late is no recovery."""
        self._breaker.end_trial(self, good=False, because="a trial call was slow", now=now)

    def failed(self, error: BaseException, started: float) -> None:
        """The trial raised; an error that is no failure, such as a cancellation, only gives the permit back.

        Nor is it one that the breaker itself refused a call inside: that says nothing about the dependency.
        """
        del started
        is_own = isinstance(error, CircuitOpen) and error.name == self._breaker.name
        bad = not is_own and self._breaker.settings.is_failure(error)
        because = f"a trial call failed with {type(error).__name__}"
        self._breaker.end_trial(self, good=False if bad else None, because=because, now=self._breaker.clock.monotonic())


class Inside:
    """A call inside a trial of the same breaker: it runs under the trial's permit, and the trial speaks for it."""

    __slots__ = ()
    waiting = ()

    def count(self) -> None:
        """Nothing waits."""

    def succeeded(self, now: float) -> None:
        """The trial will say so."""

    def abandoned(self) -> None:
        """The trial goes on."""

    def was_slow(self, now: float) -> None:
        """The trial will be slow, too."""

    def failed(self, error: BaseException, started: float) -> None:
        """The trial will fail with it, unless it makes good."""


Period = ClosedPeriod | Trial | Inside
_INSIDE = Inside()
_TRIALS: ContextVar[tuple[Trial, ...]] = ContextVar("paramedic_guard_trials", default=())
"""The trials that the current context is in by decorator or `call`, outermost first."""

_ENTERED: ContextVar[tuple["CircuitBreaker", Period, float, Any] | None] = ContextVar(
    "paramedic_guard_entered", default=None
)
"""The breakers that the current context has entered by ``with``, innermost first, each linking to the one before."""


def _around() -> Iterator[Period]:
    """What the current context is in the middle of."""
    yield from _TRIALS.get()
    entered = _ENTERED.get()
    while entered is not None:
        yield entered[1]
        entered = entered[3]


class CircuitBreaker:
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
        self.name = name
        self.clock = clock
        self.settings = BreakerSettings().changed(wanted)
        self.listeners = Listeners()
        if listener is not None:
            self.listeners.add(listener)
        self.slow_after_s = self.settings.window.slow_after_s
        self.closed_period: ClosedPeriod | None = None  # set while closed and watched: the guarded path asks only this
        self._period = ClosedPeriod(self, self.settings.window)
        self._lock = Lock()
        self._outbox: deque[GuardEvent] = deque()
        self._state = State.CLOSED
        self._because = ""
        self._forced = False
        self._refuse_until = _AT_ONCE  # monotonic; calls before are refused without a lock
        self._opened = _AT_ONCE
        self._round: object = None  # tells one half-open period from another
        self._trials: set[Trial] = set()
        self._violations: dict[TripCondition, int] = {}
        self._rejected = 0
        self._turns = {"opened": 0, "half_opened": 0, "closed": 0}
        self._last_failure: float | None = None
        self._changed = clock.wall()
        self._watched = False
        self.sharing: Sharing | None = None
        if shared is not None:
            from paramedic.guard.sharing import sharing

            self.sharing = sharing(shared, clock)

    # ------------------------------------------------------------------ ways to guard a call

    def __call__(self, function: F) -> F:
        """Guard a function, coroutine function or generator function."""
        return cast("F", guarded(self, function))

    def call(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Call a function through the breaker; give the coroutine to await where it is async."""
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
            return self._awaited(result)
        self.end_well(period, started)
        return result

    async def _awaited(self, awaitable: Any) -> Any:
        try:
            async with self:
                return await awaitable
        except CircuitOpen:
            if hasattr(awaitable, "close"):
                awaitable.close()  # a coroutine that nobody will await any more
            raise

    def __enter__(self) -> Self:
        period = self.closed_period or self.admit()
        _ENTERED.set((self, period, self.clock.monotonic(), _ENTERED.get()))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        entered = _ENTERED.get()
        if entered is not None and entered[0] is self:
            _ENTERED.set(entered[3])
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
        entered, above = _ENTERED.get(), []
        while entered is not None and entered[0] is not self:
            above.append(entered)
            entered = entered[3]
        if entered is None:
            with self._lock:
                return next(iter(self._trials), self._period), self.clock.monotonic()
        rest = entered[3]
        for each in reversed(above):
            rest = (*each[:3], rest)
        _ENTERED.set(rest)
        return entered[1], entered[2]

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    # ------------------------------------------------------------------ what the wrappers ask and tell

    def admit_call(self) -> Period:
        """As `admit`, for a call that ends in the context it began in: what it calls meanwhile is part of it."""
        now = self.clock.monotonic()
        if now < self._refuse_until:
            raise self._refusal(self._refuse_until - now)
        period = self.admit()
        if isinstance(period, Trial):
            period.around = _TRIALS.get()
            _TRIALS.set((*period.around, period))
        return period

    def admit(self) -> Period:
        """Let a call through or raise `CircuitOpen`. Asked when there is no closed period."""
        now = self.clock.monotonic()
        if now < self._refuse_until:
            raise self._refusal(self._refuse_until - now)
        if not self._watched:
            self._begin_watch()
        try:
            return self._admitted(now)
        finally:
            self._tell()

    def _admitted(self, now: float) -> Period:
        with self._lock:
            if self._state is State.CLOSED:
                return self._period
            self._probe_if_due(now)
            if self._state is State.HALF_OPEN and not self._trials.isdisjoint(_around()):
                return _INSIDE
            is_open = self._state is State.OPEN
            full = is_open or len(self._trials) >= self.settings.half_open_max_calls
            if not full:
                trial = Trial(self, self._round)
                self._trials.add(trial)
        if is_open:
            raise self._refusal(max(0.0, self._refuse_until - now))
        if full:
            raise self._refusal(_FOREVER, _BUSY)
        if self.sharing is not None:
            trial.permit = self.sharing.permit(self.name, self.settings.half_open_max_calls)
            if trial.permit is None:
                with self._lock:
                    self._trials.discard(trial)
                raise self._refusal(_FOREVER, _BUSY)
        return trial

    def _refusal(self, remaining: float, because: str = "") -> CircuitOpen:
        self._rejected += 1
        because = because or self._because
        if self.listeners.all:
            self.listeners.tell(self._event("rejected", because))
        return CircuitOpen(self.name, remaining, because)

    def note_failure(self, period: ClosedPeriod, error: BaseException, started: float) -> None:
        """A call of a closed period raised."""
        if not self.settings.is_failure(error):
            return
        now = self.clock.monotonic()
        with self._lock:
            if period is self._period and self._state is State.CLOSED:
                self._count(period)
                period.streak += 1
                self._last_failure = self.clock.wall()
                period.tally.note(failed=True, slow=now - started > self.slow_after_s, now=now)
                self._judge(period)
        self._tell()

    def note_slow(self, period: ClosedPeriod, now: float) -> None:
        """A call of a closed period succeeded late."""
        with self._lock:
            if period is self._period and self._state is State.CLOSED:
                self._count(period)
                period.streak = 0
                period.successes += 1
                period.tally.note(failed=False, slow=True, now=now)
                self._judge(period)
        self._tell()

    def settle(self, period: ClosedPeriod) -> None:
        """Count the fast successes of a period that wait."""
        with self._lock:
            self._count(period)

    def end_trial(self, trial: Trial, *, good: bool | None, because: str, now: float) -> None:
        """A trial ended; `None` means that it says nothing about the dependency."""
        if trial.around is not None:
            _TRIALS.set(trial.around)
        with self._lock:
            self._trials.discard(trial)
            if self._state is State.HALF_OPEN and trial.round == self._round:
                if good:
                    self._good_trials += 1
                    if self._good_trials >= self.settings.success_threshold:
                        self._close(f"{self._good_trials} trial calls succeeded")
                elif good is False:
                    self._last_failure = self.clock.wall()
                    self._open(because, now)
        if self.sharing is not None:
            self.sharing.give_back(self.name, trial.permit)
        self._tell()

    # ------------------------------------------------------------------ people and programs

    @property
    def state(self) -> str:
        """``closed``, ``open`` or ``half_open``, as the next call would find it."""
        self.look()
        return self._state.value

    def look(self) -> None:
        """Turn to half open if the recovery time is over, and see to it that the watcher knows this breaker."""
        if not self._watched:
            self._begin_watch()
        with self._lock:
            self._probe_if_due(self.clock.monotonic())
        self._tell()

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
        self._act(lambda: self._close("reset"))

    def force_open(self, because: str = "opened by hand") -> None:
        """Open it and keep it open until `reset` or `allow_half_open`."""
        self._act(lambda: self._open(because, self.clock.monotonic(), forced=True))

    def allow_half_open(self) -> None:
        """Let trial calls through now; a closed breaker stays closed."""
        self._act(lambda: None if self._state is State.CLOSED else self._half_open("allowed by hand"))

    def _act(self, change: Callable[[], None]) -> None:
        if not self._watched:
            self._begin_watch()
        with self._lock:
            change()
        self._tell()

    def change(self, **settings: Any) -> None:  # Any: values of a settings file
        """Change settings while calls run. All or, with ``ValueError``, none. A new window starts empty."""
        with self._lock:
            old, new = self.settings, self.settings.changed(settings)
            self.settings = new
            self.slow_after_s = new.window.slow_after_s
            if new.window != old.window:
                self._count(self._period)
                self._period.tally = new.window.tally()
            if new.trip_conditions != old.trip_conditions:
                self._violations = {}
            if self._state is State.OPEN and not self._forced:
                self._refuse_until = self._opened + new.recovery_timeout
            if new != old:
                self._outbox.append(self._event("tuned", f"changed {', '.join(sorted(settings))}"))
        self._tell()

    def record_metric(self, metric: str, value: float) -> None:
        """Tell a measurement to the trip conditions that watch it."""
        with self._lock:
            for condition in self.settings.trip_conditions:
                if condition.metric != metric:
                    continue
                running = self._violations.get(condition, 0) + 1 if condition.violated_by(value) else 0
                self._violations[condition] = running
                if running >= condition.consecutive_violations and self._state is not State.OPEN:
                    self._open(f"{condition}, last {value:g}", self.clock.monotonic())
        self._tell()

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Hear ``opened``, ``closed``, ``half_opened``, ``tuned`` and ``rejected``; the returned function stops it."""
        return self.listeners.add(listener)

    # ------------------------------------------------------------------ under the lock

    def _count(self, period: ClosedPeriod) -> None:
        waiting = period.waiting
        times = [waiting.popleft() for _ in range(len(waiting))]
        if times:
            period.tally.succeed(times)
            period.successes += len(times)
            period.streak = 0

    def _judge(self, period: ClosedPeriod) -> None:
        tally, settings, window = period.tally, self.settings, self.settings.window
        now = self.clock.monotonic()
        if window.consecutive:
            if period.streak >= settings.failure_threshold:
                self._open(f"{period.streak} failures running", now)
        elif window.failure_rate is None:
            if tally.failures >= settings.failure_threshold:
                self._open(f"{tally.failures} failures within the window", now)
        elif tally.calls >= window.enough and tally.failures >= window.failure_rate * tally.calls:
            self._open(f"{tally.failures} of {tally.calls} calls failed", now)
        slow_rate = window.slow_call_rate
        judged = slow_rate is not None and self._state is State.CLOSED and tally.calls >= window.enough
        if slow_rate is not None and judged and tally.slow >= slow_rate * tally.calls:
            self._open(f"{tally.slow} of {tally.calls} calls took over {window.slow_call_s:g} s", now)

    def _probe_if_due(self, now: float) -> None:
        if self._state is State.OPEN and now >= self._refuse_until:
            self._half_open("the recovery time is over")

    def _open(self, because: str, now: float, *, forced: bool = False, publish: bool = True) -> None:
        self._opened = now
        self._violations = {}
        self._enter(State.OPEN, "opened", because, forced=forced, publish=publish)

    def _half_open(self, because: str) -> None:
        self._round = object()
        self._good_trials = 0
        self._enter(State.HALF_OPEN, "half_opened", because, publish=False)

    def _close(self, because: str, *, publish: bool = True) -> None:
        self._period = ClosedPeriod(self, self.settings.window)
        self._violations = {}
        self._enter(State.CLOSED, "closed", because, publish=publish)

    def _enter(self, state: State, kind: str, because: str, *, forced: bool = False, publish: bool) -> None:
        self._state = state
        self._turns[kind] += 1
        self._because = because
        self._forced = forced
        self._changed = self.clock.wall()
        self.closed_period = self._period if state is State.CLOSED and self._watched else None
        waits = self._opened + self.settings.recovery_timeout
        self._refuse_until = (_FOREVER if forced else waits) if state is State.OPEN else _AT_ONCE
        self._outbox.append(self._event(kind, because))
        if publish and self.sharing is not None:
            self.sharing.publish(self.name, is_open=state is State.OPEN, forced=forced, because=because)
            WATCHER.wake()

    def _event(self, kind: str, because: str) -> GuardEvent:
        detail = MappingProxyType({"state": self._state.value, "forced": self._forced})
        return GuardEvent(
            guard="breaker", name=self.name, kind=kind, at=iso(self.clock.wall()) or "", because=because, detail=detail
        )

    def _tell(self) -> None:
        while self._outbox:
            try:
                event = self._outbox.popleft()
            except IndexError:  # another thread was faster
                return
            announce(event, self.listeners)

    # ------------------------------------------------------------------ the watcher

    kind = "breaker"

    def _begin_watch(self) -> None:
        self._watched = True
        WATCHER.watch(self)
        with self._lock:
            if self._state is State.CLOSED:
                self.closed_period = self._period

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
