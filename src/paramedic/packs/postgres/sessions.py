"""Who is connected, and does anybody keep the others out?"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from paramedic.packs.postgres import codes
from paramedic.packs.postgres.line import Shut, Why, opened
from paramedic.packs.postgres.target import Postgres
from paramedic.packs.tcp.checks import SHARE_OF_TIME
from paramedic.sdk import Context, Evidence, Finding, check

_CONNECTIONS_PERCENT = 85.0
IDLE_IN_TRANSACTION_S = 60.0
_BLOCKED_S = 30.0
_SHOWN = 10

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


@dataclass(frozen=True, slots=True)
class Session:
    """One connection of somebody else."""

    pid: int
    role: str | None
    application: str | None
    address: str | None
    state: str | None
    since_s: float | None
    blocked_by: Sequence[int]
    statement: str | None

    @property
    def holder(self) -> str:
        """Who it is, for people."""
        what = f" ({self.application})" if self.application else ""
        return f"`{self.role or 'unknown role'}`{what} from {self.address or 'this machine'}"

    @property
    def idles_in_transaction_s(self) -> float:
        """For how long it has held a transaction and done nothing."""
        return self.since_s or 0.0 if (self.state or "").startswith("idle in transaction") else 0.0


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
        if shut.why is Why.NO_DRIVER:
            return [context.unknown(str(shut), hint="install it with `pip install 'paramedic[postgres]'`")]
        return [context.info("not looked at: the server lets nobody in")]
    troubles = [
        finding for finding in (_room(held, allowed, context), _idle(held, context), _blocked(held, context)) if finding
    ]
    return troubles or [context.ok(f"{len(held)} of {allowed} connections are taken", connections=len(held))]


def _room(held: Sequence[Session], allowed: int, context: Context) -> Finding | None:
    percent = 100 * len(held) / max(1, allowed)
    limit = context.threshold("connections_percent", _CONNECTIONS_PERCENT)
    is_full = len(held) >= allowed
    if not is_full and percent < limit:
        return None
    by = Counter(f"{each.holder}, {each.state or 'state not shown'}" for each in held).most_common(_SHOWN)
    evidence = (Evidence(label="who holds them", text="\n".join(f"{count} of {who}" for who, count in by)),)
    if is_full:
        return context.critical(
            codes.EXHAUSTED,
            observed=f"all {allowed} connections are taken",
            expected="a free connection for the service",
            because=f"{by[0][1]} of them belong to {by[0][0]}",
            hint="close what idles, give the holder a smaller pool, or raise `max_connections`",
            evidence=evidence,
            connections=len(held),
        )
    return context.warning(
        codes.CONNECTIONS_HIGH,
        observed=f"{len(held)} of {allowed} connections are taken",
        expected=f"less than {limit:g} %",
        because=f"{by[0][1]} of them belong to {by[0][0]}",
        hint="give the holder a smaller pool, or raise `max_connections`",
        evidence=evidence,
        connections=len(held),
    )


def _idle(held: Sequence[Session], context: Context) -> Finding | None:
    limit_s = context.threshold("idle_in_transaction_s", IDLE_IN_TRANSACTION_S)
    idle = sorted(
        (each for each in held if each.idles_in_transaction_s > limit_s), key=lambda each: -(each.since_s or 0)
    )
    if not idle:
        return None
    return context.warning(
        codes.IDLE_IN_TRANSACTION,
        observed=f"{len(idle)} sessions idle in a transaction, the longest for {idle[0].idles_in_transaction_s:.0f} s",
        expected=f"at most {limit_s:g} s",
        because="their locks and old row versions stay for as long",
        hint="end the transaction in the program, or set `idle_in_transaction_session_timeout` for its role",
        evidence=(Evidence(label="sessions", text="\n".join(_line(each) for each in idle[:_SHOWN])),),
    )


def _blocked(held: Sequence[Session], context: Context) -> Finding | None:
    limit_s = context.threshold("blocked_s", _BLOCKED_S)
    waiting = [each for each in held if each.blocked_by and (each.since_s or 0) > limit_s]
    if not waiting:
        return None
    by_pid = {each.pid: each for each in held}
    # The one at the end of the queue of waiters: it waits for nobody.
    roots = {pid for each in waiting for pid in each.blocked_by if pid in by_pid and not by_pid[pid].blocked_by}
    shown = [*(by_pid[pid] for pid in sorted(roots)), *waiting][:_SHOWN]
    root = f"process {min(roots)} of {by_pid[min(roots)].holder}" if roots else "sessions that wait for each other"
    return context.warning(
        codes.BLOCKED,
        observed=f"{len(waiting)} sessions have waited more than {limit_s:g} s for a lock",
        expected="locks that are released soon",
        because=f"{root} holds it",
        hint="let that program end its transaction, or end the session with `SELECT pg_terminate_backend(PID)`",
        evidence=(Evidence(label="sessions", text="\n".join(_line(each) for each in shown)),),
    )


def _line(session: Session) -> str:
    waits = f", waits for {', '.join(map(str, session.blocked_by))}" if session.blocked_by else ""
    statement = " ".join((session.statement or "").split())
    return f"{session.pid} {session.holder}: {session.state} for {session.since_s or 0:.0f} s{waits}: {statement}"
