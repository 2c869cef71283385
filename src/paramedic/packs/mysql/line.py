"""A connection to a MySQL, and why there is none."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from paramedic.packs.mysql.target import MySQL
from paramedic.packs.tcp.entry import Shut, Why, by_cause
from paramedic.sdk.blocking import in_thread
from paramedic.sdk.dsn import Login
from paramedic.sdk.patience import fair_timeout

if TYPE_CHECKING:
    from pymysql.connections import Connection
    from pymysql.cursors import DictCursor

Answer = TypeVar("Answer")
Row = Mapping[str, Any]
"""A row by the names of its columns, in small letters: MySQL and MariaDB write them differently. Any: SQL's values."""

_NUMBERS = {
    Why.AUTH: {1044, 1045, 1130, 1251, 1275, 1698, 1820, 1862, 3118, 4151},
    Why.MISSING: {1049},
    Why.FULL: {1040, 1203, 1226},
    Why.FORBIDDEN: {1142, 1143, 1227, 1370},
    Why.NO_DRIVER: {2059},  # a way to authenticate that the driver does not know
}
_SYNTAX = 1064
"""Words that an older server does not know."""


class Line:
    """An open connection, used on the thread that opened it."""

    def __init__(self, connection: "Connection[DictCursor]") -> None:
        self._connection = connection

    def rows(self, statement: str, *values: object) -> list[Row]:
        """Ask something."""
        with self._connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return [{name.lower(): value for name, value in row.items()} for row in cursor.fetchall()]

    def rows_if_allowed(self, statement: str) -> list[Row] | None:
        """Ask something that our user may have no right to; ``None`` then, or where the server does not know it."""
        from pymysql.err import Error

        try:
            return self.rows(statement)
        except Error as error:
            if error.args[0] in _NUMBERS[Why.FORBIDDEN] | _NUMBERS[Why.AUTH] | {_SYNTAX}:
                return None
            raise


def connected(database: MySQL, login: Login, limit_s: float, **more: Any) -> "Connection[Any]":  # Any: rows, options
    """A connection on which every answer comes within the limit; errors are the driver's own."""
    import ssl

    import pymysql

    return pymysql.connect(
        **{
            "host": login.host,
            "port": login.port,
            "user": login.user,
            "password": login.password.reveal() if login.password else "",
            "database": login.database,
            "charset": "utf8mb4",
            "autocommit": True,
            "program_name": "paramedic",
            "connect_timeout": max(1, limit_s),  # the driver wants a second at least; whoever waits gives up sooner
            "read_timeout": limit_s,
            "write_timeout": limit_s,
            "ssl": ssl.create_default_context() if database.tls else None,
            "ssl_disabled": not database.tls,
            **more,
        }
    )


async def asked(database: MySQL, login: Login, limit_s: float, ask: Callable[[Line], Answer]) -> Answer:
    """Open a connection, ask, and close it, all within the limit and on a thread of its own: the driver blocks.

    Raises:
        Shut: there is no connection, it broke or fell silent, or our user may not ask that.
    """
    try:
        import pymysql
    except ImportError:
        raise Shut(Why.NO_DRIVER, "the driver `PyMySQL` is not installed") from None

    def work() -> Answer:
        connection = connected(database, login, limit_s, cursorclass=pymysql.cursors.DictCursor)
        try:
            return ask(Line(connection))
        finally:
            connection.close()

    try:
        async with fair_timeout(limit_s):
            return await in_thread(work)
    except TimeoutError:
        raise Shut(Why.TIMEOUT, f"no answer within {limit_s:.1f} s") from None
    except pymysql.err.Error as error:
        raise _shut(error) from None
    except RuntimeError as error:
        if "cryptography" not in str(error):
            raise
        raise Shut(Why.NO_DRIVER, str(error)) from None


def _shut(error: Exception) -> Shut:
    number = error.args[0] if error.args else None
    said = " ".join(str(error.args[-1] if error.args else error).split()) or type(error).__name__
    for why, numbers in _NUMBERS.items():
        if number in numbers:
            return Shut(why, said)
    return Shut(by_cause(error) or Why.NOT_READY, said)
