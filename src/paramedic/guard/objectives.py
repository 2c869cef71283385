"""Service level objectives of one process: what was measured against what was promised, over a window of time."""

from collections import deque
from dataclasses import dataclass
from math import ceil
from operator import gt, lt
from typing import Any

_QUANTILES = {"_p50": 0.5, "_p90": 0.9, "_p95": 0.95, "_p99": 0.99}
_LOWER_IS_BETTER = ("latency", "duration", "error", "delta", "cost", "tokens", "failure", "energy")
_MOST_SAMPLES = 100_000
WORSE_ABOVE = 2.5
"""Without a written critical bound, a metric that should be low is critical above so many times its target,"""
WORSE_BELOW = 0.75
"""and one that should be high below this part of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """One promise."""

    name: str
    target: float
    """In the metric's own unit; milliseconds where it was written as ``target_ms``."""
    critical: float
    lower_is_better: bool
    window_s: float
    minimum_samples: int

    @classmethod
    def of(cls, name: str, settings: dict[str, Any]) -> "Objective":  # Any: values of a settings file, checked before
        """An objective from its settings."""
        in_ms = "target_ms" in settings
        target = float(settings["target_ms"] if in_ms else settings["target"])
        lower = in_ms or any(word in name for word in _LOWER_IS_BETTER)
        if "comparison" in settings:
            lower = settings["comparison"] in ("at_most", "less_than", "below")
        critical = settings.get(
            "critical_ms", settings.get("critical", target * (WORSE_ABOVE if lower else WORSE_BELOW))
        )
        return cls(
            name=name,
            target=target,
            critical=float(critical),
            lower_is_better=lower,
            window_s=float(settings.get("measurement_window_minutes", 60)) * 60,
            minimum_samples=int(settings.get("minimum_samples", 1)),
        )

    def hears(self, metric: str) -> bool:
        """Whether a metric is this objective's: by its name, or without the quantile that the objective takes."""
        return metric == self.name or (self._quantile is not None and metric in (self._stem, f"{self._stem}_ms"))

    @property
    def _stem(self) -> str:
        return self.name[:-4]

    @property
    def _quantile(self) -> float | None:
        return _QUANTILES.get(self.name[-4:])

    def actual(self, values: list[float]) -> float:
        """The quantile that the name asks for (nearest rank), else the mean."""
        quantile = self._quantile
        if quantile is None:
            return sum(values) / len(values)
        return sorted(values)[ceil(quantile * len(values)) - 1]

    def severity(self, actual: float) -> str | None:
        """``critical``, ``warning``, or ``None`` where the promise is kept."""
        is_worse = gt if self.lower_is_better else lt
        if not is_worse(actual, self.target):
            return None
        return "critical" if is_worse(actual, self.critical) else "warning"


class Measured:
    """The measurements of one objective within its window."""

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self._values: deque[tuple[float, float]] = deque(maxlen=_MOST_SAMPLES)

    def add(self, value: float, now: float) -> None:
        """One measurement; `now` is monotonic."""
        self._values.append((now, value))

    def violation(self, now: float) -> dict[str, Any] | None:  # Any: plain JSON values
        """How the promise is broken, ``None`` where it is kept or too little was measured."""
        values, objective = self._values, self.objective
        while values and values[0][0] <= now - objective.window_s:
            values.popleft()
        if len(values) < objective.minimum_samples or not values:
            return None
        actual = objective.actual([value for _, value in values])
        severity = objective.severity(actual)
        if severity is None:
            return None
        return {
            "slo_name": objective.name,
            "severity": severity,
            "target": objective.target,
            "actual": actual,
            "window": f"{objective.window_s / 60:g} min",
        }
