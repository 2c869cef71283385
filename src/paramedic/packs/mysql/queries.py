"""Which statements take long?"""

from collections.abc import Hashable

from paramedic.packs.mysql import codes
from paramedic.packs.mysql.line import Line, Row, asked
from paramedic.packs.mysql.target import MySQL
from paramedic.packs.tcp.checks import SHARE_OF_TIME
from paramedic.packs.tcp.entry import Shut, not_looked
from paramedic.sdk import Context, Depth, Finding, check
from paramedic.sdk.statements import Running, Scanned, Spent, slow

_STATEMENTS = """
    SELECT digest, count_star AS calls, sum_timer_wait / 1000000000 AS total_ms, left(digest_text, 300) AS text,
           sum_no_index_used AS without_index, sum_rows_examined AS rows_read
    FROM performance_schema.events_statements_summary_by_digest
    WHERE digest IS NOT NULL AND (DATABASE() IS NULL OR schema_name = DATABASE())
    ORDER BY sum_timer_wait DESC LIMIT 200
"""
_RUNNING = """
    SELECT user, time, left(info, 300) AS text FROM information_schema.processlist
    WHERE command IN ('Query', 'Execute') AND id <> CONNECTION_ID() ORDER BY time DESC LIMIT 10
"""
_MANY_ROWS = 10_000
_SHOWN = 5


@check(codes.SLOW_QUERIES, of=MySQL, timeout_s=5, every_s=10, depth=Depth.NORMAL)
async def slow_queries(database: MySQL, context: Context) -> Finding:
    """The statements of a MySQL are quick.

    Looks at: the digests of ``performance_schema`` where it is switched on: the mean time of each statement in the
    last minute (``slow_query_ms``, 500, from three calls on); and statements that run now (``running_query_s``, 5).
    The evidence lists the ten that cost most, and those that read many rows without an index.
    Why: a missing index shows here long before the database is called slow.
    By hand: ``SELECT * FROM performance_schema.events_statements_summary_by_digest ORDER BY sum_timer_wait DESC``
    Healed by: advice only; an index or a better statement is the programmer's work.
    """
    try:
        counted, running = await asked(database, database.login, context.remaining_s * SHARE_OF_TIME, _statements)
    except Shut as shut:
        return not_looked(shut, context, extra="mysql")
    total: dict[Hashable, Spent] = {
        each["digest"]: Spent(int(each["calls"]), float(each["total_ms"]), each["text"]) for each in counted or ()
    }
    unindexed = [
        each for each in counted or () if each["without_index"] and each["rows_read"] > _MANY_ROWS * each["calls"]
    ]
    return slow(
        total if counted is not None else None,
        [Running(each["user"], float(each["time"] or 0), each["text"]) for each in running],
        [
            Scanned(each["text"], f"{each['without_index']} times without an index, {each['rows_read']} rows read")
            for each in sorted(unindexed, key=lambda each: -each["rows_read"])[:_SHOWN]
        ],
        context,
        codes.SLOW_QUERIES,
        counters="`performance_schema`",
        hint="look at the first one with `EXPLAIN`; an index on the columns it filters by may help",
    )


def _statements(line: Line) -> tuple[list[Row] | None, list[Row]]:
    counts = str(line.rows("SELECT @@performance_schema AS counts")[0]["counts"]).upper() not in {"0", "OFF"}
    return (line.rows_if_allowed(_STATEMENTS) if counts else None), line.rows(_RUNNING)
