"""A process short of memory gives some back, the gentle way first."""

from collections.abc import Mapping

from paramedic.packs.process import answers
from paramedic.packs.process.actions import restart, was_launched, why_it_cannot_start
from paramedic.packs.process.command import run
from paramedic.sdk import ActContext, ActionFailed, DidIt, Json, Outcome, Preview, Risk, Status, action

_CHECK = "process.memory"
_WITHIN_S = 5.0
"""How long memory may take to be given back after the command has ended."""
_POLL_S = 0.2
_ONLY_A_WARNING = "it is not critical yet, and a restart is for when it is"


@action("memory.relieve", risk=Risk.DISRUPTIVE)
class RelieveMemory:
    """Run the component's `free_memory` command; restart it only where its memory is, or stays, critical."""

    async def preview(self, context: ActContext) -> Preview:
        name, spec = context.component.name, context.component.process
        if spec and spec.free_memory:
            return Preview(
                summary=f"run the command `{spec.free_memory[0]}` of `{name}`, and restart `{name}` only if its memory "
                "is still critical then"
            )
        summary = f"restart `{name}`, which declares no `free_memory` command"
        if await _memory(context) is not Status.CRITICAL:
            return Preview(summary=summary, blocked=_ONLY_A_WARNING)
        return Preview(summary=summary, downtime_s=1.0, blocked=await why_it_cannot_start(context))

    async def apply(self, context: ActContext) -> Outcome:
        spec = context.component.process
        before = await _memory(context)
        if not before.is_failing:
            return Outcome(summary="it gave memory back by itself")
        if spec and spec.free_memory:
            context.checkpoint("mid-act")
            await run(context, spec, spec.free_memory)
            before = await _settled(context)
            if not before.is_failing:
                return Outcome(summary=f"its command `{spec.free_memory[0]}` freed its memory")
        if before is not Status.CRITICAL:
            raise ActionFailed(_ONLY_A_WARNING)
        if reason := await why_it_cannot_start(context):
            raise ActionFailed(reason)
        return await restart(context)

    async def verify(self, context: ActContext, output: Mapping[str, Json]) -> None:
        spec = context.component.process
        if spec and output.get("pid"):
            await answers.wait(context, min(context.limit_s, spec.ready_within_s), must_live=True)

    async def reconcile(self, context: ActContext) -> DidIt:
        if not (await _memory(context)).is_failing:
            return DidIt.YES
        # To free memory twice harms nobody; a start must not happen twice.
        return await was_launched(context)


async def _memory(context: ActContext) -> Status:
    findings = await context.look(context.component.name, (_CHECK,))
    return max((each.status for each in findings), key=lambda each: each.rank, default=Status.UNKNOWN)


async def _settled(context: ActContext) -> Status:
    deadline = context.clock.monotonic() + min(_WITHIN_S, context.limit_s)
    while (now := await _memory(context)).is_failing and context.clock.monotonic() < deadline:
        await context.clock.sleep(_POLL_S)
    return now
