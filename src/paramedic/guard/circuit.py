"""A breaker's state and its turns: everything that is decided under its lock.

    closed     calls pass; failures are counted; too many open it
    open       calls are refused; after `recovery_timeout` the first one becomes a trial
    half_open  at most `half_open_max_calls` trials run at once; `success_threshold` successes close, one failure opens

While it is closed a call takes no lock: its success is appended to the deque of the current closed period. Whoever must
judge (a failure, a slow call, a look at the state) takes the lock and counts what waits. A call that ends after its
period has ended speaks to a period that nobody reads any more, so it can change nothing.
"""

from collections import deque
from collections.abc import Callable
from enum import StrEnum
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from paramedic.guard.clock import Clock, iso
from paramedic.guard.demands import check_name
from paramedic.guard.errors import CircuitOpen
from paramedic.guard.events import GuardEvent, Listener, Listeners, announce
from paramedic.guard.periods import INSIDE, TRIALS, ClosedPeriod, Period, Trial, around
from paramedic.guard.settings import BreakerSettings, TripCondition
from paramedic.guard.watcher import WATCHER

if TYPE_CHECKING:
    from paramedic.guard.sharing import Sharing

_FOREVER = float("inf")
_AT_ONCE = float("-inf")
_BUSY = "its trial calls are under way"


class State(StrEnum):
    """Where a breaker stands."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Circuit:
    """Where one breaker stands, and what turns it."""

    kind = "breaker"

    def __init__(
        self, name: str, settings: BreakerSettings, sharing: "Sharing | None", listener: Listener | None, clock: Clock
    ) -> None:
        self.name = check_name(name)
        self.clock = clock
        self.settings = settings
        self.sharing = sharing
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

    def __reduce__(self) -> str:
        raise TypeError(
            f"breaker `{self.name}` guards the calls of one process and cannot be copied or sent to another; "
            "build it there, too, and give both the same `shared`"
        )

    # ------------------------------------------------------------------ calls begin

    def admit_call(self) -> Period:
        """As `admit`, for a call that ends in the context it began in: what it calls meanwhile is part of it."""
        now = self.clock.monotonic()
        if now < self._refuse_until:
            raise self._refusal(self._refuse_until - now)
        period = self.admit()
        if isinstance(period, Trial):
            period.around = TRIALS.get()
            TRIALS.set((*period.around, period))
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
            if self._state is State.HALF_OPEN and not self._trials.isdisjoint(around()):
                return INSIDE
            is_open = self._state is State.OPEN
            full = is_open or len(self._trials) >= self.settings.half_open_max_calls
            if not full:
                trial = Trial(self, self._round)
                self._trials.add(trial)
        if is_open:
            raise self._refusal(self._refuse_until - now)
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

    # ------------------------------------------------------------------ calls end

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
            TRIALS.set(trial.around)
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

    # ------------------------------------------------------------------ what turns it beside

    def look(self) -> None:
        """Turn to half open if the recovery time is over, and see to it that the watcher knows this breaker."""
        if not self._watched:
            self._begin_watch()
        with self._lock:
            self._probe_if_due(self.clock.monotonic())
        self._tell()

    def act(self, change: Callable[[], None]) -> None:
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

    def _begin_watch(self) -> None:
        self._watched = True
        WATCHER.watch(self)  # type: ignore[arg-type]  # every circuit is a breaker's
        with self._lock:
            if self._state is State.CLOSED:
                self.closed_period = self._period
