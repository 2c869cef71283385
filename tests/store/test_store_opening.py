"""A store opens or says in one sentence why not."""

import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect

from paramedic.model.errors import SchemaTooNew, StoreError
from paramedic.store import Store, open_store, read_store
from paramedic.store.migrations import MIGRATIONS
from paramedic.store.schema import metadata
from postgres_server import PostgresServer
from store.examples import CLOCK, NOON, tamper

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user needs root")


def refused(url: str) -> StoreError:
    """What both ways of opening say."""
    with pytest.raises(StoreError) as reading:
        read_store(url, node="here", clock=CLOCK)
    with pytest.raises(StoreError) as opening:
        open_store(url, node="here", clock=CLOCK)
    assert str(reading.value) == str(opening.value)
    assert type(reading.value) is type(opening.value)
    message = str(opening.value)
    assert "\n" not in message
    assert "sqlalche.me" not in message
    return opening.value


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    """0600 for the file and its log, 0700 for the directories that had to be made; others are left alone."""
    tmp_path.chmod(0o755)
    path = tmp_path / "a" / "b" / "paramedic.db"
    store = open_store(f"sqlite:///{path}", node="here", clock=CLOCK)
    with store.begin() as tx:
        tx.notes.set("a", 1)
    assert {stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()} == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == stat.S_IMODE(path.parents[1].stat().st_mode) == 0o700
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
    store.close()


def test_the_file_is_as_safe_as_sqlite_can_be(tmp_path: Path) -> None:
    """Write-ahead log and full synchronisation on every connection that writes."""
    store = open_store(f"sqlite:///{tmp_path}/s.db", node="here", clock=CLOCK)
    with store._writing() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    store.close()


def test_looking_leaves_nothing_behind(tmp_path: Path) -> None:
    """Neither a new store nor the side files of an old one."""
    url = f"sqlite:///{tmp_path}/s.db"
    assert read_store(f"sqlite:///{tmp_path}/none/s.db", node="here", clock=CLOCK) is None
    assert list(tmp_path.iterdir()) == []
    open_store(url, node="here", clock=CLOCK).close()
    before = sorted(tmp_path.iterdir())
    store = read_store(url, node="here", clock=CLOCK)
    assert store is not None
    assert store.verify() == ()
    store.changes()
    assert sorted(tmp_path.iterdir()) == before == [tmp_path / "s.db"]
    store.close()


def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    """Somebody may have made it to set its owner."""
    path = tmp_path / "s.db"
    path.touch()
    assert read_store(f"sqlite:///{path}", node="here", clock=CLOCK) is None
    store = open_store(f"sqlite:///{path}", node="here", clock=CLOCK)
    assert store.verify() == ()
    store.close()


def test_what_is_no_database_is_left_alone(tmp_path: Path) -> None:
    """Named, with what to do."""
    path = tmp_path / "notes.txt"
    path.write_text("remember the milk\n" * 100)
    error = refused(f"sqlite:///{path}")
    assert str(error) == f"the store `{path}` is not a database"
    assert error.hint
    assert path.read_text().startswith("remember the milk")


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    """Even an otherwise healthy one, such as the patient's own."""
    path = tmp_path / "chat.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE messages (text)")
    assert str(refused(f"sqlite:///{path}")) == f"the database `{path}` belongs to another program"


def test_a_directory_is_no_store(tmp_path: Path) -> None:
    """And is told by name."""
    assert str(tmp_path) in str(refused(f"sqlite:///{tmp_path}"))


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("nonsense", "no URL"),
        ("mysql://u:geheim@h/d", "no store for `mysql`"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
    ],
)
def test_urls_we_cannot_use_are_explained(url: str, told: str) -> None:
    """With the shapes that work, and without repeating a password."""
    error = refused(url)
    assert told in str(error)
    assert "sqlite:////absolute/path" in (error.hint or "")
    assert "geheim" not in str(error)


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    """Where the damage shows, not as a traceback."""
    path = tmp_path / "s.db"
    open_store(f"sqlite:///{path}", node="here", clock=CLOCK).close()
    content = bytearray(path.read_bytes())
    content[100:4096] = os.urandom(3996)
    path.write_bytes(content)
    assert "is damaged" in str(refused(f"sqlite:///{path}"))


def test_a_newer_schema_is_refused(store: Store, url: str) -> None:
    """By writers and readers, with a way out, and nothing is touched."""
    store.close()
    tamper(url, f"INSERT INTO schema_version VALUES ({len(MIGRATIONS) + 1}, 0)")
    error = refused(url)
    assert isinstance(error, SchemaTooNew)
    assert str(error) == f"the store has schema {len(MIGRATIONS) + 1}, this Paramedic knows {len(MIGRATIONS)}"
    assert error.hint


def test_an_older_schema_is_migrated_whole_or_not_at_all(
    store: Store, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step that fails half-way leaves the old schema; a good one is taken once; a reader asks for it."""
    store.close()
    newest = len(MIGRATIONS)
    broken = ("CREATE TABLE extra (a INTEGER)", "CREATE TABLE extra (a INTEGER)")
    for module in ("opening", "migrations"):
        monkeypatch.setattr(f"paramedic.store.{module}.MIGRATIONS", (*MIGRATIONS, broken))
    with pytest.raises(StoreError, match="already exists"):
        open_store(url, node="here", clock=CLOCK)
    with pytest.raises(StoreError, match=f"older schema {newest}, this Paramedic reads {newest + 1}"):
        read_store(url, node="here", clock=CLOCK)
    for module in ("opening", "migrations"):
        monkeypatch.setattr(f"paramedic.store.{module}.MIGRATIONS", (*MIGRATIONS, broken[:1]))
    for _ in range(2):
        open_store(url, node="here", clock=CLOCK).close()
    tamper(url, "INSERT INTO extra VALUES (1)")


def test_a_store_in_a_file_is_kept_as_it_was_before_an_upgrade(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The earlier Paramedic can go on with the copy; nobody else can read it; an upgrade that fails leaves it there."""
    place = tmp_path / "paramedic.db"
    url = f"sqlite:///{place}"
    with closing(open_store(url, node="here", clock=CLOCK)) as store, store.begin() as tx:
        tx.notes.set("kept", "as it was")
    kept = tmp_path / f"paramedic.db.schema-{len(MIGRATIONS)}"
    assert not kept.exists(), "nothing was upgraded yet"
    upgrades: list[tuple[str, ...]] = [("CREATE TABLE extra (",), ("DELETE FROM notes",)]
    for step in upgrades:
        with monkeypatch.context() as newer:
            for module in ("opening", "migrations"):
                newer.setattr(f"paramedic.store.{module}.MIGRATIONS", (*MIGRATIONS, step))
            with suppress(StoreError):
                open_store(url, node="here", clock=CLOCK).close()
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        with closing(open_store(f"sqlite:///{kept}", node="here", clock=CLOCK)) as store:
            with store.read() as tx:
                assert tx.notes.get("kept") == "as it was"
            assert store.verify() == ()
    assert isinstance(refused(url), SchemaTooNew), "the second upgrade was done"
    assert [each.name for each in tmp_path.iterdir() if "schema" in each.name and "-wal" not in each.name] == [
        kept.name
    ]


def test_a_store_that_cannot_be_kept_is_not_upgraded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stays what it was, and what to do is said."""
    place = tmp_path / "paramedic.db"
    url = f"sqlite:///{place}"
    open_store(url, node="here", clock=CLOCK).close()
    (tmp_path / f"paramedic.db.schema-{len(MIGRATIONS)}").mkdir()
    with monkeypatch.context() as newer:
        for module in ("opening", "migrations"):
            newer.setattr(f"paramedic.store.{module}.MIGRATIONS", (*MIGRATIONS, ("DELETE FROM notes",)))
        with pytest.raises(StoreError, match="is not brought up to date, because no copy of it could be kept") as told:
            open_store(url, node="here", clock=CLOCK)
    assert told.value.hint == "make room beside it"
    open_store(url, node="here", clock=CLOCK).close()


def test_statements_see_the_tables_that_migrations_make(store: Store, url: str) -> None:
    """Same tables, columns, order, nullability and keys."""
    engine = create_engine(url)
    found = inspect(engine)
    schema = "paramedic" if url.startswith("postgres") else None
    assert sorted(found.get_table_names(schema=schema)) == sorted(metadata.tables)
    for name, table in metadata.tables.items():
        columns = {column["name"]: column["nullable"] for column in found.get_columns(name, schema=schema)}
        assert columns == {column.name: column.nullable for column in table.columns}, name
        key = found.get_pk_constraint(name, schema=schema)["constrained_columns"]
        assert sorted(key) == sorted(column.name for column in table.primary_key), name
    engine.dispose()


@pytest.fixture
def public_path() -> Iterator[Path]:
    """A directory whose files other users can see; those of pytest are root's alone."""
    with tempfile.TemporaryDirectory(prefix="store-for-tests-", dir="/tmp") as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


@as_root
def test_missing_rights_are_told(public_path: Path) -> None:
    """A directory and a file that belong to somebody else, seen by an ordinary user."""
    script = """
import os, sys
from paramedic.model.clock import SystemClock
from paramedic.model.errors import StoreError
from paramedic.store import open_store
os.setgroups([]); os.setgid(65534); os.setuid(65534)
for path in sys.argv[1:]:
    try:
        open_store(f"sqlite:///{path}", node="here", clock=SystemClock())
    except StoreError as error:
        print(error)
"""
    closed, readable = public_path / "closed.db", public_path / "readable.db"
    for path in (closed, readable):
        store = open_store(f"sqlite:///{path}", node="here", clock=CLOCK)
        store.close()
    readable.chmod(0o644)
    old = public_path / "old.db"
    old.touch()
    old.chmod(0o644)
    done = subprocess.run(
        [sys.executable, "-c", script, closed, public_path / "new" / "s.db", old],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines() == [
        f"the store `{closed}` cannot be opened",
        f"the store `{public_path}/new/s.db` cannot be used: permission denied",
        f"the store `{old}` may not be written",
    ]


def test_a_server_that_is_not_there_is_told_without_the_password() -> None:
    """And that trying again may help."""
    error = refused("postgresql+psycopg://anna:geheim@127.0.0.1:1/paramedic")
    assert "`postgresql+psycopg://anna:***@127.0.0.1:1/paramedic` does not answer" in str(error)
    assert "geheim" not in str(error)
    assert error.retry_helps


def test_a_missing_database_is_told(server: PostgresServer) -> None:
    """With how to make it."""
    error = refused(server.url("nowhere"))
    assert "has no database of this name" in str(error)
    assert "createdb" in (error.hint or "")


def test_a_user_without_rights_is_told(server: PostgresServer) -> None:
    """Who may not create the schema hears which right is missing; who was given it needs no more."""
    url = server.create_database()
    server.execute("CREATE ROLE guest LOGIN")
    as_guest = url.replace("paramedic@", "guest@")
    with pytest.raises(StoreError, match="does not grant us enough rights"):
        open_store(as_guest, node="here", clock=CLOCK)
    server.execute("CREATE SCHEMA paramedic AUTHORIZATION guest", url.rpartition("/")[2])
    open_store(as_guest, node="here", clock=CLOCK).close()


def test_other_ways_to_write_the_url_work(server: PostgresServer) -> None:
    """The driver is ours to choose; options of one's own are kept."""
    url = server.create_database().replace("+psycopg", "")
    store = open_store(f"{url}?options=-c%20statement_timeout%3D9s", node="here", clock=CLOCK)
    with store._reading() as connection:
        assert connection.exec_driver_sql("SHOW statement_timeout").scalar() == "9s"
        assert connection.exec_driver_sql("SHOW search_path").scalar() == "paramedic"
    store.prune(NOON, 1)
    store.close()
