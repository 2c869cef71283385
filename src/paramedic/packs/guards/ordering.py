"""Orders to guards in running processes, and the answers."""

from typing import Any

from paramedic.guard.clock import SYSTEM
from paramedic.guard.outside import SILENT, Order, ask
from paramedic.packs.guards.seeing import Guard
from paramedic.packs.guards.target import Guards
from paramedic.sdk import ActContext, ActionFailed, Context
from paramedic.sdk.blocking import in_thread

WITHIN_S = 3.0
"""A process looks five times a second; one that does not answer in this time hangs."""


def target_of(context: Context | ActContext) -> Guards:
    """The guards that a look or a step is about."""
    target = context.component.target
    if not isinstance(target, Guards):
        raise ActionFailed(f"`{context.component.name}` has no guards")
    return target


async def order(context: ActContext, guard: Guard, verb: str, **settings: Any) -> None:  # Any: plain JSON values
    """Have one guard of one process do something, and wait until it did.

    Raises:
        ActionFailed: it refused, or its process does not answer.
    """
    wanted = Order(kind=guard.kind, name=guard.name, verb=verb, settings=settings, pids=(guard.process.pid,))
    folder = target_of(context).folder
    answers = await in_thread(ask, wanted, min(WITHIN_S, context.limit_s), SYSTEM, folder)
    answer = answers.get(guard.process.pid, "it is gone")
    if answer != "done":
        told = "its process does not answer" if answer == SILENT else answer
        raise ActionFailed(f"{guard.where} could not be told to `{verb}`: {told}")
