"""What heals a PostgreSQL without touching its data."""

from paramedic.packs.postgres.line import Shut, opened
from paramedic.packs.postgres.sessions import IDLE_IN_TRANSACTION_S, Session, sessions_of
from paramedic.packs.postgres.target import Postgres
from paramedic.sdk import ActContext, ActionFailed, DidIt, Outcome, Preview, Risk, action


@action("postgres.release-idle", risk=Risk.SAFE)
class ReleaseIdle:
    """End sessions that idle in a transaction for too long, of the roles that the service file names."""

    async def preview(self, context: ActContext) -> Preview:
        summary = "end sessions that idle in a transaction"
        try:
            idle = await _idle(context)
        except ActionFailed as failed:
            return Preview(summary=summary, blocked=str(failed))
        roles = ", ".join(f"`{each}`" for each in _database(context).release_roles)
        return Preview(
            summary=f"end {len(idle)} sessions of {roles} that idle in a transaction",
            diff="\n".join(f"{each.pid} {each.holder}, {each.idles_in_transaction_s:.0f} s" for each in idle),
        )

    async def apply(self, context: ActContext) -> Outcome:
        database = _database(context)
        idle = await _idle(context)
        context.checkpoint("mid-act")
        try:
            async with opened(database.admin_login, context.limit_s) as connection:
                ended = 0
                for each in idle:
                    # Asked again in the same statement: the session may have come back to life.
                    cursor = await connection.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = %s AND usename = %s"
                        " AND state LIKE 'idle in transaction%%'",
                        (each.pid, each.role),
                    )
                    row = await cursor.fetchone()
                    ended += bool(row and row[0])
        except Shut as shut:
            raise ActionFailed(f"the server lets us not in: {shut}") from None
        except Exception as error:  # a boundary: rights are missing, say
            raise ActionFailed(f"the sessions could not be ended: {error}") from None
        return Outcome(
            summary=f"ended {ended} of {len(idle)} sessions that idled in a transaction",
            output={"pids": [each.pid for each in idle]},
        )

    async def reconcile(self, context: ActContext) -> DidIt:
        try:
            return DidIt.NO if await _idle(context) else DidIt.YES
        except ActionFailed:
            return DidIt.NO  # ending idle sessions twice harms nobody


def _database(context: ActContext) -> Postgres:
    target = context.component.target
    if not isinstance(target, Postgres):
        raise ActionFailed(f"`{context.component.name}` is no PostgreSQL")
    return target


async def _idle(context: ActContext) -> list[Session]:
    database = _database(context)
    if not database.release_roles:
        raise ActionFailed("the service file names no role whose sessions may be ended (`release_roles`)")
    limit_s = context.component.thresholds.get("idle_in_transaction_s", IDLE_IN_TRANSACTION_S)
    try:
        async with opened(database.admin_login, context.limit_s) as connection:
            held, _allowed = await sessions_of(connection)
    except Shut as shut:
        raise ActionFailed(
            f"the server is full, so that we cannot enter either: {shut}; `admin` may name a role that can"
        ) from None
    idle = [each for each in held if each.role in database.release_roles and each.idles_in_transaction_s > limit_s]
    if not idle:
        raise ActionFailed(f"no session of these roles idles in a transaction for more than {limit_s:g} s")
    return idle
