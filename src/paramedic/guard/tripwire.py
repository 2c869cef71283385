"""A tripwire over token use: falls back to the plain baseline when the budget is breached again and again.

The state lives in ``.fusion_tripwire_state.json`` in the working directory, or in ``$FUSION_TRIPWIRE_STATE``. A use
within budget touches no file; a breach is written before `record` returns.
"""

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock
from typing import Any

from paramedic.guard.clock import SYSTEM, Clock, iso
from paramedic.guard.demands import check_name, is_number, is_whole
from paramedic.guard.errors import BudgetExhausted
from paramedic.guard.events import GuardEvent, Listener, Listeners, announce
from paramedic.guard.ledger import Ledger, State
from paramedic.guard.spending import Reservation, Spending
from paramedic.guard.state_file import Damaged
from paramedic.guard.watcher import WATCHER

STATE_FILE = ".fusion_tripwire_state.json"
_HISTORY = 100
_RECENT = 10
_UNLIMITED = float("inf")
_MOST = 1e12
_HUGE = 1e300


class BudgetTripwire:
    """Watches use against a baseline, and stops calls that would overspend.

    >>> tripwire = BudgetTripwire("/tmp/doc.json", limits={"tenant-a": 1000})  # doctest: +SKIP
    >>> with tripwire.reserve(400, scope="tenant-a") as reserved:  # doctest: +SKIP
    ...     reserved.commit(312)
    >>> tripwire.record(tokens=312, baseline_tokens=300)  # doctest: +SKIP
    4.0
    """

    kind = "budget"

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        breach_threshold: float = 12.0,
        critical_threshold: float = 25.0,
        consecutive_breaches: int = 3,
        cooldown_s: float = 300.0,
        limits: Mapping[str, float] | None = None,
        name: str = "tokens",
        listener: Listener | None = None,
        clock: Clock = SYSTEM,
    ) -> None:
        """Thresholds are percent above the baseline; `limits` are per scope and UTC day, see `Spending`."""
        if not is_number(breach_threshold) or not is_number(critical_threshold, breach_threshold):
            raise ValueError("`breach_threshold` is at least 0 and at most `critical_threshold`")
        if not is_whole(consecutive_breaches):
            raise ValueError(f"`consecutive_breaches` is at least 1, a whole number, not `{consecutive_breaches}`")
        if not is_number(cooldown_s):
            raise ValueError("`cooldown_s` is a number of seconds")
        self.name = check_name(name)
        self.breach_threshold = breach_threshold
        self.critical_threshold = critical_threshold
        self.consecutive_breaches = consecutive_breaches
        self.cooldown_s = cooldown_s
        self.listeners = Listeners()
        if listener is not None:
            self.listeners.add(listener)
        self._clock = clock
        self._lock = RLock()
        self._untold: list[GuardEvent] = []
        self.used = 0.0
        self.breaches = 0
        self.within_budget = 0
        self._ledger = Ledger(
            Path(path or os.environ.get("FUSION_TRIPWIRE_STATE") or STATE_FILE).absolute(), check_state, self._event
        )
        self._watched = False
        self._took_over()
        self._spending = Spending(self._ledger, limits or {}, clock, self._event)
        self._tell()

    # ------------------------------------------------------------------ the guarded path

    def record(self, tokens: float, baseline_tokens: float) -> float:
        """Tell one use; the difference to the baseline in percent. Raises ``ValueError`` for what is no use."""
        if not (0 <= tokens < _UNLIMITED and 0 < baseline_tokens < _UNLIMITED):
            raise ValueError(
                f"`tokens` is at least 0 and `baseline_tokens` more than 0, not `{tokens}` and `{baseline_tokens}`"
            )
        delta = (tokens - baseline_tokens) / baseline_tokens * 100.0
        self.used += tokens
        if delta > self.breach_threshold or self._stirred:
            self._note(delta)
        elif not self._watched:  # asked here, too: a call less for every use
            self._begin_watch()
        return delta

    @property
    def downgrade_active(self) -> bool:
        """Whether calls should use the plain baseline."""
        self._begin_watch()
        return bool(self._ledger.state["downgrade_active"])

    def reserve(self, tokens: float, scope: str = "default") -> Reservation:
        """Reserve before a call. Raises `BudgetExhausted` instead of letting it overspend.

        Use it as ``with tripwire.reserve(500) as reserved: …; reserved.commit(used)``. Left without `commit`, it counts
        in full; left by an error, not at all.
        """
        self._begin_watch()
        try:
            return self._spending.reserve(tokens, scope)
        except BudgetExhausted:
            self._tell()
            raise

    # ------------------------------------------------------------------ people and programs

    def get_status(self) -> dict[str, Any]:  # Any: plain JSON values
        """Where it stands. Timestamps are ISO 8601 UTC."""
        self._look()
        with self._lock:
            state = self._ledger.state
            return {
                "downgrade_active": state["downgrade_active"],
                "consecutive_breaches": state["consecutive_breaches"],
                "breach_threshold": self.breach_threshold,
                "last_breach_timestamp": state["last_breach_timestamp"],
                "downgrade_activated_at": state["downgrade_activated_at"],
                "recent_breaches": [dict(each) for each in state["breach_history"][-_RECENT:]],
            }

    def reset_downgrade(self) -> dict[str, bool]:
        """Lift the downgrade and forget the running breaches; the history stays."""
        with self._lock:
            with self._ledger.change() as state:
                was_active = bool(state["downgrade_active"])
                self._lift(state, "reset")
            self._took_over()
        self._tell()
        return {"was_active": was_active, "reset": True}

    def spent(self) -> dict[str, dict[str, float | None]]:
        """Per scope what is spent today and the limit."""
        return self._spending.spent()

    def set_limit(self, scope: str, limit: float | None) -> None:
        """Change the budget of a scope, from the next call on."""
        self._spending.set_limit(scope, limit)

    def stop(self, scope: str = "*") -> None:
        """Refuse every further call that reserves, of one scope or of all, until `allow`."""
        self._spending.stop(scope)
        self._tell()

    def allow(self, scope: str = "*") -> None:
        """Lift `stop`."""
        self._spending.allow(scope)

    def repair(self) -> None:
        """Have a whole state file: set aside a damaged one, write the state where there is none."""
        with self._lock:
            self._ledger.refresh()
            self._ledger.write()
            self._took_over()
        self._tell()

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Hear ``breach``, ``downgraded``, ``lifted``, ``exhausted``, ``stopped``, ``state_corrupt`` and the like."""
        return self.listeners.add(listener)

    def close(self) -> None:
        """Give back what was drawn and not used, and stop being watched until the next use."""
        self._spending.give_back()
        WATCHER.leave(self)
        self._watched = False

    # ------------------------------------------------------------------ inside

    def _note(self, delta: float) -> None:
        now = self._clock.monotonic()
        with self._lock:
            self.within_budget = 0 if delta > self.breach_threshold else self.within_budget + 1
            with self._ledger.change() as state:
                if delta > self.breach_threshold:
                    self._breach(state, delta, now)
                elif not state["downgrade_active"]:
                    state["consecutive_breaches"] = 0
                elif now >= self._cool_at:
                    self._lift(state, f"within budget for {self.cooldown_s:g} s")
            self._stirred = bool(state["consecutive_breaches"] or state["downgrade_active"])
        self._begin_watch()
        self._tell()

    def _breach(self, state: State, delta: float, now: float) -> None:
        at = iso(self._clock.wall())
        self.breaches += 1
        self._cool_at = now + self.cooldown_s
        state["consecutive_breaches"] += 1
        state["last_breach_timestamp"] = at
        state["breach_history"] = [*state["breach_history"], {"timestamp": at, "token_delta": min(delta, _MOST)}][
            -_HISTORY:
        ]
        how = "critical" if delta > self.critical_threshold else "above"
        self._event("breach", f"{delta:.1f} % over the baseline ({how})")
        if state["consecutive_breaches"] >= self.consecutive_breaches and not state["downgrade_active"]:
            state["downgrade_active"] = True
            state["downgrade_activated_at"] = at
            self._event("downgraded", f"{state['consecutive_breaches']} breaches running")

    def _lift(self, state: State, because: str) -> None:
        if state["downgrade_active"]:
            self._event("lifted", because)
        state["downgrade_active"] = False
        state["downgrade_activated_at"] = None
        state["consecutive_breaches"] = 0

    def _took_over(self) -> None:
        """The state may be another than before: what follows from it is computed anew."""
        state = self._ledger.state
        self._stirred = bool(state["consecutive_breaches"] or state["downgrade_active"])
        last = state["last_breach_timestamp"]
        since = self._clock.wall() - datetime.fromisoformat(last).timestamp() if last else 0.0
        left_s = self.cooldown_s - min(self.cooldown_s, max(0.0, since))
        self._cool_at = self._clock.monotonic() + left_s  # use within budget lifts the downgrade from then on

    def _look(self) -> None:
        self._begin_watch()
        with self._lock:
            if self._ledger.refresh():
                self._took_over()
        self._tell()

    def _event(self, kind: str, because: str) -> None:
        self._untold.append(
            GuardEvent(guard="budget", name=self.name, kind=kind, at=iso(self._clock.wall()) or "", because=because)
        )

    def _tell(self) -> None:
        while self._untold:
            try:
                event = self._untold.pop(0)
            except IndexError:  # another thread was faster
                return
            announce(event, self.listeners)

    # ------------------------------------------------------------------ the watcher

    def _begin_watch(self) -> None:
        if not self._watched:
            self._watched = True
            WATCHER.watch(self)

    def tick(self) -> None:
        """Take over what somebody else wrote."""
        self._look()

    def report(self) -> dict[str, Any]:
        """What is shown outside the process."""
        return self.get_status() | {
            "state_file": str(self._ledger.path),
            "used": self.used,
            "breaches": self.breaches,
            "spent": self.spent(),
            "settings": {"consecutive_breaches": self.consecutive_breaches, "cooldown_s": self.cooldown_s},
            "within_budget": self.within_budget,
            "stopped": self._spending.stopped(),
            "refused": {
                scope: {"times": times, "last": iso(last)} for scope, (times, last) in self._spending.refused().items()
            },
        }

    def obey(self, verb: str, settings: Mapping[str, Any]) -> str:
        """Carry out an order: ``reset``, ``repair``, ``stop``, ``allow``, ``limit``."""
        scope = str(settings.get("scope", "*"))
        if verb == "reset":
            self.reset_downgrade()
        elif verb == "repair":
            self.repair()
        elif verb == "stop":
            self.stop(scope)
        elif verb == "allow":
            self.allow(scope)
        elif verb == "limit":
            self.set_limit(scope, settings["limit"])
        else:
            return f"refused: a budget knows no `{verb}`"
        return "done"

    def forked(self) -> None:
        """In the child of a fork: what was drawn belongs to the parent."""
        self._lock = RLock()
        self._ledger.forked()
        self._spending.forked()
        self._watched = False


def check_state(state: State) -> State:
    """A state with every key and only sensible values; raises `Damaged`. Keys of others are kept."""
    whole: State = {
        "consecutive_breaches": 0,
        "last_breach_timestamp": None,
        "downgrade_active": False,
        "downgrade_activated_at": None,
        "breach_history": [],
        "spending": {"day": 0, "scopes": {}},
    } | state
    if not _is_count(whole["consecutive_breaches"]):
        raise Damaged("`consecutive_breaches` is no count")
    if not isinstance(whole["downgrade_active"], bool):
        raise Damaged("`downgrade_active` is neither true nor false")
    for name in ("last_breach_timestamp", "downgrade_activated_at"):
        if whole[name] is not None:
            whole[name] = _moment(name, whole[name])
    history = whole["breach_history"]
    if not isinstance(history, list) or not all(isinstance(each, dict) for each in history):
        raise Damaged("`breach_history` is no list of breaches")
    whole["breach_history"] = [
        each
        | {"timestamp": _moment("timestamp", each.get("timestamp")), "token_delta": _number(each.get("token_delta"))}
        for each in history[-_HISTORY:]
    ]
    spending = whole["spending"]
    if (
        not isinstance(spending, dict)
        or not _is_count(spending.get("day"))
        or not isinstance(spending.get("scopes"), dict)
    ):
        raise Damaged("`spending` is no account of a day")
    scopes = {scope: _number(amount) for scope, amount in spending["scopes"].items()}
    if any(amount < 0 for amount in scopes.values()):
        raise Damaged("`spending` is less than nothing")
    before = {"before": spending["before"]} if _is_count(spending.get("before")) else {}
    whole["spending"] = {"day": spending["day"], "scopes": scopes} | before
    return whole


def _is_count(value: Any) -> bool:
    return is_whole(value, 0) and value <= _MOST


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _HUGE:
        raise Damaged(f"`{value}` is no number")
    return float(value)


def _moment(name: str, value: object) -> str:
    """A moment as it was written; one without a zone is UTC, seconds since 1970 are understood."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return iso(value) or ""
        parsed = datetime.fromisoformat(str(value))
        return str(value) if parsed.tzinfo else parsed.replace(tzinfo=UTC).isoformat()
    except (ValueError, OverflowError, OSError) as error:
        raise Damaged(f"`{name}` is no moment") from error


_instance: BudgetTripwire | None = None
_instance_lock = RLock()


def get_tripwire(**settings: Any) -> BudgetTripwire:
    """The tripwire of this process; the first call makes it with these settings."""
    global _instance  # noqa: PLW0603 - the one instance of the process is what it is for
    with _instance_lock:
        if _instance is None:
            _instance = BudgetTripwire(**settings)
        return _instance


get_budget_tripwire = get_tripwire


def reset_tripwire_instance() -> None:
    """Forget the tripwire of this process; the next `get_tripwire` reads its file again."""
    global _instance  # noqa: PLW0603
    with _instance_lock:
        if _instance is not None:
            _instance.close()
        _instance = None
