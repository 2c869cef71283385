"""The guards' numbers for OpenTelemetry."""

import subprocess
import sys

import pytest
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from paramedic.guard import (
    BudgetTripwire,
    CircuitBreaker,
    CircuitOpen,
    FeatureFlags,
    LabelCap,
    MemoryMonitor,
    PerformanceMonitor,
    telemetry,
)
from paramedic.guard.cardinality import LABELS
from paramedic.guard.tasks import FailedTaskQueue


@pytest.fixture
def collected(monkeypatch):
    reader = InMemoryMetricReader()
    provider = MeterProvider(metric_readers=[reader])
    monkeypatch.setattr(metrics, "get_meter", provider.get_meter)
    monkeypatch.setattr(telemetry, "_latency", None)
    telemetry._guards.clear()

    def collect():
        found = {}
        for resource in reader.get_metrics_data().resource_metrics:
            for scope in resource.scope_metrics:
                assert scope.scope.name == "paramedic.guard"
                for metric in scope.metrics:
                    found[metric.name] = {
                        tuple(sorted(point.attributes.items())): (point.count, point.sum)
                        if hasattr(point, "count")
                        else point.value
                        for point in metric.data.data_points
                    }
                    found[f"{metric.name} unit"] = metric.unit
        return found

    yield collect
    provider.shutdown()
    telemetry._guards.clear()


def test_every_guard_is_measured_under_its_name(collected, clock, tmp_path) -> None:
    """With the labels of the contract."""
    breaker = CircuitBreaker(name="model", failure_threshold=1, clock=clock)
    with pytest.raises(KeyError), breaker:
        raise KeyError
    for _ in range(2):
        with pytest.raises(CircuitOpen):
            breaker.admit()
    breaker.allow_half_open()
    breaker.reset()
    breaker.force_open()
    idle = CircuitBreaker(name="idle", clock=clock)
    tripwire = BudgetTripwire(clock=clock)
    tripwire.record(120, 100)
    flags = FeatureFlags({"a": True}, clock=clock)
    flags.is_enabled("a")
    memory, unlooked = MemoryMonitor(limit_bytes=1000, rss=lambda: 77, clock=clock), MemoryMonitor(name="later")
    memory.check()
    queue = FailedTaskQueue(tmp_path / "q.sqlite", handlers={"x": print}, clock=clock)
    queue.add("x")
    cap = LabelCap(limit=1, name="mine")
    cap.labels(x="1")
    cap.labels(x="2")
    calls = PerformanceMonitor(clock=clock)
    calls.record(0.25)
    calls.record(0.5)
    guards = [breaker, idle, tripwire, flags, memory, unlooked, queue, cap, calls]
    telemetry.export(guards)
    calls.record(9.0)
    calls.forked()  # what is not told yet is told by the parent
    calls.record(2.0, error=True)
    telemetry.export(guards)
    found = collected()
    assert found["fusion.execution.latency_ms"] == {
        (("error", "false"), ("monitor", "performance")): (2, 750.0),
        (("error", "true"), ("monitor", "performance")): (1, 2000.0),
    }
    assert found["fusion.execution.latency_ms unit"] == "ms"
    without_unit = ["fusion.circuit_breaker.event", "guard.breaker.state", "guard.budget.breaches", "guard.budget.tokens",
                    "guard.flags.evaluations", "guard.metrics.folded", "guard.tasks.pending"]  # fmt: skip
    assert sorted(name for name in found if found.get(f"{name} unit") == "1") == without_unit
    assert found["guard.breaker.state"] == {(("breaker", "idle"),): 0, (("breaker", "model"),): 2}
    assert found["fusion.circuit_breaker.event"] == {
        **{(("breaker", "idle"), ("event", event)): 0 for event in ("opened", "half_opened", "closed", "rejected")},
        (("breaker", "model"), ("event", "opened")): 2,
        (("breaker", "model"), ("event", "half_opened")): 1,
        (("breaker", "model"), ("event", "closed")): 1,
        (("breaker", "model"), ("event", "rejected")): 2,
    }
    assert found["guard.budget.tokens"] == {(("budget", "tokens"),): 120}
    assert found["guard.budget.breaches"] == {(("budget", "tokens"),): 1}
    assert found["guard.flags.evaluations"] == {(("flag", "a"),): 1}
    assert found["guard.memory.rss_bytes"] == {(("monitor", "memory"),): 77}
    assert found["guard.memory.rss_bytes unit"] == "By"
    assert found["guard.tasks.pending"] == {
        (("queue", "tasks"), ("state", "dead")): 0,
        (("queue", "tasks"), ("state", "running")): 0,
        (("queue", "tasks"), ("state", "waiting")): 1,
    }
    assert found["guard.metrics.folded"] == {(("cap", "mine"), ("label", "x")): 1}


def test_labels_are_capped_and_what_is_folded_is_added_up(collected, clock, monkeypatch) -> None:
    """A thousand breakers are a hundred names and one `other`, whose state is the worst."""
    monkeypatch.setattr(LABELS, "limit", 2)
    monkeypatch.setattr(LABELS, "_values", {})
    monkeypatch.setattr(LABELS, "folded", {})
    breakers = [CircuitBreaker(name=f"b{number}", clock=clock) for number in range(5)]
    breakers[3].force_open()
    breakers[4].force_open()
    breakers[4].allow_half_open()
    telemetry.export(breakers)
    found = collected()
    assert found["guard.breaker.state"] == {
        (("breaker", "b0"),): 0,
        (("breaker", "b1"),): 0,
        (("breaker", "other"),): 2,
    }
    assert found["fusion.circuit_breaker.event"][("breaker", "other"), ("event", "opened")] == 2
    breakers[3].reset()
    assert collected()["guard.breaker.state"][("breaker", "other"),] == 1


PROGRAM = """
import time
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
reader = InMemoryMetricReader()
metrics.set_meter_provider(MeterProvider(metric_readers=[reader]))
from paramedic.guard import CircuitBreaker
breaker = CircuitBreaker(name="model")
breaker.state
deadline = time.monotonic() + 10
while time.monotonic() < deadline:
    data = reader.get_metrics_data()
    if data and "guard.breaker.state" in data.to_json(): break
    time.sleep(0.02)
else: raise SystemExit("not exported")
"""


def test_a_program_with_an_sdk_is_measured_by_itself() -> None:
    """Nothing has to be called."""
    subprocess.run([sys.executable, "-c", PROGRAM], check=True)


def test_each_label_has_a_cap_of_its_own(collected, clock, monkeypatch) -> None:
    """An order that caps `monitor` folds the names of monitors, and no other."""
    monkeypatch.setattr(LABELS, "_limits", {})
    monkeypatch.setattr(LABELS, "_values", {})
    monkeypatch.setattr(LABELS, "folded", {})
    assert LABELS.obey("cap", {"label": "monitor", "limit": 1}) == "done"
    calls = [PerformanceMonitor(name=name, clock=clock) for name in "ab"]
    for each in calls:
        each.record(1)
    breakers = [CircuitBreaker(name=name, clock=clock) for name in "ab"]
    telemetry.export([*calls, *breakers])
    found = collected()
    assert {labels: count for labels, (count, _) in found["fusion.execution.latency_ms"].items()} == {
        (("error", "false"), ("monitor", "a")): 1,
        (("error", "false"), ("monitor", "other")): 1,
    }
    assert set(found["guard.breaker.state"]) == {(("breaker", "a"),), (("breaker", "b"),)}
    assert LABELS.obey("cap", {"label": "breaker", "limit": 1}) == "done"
    telemetry.export(breakers)
    assert set(collected()["guard.breaker.state"]) == {(("breaker", "a"),), (("breaker", "other"),)}
