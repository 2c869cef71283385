"""What a breaker remembers of its calls, and how much of it opens it."""

import asyncio

import pytest

from failing_calls import Down, fail, numbers, slow, succeed
from paramedic.guard import CircuitBreaker
from paramedic.guard.testing import Outcomes
from paramedic.guard.wrapping import FULL


def test_a_rate_over_the_last_calls_opens_it(clock) -> None:
    """Alternating failures, which no streak ever notices."""
    breaker = CircuitBreaker(window={"calls": 20, "failure_rate": 0.5}, failure_threshold=1, clock=clock)
    for _ in range(5):
        fail(breaker)
        succeed(breaker)
    assert breaker.state == "closed"
    fail(breaker)
    assert numbers(breaker, "state", "because") == ("open", "6 of 11 calls failed")


def test_exactly_the_rate_opens_and_just_below_does_not(clock) -> None:
    """At half of ten, not at four of ten; never below ten calls."""
    for failures, state in ((4, "closed"), (5, "open")):
        breaker = CircuitBreaker(window={"calls": 10, "failure_rate": 0.5}, clock=clock)
        succeed(breaker, 10 - failures)
        fail(breaker, failures)
        assert breaker.state == state
    breaker = CircuitBreaker(window={"calls": 30, "failure_rate": 0.5}, clock=clock)
    fail(breaker, 9)
    assert breaker.state == "closed"
    fail(breaker)
    assert breaker.state == "open"


def test_without_a_rate_the_threshold_counts_within_the_window(clock) -> None:
    """Failures that were pushed out or are too old do not count."""
    breaker = CircuitBreaker(window="4 calls", failure_threshold=2, clock=clock)
    fail(breaker)
    succeed(breaker, 3)
    fail(breaker)
    assert breaker.state == "closed"
    succeed(breaker, 2)
    fail(breaker)
    assert numbers(breaker, "state", "because") == ("open", "2 failures within the window")
    breaker = CircuitBreaker(window="60 s", failure_threshold=2, clock=clock)
    fail(breaker)
    clock.advance(61)
    fail(breaker)
    assert breaker.state == "closed"
    clock.advance(58)
    fail(breaker)
    assert breaker.state == "open"


def test_a_window_shows_only_what_is_in_it(clock) -> None:
    """A look at an idle breaker forgets what is too old, too."""
    breaker = CircuitBreaker(window="60 s", clock=clock)
    fail(breaker, 2)
    succeed(breaker)
    assert numbers(breaker, "failure_count", "calls") == (2, 3)
    clock.advance(61)
    assert numbers(breaker, "failure_count", "calls") == (0, 0)


def test_slow_calls_open_it_by_their_rate(clock) -> None:
    """Five seconds are not slow yet; half of ten slow calls open."""
    breaker = CircuitBreaker(window={"calls": 20, "slow_call_rate": 0.5}, clock=clock)
    slow(breaker, clock, 6, seconds=5.0)
    slow(breaker, clock, 5)
    assert numbers(breaker, "state", "slow_calls", "success_count") == ("closed", 5, 11)
    slow(breaker, clock)
    assert numbers(breaker, "state", "because") == ("open", "6 of 12 calls took over 5 s")


def test_a_slow_failure_counts_as_both(clock) -> None:
    """It is slow and it failed."""
    breaker = CircuitBreaker(window={"calls": 20, "slow_call_rate": 1.0}, clock=clock)
    with pytest.raises(Down):
        breaker.call(Outcomes([Down()], clock, 6.0))
    with pytest.raises(Down):
        breaker.call(Outcomes([Down()], clock, 5.0))
    assert numbers(breaker, "failure_count", "slow_calls", "calls") == (2, 1, 2)


def test_a_slow_success_ends_the_streak(clock) -> None:
    """It is a success."""
    breaker = CircuitBreaker(failure_threshold=99, window={"calls": 20, "slow_call_rate": 1.0}, clock=clock)
    fail(breaker, 3)
    slow(breaker, clock)
    assert numbers(breaker, "consecutive_failures", "success_count") == (0, 1)


def test_slowness_matters_only_where_a_rate_is_set(clock) -> None:
    """Otherwise a late answer is an answer, as a trial, too."""
    breaker = CircuitBreaker(failure_threshold=1, recovery_timeout=1, success_threshold=1, clock=clock)
    slow(breaker, clock, 50)
    assert numbers(breaker, "state", "slow_calls") == ("closed", 0)
    fail(breaker)
    clock.advance(1)
    slow(breaker, clock)
    assert breaker.state == "closed"


def test_a_slow_trial_is_no_recovery(clock) -> None:
    """Where slowness matters it opens again."""
    breaker = CircuitBreaker(window={"calls": 20, "slow_call_rate": 0.5}, recovery_timeout=1, clock=clock)
    breaker.force_open()
    breaker.allow_half_open()
    slow(breaker, clock)
    assert numbers(breaker, "state", "because") == ("open", "a trial call was slow")


def test_a_new_window_starts_empty_and_the_same_one_does_not(clock) -> None:
    """Changing something else forgets nothing."""
    breaker = CircuitBreaker(window="10 calls", failure_threshold=3, clock=clock)
    succeed(breaker)
    fail(breaker, 2)
    breaker.change(success_threshold=3, window="10 calls")
    assert numbers(breaker, "calls", "failure_count") == (3, 2)
    succeed(breaker)
    breaker.change(window="20 calls")
    assert numbers(breaker, "calls", "failure_count", "success_count") == (0, 0, 2)
    breaker.change(window={"calls": 20, "slow_call_rate": 0.1, "slow_call_s": 1, "minimum_calls": 1})
    slow(breaker, clock, seconds=2)
    assert breaker.state == "open"


def test_fast_successes_do_not_pile_up(breaker) -> None:
    """However many there are between two failures, few wait to be counted."""
    guarded = breaker(lambda: None)
    with breaker:
        pass
    for _ in range(FULL + 1):
        guarded()
    assert len(breaker.closed_period.waiting) <= 2
    for _ in range(FULL * 2):
        with breaker:
            pass
    assert len(breaker.closed_period.waiting) <= FULL + 1
    assert breaker.get_state()["success_count"] == FULL * 3 + 2

    async def awaited() -> None:
        call = breaker(asyncio.sleep)
        for _ in range(FULL * 2):
            await call(0)

    asyncio.run(awaited())
    assert len(breaker.closed_period.waiting) <= FULL + 1
