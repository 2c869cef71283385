"""The processes of a server: which they are, whether they work, and whether one of them was stopped."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from paramedic.packs.mcp.target import Mcp
from paramedic.sdk import Context, proc

_TICK = os.sysconf("SC_CLK_TCK")
BUSY_SHARE = 0.1
"""A process that uses so much of one core is doing something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The server's processes at one moment."""

    at: float
    """Monotonic."""
    pids: tuple[int, ...]
    ran_s: float
    """On a core, of all of them since their start."""
    suspended: int | None = None
    """One that was stopped by a signal."""
    wants: bool = False
    """Whether a thread of them runs, or waits for a core or a disk: on a crowded machine that is work, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A process that its parent has not asked about."""

    pid: int
    code: int
    """Negative for a signal."""


def reading(server: Mcp, context: Context) -> Reading | None:
    """Of a server on this machine; ``None`` where nothing of it can be seen."""
    now = context.clock.monotonic()
    pids = [pid for pid in server_pids(server, context) if proc.identity(pid)]
    if not pids or os.getpid() in pids:  # of ourselves it would say nothing but that we look
        return None
    family = tuple(dict.fromkeys([*pids, *descendants(pids)]))
    stopped = next((pid for pid in family if proc.is_suspended(pid)), None)
    wants = any(map(_wants, family))
    return Reading(at=now, pids=family, ran_s=sum(map(_ran_s, family)), suspended=stopped, wants=wants)


def share(earlier: Reading, later: Reading) -> float:
    """How many cores it kept busy in between."""
    ran = max(0.0, later.ran_s - earlier.ran_s) / max(later.at - earlier.at, 1e-3)
    return max(ran, BUSY_SHARE) if earlier.wants and later.wants else ran


def server_pids(server: Mcp, context: Context) -> Sequence[int]:
    """The process that Paramedic started or whoever listens, or what runs the command below its holder."""
    if server.command:
        holder = holder_pid(server, context)
        return running(server.command, holder) if holder else ()
    pid = context.processes.facts(context.component).pid
    if pid is not None:
        return (pid,)
    if server.is_on_this_machine and server.address:
        return tuple(each.pid for each in proc.holders(server.address[1]) if each.pid)
    return ()


def holder_pid(server: Mcp, context: Context) -> int | None:
    """The process that holds the other end of the server's pipes, where the service file names it."""
    component = context.component
    if server.started_by is not None:
        found = context.service.components.get(server.started_by)
        return context.processes.facts(found).pid if found else None
    return context.processes.facts(component).pid if component.process else None


def running(command: tuple[str, ...], below: int) -> tuple[int, ...]:
    """Living processes with this command line that descend from another one."""
    return tuple(pid for pid in descendants((below,)) if _is_it(proc.command(pid), command) and proc.identity(pid))


def dead(below: int) -> Ended | None:
    """A child of it that ended and was never asked about: with that its exit code is still known."""
    for pid in descendants((below,), zombies=True):
        if proc.identity(pid) is None and (code := _exit_code(pid)) is not None:
            return Ended(pid=pid, code=code)
    return None


def descendants(of: Iterable[int], *, zombies: bool = False) -> tuple[int, ...]:
    """What was started by these processes, and by those in turn."""
    children: dict[int, list[int]] = {}
    for pid in proc.pids():
        if (parent := proc.parent(pid)) is not None and (zombies or proc.identity(pid)):
            children.setdefault(parent, []).append(pid)
    found: list[int] = []
    waiting = list(of)
    while waiting:
        mine = children.pop(waiting.pop(), [])
        found += mine
        waiting += mine
    return tuple(found)


def _is_it(line: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    """The same command, or what a launcher such as ``npx`` made of it: every argument is still in its line."""
    if not line:
        return False
    if len(wanted) == 1 or line[1:] == wanted[1:]:
        return any(Path(each).name == Path(wanted[0]).name for each in line[:2])
    words = [each for each in wanted[1:] if not each.startswith("-")]
    return bool(words) and all(any(word in part for part in line) for word in words)


def _wants(pid: int) -> bool:
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return False
    return any(_stat(int(tid))[:1] in ([b"R"], [b"D"]) for tid in threads)


def _ran_s(pid: int) -> float:
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / _TICK if fields else 0.0


def _exit_code(pid: int) -> int | None:
    fields = _stat(pid)
    if not fields or fields[0] != b"Z" or len(fields) < 50:
        return None
    status = int(fields[49])  # as `wait` gives it
    return -(status & 0x7F) if status & 0x7F else status >> 8


def _stat(pid: int) -> list[bytes]:
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return []
    return stat[stat.rindex(b")") + 2 :].split()
