"""Backups of a MySQL or MariaDB database: its own dump in one snapshot, proved in a scratch database on the server."""

import json
import os
import secrets
import socket
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paramedic.packs.mysql.contents import Gone, contents, entered, quoted, rows
from paramedic.packs.mysql.programs import Program, program, run
from paramedic.packs.mysql.target import MySQL
from paramedic.sdk.dsn import Login
from paramedic.sdk.saving import BackupFailed, Saved
from paramedic.sdk.tables import Contents, compared

if TYPE_CHECKING:
    from pymysql.connections import Connection

TABLES, REST, EVENTS, _FACTS = "tables.sql", "views-and-routines.sql", "events.sql", "database.json"
_NOT_IN_IT = "users and their rights are not in it"
_NO_ROUTINES = "procedures and functions are not in it: the user may not read them; `admin` may name one that can"
_END = b"-- Dump completed"
_ONE_MOMENT = ("--single-transaction", "--quick", "--skip-lock-tables")
_COMMON = (
    *("--hex-blob", "--no-tablespaces", "--default-character-set=utf8mb4"),
    *("--loose-set-gtid-purged=OFF", "--loose-column-statistics=0"),  # options that only some versions know
)
_SCRATCH = f"paramedic_scratch_{zlib.crc32(socket.gethostname().encode())}"
_DENIED = {1044, 1142, 1227, 1290, 1370, 1836}
_DENIED_WORDS = ("denied", "read-only", "read only", "privilege")


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """What was saved, as it stands beside the dump."""

    name: str
    charset: str
    collation: str
    is_mariadb: bool
    tables: Contents
    busy: Sequence[str]
    """Tables that were being written to meanwhile, whose rows nobody can tell."""


def create(target: MySQL, folder: Path, limit_s: float) -> Saved:
    """Dump it; what each table holds is counted before and after, and counts where both agree."""
    name, login = name_of(target), target.login
    with entered(target, login, name, limit_s) as connection:
        ((version, charset, collation),) = rows(
            connection,
            "SELECT VERSION(), default_character_set_name, default_collation_name FROM information_schema.schemata "
            "WHERE schema_name = %s",
            name,
        )
        is_mariadb = "mariadb" in str(version).lower()
        dump = program("dump", for_mariadb=is_mariadb)
        before = contents(connection, name)
        notes = [_NOT_IN_IT, *_told_of(connection, name)]
        arguments = [*_ONE_MOMENT, "--skip-triggers", *views_of(connection, name, ignored=True), name]
        run(dump, [*_COMMON, *arguments], target, login, limit_s, writes=folder / TABLES)
        told, denied = rest_of(dump, connection, name, target=target, login=target.admin_login, limit_s=limit_s)
        (folder / REST).write_bytes(told)
        notes += [*denied, *_dump_events(dump, target, name, folder, limit_s)]
        after = contents(connection, name)
    held = {table: what for table, what in before.items() if after.get(table) == what}
    busy = sorted({*before, *after} - set(held))
    if busy:
        notes.append(f"written to meanwhile, so that their rows are not compared: {', '.join(busy)}")
    facts = {"name": name, "charset": charset, "collation": collation, "is_mariadb": is_mariadb, "tables": held}
    (folder / _FACTS).write_text(json.dumps({**facts, "busy": busy}))
    return Saved(
        method=f"{dump.path.name} in one snapshot",
        versions={"mariadb" if is_mariadb else "mysql": str(version).partition("-")[0]},
        holds={table: count for table, (count, _) in held.items()},
        notes=tuple(notes),
    )


def verify(target: MySQL, folder: Path, scratch: Path, holds: Mapping[str, int], limit_s: float) -> str:  # noqa: ARG001  # the shape of the hook
    """Load it into a database of its own and compare every table; where none may be made, read the dump to its end."""
    saved = database(folder)
    for each in (TABLES, REST):
        if not _is_complete(folder / each):
            raise BackupFailed(f"`{each}` ends before its end")
    load = program("client", for_mariadb=saved.is_mariadb)
    name = f"{_SCRATCH}_{os.getpid()}_{secrets.token_hex(4)}"
    with entered(target, target.admin_login, None, limit_s) as connection:
        unlogged = _unlogged(connection)
        try:
            _sweep(connection)
            make_database(connection, name, saved)
        except Exception as error:
            if not _is_denied(error):
                raise
            return "read to its end, but not restored: the user may not create databases; `admin` may name one that can"
        try:
            for each in (TABLES, REST):
                run(load, [*unlogged, name], target, target.admin_login, limit_s, reads=folder / each)
            found = contents(connection, name)
        finally:
            drop_database(connection, name)
    check(found, saved)
    same = (
        f"{sum(count for count, _ in saved.tables.values())} rows in {len(saved.tables)} tables are as they were saved"
    )
    return f"restored; {same}" + (f", {len(saved.busy)} others were being written to" if saved.busy else "")


def lost(target: MySQL, folder: Path, origins: Mapping[str, Path], limit_s: float) -> Sequence[str]:  # noqa: ARG001  # the shape of the hook
    """Tables that hold other rows than the backup."""
    saved, name = database(folder), name_of(target)
    try:
        with entered(target, target.login, name, limit_s) as connection:
            now = contents(connection, name)
    except Gone:
        return ()
    except BackupFailed as error:
        return (f"whatever was written since the backup: what is there now cannot be compared ({error})",)
    known = {table: what for table, what in now.items() if table not in saved.busy}
    unknown = [f"table {table}: whatever was written to it since" for table in saved.busy if table in now]
    return (*compared(known, saved.tables), *unknown)


def size(target: MySQL) -> int:
    """About what its rows take on the server."""
    with suppress(BackupFailed), entered(target, target.login, name_of(target), 10.0) as connection:
        ((total,),) = rows(
            connection,
            "SELECT SUM(data_length) FROM information_schema.tables WHERE table_schema = %s",
            name_of(target),
        )
        return int(total or 0)
    return 0


def check(found: Contents, saved: Database) -> None:
    """Whether what was loaded is what was saved.

    Raises:
        BackupFailed: it is not.
    """
    if wrong := [table for table, what in saved.tables.items() if found.get(table) != what]:
        raise BackupFailed(f"restored, it does not hold the rows that were saved: {', '.join(wrong[:3])}")
    if gone := [table for table in saved.busy if table not in found]:
        raise BackupFailed(f"restored, it lacks {', '.join(gone[:3])}")


def database(folder: Path) -> Database:
    """What stands beside the dump.

    Raises:
        BackupFailed: it cannot be read.
    """
    try:
        found = json.loads((folder / _FACTS).read_bytes())
        tables = {str(table): (int(count), str(total)) for table, (count, total) in found.pop("tables").items()}
        return Database(**found, tables=tables)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BackupFailed(f"`{_FACTS}` cannot be read: {error}") from None


def name_of(target: MySQL) -> str:
    """The database of the service.

    Raises:
        BackupFailed: the service file names none.
    """
    if not target.login.database:
        raise BackupFailed("the service file names no database on the server: its `dsn` ends without `/NAME`")
    return target.login.database


def rest_of(
    dump: Program, connection: "Connection[Any]", name: str, *, target: MySQL, login: Login, limit_s: float
) -> tuple[bytes, Sequence[str]]:
    """Routines, triggers and views as SQL, and what could not be had of them: all that no table takes along."""
    notes = []
    only = [*_COMMON, "--no-data", "--no-create-info", "--add-drop-trigger", "--triggers"]
    try:
        told = run(dump, [*only, "--routines", name, *views_of(connection, name, ignored=True)], target, login, limit_s)
    except BackupFailed as error:
        if not _is_denied(error):
            raise
        told = run(dump, [*only, name, *views_of(connection, name, ignored=True)], target, login, limit_s)
        notes.append(_NO_ROUTINES)
    if b"insufficient privileges" in told.lower():  # a comment in the dump is all that the program makes of it
        notes.append(_NO_ROUTINES)
    if views := views_of(connection, name):  # last: they may use functions
        told += run(dump, [*_COMMON, "--skip-triggers", name, *views], target, login, limit_s)
    return told, notes


def views_of(connection: "Connection[Any]", name: str, *, ignored: bool = False) -> Sequence[str]:
    """Views of a database; as options that leave them out."""
    found = rows(connection, "SELECT table_name FROM information_schema.views WHERE table_schema = %s ORDER BY 1", name)
    return [f"--ignore-table={name}.{each}" if ignored else str(each) for (each,) in found]


def make_database(connection: "Connection[Any]", name: str, saved: Database) -> None:  # Any: rows of any shape
    """An empty database like the one that was saved."""
    charset, collation = (each.replace("'", "") for each in (saved.charset, saved.collation))
    rows(connection, f"CREATE DATABASE {quoted(name)} CHARACTER SET '{charset}' COLLATE '{collation}'")


def drop_database(connection: "Connection[Any]", name: str) -> None:  # Any: rows of any shape
    """Remove a database of ours."""
    rows(connection, f"DROP DATABASE IF EXISTS {quoted(name)}")


def _dump_events(dump: Program, target: MySQL, name: str, folder: Path, limit_s: float) -> Sequence[str]:
    """Into a file of their own, which is never tried: an event that comes to life could act on the real database."""
    only = [*_COMMON, "--no-data", "--no-create-info", "--skip-triggers", "--events", name]
    try:
        run(dump, only, target, target.admin_login, limit_s, writes=folder / EVENTS)
    except BackupFailed as error:
        if not _is_denied(error):
            raise
        (folder / EVENTS).unlink(missing_ok=True)
        return ("events are not in it: the user may not read them",)
    if b"EVENT" not in (folder / EVENTS).read_bytes():
        (folder / EVENTS).unlink()
    return ()


def _told_of(connection: "Connection[Any]", name: str) -> Iterator[str]:
    """What a dump does not keep as it is."""
    others = rows(
        connection,
        "SELECT table_name FROM information_schema.tables WHERE table_schema = %s AND table_type = 'BASE TABLE' AND "
        "engine NOT IN ('InnoDB', 'RocksDB') ORDER BY 1",
        name,
    )
    if others:
        names = ", ".join(str(each) for (each,) in others)
        yield f"tables without transactions may be of another moment: {names}"
    floats = rows(
        connection,
        "SELECT DISTINCT table_name FROM information_schema.columns WHERE table_schema = %s AND data_type = 'float' "
        "ORDER BY 1",
        name,
    )
    if floats:
        names = ", ".join(str(each) for (each,) in floats)
        yield f"`FLOAT` is saved with the six digits that it is printed with: {names}"


def _unlogged(connection: "Connection[Any]") -> Sequence[str]:  # Any: rows of any shape
    """Keep what is only tried here from the replicas, where our user may decide that."""
    quietly = "SET SESSION sql_log_bin = 0"
    try:
        rows(connection, quietly)
    except Exception as error:
        if not _is_denied(error):
            raise
        return ()
    return (f"--init-command={quietly}",)


def _sweep(connection: "Connection[Any]") -> None:  # Any: rows of any shape
    """Remove scratch databases of this machine whose process is gone."""
    for (name,) in rows(connection, "SELECT schema_name FROM information_schema.schemata"):
        own, _, rest = str(name).partition(f"{_SCRATCH}_")
        if not own and rest and not Path(f"/proc/{rest.split('_')[0]}").exists():
            drop_database(connection, str(name))


def _is_denied(error: Exception) -> bool:
    said = str(error).lower()
    return bool(error.args and error.args[0] in _DENIED) or any(each in said for each in _DENIED_WORDS)


def _is_complete(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4096))
        return _END in file.read()
