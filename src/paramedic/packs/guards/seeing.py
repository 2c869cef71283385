"""What the processes of a service show of their guards. Reading it changes nothing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from paramedic.guard.outside import Process, processes
from paramedic.packs.guards.target import Guards
from paramedic.sdk import ActContext, Context, proc
from paramedic.sdk.blocking import in_thread

_ANCESTORS = 8
"""A process of a component may be a worker of a worker of the one that was started."""
LONG_AGO_S = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """One guard of one process, as that process showed it last."""

    kind: str
    name: str
    process: Process
    shows: Mapping[str, Any]  # Any: plain JSON values, different for each kind of guard

    @property
    def where(self) -> str:
        """For messages."""
        return f"`{self.name}` of pid {self.process.pid}"

    def events(self) -> Iterator[Mapping[str, Any]]:
        """What it told lately, oldest first."""
        for each in self.process.events:
            if (each["guard"], each["name"]) == (self.kind, self.name):
                yield each


async def seen(target: Guards, context: Context | ActContext, kind: str | None = None) -> list[Guard]:
    """The guards of every process of the component; of one kind, where it is named."""
    shown = await in_thread(_shown, target.folder)
    return [
        Guard(kind=each["kind"], name=each["name"], process=process, shows=each)
        for process in shown
        if _belongs(process, target, context)
        for each in process.guards
        if kind in (None, each["kind"])
    ]


def age_s(at: str | None, context: Context | ActContext) -> float:
    """Seconds since a moment that a guard told; it was long ago where there is none."""
    if not at:
        return LONG_AGO_S
    return (context.clock.now() - datetime.fromisoformat(at)) / timedelta(seconds=1)


def is_at_home(process: Process, target: Guards, home: Path) -> bool:
    """Whether a process shows its guards in a folder of their own, or works in the folder of the service file."""
    if target.folder is not None:
        return True
    return process.folder is not None and Path(process.folder).is_relative_to(home.resolve())


def _shown(folder: Path | None) -> list[Process]:
    return processes(folder, tidy=False)


def _belongs(process: Process, target: Guards, context: Context | ActContext) -> bool:
    if target.of:
        wanted = {context.processes.facts(context.service.components[name]).pid for name in target.of
                  if name in context.service.components}  # fmt: skip
        return bool((wanted - {None}) & set(_line(process.pid)))
    return is_at_home(process, target, context.service.path.parent)


def _line(pid: int) -> Iterator[int]:
    """A process and those that started it."""
    for _ in range(_ANCESTORS):
        if pid <= 1:
            return
        yield pid
        pid = proc.parent(pid) or 0
