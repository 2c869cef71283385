"""Who holds the port of a component that is down."""

import os
import pwd
from dataclasses import dataclass
from enum import Enum, auto

from paramedic.sdk import Component, Evidence, ProcessFacts, ProcessSpec, likeness, proc
from paramedic.sdk.blocking import in_thread

_ANCESTORS = 32
"""More generations than these are a loop of pids reused while we look."""


class Kinship(Enum):
    """What the holder of a port is to the component."""

    PART = auto()
    """A leftover of its newest launch; stopping the component ends it."""
    STALE = auto()
    """An instance that Paramedic does not supervise: the same command line and user."""
    STRANGER = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Occupant:
    """A process that listens on the component's port."""

    holder: proc.Holder
    kinship: Kinship
    instance: int
    """The pid that was started with the command line; the holder may be a worker of it."""

    def __str__(self) -> str:
        who = f"pid {self.holder.pid}" if self.holder.pid else "a process that cannot be looked into"
        command = f": `{' '.join(self.holder.command)}`" if self.holder.command else ""
        return f"{who} (user `{user(self.holder.uid)}`){command}"

    @property
    def evidence(self) -> Evidence:
        """For a finding."""
        return Evidence(label="holder of the port", text=str(self))


async def occupants(component: Component, facts: ProcessFacts) -> tuple[Occupant, ...]:
    """Everybody who listens on the component's port, its own living process and that one's children left out.

    Every process is looked at only where somebody listens: a dead component is restarted without that.
    """
    spec = component.process
    if spec is None or spec.port is None or not proc.listeners(spec.port):
        return ()
    return await in_thread(_search, spec.port, spec, facts)


def user(uid: int) -> str:
    """The name of a user, or the number of one without a name."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _search(port: int, spec: ProcessSpec, facts: ProcessFacts) -> tuple[Occupant, ...]:
    found = (_judge(holder, spec, facts) for holder in proc.holders(port))
    return tuple(each for each in found if each is not None)


def _judge(holder: proc.Holder, spec: ProcessSpec, facts: ProcessFacts) -> Occupant | None:
    line = _line(holder.pid)
    if facts.pid is not None and facts.pid in line:
        return None
    if facts.token and proc.token(holder.pid) == facts.token:
        return Occupant(holder=holder, kinship=Kinship.PART, instance=holder.pid)
    for pid in line:
        if proc.uid(pid) == os.geteuid() == holder.uid and likeness.is_instance(spec.command, pid, spec.cwd):
            return Occupant(holder=holder, kinship=Kinship.STALE, instance=pid)
    return Occupant(holder=holder, kinship=Kinship.STRANGER, instance=holder.pid)


def _line(pid: int) -> tuple[int, ...]:
    """A process and its ancestors."""
    line: list[int] = []
    while pid > 1 and pid not in line and len(line) < _ANCESTORS:
        line.append(pid)
        pid = proc.parent(pid) or 0
    return tuple(line)
