"""Does a replica follow, and does the database stay within its size?"""

from paramedic.packs.mysql import codes
from paramedic.packs.mysql.line import Line, Row, asked
from paramedic.packs.mysql.target import MySQL
from paramedic.packs.tcp.checks import SHARE_OF_TIME
from paramedic.packs.tcp.entry import Shut, not_looked
from paramedic.sdk import Context, Depth, Finding, check

_LAG_S = 30.0
_SIZE = """
    SELECT coalesce(sum(data_length + index_length), 0) / 1048576 AS size_mb FROM information_schema.tables
    WHERE DATABASE() IS NULL OR table_schema = DATABASE()
"""


@check(codes.REPLICATION_LAG, codes.LARGE, of=MySQL, timeout_s=5, every_s=30, depth=Depth.NORMAL)
async def upkeep(database: MySQL, context: Context) -> Finding:
    """A replica of MySQL follows its primary, and the database keeps to its size.

    Looks at: on a replica whether both of its threads run and how far it is behind (``replication_lag_s``, 30), as
    ``admin`` where the service file names one; and the size of the tables where ``database_mb`` says how large they
    may be.
    Why: a replica that fell behind is found out on the day it is needed.
    By hand: ``SHOW REPLICA STATUS``, on older servers ``SHOW SLAVE STATUS``
    Healed by: advice only.
    """
    try:
        limit_s = context.remaining_s * SHARE_OF_TIME
        sources = await asked(database, database.admin_login, limit_s, _sources)
        (row,) = await asked(database, database.login, context.remaining_s * SHARE_OF_TIME, _size)
    except Shut as shut:
        return not_looked(shut, context, extra="mysql")
    for each in sources or ():
        if behind := _behind(each, context):
            return behind
    size_mb, limit_mb = float(row["size_mb"]), context.threshold("database_mb", 0)
    if limit_mb and size_mb > limit_mb:
        return context.warning(
            codes.LARGE,
            observed=f"the database has {size_mb:.0f} MB",
            expected=f"at most {limit_mb:g} MB",
            hint="see what grew: `SELECT table_name, data_length + index_length FROM information_schema.tables "
            "ORDER BY 2 DESC LIMIT 10`",
            size_mb=size_mb,
        )
    unseen = "" if sources is not None else "; replication is not seen without the right `REPLICATION CLIENT`"
    return context.ok(f"{size_mb:.0f} MB{unseen}", size_mb=size_mb)


def _sources(line: Line) -> list[Row] | None:
    found = line.rows_if_allowed("SHOW REPLICA STATUS")
    return line.rows_if_allowed("SHOW SLAVE STATUS") if found is None else found


def _size(line: Line) -> list[Row]:
    return line.rows(_SIZE)


def _behind(status: Row, context: Context) -> Finding | None:
    """What one source of a replica says; the columns were renamed in MySQL 8."""
    old = {name.replace("replica_", "slave_").replace("source", "master"): value for name, value in status.items()}
    limit_s = context.threshold("replication_lag_s", _LAG_S)
    for thread, does in (("io", "receives"), ("sql", "applies")):
        if str(old.get(f"slave_{thread}_running")).lower() != "yes":
            return context.warning(
                codes.REPLICATION_LAG,
                observed=f"the replica {does} nothing",
                expected="a replica that follows its primary",
                because=str(old.get(f"last_{thread}_error") or f"its {thread.upper()} thread does not run"),
                hint="see `SHOW REPLICA STATUS`; a stopped thread is started with `START REPLICA`",
            )
    lag_s = float(old.get("seconds_behind_master") or 0)
    if lag_s <= limit_s:
        return None
    return context.warning(
        codes.REPLICATION_LAG,
        observed=f"the replica is {lag_s:.0f} s behind",
        expected=f"at most {limit_s:g} s",
        because="it has received more than it has applied",
        hint="see what slows it: its disk, or a long statement in `SHOW FULL PROCESSLIST`",
        lag_s=lag_s,
    )
