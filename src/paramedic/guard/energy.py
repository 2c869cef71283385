"""Energy per request, governed like tokens: a tripwire in joules, and budgets a day and per scenario.

Joules are measured where the platform counts them (RAPL under ``/sys/class/powercap``), else they are tokens times the
declared joules per token. ``energy_governance.yaml``::

    energy_governance:
      joules_per_token: 0.5
      request_budget_joules: 200        # the baseline of one request
      breach_threshold: 12              # percent above it; critical_threshold, consecutive_breaches, cooldown_s alike
      daily_budget_joules: 500000
      scenarios:
        refund: {request_budget_joules: 120, daily_budget_joules: 100000}
"""

import os
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Self

from paramedic.guard.clock import SYSTEM, Clock
from paramedic.guard.demands import is_number
from paramedic.guard.documents import Document, read_document
from paramedic.guard.errors import InvalidSettings, Problem
from paramedic.guard.spending import Reservation
from paramedic.guard.tripwire import BudgetTripwire

STATE_FILE = ".fusion_energy_state.json"
DAY = "day"
"""The scope that every request counts against."""
_RAPL = Path("/sys/class/powercap")
_OWN = ("joules_per_token", "request_budget_joules", "daily_budget_joules")
_TRIPWIRE = ("breach_threshold", "critical_threshold", "consecutive_breaches", "cooldown_s")


class EnergyReservation:
    """What one request may use, of the day's budget and of its scenario's."""

    def __init__(self, parts: Iterable[Reservation]) -> None:
        self._parts = tuple(parts)

    def commit(self, used: float | None = None) -> None:
        """The request used so many joules; without a number, all that was reserved."""
        for part in self._parts:
            part.commit(used)

    def release(self) -> None:
        """The request was not made."""
        for part in self._parts:
            part.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        if kind is None:
            self.commit()
        else:
            self.release()


class EnergyBudget:
    """Watches joules per request against their budget, and stops requests that would overspend a day's."""

    def __init__(
        self,
        *,
        joules_per_token: float | None = None,
        request_budget_joules: float | None = None,
        daily_budget_joules: float | None = None,
        scenarios: Mapping[str, Mapping[str, float]] | None = None,
        path: str | os.PathLike[str] | None = None,
        clock: Clock = SYSTEM,
        **tripwire: Any,
    ) -> None:
        given = {
            "joules_per_token": joules_per_token,
            "request_budget_joules": request_budget_joules,
            "daily_budget_joules": daily_budget_joules,
            "scenarios": scenarios,
        }
        problems = _problems(
            {name: value for name, value in given.items() if value is not None}, Document(value={}, lines={})
        )
        if problems:
            raise InvalidSettings(problems)
        self.joules_per_token = joules_per_token
        self._scenarios = {name: dict(settings) for name, settings in (scenarios or {}).items()}
        self._request_budget = request_budget_joules
        limits = {} if daily_budget_joules is None else {DAY: daily_budget_joules}
        for name, settings in self._scenarios.items():
            if "daily_budget_joules" in settings:
                limits[f"scenario:{name}"] = settings["daily_budget_joules"]
        self.tripwire = BudgetTripwire(
            path or os.environ.get("FUSION_ENERGY_STATE") or STATE_FILE,
            limits=limits,
            name="energy",
            clock=clock,
            **tripwire,
        )

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], /, **more: Any) -> Self:
        """Read ``energy_governance.yaml``; raises `InvalidSettings` with every problem."""
        document = read_document(Path(path))
        root = document.value.get("energy_governance") if isinstance(document.value, dict) else None
        if isinstance(root, dict):
            problems = _problems(root, document)
        else:
            problems = [_problem(document, ("energy_governance",), "is missing", "a mapping of settings")]
        if problems:
            raise InvalidSettings(problems)
        return cls(**dict(document.value["energy_governance"]), **more)

    def joules(self, tokens: float) -> float:
        """The declared energy of so many tokens."""
        if self.joules_per_token is None:
            raise ValueError("energy was not measured and `joules_per_token` is not declared")
        return tokens * self.joules_per_token

    def request_budget(self, scenario: str | None = None) -> float | None:
        """Joules that one request may use."""
        return self._scenarios.get(scenario or "", {}).get("request_budget_joules", self._request_budget)

    def record(self, *, joules: float | None = None, tokens: float = 0, scenario: str | None = None) -> float | None:
        """Tell what a request used; the difference to its budget in percent, ``None`` where it has none."""
        used = self.joules(tokens) if joules is None else joules
        budget = self.request_budget(scenario)
        return None if budget is None else self.tripwire.record(used, budget)

    def reserve(self, joules: float, scenario: str | None = None) -> EnergyReservation:
        """Reserve before a request; raises `BudgetExhausted` for the day's or the scenario's budget."""
        with ExitStack() as stack:
            parts = [self.tripwire.reserve(joules, DAY)]
            stack.callback(parts[0].release)
            if scenario is not None:
                parts.append(self.tripwire.reserve(joules, f"scenario:{scenario}"))
            stack.pop_all()
        return EnergyReservation(parts)

    @property
    def downgrade_active(self) -> bool:
        """Whether requests should use the plain baseline."""
        return self.tripwire.downgrade_active

    def get_status(self) -> dict[str, Any]:  # Any: plain JSON values
        """As `BudgetTripwire.get_status`, in joules, with what is spent today."""
        return self.tripwire.get_status() | {"spent": self.tripwire.spent(), "joules_per_token": self.joules_per_token}


def _problem(document: Document, where: tuple[str, ...], observed: str, expected: str) -> Problem:
    return Problem(line=document.line(where) or 1, where=".".join(where), observed=observed, expected=expected)


def _problems(root: Mapping[str, Any], document: Document) -> list[Problem]:
    """What is wrong with the settings, with their lines where they come from a document."""
    found: list[Problem] = []

    def look(settings: Mapping[str, Any], where: tuple[str, ...], known: tuple[str, ...]) -> None:
        for key, given in settings.items():
            place = (*where, str(key))
            above = key == "request_budget_joules"  # what others are measured by cannot be nothing
            if key not in known:
                found.append(_problem(document, place, "is no setting", f"one of {', '.join(known)}"))
            elif key != "scenarios" and not is_number(given, above=above):
                expected = "a number above 0" if above else "a number of at least 0"
                found.append(_problem(document, place, f"is `{given}`", expected))

    look(root, ("energy_governance",), (*_OWN, *_TRIPWIRE, "scenarios"))
    where = ("energy_governance", "scenarios")
    scenarios = root.get("scenarios", {})
    if isinstance(scenarios, Mapping) and all(isinstance(each, Mapping) for each in scenarios.values()):
        for name, settings in scenarios.items():
            look(settings, (*where, str(name)), _OWN[1:])
    else:
        found.append(_problem(document, where, "is no mapping", "settings per scenario"))
    return found


class EnergyMeter:
    """Joules that the machine's processors used since `start`, where the platform counts them.

    The counters are those of the whole machine: on a shared one they are an upper bound of a request's energy.
    """

    def __init__(self, root: Path = _RAPL) -> None:
        self._zones = [each for each in sorted(root.glob("intel-rapl:*")) if each.name.count(":") == 1]
        self._begun: dict[Path, int] = {}

    def start(self) -> bool:
        """Begin to measure; false where nothing can be measured."""
        self._begun.clear()
        with suppress(OSError, ValueError):
            self._begun |= {zone: _number(zone / "energy_uj") for zone in self._zones}
        return bool(self._begun)

    def joules(self) -> float | None:
        """Joules since `start`; ``None`` where nothing can be measured. The counters may wrap once."""
        if not self._begun:
            return None
        total = 0
        try:
            for zone, begun in self._begun.items():
                used = _number(zone / "energy_uj") - begun
                total += used if used >= 0 else used + _number(zone / "max_energy_range_uj")
        except (OSError, ValueError):
            return None
        return total / 1e6


def _number(path: Path) -> int:
    return int(path.read_text(encoding="ascii"))
