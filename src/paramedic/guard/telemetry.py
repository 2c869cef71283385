"""The guards' numbers as OpenTelemetry metrics, where the program has loaded an SDK.

Everything is read when the SDK collects, or when the watcher looks, so no guarded call pays for it. Labels pass the cap
of `LABELS`.
"""

from collections.abc import Callable, Iterable
from typing import Any
from weakref import WeakSet

from paramedic.guard.cardinality import LABELS

_COUNT = "1"
"""The unit of what has none."""
_STATES = {"closed": 0, "half_open": 1, "open": 2}
_guards: WeakSet[Any] = WeakSet()
_latency: Any = None  # the histogram of the SDK, once there is one

Row = tuple[float, dict[str, str]]


def export(guards: list[Any]) -> None:
    """Register the instruments once; from then on whatever guards there are is read."""
    global _latency  # noqa: PLW0603 - instruments exist once per process
    _guards.update(guards)
    if _latency is None:
        _latency = _register()
    measure_calls()


def _register() -> Any:
    from opentelemetry import metrics

    meter = metrics.get_meter("paramedic.guard")
    Observation = metrics.Observation  # noqa: N806 - a class

    def observe(rows: Callable[[], Iterable[Row]]) -> Callable[[Any], list[Any]]:
        return lambda _options: [Observation(value, labels) for value, labels in rows()]

    def gauge(name: str, rows: Callable[[], Iterable[Row]], unit: str = _COUNT) -> None:
        meter.create_observable_gauge(name, [observe(rows)], unit=unit)

    def counter(name: str, rows: Callable[[], Iterable[Row]]) -> None:
        meter.create_observable_counter(name, [observe(rows)], unit=_COUNT)

    gauge("guard.breaker.state", breaker_states)
    counter("fusion.circuit_breaker.event", breaker_events)
    counter("guard.budget.tokens", lambda: of_budgets("used"))
    counter("guard.budget.breaches", lambda: of_budgets("breaches"))
    counter("guard.flags.evaluations", flag_evaluations)
    gauge("guard.memory.rss_bytes", memory, "By")
    gauge("guard.tasks.pending", tasks)
    counter("guard.metrics.folded", folds)
    return meter.create_histogram("fusion.execution.latency_ms", unit="ms")


def measure_calls() -> None:
    """Give the calls of every performance monitor to the histogram."""
    for guard in _of("performance"):
        monitor = LABELS.fold("monitor", guard.name)
        while guard.unmeasured:
            duration_s, error = guard.unmeasured.popleft()
            _latency.record(duration_s * 1000, {"monitor": monitor, "error": "true" if error else "false"})


def _of(kind: str) -> list[Any]:
    return sorted((guard for guard in _guards if guard.kind == kind), key=lambda guard: str(guard.name))


def _summed(rows: Iterable[tuple[float, dict[str, str]]]) -> list[Row]:
    """Values that share their folded labels are added up."""
    sums: dict[tuple[tuple[str, str], ...], float] = {}
    for value, labels in rows:
        folded = tuple(LABELS.labels(**labels).items())
        sums[folded] = sums.get(folded, 0) + value
    return [(value, dict(labels)) for labels, value in sums.items()]


def breaker_states() -> list[Row]:
    """0 closed, 1 half open, 2 open; of several breakers that share a folded name the worst."""
    worst: dict[str, float] = {}
    for guard in _of("breaker"):
        name = LABELS.fold("breaker", guard.name)
        worst[name] = max(worst.get(name, 0), _STATES[guard.state])
    return [(value, {"breaker": name}) for name, value in worst.items()]


def breaker_events() -> list[Row]:
    """How often breakers opened, half opened and closed, and how many calls they refused."""
    return _summed(
        (times, {"breaker": guard.name, "event": event})
        for guard in _of("breaker")
        for event, times in guard.events().items()
    )


def of_budgets(number: str) -> list[Row]:
    """One number of every tripwire."""
    return _summed((getattr(guard, number), {"budget": guard.name}) for guard in _of("budget"))


def flag_evaluations() -> list[Row]:
    """How often each flag was asked."""
    return _summed(
        (asked, {"flag": name}) for guard in _of("flags") for name, asked in guard.report()["evaluations"].items()
    )


def memory() -> list[Row]:
    """Resident bytes at the last look."""
    return [(guard.last.rss_bytes, {"monitor": guard.name}) for guard in _of("memory") if guard.last]


def tasks() -> list[Row]:
    """Calls that wait or have been given up."""
    rows = []
    for guard in _of("tasks"):
        counts = guard.counts()
        rows += [(counts[state], {"queue": guard.name, "state": state}) for state in ("waiting", "running", "dead")]
    return _summed(rows)


def folds() -> list[Row]:
    """How often a label's value was folded."""
    return [
        (count, {"cap": guard.name, "label": label})
        for guard in _of("metrics")
        for label, count in guard.folded.items()
    ]
