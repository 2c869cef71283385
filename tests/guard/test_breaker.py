"""One breaker, time by hand."""

import asyncio
import contextvars

import pytest

from paramedic.guard import CircuitBreaker, CircuitOpen, Window, listen
from paramedic.guard.testing import Outcomes, forced_open
from paramedic.guard.wrapping import FULL


class Down(Exception):
    """The dependency does not answer."""


def fail(breaker, times=1):
    for _ in range(times):
        with pytest.raises(Down):
            breaker.call(Outcomes([Down()]))


def succeed(breaker, times=1):
    for _ in range(times):
        assert breaker.call(Outcomes(["fine"])) == "fine"


def refused(breaker):
    dependency = Outcomes(["must not be reached"])
    with pytest.raises(CircuitOpen) as refusal:
        breaker.call(dependency)
    assert dependency.calls == []
    return refusal.value


def numbers(breaker, *names):
    state = breaker.get_state()
    return tuple(state[name] for name in names)


@pytest.fixture
def breaker(clock):
    return CircuitBreaker(name="model", failure_threshold=3, recovery_timeout=30, clock=clock)


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


def slow(breaker, clock, times=1, seconds=6.0):
    for _ in range(times):
        breaker.call(Outcomes(["late"], clock, seconds))


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


CONDITIONS = [
    {"metric": "latency", "threshold_ms": 5000, "consecutive_violations": 3},
    {"metric": "success", "threshold": 0.95, "comparison": "less_than", "consecutive_violations": 2},
]


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


def test_events_tell_every_turn(breaker, clock) -> None:
    """To the breaker's listeners, with refusals; to those of the process, without."""
    own, all_, forced = [], [], []
    breaker.listen(lambda event: own.append((event.kind, event.because, event.detail["state"])))
    breaker.listen(lambda event: forced.append(event.detail["forced"]))
    stop = listen(lambda event: all_.append((event.guard, event.name, event.kind)))
    fail(breaker, 3)
    refused(breaker)
    clock.advance(30)
    succeed(breaker, 2)
    breaker.reset()
    assert own == [
        ("opened", "3 failures running", "open"),
        ("rejected", "3 failures running", "open"),
        ("half_opened", "the recovery time is over", "half_open"),
        ("closed", "2 trial calls succeeded", "closed"),
        ("closed", "reset", "closed"),
    ]
    assert all_ == [("breaker", "model", kind) for kind in ("opened", "half_opened", "closed", "closed")]
    stop()
    breaker.force_open()
    assert len(all_) == 4
    assert forced == [False] * 5 + [True]


def test_a_listener_may_ask_the_breaker_and_may_fail(clock, caplog) -> None:
    """It is called outside the lock, and its trouble is logged."""
    states = []
    breaker = CircuitBreaker(failure_threshold=1, clock=clock, listener=lambda event: states.append(breaker.state))
    breaker.listen(lambda event: 1 / 0)
    stop = breaker.listen(states.append)
    stop()
    fail(breaker)
    assert states == ["open"]
    assert [each[::2] for each in caplog.record_tuples] == [("paramedic.guard", "a listener failed on `opened`")]


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


def test_a_with_block_guards_what_is_inside(breaker, clock) -> None:
    """Sync and async, nested, and refused before the block begins."""
    other = CircuitBreaker(name="other", failure_threshold=1, clock=clock)
    with breaker as entered, other:
        assert entered is breaker
    with pytest.raises(Down), breaker, other:
        raise Down
    assert numbers(breaker, "success_count", "failure_count") == (1, 1)
    assert numbers(other, "state", "success_count", "failure_count") == ("open", 1, 1)
    with pytest.raises(CircuitOpen), other:
        raise AssertionError

    async def inside() -> None:
        async with breaker:
            pass
        with pytest.raises(Down):
            async with breaker:
                raise Down

    asyncio.run(inside())
    assert numbers(breaker, "success_count", "failure_count", "consecutive_failures") == (2, 2, 1)


def test_a_with_block_measures_its_time(clock) -> None:
    """Also where others were entered after it and left later."""
    breaker = CircuitBreaker(name="a", window={"calls": 9, "slow_call_rate": 1.0}, clock=clock)
    other = CircuitBreaker(name="b", window={"calls": 9, "slow_call_rate": 1.0}, clock=clock)
    breaker.__enter__()
    clock.advance(6)
    other.__enter__()
    breaker.__exit__(None, None, None)
    other.__exit__(None, None, None)
    assert numbers(breaker, "slow_calls", "success_count") == (1, 1)
    assert numbers(other, "slow_calls", "success_count") == (0, 1)
    with breaker:
        with breaker:
            clock.advance(6)
        clock.advance(6)
    assert breaker.get_state()["slow_calls"] == 3


def test_a_block_that_is_left_in_another_context_gives_its_permit_back(clock) -> None:
    """Permits are fungible: the count stays right."""
    breaker = CircuitBreaker(failure_threshold=1, recovery_timeout=1, success_threshold=9, clock=clock)
    fail(breaker)
    clock.advance(1)
    contextvars.copy_context().run(breaker.__enter__)
    assert breaker.get_state()["half_open_calls"] == 1
    contextvars.copy_context().run(breaker.__exit__, None, None, None)
    assert numbers(breaker, "half_open_calls", "success_count") == (0, 1)
    breaker.reset()
    contextvars.copy_context().run(breaker.__enter__)
    contextvars.copy_context().run(breaker.__exit__, None, None, None)
    assert breaker.get_state()["success_count"] == 1


def test_orders_from_outside_are_obeyed(breaker) -> None:
    """Each does what its method does; a strange one is refused."""
    assert breaker.obey("open", {"because": "the drill"}) == "done"
    assert breaker.get_state()["because"] == "the drill"
    breaker.obey("open", {})
    assert breaker.get_state()["because"] == "opened from outside"
    assert breaker.obey("half_open", {}) == "done"
    assert breaker.state == "half_open"
    assert breaker.obey("reset", {}) == "done"
    assert breaker.state == "closed"
    assert breaker.obey("tune", {"failure_threshold": 9}) == "done"
    assert breaker.failure_threshold == 9
    assert breaker.obey("explode", {}) == "refused: a breaker knows no `explode`"


def test_the_report_shows_state_and_settings(breaker) -> None:
    """As plain values, complete."""
    breaker.change(window="5 calls", trip_conditions=CONDITIONS[:1])
    report = breaker.report()
    assert report["state"] == "closed"
    assert report["settings"] == {
        "failure_threshold": 3,
        "recovery_timeout": 30,
        "success_threshold": 2,
        "half_open_max_calls": 1,
        "window": {
            "calls": 5,
            "seconds": None,
            "failure_rate": None,
            "slow_call_rate": None,
            "slow_call_s": 5.0,
            "minimum_calls": 10,
        },
        "trip_conditions": [
            {"metric": "latency", "threshold": 5000, "comparison": "greater_than", "consecutive_violations": 3}
        ],
    }
    assert (breaker.kind, breaker.name) == ("breaker", "model")


def test_a_tick_turns_it_half_open_in_time(breaker, clock) -> None:
    """So that what is seen outside is true without a call."""
    seen = []
    fail(breaker, 3)
    breaker.listen(lambda event: seen.append(event.kind))
    clock.advance(30)
    breaker.tick()
    assert seen == ["half_opened"]


def test_a_breaker_is_forced_open_for_a_test(breaker) -> None:
    """And closed after it."""
    with forced_open(breaker) as same:
        assert same is breaker
        assert refused(breaker).because == "a test"
    succeed(breaker)


def test_after_a_fork_nothing_is_held(breaker, clock) -> None:
    """The child has no trials of its own, and the next call starts its watch."""
    fail(breaker, 3)
    clock.advance(30)
    breaker.admit()
    breaker._lock.acquire()
    breaker.forked()
    assert breaker.closed_period is None
    assert breaker.get_state()["half_open_calls"] == 0
    breaker.reset()
    breaker.forked()
    succeed(breaker)
    assert breaker.closed_period is not None


def test_the_name_defaults_and_positional_works() -> None:
    """`CircuitBreaker("model")` reads well."""
    assert CircuitBreaker().name == "breaker"
    assert CircuitBreaker("model").name == "model"
