"""Are its standbys near, and does it stay within its size?"""

from paramedic.packs.postgres import codes
from paramedic.packs.postgres.line import opened
from paramedic.packs.postgres.target import Postgres
from paramedic.packs.tcp.checks import SHARE_OF_TIME
from paramedic.packs.tcp.entry import Shut, not_looked
from paramedic.sdk import Context, Depth, Evidence, Finding, check

_LAG_S = 30.0
_LAG_MB = 64.0

# What a standby has received and not yet replayed counts; a quiet primary sends nothing and is no lag.
_STANDBY = """
    SELECT CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
           ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END::float8,
           (SELECT count(*) FROM pg_stat_wal_receiver)
"""
_PRIMARY = """
    SELECT application_name, client_addr::text, state,
           coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn), 0)::float8 / 1048576,
           extract(epoch FROM replay_lag)::float8
    FROM pg_stat_replication ORDER BY 4 DESC
"""


@check(codes.REPLICATION_LAG, codes.LARGE, of=Postgres, timeout_s=5, every_s=30, depth=Depth.NORMAL)
async def upkeep(database: Postgres, context: Context) -> Finding:
    """The standbys of a PostgreSQL follow, and it keeps to its size.

    Looks at: how far standbys are behind (``replication_lag_s``, 30; on the primary also ``replication_lag_mb``, 64),
    whether a standby receives at all, and the size of the database where ``database_mb`` says how large it may be.
    Why: a standby that fell behind is found out on the day it is needed.
    By hand: ``SELECT * FROM pg_stat_replication``; on a standby ``SELECT * FROM pg_stat_wal_receiver``
    Healed by: advice only.
    """
    try:
        async with opened(database.login, context.remaining_s * SHARE_OF_TIME) as connection:
            ((is_standby, size),) = await (
                await connection.execute("SELECT pg_is_in_recovery(), pg_database_size(current_database()) / 1048576.0")
            ).fetchall()
            size_mb = float(size)
            rows = await (await connection.execute(_STANDBY if is_standby else _PRIMARY)).fetchall()
    except Shut as shut:
        return not_looked(shut, context, extra="postgres")
    lag = _standby(rows[0], context) if is_standby else _primary(rows, context)
    if lag:
        return lag
    limit_mb = context.threshold("database_mb", 0)
    if limit_mb and size_mb > limit_mb:
        return context.warning(
            codes.LARGE,
            observed=f"the database has {size_mb:.0f} MB",
            expected=f"at most {limit_mb:g} MB",
            hint="see what grew: `SELECT relname, pg_total_relation_size(oid) FROM pg_class ORDER BY 2 DESC LIMIT 10`",
            size_mb=size_mb,
        )
    return context.ok(f"{size_mb:.0f} MB", size_mb=size_mb)


def _standby(row: tuple[float | None, int], context: Context) -> Finding | None:
    limit_s = context.threshold("replication_lag_s", _LAG_S)
    if not row[1]:
        return context.warning(
            codes.REPLICATION_LAG,
            observed="the standby receives nothing",
            expected="a connection to its primary",
            because="no process receives the primary's log",
            hint="see `primary_conninfo` and the standby's log",
        )
    if (row[0] or 0) <= limit_s:
        return None
    return context.warning(
        codes.REPLICATION_LAG,
        observed=f"the standby is {row[0]:.0f} s behind",
        expected=f"at most {limit_s:g} s",
        because="it has received more than it has replayed",
        hint="see what slows the replay: its disk, or a query that conflicts",
    )


def _primary(rows: list[tuple[str, str | None, str, float, float | None]], context: Context) -> Finding | None:
    limit_s = context.threshold("replication_lag_s", _LAG_S)
    limit_mb = context.threshold("replication_lag_mb", _LAG_MB)
    behind = [row for row in rows if (row[4] or 0) > limit_s or row[3] > limit_mb]
    if not behind:
        return None
    return context.warning(
        codes.REPLICATION_LAG,
        observed=f"{len(behind)} of {len(rows)} standbys are behind, the worst by {behind[0][3]:.0f} MB",
        expected=f"at most {limit_s:g} s and {limit_mb:g} MB",
        hint="see the standby's load and the network between",
        evidence=(
            Evidence(
                label="standbys",
                text="\n".join(f"{r[0]} {r[1] or ''} {r[2]}: {r[3]:.1f} MB, {r[4] or 0:.0f} s" for r in rows),
            ),
        ),
    )
