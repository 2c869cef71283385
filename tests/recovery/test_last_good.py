"""Copies of files made while all was well."""

import json
import os
import shutil
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest

from paramedic.recovery.last_good import LastGoodFiles
from paramedic.report.redaction import Redactor
from paramedic.sdk.files import kept


class _Calendar:
    """Wall time that a test moves."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def calendar() -> _Calendar:
    return _Calendar()


@pytest.fixture
def copies(tmp_path: Path, calendar: _Calendar) -> LastGoodFiles:
    return LastGoodFiles(tmp_path / "state" / "last-good", calendar)


def test_nothing_kept_is_an_empty_answer(copies: LastGoodFiles, tmp_path: Path) -> None:
    """A file that was never kept has no copies, and setting aside what is absent says so."""
    assert copies.newest(tmp_path / "a.yaml") == ()
    assert copies.set_aside(tmp_path / "a.yaml", "test") is None


def test_a_copy_is_byte_for_byte_and_private(copies: LastGoodFiles, tmp_path: Path) -> None:
    """A copy equals its file, nobody else can read it, and its record remembers the file's own mode."""
    file = tmp_path / "a.yaml"
    file.write_bytes(b"# a comment\nb: 1\n")
    file.chmod(0o640)
    copy = copies.keep(file)
    assert copy is not None
    assert copy.read_bytes() == file.read_bytes()
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert stat.S_IMODE(copy.parent.stat().st_mode) == 0o700
    assert kept(copy).mode == 0o640
    assert copies.newest(file) == (copy,)


def test_an_unchanged_file_is_not_copied_again(copies: LastGoodFiles, tmp_path: Path) -> None:
    """Neither a second look nor a touch without a change makes another copy."""
    file = tmp_path / "a.yaml"
    file.write_text("a: 1")
    first = copies.keep(file)
    assert copies.keep(file) == first
    os.utime(file, (1, 1))
    assert copies.keep(file) == first
    assert len(copies.newest(file)) == 1


def test_newest_first_even_when_the_clock_jumps_back(
    copies: LastGoodFiles, calendar: _Calendar, tmp_path: Path
) -> None:
    """The last copy made is the newest, whatever the wall clock says."""
    file = tmp_path / "a.yaml"
    for text in ("one", "two", "three"):
        file.write_text(text)
        copies.keep(file)
        calendar.at -= timedelta(hours=3)
    assert [each.read_text() for each in copies.newest(file)] == ["three", "two", "one"]


def test_the_newest_five_and_one_a_day_for_a_week_stay(
    copies: LastGoodFiles, calendar: _Calendar, tmp_path: Path
) -> None:
    """Twelve copies a day for ten days leave the newest five and the last of each of seven more days."""
    file = tmp_path / "a.yaml"
    for day in range(10):
        for hour in range(12):
            calendar.at = datetime(2026, 3, 1 + day, hour, tzinfo=UTC)
            file.write_text(f"{day} {hour}")
            copies.keep(file)
    found = [each.read_text() for each in copies.newest(file)]
    assert found[:5] == ["9 11", "9 10", "9 9", "9 8", "9 7"]
    assert found[5:] == [f"{day} 11" for day in range(8, 2, -1)]


def test_a_damaged_or_unrecorded_copy_is_not_trusted(copies: LastGoodFiles, tmp_path: Path) -> None:
    """Only a copy that still has its digest is offered; a record without sense is the same as none."""
    file = tmp_path / "a.yaml"
    file.write_text("good")
    good = copies.keep(file)
    file.write_text("newer")
    newer = copies.keep(file)
    assert newer is not None
    newer.write_text("rotten")
    assert copies.newest(file) == (good,)
    newer.with_name(newer.name + ".json").write_text(json.dumps([]))
    assert copies.newest(file) == (good,)


def test_what_is_no_file_or_too_large_is_refused(
    copies: LastGoodFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe, a folder, an absent file and one above the limit are not kept, and nothing waits."""
    pipe, folder, large = tmp_path / "pipe", tmp_path / "folder", tmp_path / "large"
    os.mkfifo(pipe)
    folder.mkdir()
    with large.open("wb") as file:
        file.truncate((1 << 30) + 1)
    for each in (pipe, folder, large, tmp_path / "absent"):
        assert copies.keep(each) is None


def test_a_full_disk_is_not_filled_further(
    copies: LastGoodFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without room for twice the file and a reserve nothing is written."""
    file = tmp_path / "a.yaml"
    file.write_text("a")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(10, 9, 1))
    assert copies.keep(file) is None
    assert copies.newest(file) == ()


def test_a_database_in_use_is_copied_with_its_own_means(copies: LastGoodFiles, tmp_path: Path) -> None:
    """The copy function is used, and a change that is only in the WAL makes a new copy."""

    def copy(source: Path, target: Path) -> None:
        with sqlite3.connect(source) as reading, sqlite3.connect(target) as writing:
            reading.backup(writing)
        reading.close()
        writing.close()

    path = tmp_path / "a.db"
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("CREATE TABLE t(x)")
    database.commit()
    copies.keep(path, copy)
    database.execute("INSERT INTO t VALUES (7)")
    database.commit()
    newest = copies.keep(path, copy)
    assert newest is not None
    with sqlite3.connect(newest) as reading:
        assert reading.execute("SELECT x FROM t").fetchall() == [(7,)]
    reading.close()
    database.close()
    assert {each.name for each in newest.parent.iterdir()} == {
        name for copy in copies.newest(path) for name in (copy.name, copy.name + ".json")
    } | {each.name for each in newest.parent.iterdir() if each.name.startswith(newest.name)}


def test_set_aside_takes_the_companions_along_and_is_pruned(
    copies: LastGoodFiles, calendar: _Calendar, tmp_path: Path
) -> None:
    """A file set aside comes with its WAL, leaves the original alone, and goes when its time is over."""
    file, wal = tmp_path / "a.db", tmp_path / "a.db-wal"
    file.write_text("damaged")
    wal.write_text("frames")
    aside = copies.set_aside(file, "before repair: damaged!")
    assert aside is not None
    assert (aside.read_text(), aside.with_name("a.db-wal").read_text()) == ("damaged", "frames")
    assert file.read_text() == "damaged"
    assert stat.S_IMODE(aside.stat().st_mode) == 0o600
    copies.prune(7)
    assert aside.exists()
    calendar.at += timedelta(days=8)
    copies.prune(7)
    assert not aside.exists()


def test_where_a_file_was_set_aside_is_told_in_full(tmp_path: Path, calendar: _Calendar) -> None:
    """The name of the place does not look like a secret, however often something is set aside."""
    copies = LastGoodFiles(tmp_path / "last-good", calendar)
    file = tmp_path / "settings.yaml"
    places = set()
    for minute in range(200):
        calendar.at += timedelta(minutes=minute)
        file.write_text("a: 1")
        places |= {copies.set_aside(file, "before it was replaced"), copies.set_aside(file, "before undo")}
        places.add(copies.set_aside(file, "before undo"))
    assert len(places) == 600
    for place in places:
        told = f"the broken one is in `{place}`"
        assert Redactor(()).text(told) == told


def test_the_copy_of_one_file_holds_up_no_other(copies: LastGoodFiles, tmp_path: Path) -> None:
    """A large database may take minutes, and the service file is kept meanwhile; the same file is copied once."""
    base, small, begun, go_on = tmp_path / "base.db", tmp_path / "a.yaml", Event(), Event()
    base.write_bytes(b"rows")
    small.write_bytes(b"b: 1\n")

    def slowly(source: Path, draft: Path) -> None:
        begun.set()
        assert go_on.wait(60)
        draft.write_bytes(source.read_bytes())

    with ThreadPoolExecutor() as pool:
        large = pool.submit(copies.keep, base, slowly)
        try:
            assert begun.wait(60)
            assert pool.submit(copies.keep, small).result(60) is not None
            same = pool.submit(copies.keep, base, slowly)
        finally:
            go_on.set()
        assert large.result(60) == same.result(60)
