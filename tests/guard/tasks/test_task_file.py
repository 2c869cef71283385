"""The file of the queue: who wrote what, what is damaged, full or locked."""

import contextlib
import os
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from kept_calls import built, counts
from paramedic.guard import FailedTaskQueue, listen, task_file
from paramedic.guard.watcher import WATCHER


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


def test_the_child_of_a_fork_may_close_its_queue(queue) -> None:
    """It has no threads to wait for."""
    queue.forked()
    queue.close()
    assert queue not in WATCHER.guards()
