"""What heals SQLite databases: writers stopped and started, one instant of exchange, and a way back."""

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from packs.sqlite.damage import live_on, make, rows
from paramedic.model.clock import SystemClock
from paramedic.packs.sqlite import copy, pack
from paramedic.packs.sqlite.checks import is_usable, is_whole
from paramedic.packs.sqlite.target import Sqlite
from paramedic.recovery.last_good import LastGoodFiles
from paramedic.sdk import ActionFailed, Component, DidIt, ProcessFacts, ProcessSpec, Status

ACTIONS = {each.id: each.action for each in pack.actions}
REPAIR, RESTORE = ACTIONS["sqlite.repair"], ACTIONS["sqlite.restore"]
WRITER = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
database.execute("SELECT count(*) FROM sqlite_master").fetchall()
print("open", flush=True)
sys.stdin.read()
"""


class Writers:
    """Real processes that have the database open, started and stopped for real."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.child: subprocess.Popen[bytes] | None = None
        self.told: list[str] = []

    def facts(self, component: Component) -> ProcessFacts:
        is_alive = component.name == "bot" and self.child is not None and self.child.poll() is None
        return ProcessFacts(desired=None, pid=self.child.pid if is_alive and self.child else None)

    async def start(self, component: Component, token: str) -> int:
        self.told.append(f"start {component.name} {token}")
        # a writer of its own connects lazily, so that it comes up whatever state the file is in
        self.child = subprocess.Popen(  # noqa: ASYNC220  # it goes on beside us
            [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        return self.child.pid

    async def stop(self, component: Component) -> None:
        self.told.append(f"stop {component.name}")
        self.end()

    def open(self) -> subprocess.Popen[bytes]:
        child = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(self.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        assert child.stdout.readline() == b"open\n"
        return child

    def end(self) -> None:
        if self.child:
            self.child.kill()
            self.child.communicate()
            self.child = None


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


@pytest.fixture
def writers(path: Path):
    writers = Writers(path)
    yield writers
    writers.end()


@pytest.fixture
def context(bench, path: Path, copies: LastGoodFiles, writers: Writers):
    """What an action is given for a database with one managed writer, ``bot``."""
    spec = ProcessSpec(command=("bot",))
    bench.others["bot"] = Component(name="bot", kind="http", target=None, depends_on=("it",), process=spec)
    tables = ("messages", "notes", "blobs")
    return lambda **fields: bench.act(
        Sqlite(path=path, tables=tables, busy_timeout_s=1), **{"last_good": copies, "processes": writers, **fields}
    )


def damage(path: Path, table: str = "messages", which: int = 2) -> None:
    """Make one leaf of a table illegible."""
    with closing(sqlite3.connect(path)) as database:
        query = "SELECT rootpage FROM sqlite_master WHERE name = ?"
        at = (database.execute(query, (table,)).fetchone()[0] - 1) * 4096
    content = bytearray(path.read_bytes())
    cell = int.from_bytes(content[at + 12 + 2 * which : at + 14 + 2 * which], "big")
    leaf = int.from_bytes(content[at + cell : at + cell + 4], "big")
    content[(leaf - 1) * 4096 : leaf * 4096] = b"\xff" * 4096
    path.write_bytes(content)


async def test_a_damaged_database_is_healed_without_loss(context, path: Path, writers: Writers, look) -> None:
    """Writers are stopped, old rows come from the copy, new ones from the file; the same checks pass; undo goes back."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("INSERT INTO messages (author, text) VALUES ('new', 'after the copy')")
        database.commit()
    path.chmod(0o640)
    truth = rows(path, "messages")
    damage(path)
    broken = path.read_bytes()
    writers.child = writers.open()
    (found,) = await look(is_whole, Sqlite(path=path))
    assert found.code == "sqlite.corrupt"
    preview = await REPAIR.preview(context())
    assert (preview.blocked, preview.loss) == (None, ())
    assert "from the copy" in preview.diff
    assert path.read_bytes() == broken, "a preview changes nothing"
    assert await REPAIR.preview(context()) == preview, "a plan that waits for an approval is not stale by itself"
    left = [each.name for each in context().workspace.rglob("*") if each.is_file()]
    assert left == ["notes.json"], "nor does it leave a second database behind"
    assert await REPAIR.reconcile(context()) is DidIt.NO
    outcome = await REPAIR.apply(context())
    assert rows(path, "messages") == truth
    assert outcome.output["loss"] == []
    assert path.stat().st_mode & 0o777 == 0o640
    assert [each.split()[0] for each in writers.told] == ["stop", "start"]
    for spec in (is_usable, is_whole):
        (found,) = await look(spec, Sqlite(path=path))
        assert found.status is Status.OK
    assert await REPAIR.reconcile(context()) is DidIt.YES
    with closing(sqlite3.connect(path)) as database:
        database.execute("DELETE FROM notes")
        database.commit()
    assert await REPAIR.reconcile(context()) is DidIt.YES, "also when the writers went on"
    await REPAIR.undo(context(), {})
    assert path.read_bytes() == broken
    assert "as it was" in await REPAIR.undo(context(), {})
    assert writers.facts(context().service.components["bot"]).pid
    assert sorted(each.name for each in path.parent.iterdir()) == ["a.db"]


async def test_rows_that_nobody_has_are_listed_before_anything_is_done(context, path: Path) -> None:
    """New rows on a damaged page: the preview names their rowids, so that a person decides."""
    live_on(path, 2)
    live_on(path, 3)
    with closing(sqlite3.connect(path)) as database:
        root = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'messages'").fetchone()[0]
    at = (root - 1) * 4096
    content = bytearray(path.read_bytes())
    leaf = int.from_bytes(content[at + 8 : at + 12], "big")
    content[(leaf - 1) * 4096 : leaf * 4096] = bytes(4096)
    path.write_bytes(content)
    preview = await REPAIR.preview(context())
    assert "table messages: rowids" in preview.loss[0]
    assert "-1500" in preview.loss[0], "the counter knows how far the table went"


@pytest.mark.parametrize("content", [b"", b"no database" * 1000, bytes(8192)])
async def test_an_empty_or_foreign_file_becomes_the_copy_after_approval(context, path: Path, content: bytes) -> None:
    """What was written since cannot be known, so it is a loss to approve."""
    truth = rows(path, "notes")
    path.write_bytes(content)
    preview = await REPAIR.preview(context())
    assert preview.loss
    await REPAIR.apply(context())
    assert rows(path, "notes") == truth


async def test_a_stranger_who_has_it_open_is_named_and_nothing_is_touched(
    context, path: Path, writers: Writers
) -> None:
    """A writer that we did not start would go on writing to the old file."""
    damage(path)
    broken = path.read_bytes()
    stranger = writers.open()
    try:
        assert f"pid {stranger.pid}" in ((await REPAIR.preview(context())).blocked or "")
        with pytest.raises(ActionFailed, match=f"pid {stranger.pid}"):
            await REPAIR.apply(context())
        assert path.read_bytes() == broken
    finally:
        stranger.kill()
        stranger.communicate()


async def test_a_database_that_is_whole_by_now_is_left_alone(context, path: Path, writers: Writers) -> None:
    """A plan that has gone stale does nothing and starts the writers again."""
    sound = path.read_bytes()
    damage(path)
    await REPAIR.preview(context())
    path.write_bytes(sound)
    writers.child = writers.open()
    with pytest.raises(ActionFailed, match="stale"):
        await REPAIR.apply(context())
    assert path.read_bytes() == sound
    assert writers.child is not None


async def test_without_copy_and_without_rows_it_says_so(context, path: Path, tmp_path: Path) -> None:
    """Blocked, and the file stays."""
    path.write_bytes(b"nothing" * 100)
    empty = LastGoodFiles(tmp_path / "none", SystemClock())
    preview = await REPAIR.preview(context(last_good=empty))
    assert "no good copy" in (preview.blocked or "")
    with pytest.raises(ActionFailed):
        await REPAIR.apply(context(last_good=empty))
    assert path.read_bytes() == b"nothing" * 100


async def test_a_crash_in_the_middle_can_be_finished(context, path: Path, writers: Writers) -> None:
    """Killed just before the exchange: the damaged file still stands, writers come back, a second try completes it."""

    def crash(_point: str) -> None:
        raise KeyboardInterrupt

    truth = rows(path, "messages")
    damage(path)
    broken = path.read_bytes()
    writers.child = writers.open()
    await REPAIR.preview(context())
    with pytest.raises(KeyboardInterrupt):
        await REPAIR.apply(context(checkpoint=crash))
    writers.end()  # as if the crash had come before they were started again
    assert path.read_bytes() == broken
    assert await REPAIR.reconcile(context()) is DidIt.NO
    assert writers.child is not None, "reconciling starts what was stopped"
    await REPAIR.apply(context(token="second"))
    assert rows(path, "messages") == truth
    assert sorted(each.name for each in path.parent.iterdir()) == ["a.db"]


async def test_a_missing_database_is_restored_and_undo_removes_it(context, path: Path) -> None:
    """The plan says what it costs and warns of an unmounted volume."""
    truth = rows(path, "notes")
    path.unlink()
    preview = await RESTORE.preview(context())
    assert "unmounted" in preview.summary
    assert preview.loss
    assert await RESTORE.reconcile(context()) is DidIt.NO
    await RESTORE.apply(context())
    assert rows(path, "notes") == truth
    assert await RESTORE.reconcile(context()) is DidIt.YES
    await RESTORE.undo(context(), {})
    assert not path.exists()
    shutil.rmtree(path.parent)
    assert "mounted" in ((await RESTORE.preview(context())).blocked or "")


async def test_only_the_missing_table_is_brought_back(context, path: Path, look) -> None:
    """With its rows and indexes, in one transaction; what else was written since stays; undo takes it away."""
    with closing(sqlite3.connect(path)) as database:
        database.executescript("DROP TABLE messages; INSERT INTO notes VALUES ('since', 1);")
    preview = await RESTORE.preview(context())
    assert preview.blocked is None
    assert preview.loss[0].startswith("table messages")
    outcome = await RESTORE.apply(context())
    assert "1200 rows" in outcome.summary
    assert await RESTORE.reconcile(context()) is DidIt.YES
    (found,) = await look(is_usable, Sqlite(path=path, tables=("messages", "notes")))
    assert found.status is Status.OK
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT count(*) FROM sqlite_master WHERE name = 'by_author'").fetchone() == (1,)
        assert database.execute("SELECT count(*) FROM notes WHERE title = 'since'").fetchone() == (1,)
    assert (await RESTORE.preview(context())).blocked == "nothing is missing"
    await RESTORE.undo(context(), {})
    assert (await look(is_usable, Sqlite(path=path, tables=("messages",))))[0].code == "sqlite.table-missing"


async def test_a_database_recreated_without_its_tables_gets_them_back(bench, look, path: Path, tmp_path: Path) -> None:
    """Nobody declared its tables; the last good copy tells which were there. What was empty then may be dropped."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE drafts (id)")
    copies = LastGoodFiles(tmp_path / ".paramedic" / "last-good", SystemClock())
    assert copies.keep(path, copy)
    truth = rows(path, "messages")
    with closing(sqlite3.connect(path)) as database:
        database.execute("DROP TABLE drafts")
    target = Sqlite(path=path, busy_timeout_s=1)
    assert [each.status for each in await look(is_usable, target)] == [Status.OK]
    path.unlink()
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE sessions (id)")
    (found,) = await look(is_usable, target)
    assert (found.code, found.status) == ("sqlite.table-missing", Status.CRITICAL)
    assert found.observed == "there is no table `messages`, and 2 more are gone"
    (declared,) = await look(is_usable, Sqlite(path=path, tables=("sessions",)))
    assert declared.status is Status.OK
    context = bench.act(target, last_good=copies)
    preview = await RESTORE.preview(context)
    assert preview.summary.startswith("restore `messages`, `notes`, `blobs`, `drafts` in `a.db`")
    assert "with" in (await RESTORE.apply(context)).summary
    assert rows(path, "messages") == truth
    assert [each.status for each in await look(is_usable, target)] == [Status.OK]


async def test_an_empty_file_in_place_of_a_database_with_tables(look, path: Path, tmp_path: Path) -> None:
    """The application made it anew and has written nothing yet."""
    assert LastGoodFiles(tmp_path / ".paramedic" / "last-good", SystemClock()).keep(path, copy)
    path.unlink()
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = WAL")
    (found,) = await look(is_usable, Sqlite(path=path))
    assert found.code == "sqlite.table-missing"
    path.write_bytes(b"")
    (found,) = await look(is_usable, Sqlite(path=path))
    assert found.code == "sqlite.empty"
