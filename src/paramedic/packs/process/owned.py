"""Start, stop and restart through whoever owns the component: systemd, a container engine, another supervisor."""

import json
from collections.abc import Mapping
from pathlib import Path

from paramedic.packs.process import answers
from paramedic.sdk import ActContext, ActionFailed, DidIt, Json, Outcome, Owner, Preview, owning, proc
from paramedic.sdk.blocking import in_thread
from paramedic.sdk.files import write_whole
from paramedic.sdk.owning import CannotAsk, look, owner_of
from paramedic.sdk.unit import State, Unit

STEADY_S = 1.0
"""How long a new run must last before its owner's word that it runs counts."""
_POLL_S = 0.2
_DOWN = frozenset({State.STOPPED, State.EXITED, State.GIVEN_UP, State.MISSING})


async def preview(context: ActContext, verb: str) -> Preview:
    """What would be told to the owner, and why it cannot be."""
    owner, name = owner_of(context.component), context.component.name
    unit, refusal = None, ""
    try:
        unit = await _look(context)
    except CannotAsk as error:
        refusal = "" if _is_blind(owner) else f"its owner cannot be asked: {error}"
    argv = _argv(owner, verb, await in_thread(_count, context, unit))
    summary = f"{verb} `{name}` through {spell(owner)}: {'; '.join(f'`{_line(each)}`' for each in argv)}"
    if refusal:
        return Preview(summary=summary, blocked=refusal)
    if unit and unit.state is State.MISSING and not (owner.manager == "compose" and verb != "stop"):
        return Preview(summary=summary, blocked=f"{spell(owner)} has no `{owner.unit}`: {unit.said}")
    if unit and verb == "start" and unit.is_up:
        return Preview(summary=summary, blocked=f"it runs already: {unit.said}")
    if unit and verb == "start" and owner.manager == "kubernetes" and unit.replicas:
        return Preview(summary=summary, blocked=f"kubernetes starts it already: {unit.said}")
    is_down = unit is not None and unit.state in _DOWN
    return Preview(summary=summary, downtime_s=0.0 if verb == "start" or is_down else 1.0)


async def act(context: ActContext, verb: str) -> Outcome:
    """Tell the owner, and wait until its word and what it does agree."""
    owner, folder = owner_of(context.component), context.service.path.parent
    before = await _seen(context)
    count = await in_thread(_count, context, before)
    if verb == "stop" and owner.manager == "kubernetes" and before and before.replicas:
        await in_thread(_keep, _counted(context), {"replicas": count})  # a start is to bring back as many
    await in_thread(_keep, _memo(context), {"run": before.run if before else ""})
    context.checkpoint("mid-act")
    verb = _fitting(owner, verb, before)
    for argv in _argv(owner, verb, count):
        await owning.tell(argv, folder, context.limit_s, context.token)
    unit = await (_gone(context) if verb == "stop" else _steady(context, before))
    if verb == "start":
        await in_thread(_forget, _counted(context))
    said = f": {unit.said}" if unit else ""
    return Outcome(
        summary=f"{_past(verb)} `{context.component.name}` through {spell(owner)}{said}",
        output={"run": unit.run if unit else "", "before": before.run if before else "", "owner": owner.manager},
    )


async def verify(context: ActContext) -> None:
    """The component answers; its owner has said already that it runs."""
    spec = context.component.process
    within_s = min(context.limit_s, spec.ready_within_s) if spec else context.limit_s
    await answers.wait(context, within_s, must_live=False)


async def reconcile(context: ActContext, verb: str) -> DidIt:
    """By what the owner says now, against the run that was kept before the owner was told."""
    before = await in_thread(_kept, _memo(context))
    if before is None:
        return DidIt.NO  # the owner was told nothing yet
    await _until_told(context)
    try:
        unit = await _look(context)
    except CannotAsk:
        return DidIt.CANNOT_TELL
    if verb == "stop":
        return DidIt.YES if unit.state in _DOWN else DidIt.NO
    if unit.state in _DOWN:
        return DidIt.NO  # what does not run may be started: that harms nobody
    if verb == "start":
        return DidIt.YES
    if not unit.run:
        return DidIt.CANNOT_TELL
    return DidIt.YES if unit.run != before else DidIt.NO


async def undo_start(context: ActContext, output: Mapping[str, Json]) -> str:
    """Stop the run that was started, and no later one."""
    unit = await _seen(context)
    if unit is None or unit.state in _DOWN or output.get("run", unit.run) != unit.run:
        return "what was started is gone already"
    return (await act(context, "stop")).summary


def spell(owner: Owner) -> str:
    """The owner in words."""
    return "its own commands" if owner.manager == "command" else owner.manager


def _argv(owner: Owner, verb: str, count: int) -> tuple[tuple[str, ...], ...]:
    """What is told to the owner, one command line after the other."""
    if argv := owning.command(owner, verb, replicas=count):
        return (argv,)
    return owning.command(owner, "stop"), owning.command(owner, "start")


def _fitting(owner: Owner, verb: str, before: Unit | None) -> str:
    """What is down is started: some owners refuse to restart what does not run."""
    is_down = before is not None and before.state in _DOWN
    return "start" if verb == "restart" and is_down and owner.manager != "kubernetes" else verb


async def _look(context: ActContext) -> Unit:
    return await look(context.component, context.service.path.parent)


async def _seen(context: ActContext) -> Unit | None:
    """The unit; ``None`` where its owner has no way to tell.

    Raises:
        ActionFailed: the owner does not answer, so that nothing should be told to it either.
    """
    try:
        return await _look(context)
    except CannotAsk as error:
        if _is_blind(owner_of(context.component)):
            return None
        raise ActionFailed(f"its owner cannot be asked: {error}") from None


def _is_blind(owner: Owner) -> bool:
    return owner.manager == "command" and not owner.commands.get("status")


async def _steady(context: ActContext, before: Unit | None) -> Unit | None:
    """The unit once it has run for a while, in a run of its own.

    Raises:
        ActionFailed: it ended again, or does not run in time.
    """
    clock = context.clock
    deadline, since, run = clock.monotonic() + context.limit_s, None, ""
    while (unit := await _seen(context)) is not None:
        if unit.state is State.GIVEN_UP or unit.lacks_image:
            raise ActionFailed(f"it does not start: {unit.lacks_image or unit.said}")
        is_new = not unit.run or before is None or not before.is_up or unit.run != before.run
        if unit.is_up and is_new:
            if since is None or unit.run != run:
                since, run = clock.monotonic(), unit.run
            if clock.monotonic() - since >= STEADY_S:
                return unit
        else:
            since = None
        if clock.monotonic() > deadline:
            raise ActionFailed(f"it does not run within {context.limit_s:g} s: {unit.said}")
        await clock.sleep(_POLL_S)
    return None


async def _gone(context: ActContext) -> Unit | None:
    deadline = context.clock.monotonic() + context.limit_s
    while (unit := await _seen(context)) is not None and unit.state not in _DOWN:
        if context.clock.monotonic() > deadline:
            raise ActionFailed(f"it is still there: {unit.said}")
        await context.clock.sleep(_POLL_S)
    return unit


async def _until_told(context: ActContext) -> None:
    """The owner's program that a crash of ours left behind has ended; what its commands started may carry on."""
    deadline = context.clock.monotonic() + context.limit_s
    while await in_thread(proc.carriers, context.token) and context.clock.monotonic() < deadline:
        if owner_of(context.component).manager == "command" and (unit := await _seen(context)) and unit.is_up:
            return
        await context.clock.sleep(_POLL_S)


def _memo(context: ActContext) -> Path:
    return context.workspace / f"owner-{context.token}.json"


def _counted(context: ActContext) -> Path:
    """Where the number of instances is kept from a stop to the next start, which is another plan."""
    return context.service.settings.state_dir / "stopped" / f"{context.component.name}.json"


def _count(context: ActContext, unit: Unit | None) -> int:
    """How many instances a start asks for: as many as are wanted, else as were before they were stopped, else one."""
    if unit and unit.replicas:
        return unit.replicas
    try:
        return max(1, int(json.loads(_counted(context).read_text(encoding="utf-8"))["replicas"]))
    except (OSError, ValueError, KeyError, TypeError):
        return 1


def _keep(memo: Path, facts: Mapping[str, Json]) -> None:
    """Kept for a crash between here and the end, so it must have reached the disk."""
    memo.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(memo, json.dumps(facts).encode(), mode=0o600)


def _forget(memo: Path) -> None:
    memo.unlink(missing_ok=True)


def _kept(memo: Path) -> str | None:
    try:
        return str(json.loads(memo.read_text(encoding="utf-8"))["run"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _line(argv: tuple[str, ...]) -> str:
    return " ".join(argv)


def _past(verb: str) -> str:
    return {"start": "started", "stop": "stopped", "restart": "restarted"}[verb]
