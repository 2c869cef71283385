"""Who is connected, and does anybody keep the others out?"""

from collections.abc import Sequence

from paramedic.packs.mysql import codes
from paramedic.packs.mysql.line import Line, Row, asked
from paramedic.packs.mysql.target import MySQL
from paramedic.packs.tcp.checks import SHARE_OF_TIME
from paramedic.packs.tcp.entry import Shut, not_looked
from paramedic.sdk import Context, Finding, check
from paramedic.sdk.sessions import SOMEBODY, Session, blocked, idle, room

# MariaDB alone has a column `time_ms`.
_PROCESSES = (
    "SELECT p.*, @@max_connections AS allowed FROM information_schema.processlist p WHERE id <> CONNECTION_ID()"
)
_TRANSACTIONS = "SELECT trx_mysql_thread_id AS id, trx_id AS transaction FROM information_schema.innodb_trx"
_WAITS = """
    SELECT w.requesting_trx_id AS waiter, w.blocking_trx_id AS holder FROM information_schema.innodb_lock_waits w
"""
_WAITS_8 = """
    SELECT w.requesting_engine_transaction_id AS waiter, w.blocking_engine_transaction_id AS holder
    FROM performance_schema.data_lock_waits w
"""
_NOBODY = {"daemon", "binlog dump", "binlog dump gtid", "slave_io", "slave_sql", "slave_worker"}
"""Commands of threads that take no connection away."""
_METADATA = "waiting for table metadata lock"


def sessions_of(line: Line) -> tuple[tuple[Session, ...], int, bool]:
    """Everybody else's sessions, how many there may be, and whether our user may see their transactions."""
    rows = [row for row in line.rows(_PROCESSES) if str(row["command"]).lower() not in _NOBODY]
    seen = line.rows_if_allowed(_TRANSACTIONS)
    in_transaction = {int(row["id"]) for row in seen or ()}
    by_transaction = {str(row["transaction"]): int(row["id"]) for row in seen or ()}  # MySQL 8 has text here only
    waits: dict[int, list[int]] = {}
    for row in _waits(line) if len(in_transaction) > 1 else ():
        waiter, holder = by_transaction.get(str(row["waiter"])), by_transaction.get(str(row["holder"]))
        if waiter and holder:
            waits.setdefault(waiter, []).append(holder)
    held = tuple(_session(row, in_transaction, waits) for row in rows)
    allowed = rows[0]["allowed"] if rows else line.rows("SELECT @@max_connections AS allowed")[0]["allowed"]
    return held, int(allowed), seen is not None


def _waits(line: Line) -> list[Row]:
    version = str(line.rows("SELECT VERSION() AS version")[0]["version"]).lower()
    is_older = "mariadb" in version or version.startswith("5.")
    return line.rows_if_allowed(_WAITS if is_older else _WAITS_8) or []


def _session(row: Row, in_transaction: set[int], waits: dict[int, list[int]]) -> Session:
    id, command = int(row["id"]), str(row["command"]).lower()
    blocked_by = waits.get(id, [])
    if str(row["state"] or "").lower() == _METADATA:
        others = in_transaction - {id}
        blocked_by = [*others] if len(others) == 1 else [SOMEBODY]
    state = command
    if command == "sleep":
        state = "idle in transaction" if id in in_transaction else "idle"
    return Session(
        id=id,
        user=row["user"],
        application=None,
        address=str(row["host"] or "").rpartition(":")[0] or row["host"] or None,
        state=state,
        since_s=float(row["time_ms"]) / 1000 if "time_ms" in row else float(row["time"] or 0),
        blocked_by=blocked_by,
        statement=row["info"] if row["info"] is None else str(row["info"])[:200],
    )


@check(
    codes.EXHAUSTED,
    codes.CONNECTIONS_HIGH,
    codes.IDLE_IN_TRANSACTION,
    codes.BLOCKED,
    of=MySQL,
    timeout_s=5,
    every_s=10,
)
async def sessions(database: MySQL, context: Context) -> Sequence[Finding]:
    """MySQL has free connections, and nobody holds the others up.

    Looks at: the process list and InnoDB's transactions: connections against ``max_connections``
    (``connections_percent``, 85), sessions that idle in a transaction (``idle_in_transaction_s``, 60), sessions that
    wait for another one's lock (``blocked_s``, 30). It enters as ``admin`` where the service file names one, so that a
    full server can be seen; without the right ``PROCESS`` a user sees its own sessions and no transactions.
    Why: leaked connections and forgotten transactions end in refusals, locks and time-outs.
    By hand: ``SHOW FULL PROCESSLIST``; ``SELECT * FROM information_schema.innodb_trx``
    Healed by: release-idle-connections when no connection is left; the rest is advice.
    """
    try:
        held, allowed, sees_all = await asked(
            database, database.admin_login, context.remaining_s * SHARE_OF_TIME, sessions_of
        )
    except Shut as shut:
        return [not_looked(shut, context, extra="mysql")]
    troubles = (
        room(held, allowed, context, full=codes.EXHAUSTED, high=codes.CONNECTIONS_HIGH),
        idle(
            held,
            context,
            codes.IDLE_IN_TRANSACTION,
            hint="end the transaction in the program; MariaDB ends such sessions after `idle_transaction_timeout`",
        ),
        blocked(
            held,
            context,
            codes.BLOCKED,
            id_is="connection",
            hint="let that program end its transaction, or end the session with `KILL ID`",
        ),
    )
    found = [each for each in troubles if each]
    if found:
        return found
    unseen = "" if sees_all else "; without the right `PROCESS` only our own, and no transactions"
    return [context.ok(f"{len(held)} of {allowed} connections are taken{unseen}", connections=len(held))]
