"""The queue of failed calls."""

import asyncio
import contextlib
import functools
import itertools
import os
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from failing_calls import Down
from paramedic.guard import CircuitBreaker, FailedTaskQueue, listen, task_file
from paramedic.guard.testing import Outcomes
from paramedic.guard.watcher import WATCHER


@pytest.fixture
def made():
    return []


@pytest.fixture
def queue(made, clock):
    return built(made, clock)


def built(made, clock, outcome=None, **settings):
    def deliver(*args, task_id, **kwargs):
        made.append((task_id, args, kwargs))
        if outcome:
            outcome()
        if broken:
            raise Down("gone")

    broken = made_broken
    return FailedTaskQueue("q.sqlite", handlers={"deliver": deliver}, clock=clock, seed=1, **settings)


made_broken: list[int] = []


@pytest.fixture(autouse=True)
def sound():
    made_broken.clear()
    yield
    made_broken.clear()


def counts(queue):
    found = queue.counts()
    return found["waiting"], found["running"], found["done"], found["dead"]


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


def test_async_handlers_and_those_without_an_id(made, clock) -> None:
    """Each gets what it takes."""

    async def later(value):
        await asyncio.sleep(0)
        made.append(value)
        return value * 2

    def everything(**given):
        made.append(sorted(given))

    queue = FailedTaskQueue("q.sqlite", handlers={"later": later}, clock=clock)
    queue.handle("everything", everything)
    queue.add("later", 1)
    queue.add("everything", x=1)
    assert queue.call("later", 4) == 8
    assert queue.run_due() == 2
    assert made == [4, 1, ["task_id", "x"]]


async def test_in_an_event_loop_the_call_of_an_async_handler_is_awaited(clock) -> None:
    """It runs in that loop; what fails is kept."""
    loops = []

    async def deliver(good):
        loops.append(asyncio.get_running_loop())
        if not good:
            raise Down("gone")
        return "fine"

    queue = FailedTaskQueue("a.sqlite", handlers={"deliver": deliver, "plain": lambda: 5}, clock=clock)
    assert await queue.call("deliver", True) == "fine"
    assert await queue.call("deliver", False) is None
    assert queue.call("plain") == 5
    assert loops == [asyncio.get_running_loop()] * 2
    assert counts(queue) == (1, 0, 0, 0)
    with pytest.raises(ValueError, match="nothing handles `other`"):
        queue.call("other")


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


def claimed_by(owner, runs=1):
    with sqlite3.connect("q.sqlite") as db:
        db.execute("UPDATE tasks SET state = 'running', owner = ?, runs = ?", (owner, runs))
    db.close()


def test_what_a_dead_process_had_claimed_is_made_again(made, clock) -> None:
    """At once; what ended its process in every run is given up; what a living one has is left."""
    queue = built(made, clock, max_retries=3)
    heard = []
    queue.listen(lambda event: heard.append((event.kind, event.because)))
    queue.add("deliver", task_id="t")
    claimed_by("999999999-5")
    assert queue.run_due() == 1
    queue.add("deliver", task_id="u")
    with sqlite3.connect("q.sqlite") as db:
        db.execute("UPDATE tasks SET state = 'running', owner = '999999999-5', runs = 3 WHERE id = 'u'")
    db.close()
    assert queue.run_due() == 0
    assert counts(queue)[3] == 0
    clock.advance(2)
    assert queue.run_due() == 0
    assert queue.dead_letters()[0].error == "its process ended during every run"
    assert heard == [("exhausted", "1 calls ended their process in every run")]
    parent = f"{os.getppid()}-{task_file.started(os.getppid())}"
    queue.add("deliver", task_id="v")
    with sqlite3.connect("q.sqlite") as db:
        db.execute("UPDATE tasks SET state = 'running', owner = ? WHERE id = 'v'", (parent,))
    db.close()
    clock.advance(2)
    assert queue.run_due() == 0
    assert counts(queue)[1] == 1


def test_a_file_is_made_whole_wherever_it_shall_be(tmp_path) -> None:
    """Folders are made, what a killed maker left is in nobody's way, and nothing stays open of it."""
    path = tmp_path / "some" / "where" / "q.sqlite"
    path.parent.mkdir(parents=True)
    path.with_name(f".q.sqlite.{os.getpid()}.new").write_text("half made")
    for each in (path, tmp_path / "else" / "where" / "q.sqlite"):
        with contextlib.closing(FailedTaskQueue(each)) as queue:
            assert counts(queue) == (0, 0, 0, 0)
            with contextlib.closing(sqlite3.connect(each)) as db:
                assert db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'tasks_due'").fetchone() == (1,)
            opened = [os.readlink(fd) for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink()]
            assert not [name for name in opened if ".new" in name]
        assert sorted(found.name for found in each.parent.iterdir()) == ["q.sqlite"]


def test_acknowledged_calls_are_remembered_for_a_day(queue, made) -> None:
    """Then their id is free."""
    queue.add("deliver", task_id="t")
    queue.run_due()
    queue._clock.advance(86_400)
    queue.run_due()
    assert counts(queue) == (0, 0, 1, 0)
    queue._clock.advance(0.5)
    queue._reclaim_at = 0  # as if it had not just looked
    queue.run_due()
    assert counts(queue) == (0, 0, 0, 0)


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


def test_trouble_with_the_file_is_told_and_passes(made, clock, monkeypatch) -> None:
    """The worker goes on."""
    heard, happened = [], threading.Event()
    queue = FailedTaskQueue("w.sqlite", handlers={"x": made.append})

    def hear(event):
        heard.append(event.kind)
        happened.set()

    queue.listen(hear)
    with monkeypatch.context() as patch:
        patch.setattr(queue._file, "claim", lambda *_: 1 / 0)
        queue.start()
        assert happened.wait(20)
    queue.add("x", 1)
    deadline = time.monotonic() + 20
    while not made:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    queue.close()
    assert heard[0] == "trouble"


def test_a_damaged_file_is_set_aside_and_told(clock) -> None:
    """Garbage, another database, an empty file; and a locked one is not taken for damaged."""
    for number, content in enumerate((b"garbage" * 100, b"")):
        Path("q.sqlite").write_bytes(content)
        heard = []
        stop = listen(lambda event, heard=heard: heard.append((event.kind, event.because)))
        queue = FailedTaskQueue("q.sqlite", clock=clock)
        stop()
        aside = f"q.sqlite.corrupt{f'-{number}' if number else ''}"
        assert heard == [
            ("state_corrupt", f"`{Path('q.sqlite').absolute()}` is damaged; it was set aside as `{aside}`")
        ]
        assert Path(aside).read_bytes() == content
        assert counts(queue) == (0, 0, 0, 0)
        queue.close()
    Path("q.sqlite").unlink()
    with sqlite3.connect("q.sqlite") as db:
        db.execute("CREATE TABLE other (x)")
    db.close()
    assert counts(FailedTaskQueue("q.sqlite", clock=clock)) == (0, 0, 0, 0)
    assert Path("q.sqlite.corrupt-2").exists()
    Path("folder").mkdir()
    with pytest.raises(OSError, match="Is a directory"):
        FailedTaskQueue("folder", clock=clock)
    assert list(Path.cwd().glob(".*new")) == []


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


def test_after_a_fork_the_file_is_opened_anew(queue, made) -> None:
    """The connection stays with the parent."""
    queue.add("deliver")
    connection = queue._file._connection
    queue._file._lock.acquire()
    queue.forked()
    assert queue.run_due() == 1
    assert queue._file._connection is not connection
    assert queue._watched


def test_a_call_that_runs_is_marked_with_its_process(clock) -> None:
    """By which others tell whether it still lives; and what is committed is on the disk."""
    seen = []

    def look():
        with contextlib.closing(sqlite3.connect("o.sqlite")) as db:
            seen.append(db.execute("SELECT owner FROM tasks WHERE state = 'running'").fetchone()[0])

    queue = FailedTaskQueue("o.sqlite", handlers={"look": look}, clock=clock)
    queue.add("look")
    assert queue.run_due() == 1
    assert seen == [f"{os.getpid()}-{task_file.started(os.getpid())}"]
    assert queue._file._connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_who_reads_the_file_holds_nobody_up(queue) -> None:
    """Neither the workers nor a check that looks from outside."""
    queue.add("deliver")
    with contextlib.closing(sqlite3.connect("q.sqlite", isolation_level=None)) as db:
        db.execute("BEGIN")
        assert db.execute("SELECT count(*) FROM tasks").fetchone() == (1,)
        assert queue.run_due() == 1
        db.execute("COMMIT")


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


def test_the_report_says_since_when_the_oldest_call_waits(queue, clock) -> None:
    """Whichever is due first; nothing where none waits."""
    assert queue.report()["waiting_since"] is None
    queue.add("deliver", task_id="old")
    clock.advance(60)
    queue.add("deliver", task_id="new")
    assert queue.report()["waiting_since"] == "2023-11-14T22:13:20+00:00"
    queue.run_due()
    assert queue.report()["waiting_since"] is None


def test_the_next_call_is_the_one_that_is_due_first(tmp_path) -> None:
    """For it the worker waits; one that runs or was given up is not waited for."""
    file = task_file.TaskFile(tmp_path / "t.sqlite")
    assert file.next_due() is None
    file.add("late", "x", "[[], {}]", now=1.0, due=9.5)
    file.add("early", "x", "[[], {}]", now=2.0, due=4.25)
    assert (file.next_due(), file.waiting_since()) == (4.25, 1.0)
    assert file.claim(5.0, 100.0).id == "early"
    assert file.next_due() == 9.5
    file.give_up("early", "gone", 6.0)
    assert file.next_due() == 9.5
    file.hasten(7.0)
    assert file.next_due() == 7.0
    file.hasten(8.0)
    assert file.next_due() == 7.0
    file.close()


def test_a_full_disk_costs_the_call_that_met_it_and_no_other(queue, made) -> None:
    """What failed is undone and raised; when there is room again everything works."""
    queue.add("deliver", 1)
    db = queue._file._connection
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(sqlite3.OperationalError, match="full"):
        queue.add("deliver", "x" * 100_000)
    db.execute("PRAGMA max_page_count = 100000")
    queue.add("deliver", 2)
    assert queue.run_due() == 2
    assert [args for _, args, _ in made] == [(1,), (2,)]


def test_the_log_of_a_damaged_file_is_not_taken_for_that_of_the_new_one(tmp_path) -> None:
    """Another process may have it open still; its rows stay with the damaged file."""
    path = tmp_path / "t.sqlite"
    with contextlib.closing(task_file.TaskFile(path)) as other:
        other.add("t", "x", "[[], {}]", 1.0, 1.0)
        with path.open("r+b") as file:
            file.write(b"garbage garbage!")
        with contextlib.closing(task_file.TaskFile(path)) as found:
            assert found.set_aside == tmp_path / "t.sqlite.corrupt"
            assert found.counts() == {"waiting": 0, "running": 0, "done": 0, "dead": 0}
            assert found.add("t", "x", "[[], {}]", 1.0, 1.0)


def test_a_call_that_cannot_be_kept_costs_no_other(queue, made) -> None:
    """What was begun in the file is undone."""
    with pytest.raises(sqlite3.Error, match="type 'object' is not supported"):
        queue.add("deliver", 1, task_id=object())
    queue.add("deliver", 2)
    assert queue.run_due() == 1
    assert [args for _, args, _ in made] == [(2,)]


def test_only_what_the_dead_had_claimed_is_given_back(made, clock) -> None:
    """Wherever it stands among the calls of the living."""
    queue = built(made, clock)
    parent = f"{os.getppid()}-{task_file.started(os.getppid())}"
    for number, owner in enumerate((parent, "999999999-5", f"1-{task_file.started(1)}")):
        queue.add("deliver", number, task_id=str(number))
        with contextlib.closing(sqlite3.connect("q.sqlite", isolation_level=None)) as db:
            db.execute("UPDATE tasks SET state = 'running', owner = ? WHERE id = ?", (owner, str(number)))
        clock.advance(0.1)
    assert queue.run_due() == 1
    assert [each[0] for each in made] == ["1"]


def test_a_file_of_the_largest_pages_is_whole(tmp_path) -> None:
    """Their size does not fit into its field and is written there as 1."""
    path = tmp_path / "t.sqlite"
    with contextlib.closing(task_file.TaskFile(path)) as file:
        file.add("t", "x", "[[], {}]", 1.0, 1.0)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        for each in ("PRAGMA journal_mode = DELETE", "PRAGMA page_size = 65536", "VACUUM"):
            db.execute(each)
        assert db.execute("PRAGMA page_size").fetchone() == (65536,)
    with contextlib.closing(task_file.TaskFile(path)) as file:
        assert file.set_aside is None
        assert file.counts()["waiting"] == 1


def test_two_who_write_wait_for_each_other(tmp_path) -> None:
    """Ten seconds, which no write takes."""
    file = task_file.TaskFile(tmp_path / "t.sqlite")
    assert file._connection.execute("PRAGMA busy_timeout").fetchone() == (10_000,)
    file.close()


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


def test_a_locked_file_is_not_taken_for_damaged(tmp_path, monkeypatch) -> None:
    """It stays where it is, whole; whoever asked is told."""
    path = tmp_path / "t.sqlite"
    with contextlib.closing(task_file.TaskFile(path)) as file:
        file.add("t", "x", "[[], {}]", 1.0, 1.0)
    connect = sqlite3.connect
    with contextlib.closing(connect(path, isolation_level=None)) as other, monkeypatch.context() as patch:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        patch.setattr(sqlite3, "connect", lambda path, timeout, **more: connect(path, timeout=0, **more))
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            task_file.TaskFile(path)
    assert [each.name for each in tmp_path.glob("*corrupt*")] == []
    with contextlib.closing(task_file.TaskFile(path)) as file:
        assert file.counts()["waiting"] == 1


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


def test_a_handler_may_ask_for_the_id_alone(made, clock) -> None:
    """By the name of a parameter."""

    def deliver(task_id):
        made.append(task_id)

    queue = FailedTaskQueue("i.sqlite", handlers={"x": deliver}, clock=clock)
    queue.add("x", task_id="t")
    assert queue.run_due() == 1
    assert made == ["t"]


def test_the_child_of_a_fork_may_close_its_queue(queue) -> None:
    """It has no threads to wait for."""
    queue.forked()
    queue.close()
    assert queue not in WATCHER.guards()


async def later(made, value):
    """A client's async method."""
    await asyncio.sleep(0)
    made.append(value)
    if value == "bad":
        raise Down("gone")
    return value


def test_a_plain_handler_that_gives_a_coroutine_has_made_its_call_when_that_is_awaited(made, clock) -> None:
    """Not before: what was only begun is never acknowledged."""
    queue = FailedTaskQueue("l.sqlite", handlers={"later": lambda value: later(made, value)}, clock=clock)
    assert queue.call("later", 1) == 1
    queue.add("later", 2)
    queue.add("later", "bad")
    assert queue.run_due() == 1
    assert made == [1, 2, "bad"]
    assert counts(queue) == (1, 0, 1, 0)


async def test_in_an_event_loop_whatever_gives_a_coroutine_is_given_to_await(made, clock) -> None:
    """As the call of an async handler; what fails is kept."""
    queue = FailedTaskQueue("l.sqlite", handlers={"later": lambda value: later(made, value)}, clock=clock)
    assert await queue.call("later", 1) == 1
    assert await queue.call("later", "bad") is None
    assert counts(queue) == (1, 0, 0, 0)


async def test_due_calls_can_be_made_from_within_an_event_loop(made, clock) -> None:
    """Async ones in a loop of their own, as in the background."""
    queue = FailedTaskQueue("l.sqlite", handlers={"later": functools.partial(later, made)}, clock=clock)
    queue.add("later", 1)
    queue.add("later", "bad")
    assert queue.run_due() == 1
    assert made == [1, "bad"]
    assert counts(queue) == (1, 0, 1, 0)


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
