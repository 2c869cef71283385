"""Who is connected, and does anybody keep the others out?"""

from collections.abc import Sequence
from typing import Any

from paramedic.packs.postgres import codes
from paramedic.packs.postgres.line import opened
from paramedic.packs.postgres.target import Postgres
from paramedic.packs.tcp.checks import SHARE_OF_TIME
from paramedic.packs.tcp.entry import Shut, not_looked
from paramedic.sdk import Context, Finding, check
from paramedic.sdk.sessions import Session, blocked, idle, room

_SESSIONS = """
    SELECT pid, usename, application_name, client_addr::text, state,
           extract(epoch FROM clock_timestamp() - state_change)::float8 AS since_s,
           pg_blocking_pids(pid), left(query, 200)
    FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
"""
_LIMITS = """
    SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
           - coalesce(current_setting('reserved_connections', true), '0')::int
"""


async def sessions_of(connection: Any) -> tuple[tuple[Session, ...], int]:  # Any: psycopg is imported lazily
    """Everybody else's sessions, and how many an ordinary role may hold in all."""
    cursor = await connection.execute(_SESSIONS)
    sessions = tuple(Session(*row) for row in await cursor.fetchall())
    row = await (await connection.execute(_LIMITS)).fetchone()
    return sessions, int(row[0])


@check(
    codes.EXHAUSTED,
    codes.CONNECTIONS_HIGH,
    codes.IDLE_IN_TRANSACTION,
    codes.BLOCKED,
    of=Postgres,
    timeout_s=5,
    every_s=10,
)
async def sessions(database: Postgres, context: Context) -> Sequence[Finding]:
    """PostgreSQL has free connections, and nobody holds the others up.

    Looks at: ``pg_stat_activity``: connections against what ordinary roles may hold (``connections_percent``, 85),
    sessions that idle in a transaction (``idle_in_transaction_s``, 60), sessions that wait for another one's lock
    (``blocked_s``, 30). It enters as ``admin`` where the service file names one, so that a full server can be seen.
    Why: leaked connections and forgotten transactions end in refusals, locks and tables that grow.
    By hand: ``SELECT pid, usename, state, now() - state_change, pg_blocking_pids(pid) FROM pg_stat_activity``
    Healed by: release-idle-connections when no connection is left; the rest is advice.
    """
    try:
        async with opened(database.admin_login, context.remaining_s * SHARE_OF_TIME) as connection:
            held, allowed = await sessions_of(connection)
    except Shut as shut:
        return [not_looked(shut, context, extra="postgres")]
    troubles = (
        room(held, allowed, context, full=codes.EXHAUSTED, high=codes.CONNECTIONS_HIGH),
        idle(
            held,
            context,
            codes.IDLE_IN_TRANSACTION,
            hint="end the transaction in the program, or set `idle_in_transaction_session_timeout` for its role",
        ),
        blocked(
            held,
            context,
            codes.BLOCKED,
            id_is="process",
            hint="let that program end its transaction, or end the session with `SELECT pg_terminate_backend(PID)`",
        ),
    )
    found = [each for each in troubles if each]
    return found or [context.ok(f"{len(held)} of {allowed} connections are taken", connections=len(held))]
