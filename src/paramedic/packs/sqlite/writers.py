"""Who uses a database while it is about to be replaced: stopped before, started again on every path."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from paramedic.packs.sqlite.asking import MARK
from paramedic.packs.sqlite.inside import holders
from paramedic.sdk import ActContext, ActionFailed, Component, Desired, proc


def running(context: ActContext) -> tuple[str, ...]:
    """Components that Paramedic starts, that run, and that use the database; each after what it depends on."""
    mine = context.component.name
    return tuple(
        name
        for name in context.service.start_order()
        if (name == mine or mine in context.service.components[name].depends_on)
        and _is_managed(context.service.components[name])
        and context.processes.facts(context.service.components[name]).pid
    )


def strangers(context: ActContext, path: Path, excused: Iterable[str]) -> tuple[str, ...]:
    """Processes that have the database open and are none of those components, in words."""
    known = {context.processes.facts(context.service.components[name]).pid for name in excused} - {None}
    return tuple(
        holders.describe(pid)
        for pid in holders.openers(path)
        if pid != os.getpid() and not _only_looks(pid) and not _descends(pid, {each for each in known if each})
    )


async def stop(context: ActContext, names: Sequence[str]) -> None:
    """Stop them, callers before what they call."""
    for name in reversed(names):
        await context.processes.stop(context.service.components[name])


async def start(context: ActContext, names: Sequence[str]) -> None:
    """Start those that do not run. Every one is tried before the first failure is told."""
    failed: list[str] = []
    for name in names:
        component = context.service.components.get(name)
        if component is None:
            continue
        facts = context.processes.facts(component)
        if facts.pid or facts.desired is Desired.STOPPED:
            continue
        try:
            await context.processes.start(component, f"{context.token}.{name}")
        except ActionFailed as error:
            failed.append(f"`{name}`: {error}")
    if failed:
        raise ActionFailed(f"could not be started again: {'; '.join(failed)}")


def _is_managed(component: Component) -> bool:
    return component.process is not None and component.process.is_managed


def _only_looks(pid: int) -> bool:
    """Whether it is a child of a check, of ours or of another Paramedic: it reads, and a rename does not disturb it."""
    return any(MARK in argument for argument in proc.command(pid))


def _descends(pid: int, elders: set[int]) -> bool:
    while pid > 1:
        if pid in elders:
            return True
        try:
            stat = Path(f"/proc/{pid}/stat").read_bytes()
        except OSError:
            return False
        pid = int(stat[stat.rindex(b")") + 2 :].split()[1])
    return False
