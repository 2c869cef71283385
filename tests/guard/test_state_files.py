"""Files that are always whole: cut at every byte, and written by processes that are killed."""

import fcntl
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from paramedic.guard import BudgetTripwire, state_file
from paramedic.guard.ledger import Ledger
from paramedic.guard.tasks import FailedTaskQueue

FILE = Path(".fusion_tripwire_state.json")


def test_a_state_cut_at_any_byte_is_reported_and_never_believed(clock) -> None:
    """Only the whole file is a state."""
    tripwire = BudgetTripwire(clock=clock, limits={"a": 10})
    for delta in (20, 30, 40):
        tripwire.record(100 + delta, 100)
    tripwire.reserve(3, "a").commit()
    whole = FILE.read_bytes()
    want = tripwire.get_status()
    for length in range(len(whole)):
        FILE.write_bytes(whole[:length])
        heard = []
        found = BudgetTripwire(clock=clock, listener=lambda event, heard=heard: heard.append(event.kind))
        if length == len(whole) - 1:  # only the line's end is missing
            assert (heard, found.get_status()) == ([], want)
        else:
            assert heard == ["state_corrupt"], length
            assert found.get_status()["consecutive_breaches"] == 0
            aside = Path(f"{FILE}.corrupt")
            assert aside.read_bytes() == whole[:length]
            aside.unlink()


def test_a_writer_that_fails_leaves_the_old_state(monkeypatch, tmp_path) -> None:
    """At whatever step."""
    path = tmp_path / "s.json"
    state_file.write(path, {"a": 1})
    assert path.read_text() == '{\n "a": 1\n}\n'

    def broken(*_):
        raise OSError(28, "No space left on device")

    for what in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(*((os, "fsync") if what == "fsync" else (Path, "replace")), broken)
            with pytest.raises(OSError, match="No space"):
                state_file.write(path, {"a": 2})
        assert state_file.read(path) == {"a": 1}
    with pytest.raises(ValueError, match="Out of range"):
        state_file.write(path, {"a": float("nan")})
    assert state_file.read(path) == {"a": 1}
    state_file.write(path, {"a": 3})
    assert state_file.read(path) == {"a": 3}
    assert state_file.read(tmp_path / "none") is None
    assert state_file.signature(tmp_path / "none") is None


def test_what_is_flushed_is_the_whole_state(monkeypatch, tmp_path) -> None:
    """When the disk is told to keep the file, it has everything of it."""
    path, seen = tmp_path / "s.json", []
    monkeypatch.setattr(os, "fsync", lambda file: seen.append(Path(f"/proc/self/fd/{file}").read_text()))
    state_file.write(path, {"a": 1})
    assert seen == [path.read_text()]


def test_a_state_is_changed_by_one_at_a_time(tmp_path) -> None:
    """Who holds the file's lock holds it against every other process."""
    path = tmp_path / "s.json"
    with state_file.alone(path), path.with_name(".s.json.lock").open("a") as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with state_file.alone(path):
        pass


def test_what_is_no_state_says_why(tmp_path) -> None:
    """For people who must decide what to do with it."""
    path = tmp_path / "s.json"
    for content, why in (
        (b'{"a":' * 50_000, "nested too deeply"),
        (b"[]", "a JSON object is expected, not list"),
        (b'{"a"\xff', "not UTF-8 at byte 4"),
        (b"{", "not JSON: "),
    ):
        path.write_bytes(content)
        with pytest.raises(state_file.Damaged) as found:
            state_file.read(path)
        assert str(found.value).startswith(why)


def test_a_ledger_reads_only_what_is_new(tmp_path, monkeypatch) -> None:
    """What it has read or written itself it does not read again."""
    path, reads, real = tmp_path / "s.json", [], state_file.read
    ledger = Ledger(path, dict, lambda _kind, _because: None)
    state_file.write(path, {"a": 1})
    monkeypatch.setattr(state_file, "read", lambda path: reads.append(1) or real(path))
    assert ledger.refresh() is True
    assert ledger.refresh() is False
    ledger.write()
    assert ledger.refresh() is False
    assert len(reads) == 1


def test_a_ledger_writes_only_what_changed(tmp_path) -> None:
    """A look under the lock leaves the file as it is."""
    path = tmp_path / "s.json"
    ledger = Ledger(path, dict, lambda _kind, _because: None)
    with ledger.change():
        pass
    assert not path.exists()
    with ledger.change() as state:
        state["a"] = 1
    before = state_file.signature(path)
    with ledger.change() as state:
        state["a"] = 1
    assert state_file.signature(path) == before


def test_a_ledger_that_cannot_be_read_or_moved_says_so(tmp_path, monkeypatch) -> None:
    """The state in memory stays in force."""
    path, heard = tmp_path / "s.json", []
    ledger = Ledger(path, dict, lambda kind, because: heard.append((kind, because)))
    path.mkdir()
    assert ledger.refresh() is False
    path.rmdir()
    path.write_text("garbage")

    def stuck(_path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(state_file, "set_aside", stuck)
    assert ledger.refresh() is False
    assert heard == [
        ("state_unreadable", f"`{path}` cannot be read: Is a directory"),
        ("state_unwritable", f"`{path}` is damaged and cannot be moved: Permission denied"),
    ]
    assert path.read_text() == "garbage"


WRITER = """
import sys
from paramedic.guard import BudgetTripwire
tripwire = BudgetTripwire(sys.argv[1], limits={"*": 1e12})
number = tripwire.get_status()["consecutive_breaches"]
spent = tripwire.spent().get(sys.argv[2], {"spent": 0})["spent"]
print(number, spent, flush=True)
while True:
    tripwire.record(120, 100)
    with tripwire.reserve(1e8, sys.argv[2]):
        pass
    print("done", flush=True)
"""


def kills(times: int, path: Path) -> None:
    """Kill the writer at any moment; the next one must know everything that was reported done, and at most one more."""
    dice = random.Random(7)
    done = said = 0
    for number in range(times):
        if number % 50 == 0:  # a killed process has drawn up to a hundredth of the budget: give the next ones a new one
            said = 0
        command = [sys.executable, "-c", WRITER, str(path), f"scope-{number // 50}"]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        known, spent = child.stdout.readline().split()
        assert done <= int(known) <= done + 1, number
        done = int(known)
        assert float(spent) >= 1e8 * said, number
        time.sleep(dice.random() * 0.06)
        child.send_signal(signal.SIGKILL)
        now_said = child.stdout.read().count("done\n")
        done += now_said
        said += now_said
        child.wait()
        assert not list(path.parent.glob("*.corrupt*"))
    state = json.loads(path.read_text())
    assert state["consecutive_breaches"] in (done, done + 1)


def test_kill_9_leaves_the_last_committed_state(tmp_path) -> None:
    """A few kills in every run of the tests."""
    kills(12, tmp_path / "state.json")


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_kill_9_a_thousand_times_leaves_the_last_committed_state(tmp_path) -> None:
    """Never a wrong state, never a damaged file."""
    kills(1000, tmp_path / "state.json")


def test_a_queue_cut_anywhere_is_whole_or_reported(tmp_path, clock) -> None:
    """What SQLite can still read in full is the state; anything else is set aside."""
    path = tmp_path / "q.sqlite"
    queue = FailedTaskQueue(path, handlers={"x": print}, clock=clock)
    for number in range(40):
        queue.add("x", number, task_id=f"t{number}")
    queue.close()
    whole = path.read_bytes()
    assert not Path(f"{path}-wal").exists()
    lengths = sorted({0, 1, 99, 100, len(whole) - 1, *range(0, len(whole), 509)})
    for length in lengths:
        path.write_bytes(whole[:length])
        heard = []
        found = FailedTaskQueue(
            path, handlers={"x": print}, clock=clock, listener=lambda event, heard=heard: heard.append(event.kind)
        )
        assert heard == ["state_corrupt"], length
        assert found.counts()["waiting"] == 0
        found.add("x", 1)
        found.close()
        for each in tmp_path.glob("*.corrupt*"):
            each.unlink()
    path.write_bytes(whole)
    assert FailedTaskQueue(path, clock=clock).counts()["waiting"] == 40
