"""Start, stop, restart, wait, and clear away what is stale."""

import signal
from collections.abc import Mapping

from paramedic.packs.process import answers, owned
from paramedic.packs.process.port import Kinship, Occupant, occupants
from paramedic.sdk import (
    ActContext,
    ActionFailed,
    DidIt,
    Json,
    Outcome,
    Preview,
    ProcessSpec,
    Risk,
    action,
    proc,
)
from paramedic.sdk.blocking import in_thread
from paramedic.sdk.ending import end
from paramedic.sdk.owning import is_owned


@action("process.start", risk=Risk.REVERSIBLE)
class Start:
    """Start the component's process and wait until its checks pass."""

    async def preview(self, context: ActContext) -> Preview:
        if is_owned(context.component):
            return await owned.preview(context, "start")
        facts = context.processes.facts(context.component)
        summary = f"start `{context.component.name}`"
        if facts.pid is not None:
            return Preview(summary=summary, blocked=f"it runs already, pid {facts.pid}")
        return Preview(summary=summary, blocked=await why_it_cannot_start(context))

    async def apply(self, context: ActContext) -> Outcome:
        if is_owned(context.component):
            return await owned.act(context, "start")
        await _refuse_if_it_cannot_start(context)
        context.checkpoint("mid-act")
        return await _start(context)

    async def verify(self, context: ActContext, output: Mapping[str, Json]) -> None:
        del output  # after a crash there is none
        await _answers(context)

    async def reconcile(self, context: ActContext) -> DidIt:
        return await was_launched(context, "start")

    async def undo(self, context: ActContext, output: Mapping[str, Json]) -> str:
        if is_owned(context.component):
            return await owned.undo_start(context, output)
        facts = context.processes.facts(context.component)
        if facts.pid is None or output.get("pid", facts.pid) != facts.pid:
            return "the process that was started is gone already"
        await context.processes.stop(context.component)
        return f"stopped pid {facts.pid}"


@action("process.stop", risk=Risk.DISRUPTIVE)
class Stop:
    """Stop the component's process with all that descends from it, and confirm that it is gone."""

    async def preview(self, context: ActContext) -> Preview:
        if is_owned(context.component):
            return await owned.preview(context, "stop")
        facts = context.processes.facts(context.component)
        if facts.pid is None:
            return Preview(summary=f"`{context.component.name}` is not running; make sure that nothing of it is left")
        return Preview(summary=f"stop `{context.component.name}` (pid {facts.pid})")

    async def apply(self, context: ActContext) -> Outcome:
        if is_owned(context.component):
            return await owned.act(context, "stop")
        pid = context.processes.facts(context.component).pid
        context.checkpoint("mid-act")
        await context.processes.stop(context.component)
        if pid is None:
            return Outcome(summary="it was not running")
        return Outcome(summary=f"stopped pid {pid}", output={"stopped": pid})

    async def verify(self, context: ActContext, output: Mapping[str, Json]) -> None:
        if is_owned(context.component):
            return  # its owner has said that it is gone
        pid = context.processes.facts(context.component).pid
        if pid is not None and pid == output.get("stopped", pid):
            raise ActionFailed(f"pid {pid} is still there")

    async def reconcile(self, context: ActContext) -> DidIt:
        if is_owned(context.component):
            return await owned.reconcile(context, "stop")
        return DidIt.NO if context.processes.facts(context.component).pid is not None else DidIt.YES


@action("process.restart", risk=Risk.DISRUPTIVE, tries=3)
class Restart:
    """Stop the component's process, confirm that it is gone, start it again and wait until its checks pass.

    What somebody else starts (``owner``) is restarted through them.
    """

    async def preview(self, context: ActContext) -> Preview:
        if is_owned(context.component):
            return await owned.preview(context, "restart")
        facts = context.processes.facts(context.component)
        before = f"stop pid {facts.pid} and " if facts.pid is not None else ""
        return Preview(
            summary=f"{before}start `{context.component.name}`",
            downtime_s=1.0 if facts.pid is not None else 0.0,
            blocked=await why_it_cannot_start(context),
        )

    async def apply(self, context: ActContext) -> Outcome:
        return await restart(context)

    async def verify(self, context: ActContext, output: Mapping[str, Json]) -> None:
        del output  # after a crash there is none
        await _answers(context)

    async def reconcile(self, context: ActContext) -> DidIt:
        return await was_launched(context)


@action("wait.answers", risk=Risk.SAFE)
class WaitAnswers:
    """Wait until every check of the component passes; ``within_s`` says how long at most."""

    async def preview(self, context: ActContext) -> Preview:
        return Preview(summary=f"wait up to {_within_s(context):.0f} s until `{context.component.name}` answers")

    async def apply(self, context: ActContext) -> Outcome:
        context.checkpoint("mid-act")
        spec = context.component.process
        # A process of ours that is dead will not answer by itself; one with another owner may come back.
        took_s = await answers.wait(context, _within_s(context), must_live=bool(spec and spec.is_managed))
        return Outcome(summary=f"`{context.component.name}` answers, after {took_s:.1f} s", output={"took_s": took_s})

    async def reconcile(self, context: ActContext) -> DidIt:
        del context
        return DidIt.NO  # waiting again harms nobody


@action("process.clear-stale", risk=Risk.DISRUPTIVE)
class ClearStale:
    """Stop an old instance of the component that holds its port: the same command line and user, never a stranger."""

    async def preview(self, context: ActContext) -> Preview:
        found = await _others(context)
        name = context.component.name
        if strangers := [each for each in found if each.kinship is Kinship.STRANGER]:
            return Preview(summary=f"clear the port of `{name}`", blocked=f"never kill a stranger: {strangers[0]}")
        if not found:
            return Preview(summary=f"nothing stale holds the port of `{name}`")
        return Preview(summary=f"stop the stale instance of `{name}`: {'; '.join(map(str, found))}")

    async def apply(self, context: ActContext) -> Outcome:
        found = await _others(context)
        if strangers := [each for each in found if each.kinship is Kinship.STRANGER]:
            raise ActionFailed(f"never kill a stranger: {strangers[0]}")
        spec = _spec(context)
        # The instance before its workers, so that it starts no new ones.
        pids = list(dict.fromkeys([each.instance for each in found] + [each.holder.pid for each in found]))
        targets = [who for pid in pids if (who := proc.identity(pid))]
        context.checkpoint("mid-act")
        for who in targets:
            await end(who, ask=signal.Signals[spec.stop_signal], within_s=spec.stop_timeout_s)
        return Outcome(
            summary=f"stopped {', '.join(f'pid {pid}' for pid in pids)}" if pids else "nothing stale was left",
            output={"stopped": list(pids)},
        )

    async def verify(self, context: ActContext, output: Mapping[str, Json]) -> None:
        del output
        if left := await _others(context):
            raise ActionFailed(f"the port is still held by {left[0]}")

    async def reconcile(self, context: ActContext) -> DidIt:
        return DidIt.NO if await _others(context) else DidIt.YES


def _spec(context: ActContext) -> ProcessSpec:
    if context.component.process is None:
        raise ActionFailed(f"`{context.component.name}` has no process in the service file")
    return context.component.process


async def why_it_cannot_start(context: ActContext) -> str | None:
    """In microseconds where its process lives or nobody listens on its port: a restart begins here."""
    spec, name = context.component.process, context.component.name
    if is_owned(context.component):
        return (await owned.preview(context, "restart")).blocked
    if spec is None or not spec.is_managed:
        return f"`{name}` is not started by Paramedic: the service file gives no `command` and no `owner`"
    facts = context.processes.facts(context.component)
    if facts.pid is not None:
        return None  # then it holds its port itself
    for each in await occupants(context.component, facts):
        if each.kinship is Kinship.STRANGER:
            return f"port {spec.port} is held by a stranger: {each}"
    return None


async def _refuse_if_it_cannot_start(context: ActContext) -> None:
    if reason := await why_it_cannot_start(context):
        raise ActionFailed(reason)
    # Not in the preview: an earlier step of the plan may clear it away.
    if context.processes.facts(context.component).pid is None and (stale := await _others(context)):
        raise ActionFailed(f"an old instance of `{context.component.name}` holds its port: {stale[0]}")


async def restart(context: ActContext) -> Outcome:
    """Stop the process of a component and start it again: with the token of this step, or through its owner."""
    if is_owned(context.component):
        return await owned.act(context, "restart")
    await _refuse_if_it_cannot_start(context)
    before = context.processes.facts(context.component).pid
    await context.processes.stop(context.component)
    context.checkpoint("mid-act")
    outcome = await _start(context)
    return Outcome(summary=outcome.summary, output={**outcome.output, "stopped": before})


async def _start(context: ActContext) -> Outcome:
    pid = await context.processes.start(context.component, context.token)
    return Outcome(summary=f"started `{context.component.name}`, pid {pid}", output={"pid": pid})


async def _answers(context: ActContext) -> None:
    """The process that was started must live, and its component answer."""
    if is_owned(context.component):
        await owned.verify(context)
        return
    await answers.wait(context, min(context.limit_s, _spec(context).ready_within_s), must_live=True)


async def was_launched(context: ActContext, verb: str = "restart") -> DidIt:
    """Whether a process carries the token of this step, or its owner has done what it was told."""
    if is_owned(context.component):
        return await owned.reconcile(context, verb)
    found = await in_thread(proc.launched, {context.token})
    return DidIt.YES if context.token in found else DidIt.NO


async def _others(context: ActContext) -> tuple[Occupant, ...]:
    facts = context.processes.facts(context.component)
    return tuple(each for each in await occupants(context.component, facts) if each.kinship is not Kinship.PART)


def _within_s(context: ActContext) -> float:
    wanted = context.params.get("within_s", context.limit_s)
    return float(wanted) if isinstance(wanted, (int, float)) else context.limit_s
