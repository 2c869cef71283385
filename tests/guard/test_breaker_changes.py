"""Settings that change while calls run, and measurements that open a breaker."""

import pytest

from failing_calls import Down, fail, numbers, refused, succeed
from paramedic.guard import CircuitBreaker, Window
from paramedic.guard.testing import Outcomes

CONDITIONS = [
    {"metric": "latency", "threshold_ms": 5000, "consecutive_violations": 3},
    {"metric": "success", "threshold": 0.95, "comparison": "less_than", "consecutive_violations": 2},
]


def test_every_setting_changes_while_it_runs(breaker, clock) -> None:
    """The next call is judged by the new ones."""
    fail(breaker, 2)
    breaker.change(failure_threshold=5)
    fail(breaker, 2)
    assert breaker.state == "closed"
    breaker.failure_threshold = 1
    assert breaker.failure_threshold == 1
    fail(breaker)
    assert breaker.get_state()["retry_in_s"] == 30.0
    breaker.recovery_timeout = 10
    assert breaker.get_state()["retry_in_s"] == 10.0
    clock.advance(10)
    breaker.change(success_threshold=1, half_open_max_calls=2)
    breaker.admit()
    succeed(breaker)
    assert breaker.state == "closed"
    breaker.window = "5 calls"
    assert breaker.window == Window(calls=5)
    breaker.failure_on = KeyError
    with pytest.raises(Down):
        breaker.call(Outcomes([Down()]))
    assert breaker.get_state()["failure_count"] == 0


def test_a_recovery_time_set_on_a_forced_breaker_does_not_free_it(breaker, clock) -> None:
    """Only a person does."""
    breaker.force_open()
    breaker.change(recovery_timeout=1)
    clock.advance(2)
    refused(breaker)
    breaker.reset()
    breaker.change(recovery_timeout=2)
    succeed(breaker)


def test_a_metric_opens_it_after_violations_running(clock) -> None:
    """One good measurement starts the count anew; other metrics have no say."""
    breaker = CircuitBreaker(trip_conditions=CONDITIONS, clock=clock)
    for value in (6000, 6000, 5000, 6000, 6000):
        breaker.record_metric("latency", value)
    breaker.record_metric("success", 0.9)
    breaker.record_metric("other", 1e9)
    assert breaker.state == "closed"
    breaker.record_metric("latency", 5001)
    assert numbers(breaker, "state", "because") == ("open", "`latency` above 5000 3 times running, last 5001")


def test_violations_are_forgotten_when_it_opens_closes_or_is_told_other_conditions(clock) -> None:
    """Each period starts clean."""
    breaker = CircuitBreaker(trip_conditions=CONDITIONS, recovery_timeout=1, clock=clock)
    breaker.record_metric("success", 0.9)
    breaker.reset()
    breaker.record_metric("success", 0.9)
    assert breaker.state == "closed"
    breaker.force_open()
    breaker.record_metric("success", 0.9)
    breaker.record_metric("success", 0.9)
    breaker.record_metric("success", 0.9)
    assert numbers(breaker, "because", "opened_times") == ("opened by hand", 1)
    breaker.reset()
    breaker.record_metric("success", 0.9)
    breaker.change(trip_conditions=CONDITIONS[1:])
    breaker.record_metric("success", 0.9)
    assert breaker.state == "closed"
    breaker.change(failure_threshold=9)
    breaker.record_metric("success", 0.9)
    assert breaker.state == "open"
    clock.advance(1)
    assert breaker.state == "half_open"
    breaker.record_metric("success", 0.9)
    breaker.record_metric("success", 0.9)
    assert breaker.state == "open"
