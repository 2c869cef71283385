"""What heals a PostgreSQL without touching its data."""

from collections.abc import Sequence

from paramedic.packs.postgres.line import opened
from paramedic.packs.postgres.sessions import sessions_of
from paramedic.packs.postgres.target import Postgres
from paramedic.packs.tcp.entry import Shut, let_in
from paramedic.sdk import ActContext, ActionFailed, Risk, action
from paramedic.sdk.releasing import Releasing
from paramedic.sdk.sessions import Session


@action("postgres.release-idle", risk=Risk.SAFE)
class ReleaseIdle(Releasing):
    """End sessions that idle in a transaction for too long, of the roles that the service file names."""

    key = "release_roles"

    def users(self, context: ActContext) -> Sequence[str]:
        return _database(context).release_roles

    async def held(self, context: ActContext) -> Sequence[Session]:
        async def ask() -> Sequence[Session]:
            async with opened(_database(context).admin_login, context.limit_s) as connection:
                held, _allowed = await sessions_of(connection)
                return held

        try:
            return await let_in(ask, context)
        except Shut as shut:
            raise ActionFailed(
                f"the server is full, so that we cannot enter either: {shut}; `admin` may name a role that can"
            ) from None

    async def end(self, context: ActContext, idle: Sequence[Session]) -> int:
        async def ask() -> int:
            async with opened(_database(context).admin_login, context.limit_s) as connection:
                ended = 0
                for each in idle:
                    # Asked again in the same statement: the session may have come back to life.
                    cursor = await connection.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = %s AND usename = %s"
                        " AND state LIKE 'idle in transaction%%'",
                        (each.id, each.user),
                    )
                    row = await cursor.fetchone()
                    ended += bool(row and row[0])
                return ended

        try:
            return await let_in(ask, context)
        except Shut as shut:
            raise ActionFailed(f"the server lets us not in: {shut}") from None
        except Exception as error:  # a boundary: rights are missing, say
            raise ActionFailed(f"the sessions could not be ended: {error}") from None


def _database(context: ActContext) -> Postgres:
    target = context.component.target
    if not isinstance(target, Postgres):
        raise ActionFailed(f"`{context.component.name}` is no PostgreSQL")
    return target
