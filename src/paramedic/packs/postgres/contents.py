"""What a PostgreSQL database holds, table by table: how many rows, and a sum over their contents."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from paramedic.packs.postgres.line import APPLICATION
from paramedic.sdk.dsn import Login
from paramedic.sdk.saving import BackupFailed
from paramedic.sdk.tables import Contents

if TYPE_CHECKING:
    from psycopg import Connection

_TABLES = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
ORDER BY 1, 2
"""
# the order of rows does not count, so that a table needs no sorting
_SUM = "SELECT count(*), coalesce(sum(('x' || left(md5(t::text), 15))::bit(60)::bigint::numeric), 0)::text FROM {} t"


@contextmanager
def entered(
    login: Login, database: str | None, limit_s: float
) -> "Iterator[Connection[Any]]":  # Any: rows of any shape
    """A connection whose statements end within the limit.

    Raises:
        BackupFailed: there is none, or a statement fails.
    """
    try:
        import psycopg
    except ImportError:
        raise BackupFailed("the driver `psycopg` is not installed (hint: `pip install paramedic[postgres]`)") from None
    try:
        with psycopg.connect(
            host=login.host,
            port=login.port,
            user=login.user,
            password=login.password.reveal() if login.password else None,
            dbname=database,
            application_name=APPLICATION,
            connect_timeout=10,
            autocommit=True,
            options=f"-c statement_timeout={int(limit_s * 1000)}",
        ) as connection:
            yield connection
    except psycopg.Error as error:
        said = " ".join(str(error).split())
        raise BackupFailed(f"`{login.place}` says: {said or type(error).__name__}") from None


def contents(connection: "Connection[Any]") -> Contents:  # Any: rows of any shape
    """Every table with rows of its own, in the snapshot of the transaction."""
    from psycopg import sql

    found: dict[str, tuple[int, str]] = {}
    for schema, table in connection.execute(_TABLES).fetchall():
        row = connection.execute(sql.SQL(_SUM).format(sql.Identifier(schema, table))).fetchone()
        assert row is not None
        found[f"{schema}.{table}"] = (int(row[0]), str(row[1]))
    return found
