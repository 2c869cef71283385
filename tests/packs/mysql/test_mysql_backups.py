"""Backups of a real MariaDB: its own dump, proved on the server, brought back by exchanging all tables at once."""

import json
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backup_scene import BackupScene
from mariadb_server import Server
from paramedic.packs.mysql import programs
from paramedic.packs.mysql.putting import PutBack
from paramedic.sdk.saving import Backup, BackupFailed

PUT = PutBack()
ON_A_SERVER = pytest.mark.system
Make = Callable[..., BackupScene]
SHOP = (
    "CREATE TABLE customers (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(40))",
    """CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, customer INT, what TEXT, price DECIMAL(9,2),
    data BLOB, at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, FOREIGN KEY (customer) REFERENCES customers (id))""",
    "CREATE TABLE log (id INT PRIMARY KEY AUTO_INCREMENT, what TEXT)",
    "INSERT INTO customers (name) VALUES ('Ada'), ('Bo ü')",
    """INSERT INTO orders (customer, what, price, data)
    SELECT 1 + seq % 2, CONCAT('tea ', seq), seq / 7, UNHEX('00ff27') FROM seq_1_to_100""",
    "CREATE TRIGGER noted AFTER INSERT ON orders FOR EACH ROW INSERT INTO log (what) VALUES (NEW.what)",
    "CREATE FUNCTION twice(n INT) RETURNS INT DETERMINISTIC RETURN 2 * n",
    "CREATE VIEW dear AS SELECT id, twice(price) AS doubled FROM orders WHERE price > 5",
    "CREATE EVENT tidy ON SCHEDULE EVERY 1 DAY DO DELETE FROM log",
)


@pytest.fixture
def shop(server: Server, name: str) -> Iterator[str]:
    """A database with customers, orders, a trigger, a function, a view and an event."""
    with server.enter(database=name, autocommit=True) as connection, connection.cursor() as cursor:
        for each in SHOP:
            cursor.execute(each)
    yield name
    for (each,) in server.execute("SELECT schema_name FROM information_schema.schemata"):
        if each.startswith((f"{name}_before", "paramedic_")):
            server.execute(f"DROP DATABASE {each}")


@pytest.fixture
def make(server: Server, shop: str, tmp_path: Path) -> Make:
    """A scene with the database as component `shop`, entered as `app`, with or without an `admin`."""

    def build(*, admin: bool = True) -> BackupScene:
        component = {"kind": "mysql", "dsn": f"mysql://app:open-sesame@127.0.0.1:{server.port}/{shop}"}
        if admin:
            component["admin"] = f"mysql://root@127.0.0.1:{server.port}"
        return BackupScene(tmp_path, {"shop": component})

    return build


def how(scene: BackupScene) -> Backup:
    """The hook."""
    found = scene.desk.hook(scene.service.components["shop"])
    assert found is not None
    return found


def inside(server: Server, name: str, statement: str) -> list[tuple[object, ...]]:
    """Ask within a database."""
    return server.execute(f"USE {name}", statement)


def ours(server: Server) -> list[str]:
    """Databases on the server that are of our making."""
    found = [each for (each,) in server.execute("SELECT schema_name FROM information_schema.schemata")]
    return [each for each in found if each.startswith("paramedic_")]


@ON_A_SERVER
def test_a_backup_is_restored_and_compared_before_it_counts(make: Make, server: Server, shop: str) -> None:
    """Every row by its content; nothing of it is left on the server, and no password in any file."""
    scene = make()
    made = scene.desk.create("shop", "by hand")
    assert made.set.holds == {"customers": 2, "orders": 100, "log": 0}
    assert made.set.proof.how == "restored; 102 rows in 3 tables are as they were saved"
    assert made.set.method == "mariadb-dump in one snapshot"
    assert ours(server) == []
    for each in scene.place.rglob("*"):
        assert stat.S_IMODE(each.stat().st_mode) in (0o600, 0o700), each
        assert each.is_dir() or b"open-sesame" not in each.read_bytes()
    events = server.execute("SELECT event_schema FROM information_schema.events")
    assert events == [(shop,)], "an event is never tried elsewhere"


@ON_A_SERVER
def test_who_may_not_create_databases_is_told_that_nothing_was_restored(make: Make) -> None:
    """The dump is read to its end, and the words do not say more than that."""
    scene = make(admin=False)
    made = scene.desk.create("shop", "by hand")
    assert made.set.proof.how.startswith("read to its end, but not restored")
    assert any(each.startswith("procedures and functions are not in it") for each in made.set.notes)
    assert "admin" in str(PUT.foresee(scene.service.components["shop"].target, 10))


@ON_A_SERVER
def test_a_dump_that_was_changed_or_cut_is_worth_nothing(make: Make, tmp_path: Path) -> None:
    """One flipped byte is found by the digest; a dump of other rows, or without its end, by the scratch database."""
    scene = make()
    made = scene.desk.create("shop", "by hand")
    target, hook = scene.service.components["shop"].target, how(scene)
    dump = made.files / "tables.sql"
    sound = dump.read_bytes()
    dump.write_bytes(sound.replace(b"tea 42", b"tea 43"))
    assert scene.desk.verify(made).how == "`tables.sql` is not what was saved"
    with pytest.raises(BackupFailed, match="does not hold the rows that were saved: orders"):
        hook.verify(target, made.files, tmp_path, made.set.holds, 30)
    dump.write_bytes(sound[:-5000])
    with pytest.raises(BackupFailed, match="ends before its end"):
        hook.verify(target, made.files, tmp_path, made.set.holds, 30)


@ON_A_SERVER
def test_a_table_that_is_written_to_meanwhile_is_told(
    make: Make, server: Server, shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rows are not compared, and that is said; the others are."""
    scene = make()
    whole = programs.run

    def interrupted(*arguments: object, **more: object) -> bytes:
        if more.get("writes"):
            inside(server, shop, "INSERT INTO log (what) VALUES ('while it was dumped')")
        return whole(*arguments, **more)

    monkeypatch.setattr("paramedic.packs.mysql.saving.run", interrupted)
    made = scene.desk.create("shop", "by hand")
    assert made.set.holds == {"customers": 2, "orders": 100}
    assert any(each.endswith("not compared: log") for each in made.set.notes)
    assert made.set.proof.how.endswith("1 others were being written to")
    assert how(scene).lost(scene.service.components["shop"].target, made.files, {}, 10) == (
        "table log: whatever was written to it since",
    )


@ON_A_SERVER
def test_a_server_that_is_away_leaves_no_backup_behind(make: Make, server: Server, shop: str) -> None:
    """The reason is kept for the check, without the password."""
    scene = make()
    server.execute(f"DROP DATABASE {shop}")
    with pytest.raises(BackupFailed, match=f"Unknown database '{shop}'"):
        scene.desk.create("shop", "by hand")
    assert scene.desk.all("shop") == ()
    assert "Unknown database" in scene.desk.last_failure("shop")
    assert "open-sesame" not in scene.desk.last_failure("shop")


@ON_A_SERVER
def test_a_restore_keeps_the_old_tables_and_tells_what_is_newer(make: Make, server: Server, shop: str) -> None:
    """Both change places in one statement, with keys, triggers, views and routines; doing it again changes nothing."""
    scene = make()
    made = scene.desk.create("shop", "by hand")
    target, hook = scene.service.components["shop"].target, how(scene)
    assert hook.lost(target, made.files, {}, 10) == ()
    inside(server, shop, "INSERT INTO orders (customer, what) VALUES (1, 'late')")
    inside(server, shop, "UPDATE customers SET name = 'Eve' WHERE id = 1")
    inside(server, shop, "CREATE TABLE newer (id INT PRIMARY KEY)")
    assert set(hook.lost(target, made.files, {}, 10)) == {
        "table orders: 1 rows more than in the backup, and changes within the others, if any",
        "table log: 1 rows more than in the backup, and changes within the others, if any",
        "table customers: what was changed in its 2 rows since",
        "table newer: all of it, 0 rows",
    }
    assert PUT.foresee(target, 10) is None
    assert PUT.happened(target, "0123456789", 10) is False
    told = PUT.apply(target, made.files, "0123456789", 30)
    old = f"{shop}_before_0123456789"
    assert f"`{old}`" in told
    assert PUT.happened(target, "0123456789", 10) is True
    assert "already" in PUT.apply(target, made.files, "0123456789", 30)
    assert inside(server, shop, "SELECT COUNT(*) FROM orders") == [(100,)]
    assert inside(server, old, "SELECT COUNT(*), (SELECT COUNT(*) FROM log) FROM orders") == [(101, 1)]
    assert not inside(server, shop, "SHOW TABLES LIKE 'newer'")
    assert ours(server) == []
    # what belongs to the tables works on both sides
    for each, logged in ((shop, 1), (old, 2)):
        inside(server, each, "INSERT INTO orders (customer, what, price) VALUES (2, 'goes on', 9)")
        assert inside(server, each, "SELECT COUNT(*) FROM log") == [(logged,)]
        assert inside(server, each, "SELECT COUNT(*) > 0 FROM dear") == [(1,)]
        with pytest.raises(Exception, match="foreign key"):
            inside(server, each, "INSERT INTO orders (customer) VALUES (99)")
    assert server.execute("SELECT event_schema FROM information_schema.events") == [(shop,)]
    with server.enter("app", "open-sesame", database=shop) as guest, guest.cursor() as cursor:
        assert cursor.execute("SELECT * FROM orders LIMIT 3") == 3


@ON_A_SERVER
def test_tables_that_somebody_holds_stay_as_they_are(
    make: Make, server: Server, shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With their triggers and views; afterwards nothing of the try is left."""
    monkeypatch.setattr("paramedic.packs.mysql.putting._LOCK_WAIT_S", 1)
    scene = make()
    made = scene.desk.create("shop", "by hand")
    target = scene.service.components["shop"].target
    with server.enter(database=shop) as guest, guest.cursor() as cursor:
        cursor.execute("SELECT * FROM log")  # a transaction that goes on
        with pytest.raises(BackupFailed, match="stop what uses them"):
            PUT.apply(target, made.files, "abcdef0123", 30)
    assert PUT.happened(target, "abcdef0123", 10) is False
    inside(server, shop, "INSERT INTO orders (customer, what, price) VALUES (2, 'goes on', 9)")
    assert inside(server, shop, "SELECT COUNT(*) FROM log") == [(1,)]
    assert inside(server, shop, "SELECT COUNT(*) > 0 FROM dear") == [(1,)]
    assert ours(server) == []
    assert not server.execute("SHOW DATABASES LIKE '%before%'")


@ON_A_SERVER
def test_a_restore_that_a_crash_ended_goes_on(
    make: Make, server: Server, shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the exchange it is begun anew; after it, the old tables are not taken for the new ones."""
    scene = make()
    made = scene.desk.create("shop", "by hand")
    inside(server, shop, "INSERT INTO orders (customer, what) VALUES (1, 'late')")
    target = scene.service.components["shop"].target
    crashed = BaseException("the process is gone")

    def dies(*_arguments: object, **more: object) -> bytes:
        if getattr(more.get("reads"), "name", "") == "views-and-routines.sql":
            raise crashed
        return programs.run(*_arguments, **more)  # type: ignore[arg-type]  # passed on

    with monkeypatch.context() as patch:
        patch.setattr("paramedic.packs.mysql.putting.run", dies)
        with pytest.raises(BaseException, match="the process is gone"):
            PUT.apply(target, made.files, "abcdef0123", 30)
    assert PUT.happened(target, "abcdef0123", 10) is False
    PUT.apply(target, made.files, "abcdef0123", 30)
    assert PUT.happened(target, "abcdef0123", 10) is True
    assert inside(server, shop, "SELECT COUNT(*) FROM orders") == [(100,)]
    assert inside(server, f"{shop}_before_abcdef0123", "SELECT COUNT(*) FROM orders") == [(101,)]
    assert inside(server, shop, "SELECT COUNT(*) > 0 FROM dear") == [(1,)]


@ON_A_SERVER
def test_a_database_that_is_gone_is_made_anew(make: Make, server: Server, shop: str) -> None:
    """There is nothing to set aside then."""
    scene = make()
    made = scene.desk.create("shop", "by hand")
    server.execute(f"DROP DATABASE {shop}")
    target = scene.service.components["shop"].target
    assert how(scene).lost(target, made.files, {}, 10) == ()
    assert "there were no old tables" in PUT.apply(target, made.files, "abcdef0123", 30)
    assert inside(server, shop, "SELECT COUNT(*) FROM orders") == [(100,)]


def test_what_to_install_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is neither MariaDB's program nor MySQL's."""
    monkeypatch.setattr(programs, "_PATH", str(tmp_path))
    with pytest.raises(BackupFailed, match=r"`mariadb-dump` or `mysqldump` is needed.*`mariadb-client`"):
        programs.program("dump", for_mariadb=True)


def test_a_database_must_be_named_and_be_there(tmp_path: Path) -> None:
    """What is missing is said, and no backup is left behind."""
    away = {"kind": "mysql", "dsn": "mysql://app:open-sesame@127.0.0.1:1/shop"}
    scene = BackupScene(tmp_path, {"away": away, "nameless": {"kind": "mysql", "port": 1}})
    with pytest.raises(BackupFailed, match=r"127\.0\.0\.1:1") as caught:
        scene.desk.create("away", "by hand")
    assert "open-sesame" not in str(caught.value)
    with pytest.raises(BackupFailed, match="names no database"):
        scene.desk.create("nameless", "by hand")
    assert scene.desk.all("away") == scene.desk.all("nameless") == ()


def test_facts_that_make_no_sense_are_no_backup(tmp_path: Path) -> None:
    """Whatever stands in their place."""
    from paramedic.packs.mysql.saving import database

    for content in ("", "[]", json.dumps({"tables": {}}), json.dumps({"tables": {"a": 1}})):
        (tmp_path / "database.json").write_text(content)
        with pytest.raises(BackupFailed, match=r"`database.json` cannot be read"):
            database(tmp_path)
