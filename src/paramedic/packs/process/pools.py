"""After a database or another server came back: those that depend on it get connections that work."""

from collections.abc import Mapping

from paramedic.packs.process import answers
from paramedic.packs.process.actions import restart, was_launched
from paramedic.packs.process.command import run
from paramedic.sdk import ActContext, ActionFailed, DidIt, Json, Outcome, Preview, Risk, action
from paramedic.sdk.owning import is_owned

_GRACE_S = 2.0
"""How long a component may take to notice by itself that its server is back."""


@action("pool.reset", risk=Risk.DISRUPTIVE)
class ResetPool:
    """Leave a component alone where its checks pass; else run its `reset_pools` command, or restart it."""

    async def preview(self, context: ActContext) -> Preview:
        name, spec = context.component.name, context.component.process
        how = (
            f"run its command `{spec.reset_pools[0]}`"
            if spec and spec.reset_pools
            else f"restart `{name}`"
            if (spec and spec.is_managed) or is_owned(context.component)
            else "tell that a person must restart it"
        )
        return Preview(summary=f"look at `{name}`, and if its checks still fail, {how}")

    async def apply(self, context: ActContext) -> Outcome:
        name, spec = context.component.name, context.component.process
        if await _recovers(context):
            return Outcome(summary=f"`{name}` is well again by itself")
        if spec and spec.reset_pools:
            context.checkpoint("mid-act")
            await run(context, spec, spec.reset_pools)
            return Outcome(summary=f"reset the pools of `{name}` with its own command")
        if (spec and spec.is_managed) or is_owned(context.component):
            return await restart(context)
        return Outcome(summary=f"the checks of `{name}` still fail, and the service file does not say who restarts it")

    async def verify(self, context: ActContext, output: Mapping[str, Json]) -> None:
        spec = context.component.process
        if spec and (spec.is_managed or spec.reset_pools):
            await answers.wait(context, min(context.limit_s, spec.ready_within_s), must_live=bool(output.get("pid")))
        elif is_owned(context.component):
            await answers.wait(context, context.limit_s, must_live=False)

    async def reconcile(self, context: ActContext) -> DidIt:
        # No look here: applying begins with one. A command that resets pools may run twice; a start must not.
        return await was_launched(context)


async def _recovers(context: ActContext) -> bool:
    try:
        await answers.wait(context, _GRACE_S, must_live=False)
    except ActionFailed:
        return False
    return True
