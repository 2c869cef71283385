"""What a MySQL or MariaDB database holds, table by table: how many rows, and a sum over their contents."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from paramedic.packs.mysql.line import connected
from paramedic.packs.mysql.target import MySQL
from paramedic.sdk.dsn import Login
from paramedic.sdk.saving import BackupFailed
from paramedic.sdk.tables import Contents

if TYPE_CHECKING:
    from pymysql.connections import Connection

# what is printed must not depend on the settings of the server
_SETTINGS = "SET SESSION time_zone = '+00:00', sql_mode = ''"
_COLUMNS = """
SELECT c.table_name, c.column_name FROM information_schema.columns c
JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name
WHERE c.table_schema = %s AND t.table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')
ORDER BY c.table_name, c.ordinal_position
"""


class Gone(BackupFailed):
    """The server has no such database."""


@contextmanager
def entered(target: MySQL, login: Login, database: str | None, limit_s: float) -> "Iterator[Connection[Any]]":
    """A connection whose answers come within the limit.

    Raises:
        BackupFailed: there is none, or a statement fails.
    """
    try:
        import pymysql
    except ImportError:
        raise BackupFailed("the driver `PyMySQL` is not installed (hint: `pip install paramedic[mysql]`)") from None
    try:
        connection = connected(target, replace(login, database=database), limit_s)
        try:
            rows(connection, _SETTINGS)
            yield connection
        finally:
            connection.close()
    except pymysql.err.Error as error:
        said = " ".join(str(error.args[-1] if error.args else error).split()) or type(error).__name__
        kind = Gone if error.args and error.args[0] == _UNKNOWN_DATABASE else BackupFailed
        raise kind(f"`{login.place}` says: {said}") from None
    except RuntimeError as error:  # the driver's own complaint about a package that it needs
        raise BackupFailed(f"`{login.place}` was not entered: {error}") from None


def rows(connection: "Connection[Any]", statement: str, *values: object) -> Sequence[tuple[Any, ...]]:  # Any: SQL's
    """Ask something."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return tuple(cursor.fetchall())


def contents(connection: "Connection[Any]", database: str) -> Contents:  # Any: rows of any shape
    """Every table with rows of its own."""
    columns: dict[str, list[str]] = {}
    for table, column in rows(connection, _COLUMNS, database):
        columns.setdefault(str(table), []).append(str(column))
    found: dict[str, tuple[int, str]] = {}
    for table, names in columns.items():
        # each value by itself: a row as one text could be too long for the server. The order of rows does not count
        each = ", ".join(f"IFNULL(MD5({quoted(name)}), '-')" for name in names)
        total = f"COALESCE(SUM(CAST(CONV(LEFT(MD5(CONCAT_WS(',', {each})), 15), 16, 10) AS UNSIGNED)), 0)"
        place = f"{quoted(database)}.{quoted(table)}"
        ((count, sum_),) = rows(connection, f"SELECT COUNT(*), {total} FROM {place}")  # noqa: S608  # quoted names
        found[table] = (int(count), str(sum_))
    return found


def quoted(name: str) -> str:
    """A name as SQL wants it."""
    return f"`{name.replace('`', '``')}`"


_UNKNOWN_DATABASE = 1049
