"""Calls that are kept, made again, and given up."""

import itertools
from pathlib import Path

import pytest

from failing_calls import Down
from kept_calls import built, counts, made_broken
from paramedic.guard import FailedTaskQueue
from paramedic.guard.testing import Outcomes


def test_a_kept_call_is_made_once(queue, made) -> None:
    """With its arguments and its id, in the order it came."""
    one = queue.add("deliver", 1, two=[2])
    two = queue.add("deliver", "x", task_id="own-id")
    assert counts(queue) == (2, 0, 0, 0)
    assert queue.run_due() == 2
    assert made == [(one, (1,), {"two": [2]}), ("own-id", ("x",), {})]
    assert counts(queue) == (0, 0, 2, 0)
    assert two == "own-id"
    assert len(one) == 24
    assert queue.run_due() == 0


def test_the_same_id_is_one_call(queue, made) -> None:
    """Before and after it was made: a caller that was killed may ask again."""
    queue.add("deliver", 1, task_id="a")
    queue.add("deliver", 1, task_id="a")
    assert queue.run_due() == 1
    queue.add("deliver", 1, task_id="a")
    assert queue.run_due() == 0
    assert len(made) == 1


def test_a_call_that_works_is_not_kept(queue, made) -> None:
    """One that fails is, and is made again after the backoff, under the same id."""
    assert FailedTaskQueue("r.sqlite", handlers={"give": lambda: 5}).call("give") == 5
    queue.call("deliver", 1)
    assert len(made[0][0]) == 24
    assert counts(queue) == (0, 0, 0, 0)
    made_broken.append(1)
    heard = []
    queue.listen(lambda event: heard.append((event.kind, event.because)))
    assert queue.call("deliver", 2, task_id="t") is None
    assert counts(queue) == (1, 0, 0, 0)
    assert heard == [("kept", "`deliver` failed with Down: gone")]
    made_broken.clear()
    assert queue.run_due() == 0
    queue._clock.advance(1)
    assert queue.run_due() == 1
    assert [each[0] for each in made[1:]] == ["t", "t"]


def test_what_cannot_be_kept_is_refused_before_anything_happens(queue, made) -> None:
    """A strange handler, arguments that are no JSON."""
    with pytest.raises(ValueError, match="nothing handles `other`"):
        queue.add("other")
    with pytest.raises(TypeError, match="not JSON serializable"):
        queue.add("deliver", object())
    with pytest.raises(TypeError, match="not JSON serializable"):
        queue.call("deliver", object())
    with pytest.raises(ValueError, match="nothing handles `other`"):
        queue.call("other")
    assert made == []
    assert counts(queue) == (0, 0, 0, 0)


def test_backoff_doubles_up_to_its_most(made, clock) -> None:
    """1, 2, 4, 8, 8 s, each shortened by up to half, never lengthened."""
    queue = built(made, clock, max_retries=6, max_backoff_s=8)
    made_broken.append(1)
    queue.add("deliver")
    begun = []
    for _ in range(40_00):
        before = len(made)
        queue.run_due()
        if len(made) > before:
            begun.append(clock.monotonic())
        clock.advance(0.01)
    waits = [round(later - earlier, 2) for earlier, later in itertools.pairwise(begun)]
    assert len(waits) == 5
    for wait, most in zip(waits, (1, 2, 4, 8, 8), strict=True):
        assert most / 2 <= wait <= most + 0.02
    assert counts(queue) == (0, 0, 0, 1)
    assert len(set(waits)) == 5


def test_after_all_retries_a_call_is_given_up_and_listed(made, clock) -> None:
    """With its story; a person revives or discards it."""
    queue = built(made, clock, max_retries=2, backoff_s=0, max_backoff_s=0)
    heard = []
    queue.listen(lambda event: heard.append((event.kind, event.because)))
    made_broken.append(1)
    queue.add("deliver", 7, task_id="t", key="v")
    assert queue.run_due() == 0
    (dead,) = queue.dead_letters()
    assert (dead.id, dead.handler, dead.args, dead.kwargs, dead.runs, dead.added, dead.error) == (
        "t", "deliver", (7,), {"key": "v"}, 2, 1_700_000_000.0, "Down: gone",
    )  # fmt: skip
    assert heard == [("exhausted", "`deliver` (t) failed 2 times, last with Down: gone")]
    assert len(made) == 2
    queue.retry_now()
    assert queue.run_due() == 0
    made_broken.clear()
    assert queue.revive("t")
    assert not queue.revive("t")
    assert queue.dead_letters() == []
    assert queue.run_due() == 1
    made_broken.append(1)
    queue.add("deliver", task_id="u")
    queue.run_due()
    assert not queue.discard("none")
    assert queue.discard("u")
    assert counts(queue) == (0, 0, 1, 0)
    assert queue.report() == {
        "file": str(Path("q.sqlite").absolute()),
        "max_retries": 2,
        "breaker": None,
        "breaker_state": None,
        "waiting": 0,
        "running": 0,
        "done": 1,
        "dead": 0,
        "waiting_since": None,
        "dead_letters": [],
    }


def test_a_flood_of_given_up_calls_does_not_flood_the_report(clock) -> None:
    """A hundred are shown, the oldest; an error is shown by its first 500 characters."""
    outcomes = Outcomes([Down("x" * 1000)])
    queue = FailedTaskQueue("f.sqlite", handlers={"x": outcomes}, max_retries=1, clock=clock)
    for number in range(102):
        queue.add("x", task_id=f"t{number}")
    queue.run_due()
    shown = queue.report()["dead_letters"]
    assert [each["id"] for each in shown] == [f"t{number}" for number in range(100)]
    assert shown[0]["error"] == f"Down: {'x' * 494}"


def test_orders_from_outside_are_obeyed(made, clock) -> None:
    """Each does what its method does."""
    queue = built(made, clock, max_retries=1, backoff_s=100)
    made_broken.append(1)
    for name in ("a", "b"):
        queue.add("deliver", task_id=name)
    queue.run_due()
    assert [each["id"] for each in queue.report()["dead_letters"]] == ["a", "b"]
    assert queue.obey("revive", {"id": "a"}) == "done"
    assert queue.obey("discard", {"id": "b"}) == "done"
    assert queue.obey("discard", {"id": "b"}) == "refused: no such call was given up"
    assert queue.obey("revive", {"id": "b"}) == "refused: no such call was given up"
    assert counts(queue) == (1, 0, 0, 0)
    queue.max_retries = 9
    queue.run_due()
    made_broken.clear()
    assert queue.run_due() == 0
    assert queue.obey("retry", {}) == "done"
    assert queue.run_due() == 1
    assert made[-1][0] == "a"
    assert queue.obey("melt", {}) == "refused: a queue knows no `melt`"


@pytest.mark.parametrize("hours", [-1, 1])
def test_the_wall_clock_holds_nothing_back(made, clock, hours) -> None:
    """A call that would be due an hour after its longest backoff is due now."""
    queue = built(made, clock, max_backoff_s=300)
    made_broken.append(1)
    queue.add("deliver")
    queue.run_due()
    made_broken.clear()
    clock.step_wall(hours * 3600)
    clock.advance(1)
    assert queue.run_due() == 1


def test_a_call_that_is_due_within_the_longest_backoff_waits(made, clock) -> None:
    """Not a second early."""
    queue = built(made, clock, backoff_s=10, max_backoff_s=10)
    made_broken.append(1)
    queue.call("deliver")
    clock.advance(9.99)
    assert queue.run_due() == 0
    assert len(made) == 1
    clock.advance(0.01)
    queue.run_due()
    assert len(made) == 2


def test_a_program_that_ends_in_the_middle_of_a_call_gives_it_back(made, clock) -> None:
    """Uncounted: this time was none."""

    def end():
        raise KeyboardInterrupt

    queue = built(made, clock, outcome=end, max_retries=1)
    queue.add("deliver")
    with pytest.raises(KeyboardInterrupt):
        queue.run_due()
    assert counts(queue) == (1, 0, 0, 0)
    with pytest.raises(KeyboardInterrupt):
        queue.run_due()
    assert counts(queue) == (1, 0, 0, 0)
    again = FailedTaskQueue("q.sqlite", clock=clock, max_retries=1)
    again.run_due()
    assert [each.runs for each in again.dead_letters()] == [1]


def test_a_handler_that_is_gone_is_a_failure(made, clock) -> None:
    """Of this run: a later release may have it again."""
    queue = built(made, clock, max_retries=1)
    queue.add("deliver")
    again = FailedTaskQueue("q.sqlite", clock=clock, max_retries=1)
    assert again.run_due() == 0
    assert again.dead_letters()[0].error == "LookupError: nothing handles `deliver`"


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"max_retries": 0}, "`max_retries` is at least 1, a whole number, not `0`"),
        ({"max_retries": float("nan")}, "`max_retries` is at least 1, a whole number, not `nan`"),
        ({"backoff_s": float("nan")}, "`backoff_s` is at least 0 and at most `max_backoff_s`"),
        ({"backoff_s": -1}, "`backoff_s` is at least 0 and at most `max_backoff_s`"),
        ({"backoff_s": 5, "max_backoff_s": 4}, "`backoff_s` is at least 0 and at most `max_backoff_s`"),
        ({"max_backoff_s": float("inf")}, "`backoff_s` is at least 0 and at most `max_backoff_s`"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, complaint) -> None:
    """By name."""
    with pytest.raises(ValueError, match=f"^{complaint}$"):
        FailedTaskQueue("q.sqlite", **settings)
    queue = FailedTaskQueue("q.sqlite", max_retries=1, backoff_s=0, max_backoff_s=0)
    assert FailedTaskQueue("q.sqlite").max_retries == 5
    assert (FailedTaskQueue("q.sqlite").backoff_s, FailedTaskQueue("q.sqlite").max_backoff_s) == (1.0, 300.0)
    assert (queue.kind, queue.name) == ("tasks", "tasks")


def test_the_report_says_since_when_the_oldest_call_waits(queue, clock) -> None:
    """Whichever is due first; nothing where none waits."""
    assert queue.report()["waiting_since"] is None
    queue.add("deliver", task_id="old")
    clock.advance(60)
    queue.add("deliver", task_id="new")
    assert queue.report()["waiting_since"] == "2023-11-14T22:13:20+00:00"
    queue.run_due()
    assert queue.report()["waiting_since"] is None


def test_what_was_given_up_is_reported_with_its_story(made, clock) -> None:
    """Enough for a person to decide."""
    queue = built(made, clock, max_retries=1)
    made_broken.append(1)
    queue.add("deliver", 1, task_id="t")
    clock.advance(5)
    queue.run_due()
    assert queue.report()["dead_letters"] == [
        {
            "id": "t",
            "handler": "deliver",
            "runs": 1,
            "added": "2023-11-14T22:13:20+00:00",
            "error": "Down: gone",
        }
    ]


def test_a_handler_may_ask_for_the_id_alone(made, clock) -> None:
    """By the name of a parameter."""

    def deliver(task_id):
        made.append(task_id)

    queue = FailedTaskQueue("i.sqlite", handlers={"x": deliver}, clock=clock)
    queue.add("x", task_id="t")
    assert queue.run_due() == 1
    assert made == ["t"]
