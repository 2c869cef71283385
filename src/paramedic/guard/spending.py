"""Reserve, then commit: a call takes what it may use before it is made, and gives back what it did not use.

Each process draws a share of the budget from the file before it lets calls use it, so most calls touch no file, and
what the file says is never less than what was used: a process that is killed has at most drawn too much. A limit can
therefore be reached a little early (by the shares that others hold), never late.
"""

from collections.abc import Callable, Mapping
from threading import Lock
from types import TracebackType
from typing import Any, Self

from paramedic.guard.clock import Clock
from paramedic.guard.demands import is_number
from paramedic.guard.errors import BudgetExhausted
from paramedic.guard.ledger import Ledger

_UNLIMITED = float("inf")
_DAY_S = 86_400
_SHARES = 100
"""A process draws a hundredth of the limit at a time."""
EVERY_SCOPE = "*"


class Reservation:
    """What one call may use. Committed with what it used, or released; leaving its ``with`` block does the rest."""

    __slots__ = ("_spending", "amount", "day", "drawn", "open", "scope")

    def __init__(self, spending: "Spending", scope: str, amount: float, drawn: float, day: int) -> None:
        self._spending = spending
        self.open = True
        self.scope = scope
        self.amount = amount
        self.drawn = drawn
        """What was taken from the budget for it: nothing where there was no limit."""
        self.day = day

    def commit(self, used: float | None = None) -> None:
        """The call was made and used so much; without a number, all that was reserved. Only the first word counts."""
        if used is None:
            used = self.amount
        elif not 0 <= used < _UNLIMITED:
            raise ValueError(f"a call uses a number of at least 0, not `{used}`")
        self._spending.settle(self, used)

    def release(self) -> None:
        """The call was not made, or used nothing."""
        self._spending.settle(self, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.commit()
        else:
            self.release()


class Spending:
    """Budgets per scope and day over a ledger."""

    def __init__(
        self, ledger: Ledger, limits: Mapping[str, float], clock: Clock, tell: Callable[[str, str], None]
    ) -> None:
        """`limits` per scope; ``*`` is for each scope that has none of its own. Without a limit nothing is refused."""
        self.lock = Lock()
        self._ledger = ledger
        self._limits = {_named(scope): _check(scope, limit) for scope, limit in limits.items()}
        self._clock = clock
        self._tell = tell
        self._free: dict[str, float] = {}  # drawn from the file and not used by any call
        self._day = -1
        self._day_ends = float("-inf")
        self._stopped: set[str] = set()
        self._told: set[str] = set()
        self._refused: dict[str, list[float]] = {}  # per scope how often since the start, and when last

    def limit(self, scope: str) -> float | None:
        """The limit of a scope a day."""
        return self._limits.get(scope, self._limits.get(EVERY_SCOPE))

    def set_limit(self, scope: str, limit: float | None) -> None:
        """Change a limit from the next call on; ``None`` removes it."""
        scope = _named(scope)
        with self.lock:
            self._free.pop(scope, None)  # drawn under another limit
            if limit is None:
                self._limits.pop(scope, None)
            else:
                self._limits[scope] = _check(scope, limit)
            self._told.discard(scope)

    def stop(self, scope: str) -> None:
        """Refuse every further call of a scope, or with ``*`` of all."""
        scope = _named(scope)
        with self.lock:
            self._stopped.add(scope)
        self._tell("stopped", f"`{scope}` may spend no more until it is allowed again")

    def allow(self, scope: str) -> None:
        """Lift `stop`."""
        with self.lock:
            self._stopped.discard(_named(scope))

    def reserve(self, amount: float, scope: str) -> Reservation:
        """Reserve before the call; raises `BudgetExhausted` where the call would overspend."""
        if not 0 <= amount < _UNLIMITED:
            raise ValueError(f"a call reserves a number of at least 0, not `{amount}`")
        with self.lock:
            if not self._stopped and self._clock.wall() < self._day_ends:
                free = self._free.get(scope)
                if free is not None and amount <= free:
                    self._free[scope] = free - amount
                    return Reservation(self, scope, amount, amount, self._day)
            scope = _named(scope)
            found = self._reserve(amount, scope)
            first = scope not in self._told
            if isinstance(found, BudgetExhausted):
                self._refused[scope] = [self._refused.get(scope, [0.0])[0] + 1, self._clock.wall()]
        if isinstance(found, Reservation):
            return found
        if first:
            self._told.add(scope)
            self._tell("exhausted", str(found))
        raise found

    def settle(self, reservation: Reservation, used: float) -> None:
        """A reservation ended; only the first word counts."""
        scope = reservation.scope
        with self.lock:
            if not reservation.open:
                return
            reservation.open = False
            if reservation.day != self._day or self.limit(scope) is None:  # a new day owes nothing to the old one
                return
            free = self._free.get(scope, 0.0) + reservation.drawn - used
            if free < 0:  # it used more than was drawn for it: that is spent, whatever the limit says
                with self._ledger.change() as state:
                    self._roll(state)
                    taken = state["spending"]["scopes"]
                    taken[scope] = taken.get(scope, 0.0) - free
                free = 0.0
            self._free[scope] = free

    def spent(self) -> dict[str, dict[str, float | None]]:
        """Per scope what was drawn today by all processes less what this one holds unused, and the limit."""
        with self.lock:
            self._ledger.refresh()
            self._today()
            scopes = dict(self._ledger.state["spending"]["scopes"]) if self._current() else {}
            names = sorted({*scopes, *(each for each in self._limits if each != EVERY_SCOPE)})
            return {
                name: {"spent": scopes.get(name, 0.0) - self._free.get(name, 0.0), "limit": self.limit(name)}
                for name in names
            }

    def stopped(self) -> list[str]:
        """The scopes that may spend no more."""
        with self.lock:
            return sorted(self._stopped)

    def refused(self) -> dict[str, tuple[int, float]]:
        """Per scope how many calls were refused since the process began, and when the last one was."""
        with self.lock:
            return {scope: (int(times), last) for scope, (times, last) in self._refused.items()}

    def give_back(self) -> None:
        """Return to the file what this process drew and no call uses."""
        with self.lock:
            held, self._free = self._free, {}
            if not held:
                return
            with self._ledger.change() as state:
                if not self._current():  # another process has begun a new day, which owes nothing to the old one
                    return
                taken = state["spending"]["scopes"]
                for scope, free in held.items():
                    taken[scope] = max(0.0, taken.get(scope, 0.0) - free)

    def forget(self) -> None:
        """Start the day anew: nothing is spent."""
        with self.lock:
            self._free = {}
            self._told = set()
            with self._ledger.change() as state:
                state["spending"]["scopes"] = {}

    def forked(self) -> None:
        """In the child of a fork: the parent keeps what it drew."""
        self.lock = Lock()
        self._free = {}

    # ------------------------------------------------------------------ under the lock

    def _reserve(self, amount: float, scope: str) -> Reservation | BudgetExhausted:
        day = self._today()
        limit = self.limit(scope)
        if scope in self._stopped or EVERY_SCOPE in self._stopped:
            return BudgetExhausted(scope, amount, 0.0, limit or 0.0)
        if limit is None:
            return Reservation(self, scope, amount, 0.0, day)
        if amount <= self._free.get(scope, 0.0) or self._draw(scope, amount, limit):
            self._free[scope] = self._free.get(scope, 0.0) - amount
            return Reservation(self, scope, amount, amount, day)
        left = self._free.get(scope, 0.0) + max(0.0, limit - self._taken(scope))
        return BudgetExhausted(scope, amount, left, limit)

    def _today(self) -> int:
        """The day that is accounted. It goes back only where it has not come yet: the clock was wrong, then or now."""
        today = int(self._clock.wall() // _DAY_S)
        day = max(self._day, today, int(self._ledger.state["spending"]["day"]))
        if day > today + 1:
            day = today
            self._tell("day_put_back", "the budget was counted for a day to come; what is spent counts for today")
        if day != self._day:
            self._day = day
            self._day_ends = (day + 1) * _DAY_S
            self._free = {}
            self._told = set()
            if self._ledger.state["spending"]["day"] > day + 1:
                with self._ledger.change() as state:
                    self._roll(state)
        return day

    def _current(self) -> bool:
        return bool(self._ledger.state["spending"]["day"] == self._day)

    def _taken(self, scope: str) -> float:
        return float(self._ledger.state["spending"]["scopes"].get(scope, 0.0)) if self._current() else 0.0

    def _roll(self, state: dict[str, Any]) -> None:  # Any: the ledger's state
        spending = state["spending"]
        if spending["day"] < self._day:
            again = spending.get("before") == self._day  # a machine may have no clock before its network tells it
            state["spending"] = {"day": self._day, "scopes": spending["scopes"] if again else {}}
        elif spending["day"] > self._day + 1:
            state["spending"] = {"day": self._day, "scopes": spending["scopes"], "before": spending["day"]}

    def _draw(self, scope: str, amount: float, limit: float) -> bool:
        """Draw from the file what the call lacks, and a share more if there is so much."""
        with self._ledger.change() as state:
            self._roll(state)
            taken = state["spending"]["scopes"]
            lacking = amount - self._free.get(scope, 0.0)
            left = limit - taken.get(scope, 0.0)
            if lacking > left:
                return False
            drawn = min(left, max(lacking, limit / _SHARES))
            taken[scope] = taken.get(scope, 0.0) + drawn
            self._free[scope] = self._free.get(scope, 0.0) + drawn
        return True


def _named(scope: Any) -> str:  # Any: tenants have numbers, too
    """A scope as it stands in the file."""
    if scope is None:
        raise ValueError("a scope is a name or a number, not `None`")
    return str(scope)


def _check(scope: str, limit: float) -> float:
    if not is_number(limit):
        raise ValueError(f"the limit of `{scope}` is a number of at least 0, not `{limit}`")
    return limit
