"""What is found wrong with SQLite databases, and that looking leaves no trace."""

import os
import random
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from packs.sqlite.damage import make
from paramedic.packs.sqlite import copy, pack
from paramedic.packs.sqlite.checks import is_usable, is_whole
from paramedic.packs.sqlite.target import Sqlite
from paramedic.sdk import Status

HOLDER = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("BEGIN " + sys.argv[2])
if sys.argv[2] == "IMMEDIATE":
    database.execute("INSERT INTO notes VALUES ('held', 1)")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "data" / "a.db"
    path.parent.mkdir()
    make(path, 1)
    return path


@pytest.fixture
def hold():
    """A real other process that holds a lock until the test ends."""
    children = []

    def start(path: Path, how: str) -> int:
        child = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(path), how], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        children.append(child)
        assert child.stdout.readline() == b"held\n"
        return child.pid

    yield start
    for child in children:
        child.kill()
        child.communicate()


@pytest.fixture
def expect(look):
    """Look, compare the code, and see that the folder is byte for byte as before."""

    async def check(spec, path: Path, code: str | None, **fields):
        before = _everything(path.parent)
        found = await look(spec, Sqlite(path=path, **{"busy_timeout_s": 0.3, **fields}))
        assert _everything(path.parent) == before, "a look changes nothing"
        assert [each.code for each in found] == [code], found
        return found[0]

    return check


def _everything(folder: Path) -> dict[str, tuple[int, bytes]]:
    # the index of a WAL holds the marks of whoever reads, and is no part of the data
    return {
        each.name: (each.stat().st_mtime_ns, each.read_bytes())
        for each in (folder.iterdir() if folder.is_dir() else ())
        if each.is_file() and not each.name.endswith("-shm")
    }


async def test_a_sound_database_is_healthy_in_both_modes(expect, tmp_path: Path) -> None:
    """With and without a write-ahead log, closed and in use, with quotes and question marks in its name."""
    for wal in (False, True):
        path = tmp_path / f"{wal}" / "a b?'#%41.db"
        path.parent.mkdir()
        make(path, 1, wal=wal)
        found = await expect(is_usable, path, None, tables={"messages": ("id", "text"), "Notes": ()})
        assert found.status is Status.OK
        assert found.measures["size_mb"] > 0
        await expect(is_whole, path, None)
        with closing(sqlite3.connect(path)) as database:
            database.execute("INSERT INTO notes VALUES ('x', 1)")
            database.commit()
            await expect(is_usable, path, None)
            await expect(is_whole, path, None)


async def test_what_a_crash_left_behind_is_read_without_touching_it(expect, path: Path, tmp_path: Path) -> None:
    """A WAL without its index and a hot journal are read in a copy; a person's or the service's recovery stays theirs."""
    live, crashed = tmp_path / "live.db", tmp_path / "crashed" / "c.db"
    crashed.parent.mkdir()
    make(live, 1, wal=True)
    with closing(sqlite3.connect(live)) as database:
        database.execute("CREATE TABLE later (x)")
        database.commit()
        for suffix in ("", "-wal"):
            shutil.copyfile(f"{live}{suffix}", f"{crashed}{suffix}")
    await expect(is_usable, crashed, None, tables=("later",))
    await expect(is_whole, crashed, None)
    child = subprocess.run(  # noqa: ASYNC221  # it ends at once
        [
            sys.executable,
            "-c",
            (
                "import sqlite3, sys, os\n"
                "d = sqlite3.connect(sys.argv[1]); d.execute('PRAGMA cache_size = 1')\n"
                "d.execute(\"UPDATE messages SET text = 'half done'\"); os._exit(0)"
            ),
            str(path),
        ],
        check=True,
    )
    assert child.returncode == 0
    assert path.with_name("a.db-journal").exists()
    await expect(is_usable, path, None)
    await expect(is_whole, path, None)


async def test_missing_empty_foreign_and_unmounted(expect, tmp_path: Path) -> None:
    """Each has its own code; a missing folder is mentioned."""
    path = tmp_path / "data" / "a.db"
    found = await expect(is_usable, path, "sqlite.file-missing")
    assert "folder" in found.observed
    path.parent.mkdir()
    await expect(is_usable, path, "sqlite.file-missing")
    path.touch()
    await expect(is_usable, path, "sqlite.empty")
    assert (await expect(is_whole, path, None)).status is Status.INFO
    path.write_bytes(b"no database" * 100)
    await expect(is_usable, path, "sqlite.not-a-database")
    await expect(is_whole, path, "sqlite.not-a-database")
    path.unlink()
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 1")
    await expect(is_usable, path, "sqlite.empty", tables=("messages",))
    path.unlink()
    os.mkfifo(path)
    await expect(is_usable, path, "sqlite.not-a-database")


async def test_missing_tables_and_columns_are_named(look, path: Path) -> None:
    """Every one of them, each as a finding."""
    found = await look(is_usable, Sqlite(path=path, tables={"messages": ("id", "mood"), "reminders": ()}))
    assert [each.observed for each in found] == ["table `messages` lacks `mood`", "there is no table `reminders`"]
    assert {each.code for each in found} == {"sqlite.table-missing"}


async def test_types_are_compared_by_how_values_are_kept(look, path: Path) -> None:
    """``VARCHAR(20)`` and ``TEXT`` keep values alike; a number kept as text is told."""
    tables = {"messages": {"id": "bigint", "text": "varchar(20)", "author": "integer"}, "notes": ("title",)}
    (found,) = await look(is_usable, Sqlite(path=path, tables=tables))
    assert (found.code, found.status) == ("sqlite.column-type", Status.WARNING)
    assert found.observed == "column `author` of `messages` is `TEXT`, not `integer`"
    (found,) = await look(is_usable, Sqlite(path=path, tables={"blobs": {"content": "", "id": "INT"}}))
    assert found.status is Status.OK


async def test_rows_that_refer_to_nothing_are_counted_and_told_where_it_matters(look, path: Path) -> None:
    """SQLite itself allows them, so that a service file has to say that they are a trouble."""
    with closing(sqlite3.connect(path)) as database:
        database.executescript("""
            CREATE TABLE marks (message INTEGER REFERENCES messages (id));
            INSERT INTO marks VALUES (1), (999999), (888888);
        """)
    (found,) = await look(is_whole, Sqlite(path=path))
    assert found.status is Status.OK
    assert found.measures["orphans"] == 2
    (found,) = await look(is_whole, Sqlite(path=path, foreign_keys=True), name="strict")
    assert (found.code, found.status) == ("sqlite.foreign-keys", Status.WARNING)
    assert "`marks` to `messages`: 2 rows" in found.observed


async def test_space_that_is_not_used_is_reported(look, path: Path) -> None:
    """A file that has become too large for what it holds says so."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("INSERT INTO blobs VALUES (9999, zeroblob(3000000))")
        database.execute("DELETE FROM blobs")
        database.commit()
    (found,) = await look(is_usable, Sqlite(path=path))
    assert found.measures["unused_mb"] > 2
    assert "unused" in found.observed


async def test_a_damaged_page_is_found_at_once_by_the_whole_look(expect, path: Path) -> None:
    """The quick look may miss it; the whole look does not, and looks again when the file has changed."""
    await expect(is_whole, path, None)
    sound = path.read_bytes()
    content = bytearray(sound)
    content[20 * 4096 : 21 * 4096] = random.Random(1).randbytes(4096)
    path.write_bytes(content)
    found = await expect(is_whole, path, "sqlite.corrupt")
    assert found.status is Status.CRITICAL
    path.write_bytes(sound)
    await expect(is_whole, path, None)


async def test_an_unchanged_database_is_not_read_again(look, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sound verdict is remembered until something changes."""
    await look(is_whole, Sqlite(path=path))
    monkeypatch.setattr("paramedic.packs.sqlite.checks.ask", None)
    (found,) = await look(is_whole, Sqlite(path=path))
    assert found.status is Status.OK


async def test_a_file_cut_short_and_a_damaged_contents_page_are_corrupt(expect, path: Path) -> None:
    """The quick look finds what concerns the whole file."""
    sound = path.read_bytes()
    path.write_bytes(sound[: 10 * 4096])
    await expect(is_usable, path, "sqlite.corrupt")
    path.write_bytes(sound[:100] + bytes(3996) + sound[4096:])
    await expect(is_usable, path, "sqlite.corrupt")


@pytest.mark.parametrize(("wal", "how"), [(False, "EXCLUSIVE"), (False, "IMMEDIATE"), (True, "IMMEDIATE")])
async def test_a_lock_held_for_too_long_is_named_with_its_holder(
    expect, tmp_path: Path, hold, wal: bool, how: str
) -> None:
    """Whatever the mode, the process that blocks writers is named by pid and command."""
    path = tmp_path / "data" / "a.db"
    path.parent.mkdir()
    make(path, 1, wal=wal)
    pid = hold(path, how)
    found = await expect(is_usable, path, "sqlite.locked")
    assert f"pid {pid}" in found.observed
    assert found.measures["waited_s"] >= 0.3


async def test_a_busy_writer_is_not_a_lock(look, path: Path, tmp_path: Path) -> None:
    """Somebody who commits all the time holds the lock often, but lets others in."""
    busy = subprocess.Popen(  # noqa: ASYNC220  # it goes on beside us
        [
            sys.executable,
            "-c",
            (
                "import sqlite3, sys\nd = sqlite3.connect(sys.argv[1])\n"
                "while True:\n d.execute(\"INSERT INTO notes VALUES ('x', 1)\"); d.commit(); print('x', flush=True)"
            ),
            str(path),
        ],
        stdout=subprocess.PIPE,
    )
    try:
        assert busy.stdout.readline()
        for _ in range(5):
            (found,) = await look(is_usable, Sqlite(path=path, busy_timeout_s=2))
            assert found.code != "sqlite.locked", found
    finally:
        busy.kill()
        busy.communicate()


async def test_a_large_write_ahead_log_is_a_warning(look, tmp_path: Path) -> None:
    """Above the threshold of the component."""
    path = tmp_path / "a.db"
    make(path, 1, wal=True)
    with closing(sqlite3.connect(path)) as database:
        database.execute("INSERT INTO blobs VALUES (9999, zeroblob(300000))")
        database.commit()
        (found,) = await look(is_usable, Sqlite(path=path), thresholds={"wal_mb": 0.1})
    assert (found.code, found.status) == ("sqlite.wal-large", Status.WARNING)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
async def test_a_database_that_we_may_not_read_is_unknown(look, path: Path) -> None:
    """No permission is our trouble, not the patient's."""
    path.chmod(0)
    os.seteuid(65534)
    try:
        for spec in (is_usable, is_whole):
            (found,) = await look(spec, Sqlite(path=path))
            assert found.status in (Status.UNKNOWN, Status.INFO)
    finally:
        os.seteuid(0)


async def test_a_child_that_takes_too_long_is_killed(look, path: Path, hold) -> None:
    """The look ends in time and is unknown, or names the lock."""
    hold(path, "EXCLUSIVE")
    (found,) = await look(is_usable, Sqlite(path=path, busy_timeout_s=60), timeout_s=2.5)
    assert found.code in ("sqlite.locked", "paramedic.cannot-look")


def test_a_copy_in_use_is_whole_and_a_damaged_one_is_refused(path: Path, tmp_path: Path) -> None:
    """The pack's own way to copy refuses what does not pass the integrity check."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("SELECT 1 FROM notes").fetchone()
        copy(path, tmp_path / "copy.db")
    with closing(sqlite3.connect(tmp_path / "copy.db")) as database:
        assert database.execute("SELECT count(*) FROM messages").fetchone() == (1200,)
    content = bytearray(path.read_bytes())
    content[20 * 4096 : 21 * 4096] = bytes(4096)
    path.write_bytes(content)
    with pytest.raises(OSError):
        copy(path, tmp_path / "second.db")
    (kind,) = pack.kinds
    assert kind.keeps(Sqlite(path=path)) == (path,)
