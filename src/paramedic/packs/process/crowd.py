"""Threads of a process, children that it does not ask about, and threads that nothing can wake."""

import os
from dataclasses import dataclass
from pathlib import Path

from paramedic.packs.host import pressure, zombies
from paramedic.packs.process import words
from paramedic.sdk import Code, Context, Ending, Evidence, Finding, IssueType, ProcessSpec, check
from paramedic.sdk.blocking import in_thread

THREADS = Code(
    id="process.threads",
    type=IssueType.RESOURCE,
    summary="the process has far too many threads",
    ending=Ending.ADVISE,
    depth=2,
)
ZOMBIES = Code(
    id="process.zombies",
    type=IssueType.RESOURCE,
    summary="the process never asks how its children ended",
    ending=Ending.ADVISE,
    depth=1,
)
BLOCKED = Code(
    id="process.blocked",
    type=IssueType.PERFORMANCE,
    summary="a thread of the process waits for the kernel and cannot be woken, not even by a kill",
    ending=Ending.ADVISE,
    depth=2,
)
_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asleep:
    """A thread that waits without being interruptible."""

    since: float
    ticks: int
    """Processor time used so far: if it grows, it was awake in between."""


@check(THREADS, ZOMBIES, BLOCKED, of=ProcessSpec, timeout_s=5, every_s=10)
async def tasks(spec: ProcessSpec, context: Context) -> list[Finding]:
    """The process keeps order among its threads and children, and none of them is stuck in the kernel.

    Looks at: ``/proc/PID/task``: warning from ``threads`` (2000) threads, and when one of them waits uninterruptibly
    (state D) for ``blocked_for_s`` (30 s) without having run in between; and warning from ``zombies`` (20) children
    that ended and were never asked about.
    Why: threads and zombies that only grow end at a limit, where nothing can be started any more; a thread in state D
    waits for a disk or a network share that does not answer, and no restart of the process gets rid of it.
    By hand: ``ps -L -o tid,stat,wchan:32,comm -p PID``; ``ps -o pid,stat,args --ppid PID | grep -w Z``
    Healed by: nothing automatic; a restart clears threads and zombies, and what is stuck needs its disk back.
    """
    del spec
    pid = context.processes.facts(context.component).pid
    if pid is None:
        return [context.info("no process to look at")]
    try:
        states = await in_thread(_states, pid)
        dead = await in_thread(zombies.by_parent, context.clock.monotonic(), pressure.SYSTEM.proc)
    except PermissionError:
        hint = "run Paramedic as the user of that process, or as root"
        return [context.unknown(f"the threads of pid {pid} may not be read", hint=hint)]
    except OSError:
        return [context.info(f"pid {pid} ended during the look")]
    troubles = [_judge_threads(pid, len(states), context), _judge_zombies(pid, dead.get(pid, 0), context)]
    troubles.append(_judge_blocked(pid, states, context))
    found = [each for each in troubles if each]
    return found or [context.ok(f"{len(states)} threads", threads=len(states), zombies=dead.get(pid, 0))]


def _judge_threads(pid: int, count: int, context: Context) -> Finding | None:
    limit = context.threshold("threads", 2000)
    if count < limit:
        return None
    return context.warning(
        THREADS,
        observed=f"it has {count} threads",
        expected=f"fewer than {limit:g}",
        because="each takes memory and a place among those that the machine can have",
        hint=f"`py-spy dump --pid {pid}` or `pstack {pid}` shows what they wait for; limit the pool that starts them",
        threads=count,
    )


def _judge_zombies(pid: int, count: int, context: Context) -> Finding | None:
    limit = context.threshold("zombies", 20)
    if count < limit:
        return None
    return context.warning(
        ZOMBIES,
        observed=f"{count} of its children ended and are still listed (zombies)",
        expected=f"fewer than {limit:g}",
        because=f"pid {pid} starts programs and never waits for them",
        hint="a restart clears them; in its code every started process needs a `wait`, in a container an `init`",
        zombies=count,
    )


def _judge_blocked(pid: int, states: dict[int, tuple[str, int]], context: Context) -> Finding | None:
    now = context.clock.monotonic()
    known = context.memory.get("asleep")
    before: dict[int, _Asleep] = known if isinstance(known, dict) else {}
    asleep = {}
    for tid, (state, ticks) in states.items():
        if state == "D":
            earlier = before.get(tid)
            is_same = earlier is not None and earlier.ticks == ticks
            asleep[tid] = earlier if earlier and is_same else _Asleep(since=now, ticks=ticks)
    context.memory["asleep"] = asleep
    limit = context.threshold("blocked_for_s", 30)
    stuck = [tid for tid, each in asleep.items() if now - each.since >= limit]
    if not stuck:
        return None
    longest = max(now - asleep[tid].since for tid in stuck)
    rows = [f"thread {tid} in `{_place(pid, tid)}`" for tid in stuck[:_NAMED]]
    return context.warning(
        BLOCKED,
        observed=f"{len(stuck)} of its threads wait for the kernel and cannot be woken, for {words.spell(longest)}",
        expected="none",
        because=rows[0],
        hint="look for a disk or a network share that does not answer (`dmesg | tail`, `mount | grep nfs`); "
        "no signal ends such a thread",
        evidence=(Evidence(label="stuck threads", text="\n".join(rows)),),
        blocked_s=longest,
    )


def _states(pid: int) -> dict[int, tuple[str, int]]:
    """State and used processor time of every thread."""
    found = {}
    for name in os.listdir(f"/proc/{pid}/task"):
        try:
            stat = Path(f"/proc/{pid}/task/{name}/stat").read_text(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        fields = stat[stat.rindex(")") + 2 :].split()
        found[int(name)] = fields[0], int(fields[11]) + int(fields[12])
    return found


def _place(pid: int, tid: int) -> str:
    """The function of the kernel that it waits in."""
    try:
        return Path(f"/proc/{pid}/task/{tid}/wchan").read_text().strip() or "?"
    except OSError:
        return "?"
