"""Backups of a PostgreSQL database: ``pg_dump`` in one snapshot, proved in a scratch database on the same server."""

import json
import os
import secrets
import socket
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paramedic.packs.postgres.contents import contents, entered
from paramedic.packs.postgres.programs import program, run
from paramedic.packs.postgres.target import Postgres
from paramedic.sdk.dsn import Login
from paramedic.sdk.saving import Backup, BackupFailed, Saved
from paramedic.sdk.tables import Contents, compared

if TYPE_CHECKING:
    from psycopg import Connection

_DUMP, _FACTS = "dump", "database.json"
_NOT_IN_IT = "roles, and settings of the database as such (`ALTER DATABASE … SET`), are not in it"
_DATABASE = """
SELECT pg_encoding_to_char(encoding), datcollate, datctype, pg_get_userbyid(datdba), pg_database_size(oid)
FROM pg_database WHERE datname = %s
"""
_MAY_CREATE = "SELECT rolsuper, rolsuper OR rolcreatedb FROM pg_roles WHERE rolname = current_user"
_SCRATCH = f"paramedic_scratch_{zlib.crc32(socket.gethostname().encode())}"


def create(target: Postgres, folder: Path, limit_s: float) -> Saved:
    """Dump it; counts and sums of rows are taken in the very snapshot that is dumped."""
    login = target.login
    with entered(login, login.database, limit_s) as connection, connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        server = connection.info.server_version
        dump = program("pg_dump", server // 10_000)
        row = connection.execute("SELECT pg_export_snapshot(), current_database()").fetchone()
        assert row is not None
        snapshot, name = row
        database = connection.execute(_DATABASE, (name,)).fetchone()
        assert database is not None
        run(dump, ["--format=custom", f"--snapshot={snapshot}", f"--file={folder / _DUMP}"], login, name, limit_s)
        held = contents(connection)
    encoding, collate, ctype, owner, _ = database
    facts = {"name": name, "encoding": encoding, "collate": collate, "ctype": ctype, "owner": owner, "tables": held}
    (folder / _FACTS).write_text(json.dumps(facts))
    return Saved(
        method="pg_dump in one snapshot",
        versions={"postgres": f"{server // 10_000}.{server % 10_000}"},
        holds={table: rows for table, (rows, _) in held.items()},
        notes=(_NOT_IN_IT,),
    )


def verify(target: Postgres, folder: Path, scratch: Path, holds: Mapping[str, int], limit_s: float) -> str:  # noqa: ARG001  # the shape of the hook
    """Restore into a database of its own and compare every table; where that may not be made, read the dump through."""
    login, facts = target.admin_login, _facts(folder)
    with _maintenance(target, limit_s) as connection:
        restore = program("pg_restore", connection.info.server_version // 10_000)
        _, may_create = connection.execute(_MAY_CREATE).fetchone() or (False, False)
        if not may_create:
            run(restore, ["--file=/dev/null", folder / _DUMP], login, None, limit_s)
            listed = run(restore, ["--list", folder / _DUMP], login, None, limit_s)
            if listed.count(" TABLE DATA ") < len(holds):
                raise BackupFailed("the dump lacks tables")
            return "read to its end, but not restored: the user may not create databases; `admin` may name one that can"
        _sweep(connection)
        name = f"{_SCRATCH}_{os.getpid()}_{secrets.token_hex(4)}"
        make_database(connection, name, facts)
        try:
            options = ["--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction", f"--dbname={name}"]
            run(restore, [*options, folder / _DUMP], login, None, limit_s)
            with entered(login, name, limit_s) as inside:
                found = contents(inside)
        finally:
            drop_database(connection, name)
    if found != tables(facts):
        raise BackupFailed("restored, it does not hold the rows that were saved")
    return f"restored; {sum(rows for rows, _ in found.values())} rows in {len(found)} tables are as they were saved"


def lost(target: Postgres, folder: Path, origins: Mapping[str, Path], limit_s: float) -> Sequence[str]:  # noqa: ARG001  # the shape of the hook
    """Tables that hold other rows than the backup."""
    try:
        with entered(target.login, target.login.database, limit_s) as connection:
            return tuple(compared(contents(connection), tables(_facts(folder))))
    except BackupFailed as error:
        if "does not exist" in str(error):
            return ()
        return (f"whatever was written since the backup: what is there now cannot be compared ({error})",)


class PutBack:
    """A new database beside the old one, and both renamed in one transaction: the old one is kept."""

    def foresee(self, target: Postgres, limit_s: float) -> str | None:
        try:
            with _maintenance(target, limit_s) as connection:
                program("pg_restore", connection.info.server_version // 10_000)
                is_super, may_create = connection.execute(_MAY_CREATE).fetchone() or (False, False)
                if not may_create:
                    return "the user may not create databases; `admin` may name one that can"
                owned = connection.execute(
                    "SELECT pg_has_role(datdba, 'MEMBER') FROM pg_database WHERE datname = %s", (_name(target),)
                ).fetchone()
                if owned and not (owned[0] or is_super):
                    return "the user does not own the database; `admin` may name one that does"
        except BackupFailed as error:
            return str(error)
        return None

    def apply(self, target: Postgres, folder: Path, token: str, limit_s: float) -> str:
        facts, name = _facts(folder), _name(target)
        fresh, old = f"paramedic_new_{token}", f"{name[:40]}_before_{token}"
        with _maintenance(target, limit_s) as connection:
            if _is_marked(connection, name, token):
                return f"`{name}` was restored already"
            is_super, _ = connection.execute(_MAY_CREATE).fetchone() or (False, False)
            drop_database(connection, fresh)  # of a try that a crash ended
            make_database(connection, fresh, facts)
            try:
                whose = [] if is_super else ["--no-owner", "--no-privileges"]
                options = [*whose, "--exit-on-error", "--single-transaction", f"--dbname={fresh}"]
                restore = program("pg_restore", connection.info.server_version // 10_000)
                run(restore, [*options, folder / _DUMP], target.admin_login, None, limit_s)
                with entered(target.admin_login, fresh, limit_s) as inside:
                    if contents(inside) != tables(facts):
                        raise BackupFailed("restored, it does not hold the rows that were saved")
                _hand_over(connection, fresh, facts, token, is_super=bool(is_super))
                had_one = _exchange(connection, name, fresh, old)
            except BaseException:
                with suppress(BackupFailed):
                    drop_database(connection, fresh)
                raise
        kept = f"the old one is kept as `{old}`; drop it when you are sure" if had_one else "there was no old one"
        return f"`{name}` holds what was saved; {kept}"

    def happened(self, target: Postgres, token: str, limit_s: float) -> bool | None:
        try:
            with _maintenance(target, limit_s) as connection:
                return _is_marked(connection, _name(target), token)
        except BackupFailed:
            return None


def make_database(connection: "Connection[Any]", name: str, facts: Mapping[str, Any]) -> None:  # Any: JSON
    """An empty database like the one that was saved."""
    from psycopg import sql

    connection.execute(
        sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING {} LC_COLLATE {} LC_CTYPE {}").format(
            sql.Identifier(name), *(sql.Literal(str(facts[key])) for key in ("encoding", "collate", "ctype"))
        )
    )


def drop_database(connection: "Connection[Any]", name: str) -> None:  # Any: rows of any shape
    """Remove a database of ours."""
    from psycopg import sql

    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def tables(facts: Mapping[str, Any]) -> Contents:  # Any: JSON
    """What was saved, table by table."""
    return {str(table): (int(rows), str(total)) for table, (rows, total) in facts["tables"].items()}


def _hand_over(
    connection: "Connection[Any]", fresh: str, facts: Mapping[str, Any], token: str, *, is_super: bool
) -> None:
    from psycopg import sql

    connection.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(fresh), sql.Literal(_mark(token))))
    if is_super and connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (facts["owner"],)).fetchone():
        owner = sql.Identifier(str(facts["owner"]))
        connection.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(fresh), owner))


def _exchange(connection: "Connection[Any]", name: str, fresh: str, old: str) -> bool:  # Any: rows of any shape
    """Rename both in one transaction; whoever is connected is sent away. Whether there was an old one."""
    from psycopg import errors, sql

    rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
    had_one = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is not None
    for _ in range(_TRIES):
        try:
            with connection.transaction():
                if had_one:
                    connection.execute(
                        "SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity WHERE datname IN (%s, %s)",
                        (name, fresh),
                    )
                    connection.execute(rename.format(sql.Identifier(name), sql.Identifier(old)))
                connection.execute(rename.format(sql.Identifier(fresh), sql.Identifier(name)))
        except errors.ObjectInUse:
            continue  # somebody came back in between
        return had_one
    raise BackupFailed(f"`{name}` is entered again and again, so that it could not be exchanged; stop what uses it")


def _is_marked(connection: "Connection[Any]", name: str, token: str) -> bool:  # Any: rows of any shape
    row = connection.execute(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", (name,)
    ).fetchone()
    return bool(row and row[0] == _mark(token))


def _mark(token: str) -> str:
    return f"restored by paramedic, plan {token}"


def _sweep(connection: "Connection[Any]") -> None:  # Any: rows of any shape
    """Remove scratch databases of this machine whose process is gone."""
    found = connection.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", (_SCRATCH,))
    for (name,) in found.fetchall():
        pid = str(name).removeprefix(_SCRATCH).split("_")[1]
        if not Path(f"/proc/{pid}").exists():
            drop_database(connection, name)


@contextmanager
def _maintenance(target: Postgres, limit_s: float) -> "Iterator[Connection[Any]]":  # Any: rows of any shape
    """A connection to another database of the server, from which this one can be made and renamed."""
    login: Login = target.admin_login
    others = [each for each in ("postgres", "template1", login.database) if each and each != _name(target)]
    for number, each in enumerate(others, 1):
        try:
            with entered(login, each, limit_s) as probe:
                probe.execute("SELECT 1")
        except BackupFailed:
            if number == len(others):
                raise
            continue
        with entered(login, each, limit_s) as connection:
            yield connection
        return


def _name(target: Postgres) -> str:
    login = target.login
    return login.database or login.user or "postgres"


def _facts(folder: Path) -> Mapping[str, Any]:  # Any: JSON
    try:
        found: Mapping[str, Any] = json.loads((folder / _FACTS).read_bytes())
    except (OSError, ValueError) as error:
        raise BackupFailed(f"`{_FACTS}` cannot be read: {error}") from None
    return found


def _size(target: Postgres) -> int:
    """Half of what it takes on the server: a dump is compressed and has no indexes."""
    with suppress(BackupFailed), entered(target.login, target.login.database, 10.0) as connection:
        row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
        return int(row[0]) // 2 if row else 0
    return 0


_TRIES = 20

backup = Backup(create=create, verify=verify, lost=lost, size=_size, keeps_old=True, put_back=PutBack())
