"""Backups of a real PostgreSQL: one snapshot, proved on the server, brought back beside the old database."""

import json
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from backup_scene import BackupScene
from paramedic.packs.postgres.saving import PutBack
from paramedic.sdk.saving import BackupFailed
from postgres_server import PostgresServer, postgres_server

PUT = PutBack()
Make = Callable[..., BackupScene]


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """With a role `app` that may do nothing but use databases."""
    with postgres_server() as running:
        running.ask_password_of("app", "open-sesame")
        yield running


@pytest.fixture
def name(server: PostgresServer) -> Iterator[str]:
    """A database of `app` with 100 orders and a sequence."""
    name = server.create_database().rpartition("/")[2]
    server.execute(f"ALTER DATABASE {name} OWNER TO app")
    with psycopg.connect(server.conninfo(name).replace("user=paramedic", "user=app"), password="open-sesame") as base:
        base.execute("CREATE SCHEMA shop")
        base.execute("CREATE TABLE shop.orders (id serial PRIMARY KEY, what text, data jsonb)")
        base.execute(
            "INSERT INTO shop.orders (what, data) SELECT 'tea ' || n, jsonb_build_object('n', n) "
            "FROM generate_series(1, 100) n"
        )
        base.execute("CREATE INDEX ON shop.orders (what)")
    yield name
    for (each,) in server.execute("SELECT datname FROM pg_database WHERE datname LIKE 'test_%'"):
        server.execute(f"DROP DATABASE {each} WITH (FORCE)")


@pytest.fixture
def make(server: PostgresServer, name: str, tmp_path: Path) -> Make:
    """A scene with the database as component `shop`, entered as `app`, with or without an `admin`."""

    def build(*, admin: bool = True) -> BackupScene:
        shop = {"kind": "postgres", "dsn": f"postgresql://app:open-sesame@127.0.0.1:{server.port}/{name}"}
        if admin:
            shop["admin"] = f"postgresql://paramedic@127.0.0.1:{server.port}/postgres"
        return BackupScene(tmp_path, {"shop": shop})

    return build


def count(server: PostgresServer, name: str) -> int:
    """Rows of the table."""
    return int(server.execute("SELECT count(*) FROM shop.orders", name)[0][0])


def test_a_backup_is_restored_and_compared_before_it_counts(make: Make, server: PostgresServer) -> None:
    """Every row by its content; nothing of it is left on the server, and no password in any file."""
    scene = make()
    made = scene.desk.create("shop", "by hand")
    assert made.set.holds == {"shop.orders": 100}
    assert made.set.proof.how == "restored; 100 rows in 1 tables are as they were saved"
    assert made.set.method == "pg_dump in one snapshot"
    left = server.execute("SELECT datname FROM pg_database WHERE datname LIKE 'paramedic%'")
    assert left == []
    for each in scene.place.rglob("*"):
        assert stat.S_IMODE(each.stat().st_mode) in (0o600, 0o700), each
        assert each.is_dir() or b"open-sesame" not in each.read_bytes()


def test_who_may_not_create_databases_is_told_that_nothing_was_restored(make: Make) -> None:
    """The dump is read to its end, and the words do not say more than that."""
    scene = make(admin=False)
    made = scene.desk.create("shop", "by hand")
    assert made.set.proof.how.startswith("read to its end, but not restored")
    assert "admin" in str(PUT.foresee(scene.service.components["shop"].target, 10))


def test_a_dump_that_was_changed_is_worth_nothing(make: Make) -> None:
    """One flipped byte in the middle is found."""
    scene = make()
    made = scene.desk.create("shop", "by hand")
    dump = made.files / "dump"
    content = bytearray(dump.read_bytes())
    content[len(content) // 2] ^= 1
    dump.write_bytes(content)
    proof = scene.desk.verify(made)
    assert (proof.is_good, proof.how) == (False, "`dump` is not what was saved")
    with pytest.raises(BackupFailed, match="worth nothing"):
        scene.desk.find("shop")


def test_a_server_that_is_away_leaves_no_backup_behind(make: Make, server: PostgresServer, name: str) -> None:
    """The reason is kept for the check, without the password."""
    scene = make()
    server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    with pytest.raises(BackupFailed, match="not currently accepting connections"):
        scene.desk.create("shop", "by hand")
    assert scene.desk.all("shop") == ()
    assert "not currently accepting" in scene.desk.last_failure("shop")
    server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


def test_a_restore_keeps_the_old_database_and_tells_what_is_newer(
    make: Make, server: PostgresServer, name: str
) -> None:
    """Both change names in one transaction, although somebody is connected; doing it again changes nothing."""
    scene = make()
    made = scene.desk.create("shop", "by hand")
    target = scene.service.components["shop"].target
    how = scene.desk.hook(scene.service.components["shop"])
    assert how is not None
    assert how.lost(target, made.files, {}, 10) == ()
    server.execute("INSERT INTO shop.orders (what) SELECT 'late' FROM generate_series(1, 7)", name)
    assert how.lost(target, made.files, {}, 10) == (
        "table shop.orders: 7 rows more than in the backup, and changes within the others, if any",
    )
    assert PUT.foresee(target, 10) is None
    assert PUT.happened(target, "0123456789", 10) is False
    with psycopg.connect(server.conninfo(name), autocommit=True) as guest:
        guest.execute("SELECT 1")
        told = PUT.apply(target, made.files, "0123456789", 30)
    assert f"`{name}_before_0123456789`" in told
    assert count(server, name) == 100
    assert count(server, f"{name}_before_0123456789") == 107
    assert PUT.happened(target, "0123456789", 10) is True
    assert "already" in PUT.apply(target, made.files, "0123456789", 30)
    owners = server.execute(f"SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = '{name}'")
    assert owners == [("app",)]
    with psycopg.connect(server.conninfo(name).replace("user=paramedic", "user=app"), password="open-sesame") as base:
        base.execute("INSERT INTO shop.orders (what) VALUES ('goes on')")


def test_a_row_that_was_changed_is_told(make: Make, server: PostgresServer, name: str) -> None:
    """Equal counts do not hide it."""
    scene = make()
    made = scene.desk.create("shop", "by hand")
    server.execute("UPDATE shop.orders SET what = 'coffee' WHERE id = 3", name)
    how = scene.desk.hook(scene.service.components["shop"])
    assert how is not None
    (told,) = how.lost(scene.service.components["shop"].target, made.files, {}, 10)
    assert told == "table shop.orders: what was changed in its 100 rows since"


def test_a_database_that_is_gone_is_made_anew(make: Make, server: PostgresServer, name: str) -> None:
    """There is nothing to set aside then."""
    scene = make()
    made = scene.desk.create("shop", "by hand")
    server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    target = scene.service.components["shop"].target
    assert "there was no old one" in PUT.apply(target, made.files, "abcdef0123", 30)
    assert count(server, name) == 100


def test_a_restore_that_fails_changes_nothing(make: Make, server: PostgresServer, name: str) -> None:
    """Half of a new database is taken away again."""
    scene = make()
    made = scene.desk.create("shop", "by hand")
    (made.files / "dump").write_bytes((made.files / "dump").read_bytes()[:-200])
    with pytest.raises(BackupFailed, match="pg_restore"):
        PUT.apply(scene.service.components["shop"].target, made.files, "abcdef0123", 30)
    assert count(server, name) == 100
    assert server.execute("SELECT datname FROM pg_database WHERE datname LIKE 'paramedic%'") == []


@pytest.mark.timeout(180)
def test_a_database_that_is_gone_comes_back_when_a_person_agrees(make: Make, server: PostgresServer, name: str) -> None:
    """It waits for an approval, although a good backup is there; approved, it is a plan like every other."""
    scene = make()

    def paramedic(*words: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "paramedic", *words]
        return subprocess.run(command, cwd=scene.folder, capture_output=True, text=True, timeout=100, check=False)

    made = scene.desk.create("shop", "by hand")
    server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    waiting = paramedic("recover", "shop", "--format", "json")
    (incident,) = json.loads(waiting.stdout)["incidents"]
    assert (waiting.returncode, incident["state"]) == (1, "waiting"), waiting.stdout
    done = paramedic("approve", incident["plan"])
    assert done.returncode == 0, done.stdout + done.stderr
    assert count(server, name) == 100
    assert made.set.id in paramedic("receipts", "--format", "json").stdout
