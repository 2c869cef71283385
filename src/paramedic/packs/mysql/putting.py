"""How a MySQL or MariaDB database gets its data back: loaded beside the old tables, exchanged in one statement."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paramedic.packs.mysql import saving
from paramedic.packs.mysql.contents import contents, entered, quoted, rows
from paramedic.packs.mysql.programs import program, run
from paramedic.packs.mysql.saving import EVENTS, REST, TABLES, Database, drop_database, make_database, name_of
from paramedic.packs.mysql.target import MySQL
from paramedic.sdk.saving import BackupFailed

if TYPE_CHECKING:
    from pymysql.connections import Connection

_NEEDED = {"CREATE", "DROP", "ALTER", "INSERT", "SELECT", "TRIGGER", "CREATE VIEW", "CREATE ROUTINE"}
_LOCK_WAIT_S = 20
_KEPT, _EXCHANGED, _DONE = "paramedic_kept", "paramedic_exchanged", "paramedic_done"
"""Tables beside the old ones that say how far we have come: what was no table, whether both were exchanged, the end."""


class PutBack:
    """New tables beside the old ones, and all of them renamed in one statement: the old ones are kept."""

    def foresee(self, target: MySQL, limit_s: float) -> str | None:
        try:
            name_of(target)
            with entered(target, target.admin_login, None, limit_s) as connection:
                ((version,),) = rows(connection, "SELECT VERSION()")
                program("client", for_mariadb="mariadb" in str(version).lower())
                whom = """CONCAT("'", REPLACE(CURRENT_USER(), '@', "'@'"), "'")"""
                told = "SELECT privilege_type FROM information_schema.user_privileges WHERE grantee = "
                may = {str(each) for (each,) in rows(connection, told + whom)}
        except BackupFailed as error:
            return str(error)
        if _NEEDED - may:
            return "the user may not create databases and move tables; `admin` may name one that can"
        return None

    def apply(self, target: MySQL, folder: Path, token: str, limit_s: float) -> str:
        saved, name = saving.database(folder), name_of(target)
        fresh, old = f"paramedic_new_{token}", _old(name, token)
        login = target.admin_login
        load = program("client", for_mariadb=saved.is_mariadb)
        with entered(target, login, None, limit_s) as connection:
            if _DONE in _tables(connection, old):
                return f"`{name}` was restored already"
            if _EXCHANGED not in _tables(connection, old):
                drop_database(connection, fresh)  # of a try that a crash ended
                make_database(connection, fresh, saved)
                try:
                    run(load, [fresh], target, login, limit_s, reads=folder / TABLES)
                    saving.check(contents(connection, fresh), saved)
                    self._exchange(connection, target, saved, token, limit_s)
                except BaseException:
                    with suppress(Exception):
                        drop_database(connection, fresh)
                    raise
            drop_database(connection, fresh)
            had_one = bool(_tables(connection, old) - {_KEPT, _EXCHANGED})
            try:
                run(load, [name], target, login, limit_s, reads=folder / REST)
                if (folder / EVENTS).exists():
                    run(load, [name], target, login, limit_s, reads=folder / EVENTS)
                run(load, [old], target, login, limit_s, reads=_kept(connection, old))
            except BackupFailed as error:
                raise BackupFailed(
                    f"the tables of `{name}` are as they were saved and the old ones are in `{old}`, but not every "
                    f"view, trigger and routine came back: {error}"
                ) from None
            rows(connection, f"CREATE TABLE {_place(old, _DONE)} AS SELECT {_text(connection, token)} AS plan")
        kept = (
            f"the old tables are kept in `{old}`; drop it when you are sure" if had_one else "there were no old tables"
        )
        return f"`{name}` holds what was saved; {kept}"

    def happened(self, target: MySQL, token: str, limit_s: float) -> bool | None:
        try:
            with entered(target, target.admin_login, None, limit_s) as connection:
                return _DONE in _tables(connection, _old(name_of(target), token))
        except BackupFailed:
            return None

    def _exchange(
        self, connection: "Connection[Any]", target: MySQL, saved: Database, token: str, limit_s: float
    ) -> None:
        """What stands in the way of moving tables goes first; it is kept, and comes back where they do not move."""
        name, fresh = name_of(target), f"paramedic_new_{token}"
        old = _old(name, token)
        for each in (name, old):
            if not rows(connection, "SELECT 1 FROM information_schema.schemata WHERE schema_name = %s", each):
                make_database(connection, each, saved)
        dump = program("dump", for_mariadb=saved.is_mariadb)
        if _KEPT not in _tables(connection, old):
            login = target.admin_login
            text, _ = saving.rest_of(dump, connection, name, target=target, login=login, limit_s=limit_s)
            value = _text(connection, text.decode(errors="replace"))
            rows(connection, f"CREATE TABLE {_place(old, _KEPT)} AS SELECT {value} AS text")
        rows(connection, f"CREATE TABLE {_place(fresh, _EXCHANGED)} AS SELECT 1 AS was")
        told = "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = %s"
        triggers = [str(each) for (each,) in rows(connection, told, name)]
        views = saving.views_of(connection, name)
        away = [(each, name, old) for each in sorted(_tables(connection, name))]
        here = [(each, fresh, name) for each in sorted(_tables(connection, fresh)) if each != _EXCHANGED]
        moves = [*away, *here, (_EXCHANGED, fresh, old)]
        rows(connection, f"SET SESSION lock_wait_timeout = {min(_LOCK_WAIT_S, max(1, int(limit_s / 3)))}")
        try:
            for kind, names in (("TRIGGER", triggers), ("VIEW", views)):
                for each in names:
                    rows(connection, f"DROP {kind} IF EXISTS {_place(name, each)}")
            rows(connection, f"RENAME TABLE {', '.join(_move(*each) for each in moves)}")
        except Exception as error:
            with suppress(Exception):  # what went wrong first is what counts
                load = program("client", for_mariadb=saved.is_mariadb)
                run(load, [name], target, target.admin_login, limit_s, reads=_kept(connection, old))
                if _tables(connection, old) == {_KEPT}:
                    drop_database(connection, old)
            said = error.args[-1] if error.args else error
            raise BackupFailed(f"the tables of `{name}` could not be exchanged; stop what uses them ({said})") from None


def _old(name: str, token: str) -> str:
    return f"{name[:40]}_before_{token}"


def _place(database: str, table: str) -> str:
    return f"{quoted(database)}.{quoted(table)}"


def _move(table: str, one: str, other: str) -> str:
    return f"{_place(one, table)} TO {_place(other, table)}"


def _text(connection: "Connection[Any]", value: str) -> str:  # Any: rows of any shape
    return str(connection.escape(value))


def _kept(connection: "Connection[Any]", old: str) -> bytes:  # Any: rows of any shape
    ((text,),) = rows(connection, f"SELECT text FROM {_place(old, _KEPT)}")  # noqa: S608  # quoted names
    return str(text).encode()


def _tables(connection: "Connection[Any]", database: str) -> set[str]:  # Any: rows of any shape
    """Everything there that has rows of its own; sequences of MariaDB, too."""
    found: Sequence[tuple[Any, ...]] = rows(
        connection,
        "SELECT table_name FROM information_schema.tables WHERE table_schema = %s AND table_type NOT LIKE '%%VIEW'",
        database,
    )
    return {str(each) for (each,) in found}
