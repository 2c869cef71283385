"""The work in the background, and the breaker before it."""

import threading
import time

from failing_calls import Down
from kept_calls import built, counts, made_broken
from paramedic.guard import CircuitBreaker, FailedTaskQueue
from paramedic.guard.testing import Outcomes
from paramedic.guard.watcher import WATCHER


def test_while_its_breaker_is_open_no_call_is_made(made, clock) -> None:
    """And no retry is used up; when it closes everything is due."""
    breaker = CircuitBreaker(failure_threshold=2, recovery_timeout=60, success_threshold=1, clock=clock)
    queue = built(made, clock, breaker=breaker, backoff_s=50, max_backoff_s=50, max_retries=5)
    made_broken.append(1)
    for _ in range(6):
        queue.add("deliver")
    queue.run_due()
    assert len(made) == 2
    assert breaker.state == "open"
    assert counts(queue) == (6, 0, 0, 0)
    clock.advance(30)
    assert queue.run_due() == 0
    assert len(made) == 2
    assert breaker.get_state()["rejected"] == 0
    made_broken.clear()
    clock.advance(30)
    assert queue.run_due() == 6
    assert counts(queue) == (0, 0, 6, 0)
    assert {each.runs for each in queue.dead_letters()} == set()


def test_a_call_that_the_breaker_refuses_was_none(made, clock) -> None:
    """It is given back and its run is not counted."""
    breaker = CircuitBreaker(clock=clock)
    queue = built(made, clock, breaker=breaker, backoff_s=5, max_retries=1)
    queue.add("deliver")
    breaker.force_open()
    breaker.allow_half_open()
    trial = breaker.admit()
    assert queue.run_due() == 0
    trial.abandoned()
    assert queue.run_due() == 0
    clock.advance(5)
    assert queue.run_due() == 1


def test_a_handler_may_call_what_the_queues_breaker_guards(clock) -> None:
    """The breaker of the queue and that of the function are one: after an outage both get through again."""
    breaker = CircuitBreaker(failure_threshold=1, recovery_timeout=5, success_threshold=1, clock=clock)
    up = Outcomes([Down("x"), "fine"])
    ask = breaker(up)
    queue = FailedTaskQueue("n.sqlite", handlers={"deliver": ask}, breaker=breaker, clock=clock)
    queue.call("deliver")
    assert breaker.state == "open"
    clock.advance(5)
    assert queue.run_due() == 1
    assert (breaker.state, counts(queue)) == ("closed", (0, 0, 1, 0))


def test_the_worker_makes_calls_as_they_fall_due(made, tmp_path) -> None:
    """At once when one is added, again after its backoff, and not after `stop`."""
    outcomes = Outcomes([Down("x"), 1])
    queue = FailedTaskQueue("w.sqlite", handlers={"x": outcomes}, backoff_s=0.05)
    queue.start(2)
    queue.add("x")
    deadline = time.monotonic() + 20
    while queue.counts()["done"] < 1:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    queue.stop()
    queue.add("x")
    assert queue.counts()["waiting"] == 1
    assert len(outcomes.calls) == 2
    queue.close()
    assert queue.counts()["waiting"] == 1
    queue.close()


def test_a_program_that_ends_does_not_wait_for_its_queue(queue) -> None:
    """What was not made is made by the next one."""
    queue.start(2)
    assert [each.daemon for each in queue._threads] == [True, True]
    queue.stop()


def test_a_stopped_queue_still_works_by_hand(queue, made) -> None:
    """And is watched anew in the child of a fork."""
    queue.start()
    queue.stop()
    queue.add("deliver")
    assert queue.run_due() == 1
    assert queue in WATCHER.guards()
    WATCHER.leave(queue)
    queue.forked()
    queue.run_due()
    assert queue in WATCHER.guards()


def test_a_queue_that_is_stopped_ends_its_work_at_once(made, monkeypatch) -> None:
    """It does not sleep on; closing does the same."""
    monkeypatch.setattr("paramedic.guard.tasks._IDLE_S", 3600.0)
    for end in (FailedTaskQueue.stop, FailedTaskQueue.close):
        queue = FailedTaskQueue("s.sqlite", handlers={"x": made.append})
        asleep = threading.Event()

        class Wake(threading.Event):
            def wait(self, timeout=None, asleep=asleep):
                asleep.set()
                return super().wait(timeout)

        queue._wake = Wake()
        queue.start()
        (worker,) = queue._threads
        assert asleep.wait(20)
        end(queue)
        assert not worker.is_alive()
        queue.close()


def test_when_the_breaker_closes_everything_is_due(made, clock) -> None:
    """Whatever is left of the backoff; other turns of it change nothing."""
    breaker = CircuitBreaker(failure_threshold=1, recovery_timeout=900, clock=clock)
    queue = built(made, clock, breaker=breaker, backoff_s=200)
    made_broken.append(1)
    queue.call("deliver", task_id="t")
    made_broken.clear()
    assert breaker.state == "open"
    breaker.allow_half_open()
    assert queue.run_due() == 0
    breaker.reset()
    assert queue.run_due() == 1


def test_a_closed_queue_is_not_shown_any_more(queue) -> None:
    """It has no numbers that could be trusted."""
    queue.add("deliver")
    assert queue in WATCHER.guards()
    queue.close()
    assert queue not in WATCHER.guards()


def test_the_run_that_the_breaker_refused_is_not_counted(made, clock) -> None:
    """Not even when the call is given up at last."""
    breaker = CircuitBreaker(clock=clock)
    queue = built(made, clock, breaker=breaker, backoff_s=5, max_retries=1)
    queue.add("deliver")
    breaker.force_open()
    breaker.allow_half_open()
    trial = breaker.admit()
    queue.run_due()
    trial.abandoned()
    clock.advance(5)
    made_broken.append(1)
    queue.run_due()
    assert [each.runs for each in queue.dead_letters()] == [1]


def test_the_workers_are_woken_when_there_is_something_to_do(made, clock) -> None:
    """Added, hastened or revived."""
    queue = built(made, clock, max_retries=1)
    made_broken.append(1)
    for act in (
        lambda: queue.add("deliver", task_id="t"),
        queue.retry_now,
        lambda: queue.run_due() or queue.revive("t"),
    ):
        queue._wake.clear()
        act()
        assert queue._wake.is_set()


def test_a_handler_may_stop_its_queue() -> None:
    """It ends after that call, which is acknowledged, and can be started again."""
    stopped = []

    def stop():
        queue.stop()
        stopped.append(1)

    queue = FailedTaskQueue("s.sqlite", handlers={"stop": stop})
    for number in (1, 2):
        queue.start()
        (worker,) = queue._threads
        queue.add("stop")
        worker.join(10)
        assert not worker.is_alive()
        assert counts(queue) == (0, 0, number, 0)
    assert stopped == [1, 1]
    queue.close()
