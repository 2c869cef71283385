"""The process behind a model server, where it is on this machine: who it is, and whether it computes."""

import asyncio
from dataclasses import dataclass

from paramedic.packs.llm.target import ModelServer
from paramedic.packs.process import usage
from paramedic.packs.process.usage import Reading
from paramedic.sdk import Context, proc
from paramedic.sdk.blocking import in_thread

_GLANCE_S = 0.4
_SHARE_OF_TIME = 0.8
_COMPUTES = 0.2
"""Cores. A server that only waits, answers health checks and polls uses less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What was seen of the processes of a server at one moment."""

    readings: tuple[Reading, ...]

    def cores_since(self, earlier: "Machine") -> float | None:
        """How many cores it kept busy, or waited for, between two moments; ``None`` where that cannot be told."""
        before = {each.who: each for each in earlier.readings}
        pairs = [(before[each.who], each) for each in self.readings if each.who in before]
        if not pairs:
            return None
        return sum(max(usage.between(*pair).cores, _wanted(*pair)) for pair in pairs)

    def computed_since(self, earlier: "Machine | None") -> bool | None:
        """Whether it computed; ``None`` where that cannot be told."""
        cores = self.cores_since(earlier) if earlier else None
        return None if cores is None else cores >= _COMPUTES


async def seen(server: ModelServer, context: Context) -> Machine:
    """Read it now."""
    return await in_thread(_read, server, context)


async def computes_now(server: ModelServer, context: Context) -> bool | None:
    """Whether it computes at this moment; ``None`` where that cannot be told in the time that is left."""
    try:
        async with asyncio.timeout(context.remaining_s * _SHARE_OF_TIME):
            found = await in_thread(pids, server, context)
            before = await in_thread(_readings, found, context)
            await context.clock.sleep(min(_GLANCE_S, context.remaining_s / 3))
            return (await in_thread(_readings, found, context)).computed_since(before)
    except TimeoutError:
        return None


def pids(server: ModelServer, context: Context) -> tuple[int, ...]:
    """The processes that serve the model: the component's own with all that descends from it, else who listens."""
    own = context.processes.facts(context.component).pid
    if own is None and not server.is_here:
        return ()
    roots = {own} if own is not None else {each.pid for each in proc.holders(server.address[1]) if each.pid}
    found = set(roots)
    parents = {pid: proc.parent(pid) for pid in proc.pids()}
    grown = True
    while grown:
        grown = False
        for pid, parent in parents.items():
            if parent in found and pid not in found:
                found.add(pid)
                grown = True
    return tuple(sorted(found))


def _wanted(earlier: Reading, later: Reading) -> float:
    """Cores that its threads ran on or waited for: on a crowded machine who computes gets little."""
    never = usage.Spent(ran=0.0, waited=0.0, rests=0)
    pairs = [(earlier.threads.get(tid, never), spent) for tid, spent in later.threads.items()]
    wanted = sum(now.ran + now.waited - then.ran - then.waited for then, now in pairs)
    return wanted / max(later.at - earlier.at, 1e-6)


def _read(server: ModelServer, context: Context) -> Machine:
    return _readings(pids(server, context), context)


def _readings(found: tuple[int, ...], context: Context) -> Machine:
    readings = []
    for pid in found:
        try:
            readings.append(usage.read(pid, context.clock.monotonic))
        except (OSError, ValueError, IndexError):
            continue  # it ended, or belongs to somebody else
    return Machine(readings=tuple(readings))
