"""What a breaker tells, and how it is reached from outside its process."""

from failing_calls import fail, refused, succeed
from paramedic.guard import CircuitBreaker, listen
from paramedic.guard.testing import forced_open

CONDITIONS = [{"metric": "latency", "threshold_ms": 5000, "consecutive_violations": 3}]


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
    breaker.change(window="5 calls", trip_conditions=CONDITIONS)
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
