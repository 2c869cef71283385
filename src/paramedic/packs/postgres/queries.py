"""Which statements take long?"""

from collections.abc import Hashable
from typing import Any

from paramedic.packs.postgres import codes
from paramedic.packs.postgres.line import opened
from paramedic.packs.postgres.target import Postgres
from paramedic.packs.tcp.checks import SHARE_OF_TIME
from paramedic.packs.tcp.entry import Shut, not_looked
from paramedic.sdk import Context, Depth, Finding, check
from paramedic.sdk.statements import Running, Scanned, Spent, Totals, slow

_STATEMENTS = """
    SELECT queryid, calls, total_exec_time, left(query, 300) FROM {}.pg_stat_statements
    WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND queryid IS NOT NULL
    ORDER BY total_exec_time DESC LIMIT 200
"""
_EXTENSION = """
    SELECT nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
    WHERE extname = 'pg_stat_statements'
"""
_RUNNING = """
    SELECT pid, usename, extract(epoch FROM clock_timestamp() - query_start)::float8, left(query, 300)
    FROM pg_stat_activity WHERE state = 'active' AND backend_type = 'client backend' AND pid <> pg_backend_pid()
    ORDER BY 3 DESC LIMIT 10
"""
_SCANNED = """
    SELECT relname, seq_scan, seq_tup_read, n_live_tup FROM pg_stat_user_tables
    WHERE seq_scan > 0 AND n_live_tup > 10000 AND coalesce(idx_scan, 0) < seq_scan ORDER BY seq_tup_read DESC LIMIT 5
"""


@check(codes.SLOW_QUERIES, of=Postgres, timeout_s=5, every_s=10, depth=Depth.NORMAL)
async def slow_queries(database: Postgres, context: Context) -> Finding:
    """The statements of a PostgreSQL are quick.

    Looks at: ``pg_stat_statements`` where it is installed: the mean time of each statement in the last minute
    (``slow_query_ms``, 500, from three calls on); and statements that run now (``running_query_s``, 5). The evidence
    lists the ten that cost most, and large tables that are read from end to end.
    Why: a missing index shows here long before the database is called slow.
    By hand: ``SELECT calls, mean_exec_time, query FROM pg_stat_statements ORDER BY total_exec_time DESC LIMIT 10``
    Healed by: advice only; an index or a better statement is the programmer's work.
    """
    try:
        async with opened(database.login, context.remaining_s * SHARE_OF_TIME) as connection:
            total = await _statements(connection)
            running = await (await connection.execute(_RUNNING)).fetchall()
            scanned = await (await connection.execute(_SCANNED)).fetchall()
    except Shut as shut:
        return not_looked(shut, context, extra="postgres")
    return slow(
        total,
        [Running(user, since_s or 0.0, text) for _pid, user, since_s, text in running],
        [Scanned(row[0], f"{row[1]} times, {row[2]} rows read, {row[3]} rows live") for row in scanned],
        context,
        codes.SLOW_QUERIES,
        counters="`pg_stat_statements`",
        hint="look at the first one with `EXPLAIN (ANALYZE, BUFFERS)`; an index on the columns it filters by may help",
    )


async def _statements(connection: Any) -> Totals | None:  # Any: psycopg is imported lazily
    from psycopg import Error
    from psycopg.sql import SQL, Identifier

    (where,) = await (await connection.execute(_EXTENSION)).fetchall() or (None,)
    if where is None:
        return None
    try:
        rows = await (await connection.execute(SQL(_STATEMENTS).format(Identifier(where[0])))).fetchall()
    except Error:
        return None  # it was created and never loaded
    found: dict[Hashable, Spent] = {}
    for key, calls, total_ms, text in rows:
        before = found.get(key, Spent(0, 0.0, text))  # the same statement of several roles
        found[key] = Spent(before.calls + calls, before.total_ms + total_ms, text)
    return found
