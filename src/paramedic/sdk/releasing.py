"""Ending sessions that idle in a transaction: the part that is the same for every kind of database server."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from paramedic.model.playbook import Preview
from paramedic.sdk.action import DidIt, Outcome
from paramedic.sdk.context import ActContext
from paramedic.sdk.ports import ActionFailed
from paramedic.sdk.sessions import IDLE_IN_TRANSACTION_S, Session


class Releasing(ABC):
    """An action that needs to be told only who is there, who may be ended, and how one session is ended."""

    @property
    @abstractmethod
    def key(self) -> str:
        """The key of the service file that names the users whose sessions may be ended."""

    @abstractmethod
    def users(self, context: ActContext) -> Sequence[str]:
        """These users."""

    @abstractmethod
    async def held(self, context: ActContext) -> Sequence[Session]:
        """Every session there is. Raises ``ActionFailed`` where nobody may see that."""

    @abstractmethod
    async def end(self, context: ActContext, idle: Sequence[Session]) -> int:
        """End those of them that idle still; how many that were. Raises ``ActionFailed`` where it may not be done."""

    async def preview(self, context: ActContext) -> Preview:
        what = "end sessions that idle in a transaction"
        try:
            idle = await self._idle(context)
        except _NoneIdles as none:
            return Preview(summary=what, blocked=str(none), blocked_for_s=none.for_s)
        except ActionFailed as failed:
            return Preview(summary=what, blocked=str(failed))
        users = ", ".join(f"`{each}`" for each in self.users(context))
        return Preview(
            summary=f"end {len(idle)} sessions of {users} that idle in a transaction",
            diff="\n".join(f"{each.id} {each.holder}, {each.idles_in_transaction_s:.0f} s" for each in idle),
        )

    async def apply(self, context: ActContext) -> Outcome:
        idle = await self._idle(context)
        context.checkpoint("mid-act")
        ended = await self.end(context, idle)
        return Outcome(
            summary=f"ended {ended} of {len(idle)} sessions that idled in a transaction",
            output={"sessions": [each.id for each in idle]},
        )

    async def reconcile(self, context: ActContext) -> DidIt:
        try:
            await self._idle(context)
        except _NoneIdles:
            return DidIt.YES
        except ActionFailed:
            pass
        return DidIt.NO  # ending idle sessions twice harms nobody

    async def _idle(self, context: ActContext) -> list[Session]:
        users = self.users(context)
        if not users:
            raise ActionFailed(f"the service file names nobody whose sessions may be ended (`{self.key}`)")
        limit_s = context.component.thresholds.get("idle_in_transaction_s", IDLE_IN_TRANSACTION_S)
        held = [each for each in await self.held(context) if each.user in users]
        idle = [each for each in held if each.idles_in_transaction_s > limit_s]
        if not idle:
            longest_s = max((each.idles_in_transaction_s for each in held), default=0.0)
            why = f"no session of these users idles in a transaction for more than {limit_s:g} s"
            raise _NoneIdles(why, limit_s - longest_s if longest_s else None)
        return idle


class _NoneIdles(ActionFailed):
    """Nobody is to be ended; perhaps somebody will be, after `for_s` seconds."""

    def __init__(self, why: str, for_s: float | None) -> None:
        super().__init__(why)
        self.for_s = for_s
