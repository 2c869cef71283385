"""The settings of a breaker: checked together, changed together, and read from files by the same names."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

from paramedic.guard.demands import is_number, is_whole
from paramedic.guard.errors import BudgetExhausted
from paramedic.guard.window import Window

FailureTest = type[BaseException] | tuple[type[BaseException], ...] | Callable[[BaseException], bool]

_ALIASES = {
    "consecutive_success_threshold": "success_threshold",
    "recovery_timeout_seconds": "recovery_timeout",
    "recovery_timeout_s": "recovery_timeout",
}
_COMPARISONS = {
    "greater_than": "above", "gt": "above", ">": "above", "above": "above", "over": "above",
    "less_than": "below", "lt": "below", "<": "below", "below": "below", "under": "below",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class TripCondition:
    """Opens a breaker when a metric is on the wrong side of its threshold several times running."""

    metric: str
    threshold: float
    """In the unit of the metric; milliseconds where it was written as ``threshold_ms``."""
    comparison: str = "greater_than"
    """Which side is wrong: ``greater_than`` or ``less_than`` (also ``>``, ``<``, ``above``, ``below``)."""
    consecutive_violations: int = 1

    def __post_init__(self) -> None:
        if not isinstance(self.metric, str):
            raise ValueError(f"`metric` is the name of a metric, not `{self.metric}`")  # noqa: TRY004 - as above
        if not is_number(self.threshold, float("-inf")):
            raise ValueError(f"`threshold` is a number, not `{self.threshold}`")
        if str(self.comparison) not in _COMPARISONS:
            raise ValueError(f"`comparison` is greater_than or less_than, not `{self.comparison}`")
        if not is_whole(self.consecutive_violations):
            raise ValueError(
                f"`consecutive_violations` is at least 1, a whole number, not `{self.consecutive_violations}`"
            )

    @classmethod
    def of(cls, given: "TripCondition | Mapping[str, Any]") -> Self:  # Any: a value of a settings file
        """A condition from a mapping that has ``threshold`` or ``threshold_ms``."""
        if isinstance(given, cls):
            return given
        if not isinstance(given, Mapping):
            raise ValueError(  # noqa: TRY004 - a wrong value in a file, not a wrong type in a program
                "a trip condition has `metric`, `threshold` or `threshold_ms`, `comparison`, `consecutive_violations`"
            )
        written = dict(given)
        if "threshold_ms" in written:
            if "threshold" in written:
                raise ValueError("a trip condition has either `threshold` or `threshold_ms`")
            written["threshold"] = written.pop("threshold_ms")
        refuse_strangers(written, [each.name for each in fields(cls)], "a trip condition")
        for name in ("metric", "threshold"):
            if name not in written:
                raise ValueError(f"a trip condition needs `{name}`")
        return cls(**written)

    def violated_by(self, value: float) -> bool:
        """Whether a measurement is on the wrong side; what is no number violates nothing."""
        return value > self.threshold if _COMPARISONS[self.comparison] == "above" else value < self.threshold

    def __str__(self) -> str:
        side = _COMPARISONS[self.comparison]
        often = "" if self.consecutive_violations == 1 else f" {self.consecutive_violations} times running"
        return f"`{self.metric}` {side} {self.threshold:g}{often}"


def refuse_strangers(written: Iterable[str], known: Iterable[str], thing: str) -> None:
    """Raise on the first name that is not known, with the likeliest one that was meant."""
    known = sorted(known)
    for name in written:
        if name not in known:
            from difflib import get_close_matches

            near = get_close_matches(name, known)
            meant = f"; did you mean `{near[0]}`?" if near else f"; it has {', '.join(known)}"
            raise ValueError(f"{thing} has no `{name}`{meant}")


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerSettings:
    """Everything that can be set, and changed while calls run."""

    failure_threshold: int = 5
    recovery_timeout: float = 300.0
    success_threshold: int = 2
    half_open_max_calls: int = 1
    window: Window = field(default_factory=Window)
    trip_conditions: tuple[TripCondition, ...] = ()
    failure_on: FailureTest = Exception
    """Which errors are failures of the dependency; all others count neither way."""

    def __post_init__(self) -> None:
        for name in ("failure_threshold", "success_threshold", "half_open_max_calls"):
            value = getattr(self, name)
            if not is_whole(value):
                raise ValueError(f"`{name}` is a whole number of at least 1, not `{value}`")
        if not is_number(self.recovery_timeout):
            raise ValueError(f"`recovery_timeout` is a number of seconds, not `{self.recovery_timeout}`")
        if not _judges(self.failure_on):
            raise ValueError(
                "`failure_on` is a type of error, several in a tuple, or a function that is asked about each"
            )

    def changed(self, changes: Mapping[str, Any]) -> Self:  # Any: values of a settings file
        """These settings with some of them changed; parts of the window stand beside the others.

        Raises ``ValueError`` for an unknown name or a value that makes no sense; then nothing is changed.
        """
        wanted = {_ALIASES.get(name, name): value for name, value in changes.items() if value is not None}
        own = [each.name for each in fields(self)]
        parts = [each.name for each in fields(Window)]
        refuse_strangers(wanted, [*own, *parts, *_ALIASES], "a breaker")
        window = Window.of(wanted["window"]) if "window" in wanted else self.window
        part = {name: value for name, value in wanted.items() if name in parts}
        if "calls" in part or "seconds" in part:
            part = {"calls": None, "seconds": None} | part
        rest = {name: value for name, value in wanted.items() if name in own}
        rest["window"] = replace(window, **part)
        if "trip_conditions" in rest:
            if not isinstance(rest["trip_conditions"], list | tuple):
                raise ValueError(f"`trip_conditions` is a list of conditions, not `{rest['trip_conditions']}`")
            rest["trip_conditions"] = tuple(map(TripCondition.of, rest["trip_conditions"]))
        return replace(self, **rest)

    def is_failure(self, error: BaseException) -> bool:
        """Whether an error speaks against the dependency. A cancelled call never does.

        Nor does one for which there was no budget: it was not made.
        """
        test = self.failure_on
        if test is Exception:
            return isinstance(error, Exception) and not isinstance(error, BudgetExhausted)
        if isinstance(test, type | tuple):
            return isinstance(error, test)
        try:
            return isinstance(error, Exception) and bool(test(error))
        except Exception:  # boundary: foreign code; the error that it was asked about is what the caller must see
            import logging

            logging.getLogger("paramedic.guard").exception("`failure_on` failed; the error counts as a failure")
            return True


def _judges(test: Any) -> bool:
    if isinstance(test, tuple):
        return all(map(_is_error, test))
    return _is_error(test) if isinstance(test, type) else callable(test)


def _is_error(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseException)


def patient_profile(
    latency_metric: str = "fusion_overlay_latency_p95", success_metric: str = "fusion_success_rate"
) -> dict[str, Any]:
    """More patient settings for a breaker that trips on blips, as keywords for `CircuitBreaker.change`.

    Never applied unasked: they are looser than the objective.
    """
    return {
        "failure_threshold": 8,
        "recovery_timeout": 180.0,
        "success_threshold": 3,
        "trip_conditions": [
            {"metric": latency_metric, "threshold_ms": 8000, "comparison": "greater_than", "consecutive_violations": 5},
            {"metric": success_metric, "threshold": 0.7, "comparison": "less_than", "consecutive_violations": 3},
        ],
    }
