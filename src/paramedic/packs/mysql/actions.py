"""What heals a MySQL without touching its data."""

from collections.abc import Callable, Sequence

from paramedic.packs.mysql.line import Answer, Line, asked
from paramedic.packs.mysql.sessions import sessions_of
from paramedic.packs.mysql.target import MySQL
from paramedic.packs.tcp.entry import Shut, Why, let_in
from paramedic.sdk import ActContext, ActionFailed, Risk, action
from paramedic.sdk.releasing import Releasing
from paramedic.sdk.sessions import Session


@action("mysql.release-idle", risk=Risk.SAFE)
class ReleaseIdle(Releasing):
    """End sessions that idle in a transaction for too long, of the users that the service file names."""

    key = "release_users"

    def users(self, context: ActContext) -> Sequence[str]:
        return _database(context).release_users

    async def held(self, context: ActContext) -> Sequence[Session]:
        try:
            held, _allowed, sees_all = await _ask(context, sessions_of)
        except Shut as shut:
            raise ActionFailed(
                f"the server lets us not in: {shut}; `admin` may name a user that enters a full one"
            ) from None
        if not sees_all:
            raise ActionFailed("transactions are not seen without the right `PROCESS`; `admin` may name a user with it")
        return held

    async def end(self, context: ActContext, idle: Sequence[Session]) -> int:
        def kill(line: Line) -> int:
            ended = 0
            for each in idle:
                # Asked again: the session may have come back to life, or be gone.
                held, _allowed, _sees_all = sessions_of(line)
                now = next((one for one in held if (one.id, one.user) == (each.id, each.user)), None)
                if now and now.state == each.state:
                    line.rows("KILL %s", each.id)
                    ended += 1
            return ended

        try:
            return await _ask(context, kill)
        except Shut as shut:
            needs = "; it needs the right `CONNECTION ADMIN`" if shut.why in (Why.AUTH, Why.FORBIDDEN) else ""
            raise ActionFailed(f"the sessions could not be ended: {shut}{needs}") from None


async def _ask(context: ActContext, ask: Callable[[Line], Answer]) -> Answer:
    database = _database(context)
    return await let_in(lambda: asked(database, database.admin_login, context.limit_s, ask), context)


def _database(context: ActContext) -> MySQL:
    target = context.component.target
    if not isinstance(target, MySQL):
        raise ActionFailed(f"`{context.component.name}` is no MySQL")
    return target
