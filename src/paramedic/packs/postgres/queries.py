"""Which statements take long?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from paramedic.packs.postgres import codes
from paramedic.packs.postgres.line import Shut, opened
from paramedic.packs.postgres.target import Postgres
from paramedic.packs.tcp.checks import SHARE_OF_TIME
from paramedic.sdk import Context, Depth, Evidence, Finding, check

_SLOW_MS = 500.0
_RUNNING_S = 5.0
_CALLS = 3
_TOP = 10
_GRAVE = 4
"""Times the limit from which slow is no warning any more."""

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
_WINDOW_S = 60.0


@dataclass(frozen=True, slots=True)
class Spent:
    """What one statement has cost."""

    calls: int
    total_ms: float
    text: str

    @property
    def mean_ms(self) -> float:
        """Of one call."""
        return self.total_ms / max(1, self.calls)


Totals = Mapping[int, Spent]


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
    except Shut:
        return context.info("not looked at: the server lets nobody in")
    spent = _lately(context, total or {})
    slow_ms, running_s = context.threshold("slow_query_ms", _SLOW_MS), context.threshold("running_query_s", _RUNNING_S)
    slow = [each for each in spent if each.calls >= _CALLS and each.mean_ms > slow_ms]
    long = [row for row in running if (row[2] or 0) > running_s]
    if not slow and not long:
        shown = "" if total is not None else "; `pg_stat_statements` is not installed, so only running ones are seen"
        return context.ok(f"no slow statement{shown}")
    is_grave = any(each.mean_ms > _GRAVE * slow_ms for each in slow) or any(row[2] > _GRAVE * running_s for row in long)
    worst = f"a statement takes {slow[0].mean_ms:.0f} ms on average" if slow else f"one has run for {long[0][2]:.0f} s"
    evidence = (
        Evidence(
            label="statements by total time",
            text="\n".join(
                f"{each.total_ms:.0f} ms in {each.calls} calls, {each.mean_ms:.1f} ms each: {_flat(each.text)}"
                for each in spent[:_TOP]
            ),
        ),
        Evidence(label="running", text="\n".join(f"{row[2]:.0f} s, `{row[1]}`: {_flat(row[3])}" for row in long)),
        Evidence(
            label="tables read from end to end",
            text="\n".join(f"{row[0]}: {row[1]} times, {row[2]} rows read, {row[3]} rows live" for row in scanned),
        ),
    )
    return (context.critical if is_grave else context.warning)(
        codes.SLOW_QUERIES,
        observed=f"{len(slow) + len(long)} slow statements; {worst}",
        expected=f"at most {slow_ms:g} ms a call and {running_s:g} s in all",
        because=f"`{scanned[0][0]}` is read from end to end" if scanned else "",
        hint="look at the first one with `EXPLAIN (ANALYZE, BUFFERS)`; an index on the columns it filters by may help",
        evidence=tuple(each for each in evidence if each.text),
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
    found: dict[int, Spent] = {}
    for key, calls, total_ms, text in rows:
        before = found.get(key, Spent(0, 0.0, text))  # the same statement of several roles
        found[key] = Spent(before.calls + calls, before.total_ms + total_ms, text)
    return found


def _lately(context: Context, total: Totals) -> list[Spent]:
    """What was spent in the last minute, the costliest first; at a lone look, since the counters began."""
    now = context.clock.monotonic()
    kept = context.memory.setdefault("totals", [])
    assert isinstance(kept, list)
    kept.append((now, total))
    while len(kept) > 2 and now - kept[1][0] >= _WINDOW_S:
        kept.pop(0)
    earlier: Totals = kept[0][1] if context.looks_again else {}
    spent = []
    for key, each in total.items():
        old = earlier.get(key)
        if old and old.calls <= each.calls:  # less: the counters were reset
            spent.append(Spent(each.calls - old.calls, each.total_ms - old.total_ms, each.text))
        else:
            spent.append(each)
    return sorted((each for each in spent if each.calls), key=lambda each: -each.total_ms)


def _flat(text: str | None) -> str:
    return " ".join((text or "").split())
