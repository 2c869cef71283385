"""Bytes that changed without SQLite having written them."""

import hashlib
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from packs.sqlite.damage import make
from paramedic.model.clock import SystemClock
from paramedic.packs.sqlite import copy, pack
from paramedic.packs.sqlite.checks import is_whole
from paramedic.packs.sqlite.recorded import is_as_recorded
from paramedic.packs.sqlite.target import Sqlite
from paramedic.recovery.last_good import LastGoodFiles
from paramedic.sdk import ActionFailed, DidIt, Status

RESTORE = {each.id: each.action for each in pack.actions}["sqlite.restore"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "data" / "a.db"
    path.parent.mkdir()
    make(path, 1)
    return path


@pytest.fixture
def copies(tmp_path: Path, path: Path) -> LastGoodFiles:
    copies = LastGoodFiles(tmp_path / "state", SystemClock())
    assert copies.keep(path, copy)
    return copies


def flip_a_value(path: Path) -> None:
    """One bit within a text, which no check of SQLite's can see."""
    with path.open("r+b") as file:
        at = file.read().index(b"word word")
        file.seek(at)
        file.write(b"wOrd")


def record(path: Path) -> Path:
    """A manifest beside the database."""
    manifest = path.with_name("data.sha256")
    manifest.write_text(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n")
    return manifest


async def test_a_flipped_bit_at_rest_is_found_although_sqlite_is_content(look, path: Path) -> None:
    """The second look of a program compares; damage stays told whatever else is written, until it is repaired."""
    target = Sqlite(path=path)
    sound = path.read_bytes()
    assert [each.status for each in await look(is_as_recorded, target)] == [Status.OK]
    flip_a_value(path)
    (found,) = await look(is_whole, target)
    assert found.status is Status.OK, "SQLite does not see it"
    (found,) = await look(is_as_recorded, target)
    assert (found.code, found.status) == ("sqlite.checksum-mismatch", Status.CRITICAL)
    (found,) = await look(is_as_recorded, target)
    assert found.code == "sqlite.checksum-mismatch", "also where nothing changed since"
    path.write_bytes(sound)
    assert [each.status for each in await look(is_as_recorded, target)] == [Status.OK]


@pytest.mark.parametrize("wal", [False, True])
async def test_what_sqlite_writes_is_no_damage(look, tmp_path: Path, wal: bool) -> None:
    """Commits, vacuum, another file in its place, and a database that somebody has open."""
    path = tmp_path / "a.db"
    make(path, 1, wal=wal)
    for statement in ("DELETE FROM notes WHERE rowid % 3 = 0", "VACUUM", "CREATE TABLE more (x)"):
        assert [each.status for each in await look(is_as_recorded, Sqlite(path=path))] == [Status.OK]
        with closing(sqlite3.connect(path)) as database:
            database.execute(statement)
            database.commit()
            (found,) = await look(is_as_recorded, Sqlite(path=path))
            assert found.status is Status.OK
    assert [each.status for each in await look(is_as_recorded, Sqlite(path=path))] == [Status.OK]
    make(tmp_path / "b.db", 2, wal=wal)
    (tmp_path / "b.db").replace(path)
    assert [each.status for each in await look(is_as_recorded, Sqlite(path=path))] == [Status.OK]


async def test_with_a_write_ahead_log_the_time_tells(look, tmp_path: Path) -> None:
    """A medium that forgets does not change the time of a file."""
    path = tmp_path / "a.db"
    make(path, 1, wal=True)
    await look(is_as_recorded, Sqlite(path=path))
    seen = path.stat()
    flip_a_value(path)
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    with path.open("r+b") as file:  # a byte more, so that the look is taken again
        file.seek(0, 2)
        file.write(bytes(4096))
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    (found,) = await look(is_as_recorded, Sqlite(path=path))
    assert found.code == "sqlite.checksum-mismatch"


async def test_a_manifest_is_the_truth_from_the_first_look_on(look, path: Path) -> None:
    """Whatever wrote; and a manifest that cannot be used says nothing about the database."""
    target = Sqlite(path=path, manifest=record(path))
    assert [each.status for each in await look(is_as_recorded, target)] == [Status.OK]
    flip_a_value(path)
    (found,) = await look(is_as_recorded, target)
    assert found.code == "sqlite.checksum-mismatch"
    for text in ("no manifest\n", f"{'0' * 64}  another.db\n"):
        target.manifest.write_text(text)
        os.utime(path)
        (found,) = await look(is_as_recorded, target)
        assert found.status is Status.UNKNOWN
    target.manifest.unlink()
    os.utime(path)
    (found,) = await look(is_as_recorded, target)
    assert found.status is Status.UNKNOWN
    path.unlink()
    assert [each.status for each in await look(is_as_recorded, target)] == [Status.INFO]


@pytest.mark.parametrize("declared", [False, True])
async def test_the_copy_of_just_this_state_is_brought_back(
    path: Path, copies: LastGoodFiles, act, declared: bool
) -> None:
    """Byte for byte, without loss; the damaged one is set aside and comes back by undo."""
    sound = path.read_bytes()
    target = Sqlite(path=path, manifest=record(path) if declared else None)
    context = act(target, last_good=copies)
    assert "nothing is missing" in ((await RESTORE.preview(context)).blocked or "")
    flip_a_value(path)
    damaged = path.read_bytes()
    preview = await RESTORE.preview(context)
    assert (preview.blocked, preview.loss) == (None, ())
    await RESTORE.apply(context)
    assert path.read_bytes() == sound
    assert await RESTORE.reconcile(context) is DidIt.YES
    await RESTORE.undo(context, {})
    assert path.read_bytes() == damaged


async def test_a_copy_of_another_state_is_not_taken(path: Path, copies: LastGoodFiles, act) -> None:
    """What was written since would be lost, so that nothing is overwritten."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("INSERT INTO notes VALUES ('new', 1)")
        database.commit()
    manifest = record(path)
    flip_a_value(path)
    for target, why in (
        (Sqlite(path=path), "nothing is missing"),
        (Sqlite(path=path, manifest=manifest), "there is no good copy of just the state"),
    ):
        context = act(target, last_good=copies)
        assert why in ((await RESTORE.preview(context)).blocked or "")
        with pytest.raises(ActionFailed):
            await RESTORE.apply(context)


def test_a_database_at_rest_is_copied_byte_for_byte(path: Path, tmp_path: Path) -> None:
    """So that a copy can be recognised as the state that a digest was taken of; one in use is copied page by page."""
    copy(path, tmp_path / "copy.db")
    assert (tmp_path / "copy.db").read_bytes() == path.read_bytes()
    with closing(sqlite3.connect(path)) as database:
        database.execute("SELECT 1 FROM notes").fetchone()
        copy(path, tmp_path / "second.db")
    with closing(sqlite3.connect(tmp_path / "second.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
