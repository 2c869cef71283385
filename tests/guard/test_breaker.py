"""One breaker, time by hand."""

import pytest

from failing_calls import Down, fail, numbers, refused, succeed
from paramedic.guard import CircuitBreaker, CircuitOpen
from paramedic.guard.testing import Outcomes


def test_consecutive_failures_open_it(breaker) -> None:
    """The third running failure, not the third failure."""
    fail(breaker, 2)
    succeed(breaker)
    fail(breaker, 2)
    assert breaker.state == "closed"
    fail(breaker)
    assert breaker.state == "open"
    assert refused(breaker).because == "3 failures running"


def test_a_refusal_says_who_why_and_when(breaker, clock) -> None:
    """The caller can plan with it."""
    fail(breaker, 3)
    clock.advance(10)
    refusal = refused(breaker)
    assert (refusal.name, refusal.retry_in_s) == ("model", 20.0)
    assert str(refusal) == "breaker `model` lets no call through: 3 failures running, probes again in 20.0 s"
    with pytest.raises(CircuitOpen) as refusal:
        breaker(max)(1, 2)
    assert refusal.value.retry_in_s == 20.0
    with pytest.raises(CircuitOpen) as refusal, breaker:
        pass
    assert refusal.value.retry_in_s == 20.0
    breaker.force_open("a person")
    assert refused(breaker).retry_in_s is None
    assert str(refused(breaker)) == "breaker `model` lets no call through: a person"


def test_the_state_has_the_keys_of_the_contract(breaker, clock) -> None:
    """And times are ISO 8601 UTC."""
    assert breaker.get_state() == {
        "state": "closed",
        "failure_count": 0,
        "success_count": 0,
        "consecutive_failures": 0,
        "half_open_calls": 0,
        "last_failure_time": None,
        "state_change_time": "2023-11-14T22:13:20+00:00",
        "because": "",
        "forced": False,
        "retry_in_s": None,
        "calls": 0,
        "slow_calls": 0,
        "rejected": 0,
        "opened_times": 0,
    }
    succeed(breaker, 2)
    clock.advance(1)
    fail(breaker, 3)
    refused(breaker)
    clock.advance(1)
    assert breaker.get_state() == {
        "state": "open",
        "failure_count": 3,
        "success_count": 2,
        "consecutive_failures": 3,
        "half_open_calls": 0,
        "last_failure_time": "2023-11-14T22:13:21+00:00",
        "state_change_time": "2023-11-14T22:13:21+00:00",
        "because": "3 failures running",
        "forced": False,
        "retry_in_s": 29.0,
        "calls": 5,
        "slow_calls": 0,
        "rejected": 1,
        "opened_times": 1,
    }


def test_after_the_recovery_time_a_trial_may_pass(breaker, clock) -> None:
    """Not a moment before; and two successes close it."""
    fail(breaker, 3)
    clock.advance(29.99)
    refused(breaker)
    assert breaker.state == "open"
    clock.advance(0.01)
    succeed(breaker)
    assert numbers(breaker, "state", "success_count") == ("half_open", 1)
    succeed(breaker)
    assert numbers(breaker, "state", "success_count", "failure_count", "because") == (
        "closed",
        0,
        0,
        "2 trial calls succeeded",
    )


def test_a_look_shows_what_the_next_call_would_find(breaker, clock) -> None:
    """`open` is never shown past the recovery time."""
    fail(breaker, 3)
    clock.advance(30)
    assert breaker.get_state()["state"] == "half_open"
    assert breaker.get_state()["retry_in_s"] is None


def test_one_failed_trial_opens_it_again(breaker, clock) -> None:
    """For another recovery time, counted from now."""
    fail(breaker, 3)
    clock.advance(31)
    succeed(breaker)
    clock.advance(5)
    fail(breaker)
    assert numbers(breaker, "state", "because", "retry_in_s") == ("open", "a trial call failed with Down", 30.0)
    assert breaker.get_state()["last_failure_time"] == "2023-11-14T22:13:56+00:00"
    clock.advance(30)
    succeed(breaker, 1)
    assert numbers(breaker, "state", "success_count") == ("half_open", 1)


def test_at_most_so_many_trials_run_at_once(clock) -> None:
    """The permit comes back when the trial ends."""
    breaker = CircuitBreaker(failure_threshold=1, recovery_timeout=1, half_open_max_calls=2, clock=clock)
    fail(breaker)
    clock.advance(1)
    first, second = breaker.admit(), breaker.admit()
    assert breaker.get_state()["half_open_calls"] == 2
    assert refused(breaker).retry_in_s is None
    assert str(refused(breaker)) == "breaker `breaker` lets no call through: its trial calls are under way"
    first.succeeded(clock.monotonic())
    third = breaker.admit()
    refused(breaker)
    second.abandoned()
    third.abandoned()
    assert numbers(breaker, "half_open_calls", "success_count", "state") == (0, 1, "half_open")


def test_a_trial_keeps_its_permit_through_every_change(clock) -> None:
    """However often the breaker opens and closes meanwhile, no more run than may; its late word counts for nothing."""
    breaker = CircuitBreaker(
        failure_threshold=1, recovery_timeout=1, success_threshold=1, half_open_max_calls=2, clock=clock
    )
    fail(breaker)
    clock.advance(1)
    hanging = breaker.admit()
    fail(breaker)
    clock.advance(1)
    trial = breaker.admit()
    refused(breaker)
    hanging.succeeded(clock.monotonic())
    assert breaker.state == "half_open"
    trial.failed(Down(), 0.0)
    assert breaker.state == "open"
    assert breaker.get_state()["half_open_calls"] == 0


def test_cancellation_is_no_failure(breaker, clock) -> None:
    """Neither while closed nor as a trial, where it only gives the permit back."""
    for _ in range(5):
        with pytest.raises(KeyboardInterrupt):
            breaker.call(Outcomes([KeyboardInterrupt()]))
    assert numbers(breaker, "state", "calls", "consecutive_failures") == ("closed", 0, 0)
    fail(breaker, 3)
    clock.advance(30)
    with pytest.raises(KeyboardInterrupt):
        breaker.call(Outcomes([KeyboardInterrupt()]))
    assert numbers(breaker, "state", "half_open_calls", "success_count") == ("half_open", 0, 0)


def test_a_call_that_outlives_its_period_changes_nothing(breaker, clock) -> None:
    """Neither its success nor its failure speaks to the next period."""
    early, late = breaker.admit(), breaker.admit()
    breaker.reset()
    for _ in range(5):
        early.failed(Down(), clock.monotonic())
    late.was_slow(clock.monotonic())
    late.succeeded(clock.monotonic())
    late.count()
    assert numbers(breaker, "state", "calls", "failure_count", "success_count") == ("closed", 0, 0, 0)
    breaker.force_open()
    late.failed(Down(), clock.monotonic())
    assert breaker.get_state()["last_failure_time"] is None


def test_a_person_can_open_close_and_let_it_probe(breaker, clock) -> None:
    """Opened by hand it stays open, whatever time it is."""
    breaker.force_open()
    clock.advance(1e6)
    assert numbers(breaker, "state", "forced", "retry_in_s", "because") == ("open", True, None, "opened by hand")
    refused(breaker)
    breaker.allow_half_open()
    assert numbers(breaker, "state", "forced", "because") == ("half_open", False, "allowed by hand")
    succeed(breaker, 2)
    assert breaker.state == "closed"
    breaker.allow_half_open()
    assert breaker.state == "closed"
    fail(breaker, 3)
    breaker.reset()
    assert numbers(breaker, "state", "failure_count", "because") == ("closed", 0, "reset")
    succeed(breaker)


@pytest.mark.parametrize("hours", [-1, 1])
def test_the_wall_clock_decides_nothing(breaker, clock, hours) -> None:
    """A step of an hour neither holds it open nor closes it early, nor shifts a window."""
    fail(breaker, 2)
    clock.step_wall(hours * 3600)
    fail(breaker)
    clock.advance(29)
    clock.step_wall(hours * 3600)
    refused(breaker)
    clock.advance(1)
    succeed(breaker, 2)
    assert breaker.state == "closed"
    windowed = CircuitBreaker(window="60 s", failure_threshold=3, clock=clock)
    fail(windowed, 2)
    clock.step_wall(hours * 3600)
    assert windowed.get_state()["failure_count"] == 2
    fail(windowed)
    assert windowed.state == "open"


def test_the_name_defaults_and_positional_works() -> None:
    """`CircuitBreaker("model")` reads well."""
    assert CircuitBreaker().name == "breaker"
    assert CircuitBreaker("model").name == "model"
