"""Breakers and objectives from one file, ``slo.yaml``, and the health that follows from both.

service_level_objectives:
  fusion_success_rate: {target: 0.95, measurement_window_minutes: 60}
  fusion_latency_p95: {target_ms: 2000, critical_ms: 5000}
circuit_breakers:
  overlay_execution:
    failure_threshold: 5
    recovery_timeout: 300
    window: {calls: 50, failure_rate: 0.5}
    trip_conditions:
      - {metric: fusion_overlay_latency_p95, threshold_ms: 5000, consecutive_violations: 3}
"""

import os
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any

from paramedic.guard.breaker import CircuitBreaker
from paramedic.guard.clock import SYSTEM, Clock
from paramedic.guard.documents import Document, read_document
from paramedic.guard.errors import InvalidSettings, Problem
from paramedic.guard.objectives import Measured, Objective

_OBJECTIVE = (
    "target", "target_ms", "critical", "critical_ms", "measurement_window_minutes", "minimum_samples",
    "comparison", "description",
)  # fmt: skip
_NUMBERS = ("target", "target_ms", "critical", "critical_ms", "measurement_window_minutes", "minimum_samples")
_COMPARISONS = ("at_least", "at_most", "greater_than", "less_than", "above", "below")


class ProductionSafetyManager:
    """What protects a service in production, built from its configuration directory.

    Raises `InvalidSettings` with every problem of the file, ``FileNotFoundError`` where there is none.
    """

    def __init__(
        self, config_dir: str | os.PathLike[str] = "configs/fusion", *, shared: object = None, clock: Clock = SYSTEM
    ) -> None:
        self.path = _found(Path(config_dir))
        self._clock = clock
        self._lock = Lock()
        document = read_document(self.path)
        problems: list[Problem] = []
        if not isinstance(document.value, dict | None):
            problems.append(
                Problem(
                    line=1, where=self.path.name, observed="is no mapping", expected="`circuit_breakers` and the like"
                )
            )
        objectives = _section(document, "service_level_objectives", problems)
        self._measured = {
            name: Measured(Objective.of(name, settings))
            for name, settings in objectives.items()
            if not _objective_problems(document, name, settings, problems)
        }
        self.circuit_breakers: dict[str, CircuitBreaker] = {}
        """The breakers by name."""
        for name, settings in _section(document, "circuit_breakers", problems).items():
            try:
                if not isinstance(settings, dict | None):
                    raise TypeError(f"`{settings}` is no mapping")
                wanted = {str(key): value for key, value in (settings or {}).items()}
                wanted.pop("description", None)
                self.circuit_breakers[name] = CircuitBreaker(name=name, shared=shared, clock=clock, **wanted)
            except (ValueError, TypeError) as error:
                line = document.line(("circuit_breakers", name))
                problems.append(
                    Problem(
                        line=line,
                        where=f"circuit_breakers.{name}",
                        observed=f"makes no sense: {error}",
                        expected="settings of a breaker",
                    )
                )
        if problems:
            raise InvalidSettings(problems)

    def record(self, metric: str, value: float) -> None:
        """Tell a measurement to the objectives and to the breakers that watch it."""
        if not abs(value) < float("inf"):
            raise ValueError(f"a measurement is a number, not `{value}`")
        now = self._clock.monotonic()
        with self._lock:
            for measured in self._measured.values():
                if measured.objective.hears(metric):
                    measured.add(float(value), now)
        for breaker in self.circuit_breakers.values():
            breaker.record_metric(metric, value)

    def check_system_health(self) -> dict[str, Any]:  # Any: plain JSON values
        """Health, the objectives that are missed, and the breakers.

        ``critical``: an objective is missed critically, or every breaker is open; ``degraded``: an objective is missed,
        or a breaker is not closed.
        """
        now = self._clock.monotonic()
        with self._lock:
            found = [measured.violation(now) for measured in self._measured.values()]
        violations = [each for each in found if each]
        states = {name: breaker.get_state() for name, breaker in self.circuit_breakers.items()}
        closed = [each["state"] == "closed" for each in states.values()]
        dead = bool(states) and all(each["state"] == "open" for each in states.values())
        if dead or any(each["severity"] == "critical" for each in violations):
            health = "critical"
        else:
            health = "degraded" if violations or not all(closed) else "healthy"
        return {"overall_health": health, "slo_violations": violations, "circuit_breaker_states": states}

    def force_circuit_breaker_reset(self, name: str) -> None:
        """Close a breaker; raises ``KeyError`` for a name that is not there."""
        self.circuit_breakers[name].reset()

    def adjust_recovery_parameters(self, name: str, parameters: Mapping[str, Any]) -> None:
        """Change settings of a breaker while calls run; all or, with ``ValueError``, none."""
        self.circuit_breakers[name].change(**parameters)


def _found(folder: Path) -> Path:
    for name in ("slo.yaml", "slo.yml", "slo.json"):
        if (folder / name).exists():
            return folder / name
    raise FileNotFoundError(f"there is no `slo.yaml` in `{folder}`")


def _section(document: Document, name: str, problems: list[Problem]) -> dict[str, Any]:
    value = document.value if isinstance(document.value, dict) else {}
    section = value.get(name) or {}
    if not isinstance(section, dict):
        problems.append(
            Problem(
                line=document.line((name,)), where=name, observed="is no mapping", expected="names with their settings"
            )
        )
        return {}
    return {str(key): settings for key, settings in section.items()}


def _objective_problems(document: Document, name: str, settings: object, problems: list[Problem]) -> bool:
    """Add what is wrong with an objective; whether there was anything."""
    before = len(problems)

    def complain(below: str | None, observed: str, expected: str) -> None:
        where = ("service_level_objectives", name) if below is None else ("service_level_objectives", name, below)
        problems.append(Problem(line=document.line(where), where=".".join(where), observed=observed, expected=expected))

    if not isinstance(settings, dict):
        complain(None, "is no mapping", "`target` or `target_ms`")
        return True
    if ("target" in settings) == ("target_ms" in settings):
        complain(None, "has not exactly one target", "`target` or `target_ms`")
    for key, value in settings.items():
        if key not in _OBJECTIVE:
            complain(str(key), "is no setting of an objective", f"one of {', '.join(_OBJECTIVE)}")
        elif key in _NUMBERS and (
            isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf")
        ):
            complain(str(key), f"is `{value}`", "a number of at least 0")
        elif key == "comparison" and value not in _COMPARISONS:
            complain(str(key), f"is `{value}`", "at_least or at_most")
    return len(problems) > before
