"""Does the model compute with as many threads as it may use cores?"""

import re
from collections.abc import Sequence

from paramedic.packs.host import pressure
from paramedic.packs.llm import codes, machine
from paramedic.packs.llm.target import Llm
from paramedic.packs.process import usage
from paramedic.sdk import Context, Depth, Evidence, Finding, check, proc
from paramedic.sdk.blocking import in_thread

_GLANCE_S = 1.0
_WANTS = 0.5
"""A thread that wanted to run for so much of the time is computing."""
_WAITED = 0.2
"""From so much waiting on, threads stand in each other's way."""
_OPTION = re.compile(r"(?:-t|--threads)(?:=(\d+))?")


@check(codes.THREADS, of=Llm, depth=Depth.NORMAL, timeout_s=8, every_s=10, id="llm.threads")
async def fit_the_cores(server: Llm, context: Context) -> Finding:
    """The model computes with no more threads than it may use cores.

    Looks at: for a second, how many threads of the server's processes wanted to run for at least half of it, and how
    long they waited for a core; against the cores that they may use (affinity, ration of the control group). While it
    is idle, the threads that its command line asks for (``--threads``) against the same.
    Why: threads of one model wait for each other at every layer. With one too many each waits for the slowest, and
    tokens per second collapse, where one fewer would run at full speed.
    By hand: ``top -H -p PID``; ``nproc``; ``cat /sys/fs/cgroup/cpu.max``
    Healed by: nothing automatic; start the server with fewer threads.
    """
    pids = await in_thread(machine.pids, server, context)
    if not pids:
        return context.info("no process of it can be seen from here")
    try:
        cores = min([pressure.SYSTEM.cores(pid) for pid in pids])
        before = await machine.seen(server, context)
        await context.clock.sleep(min(_GLANCE_S, context.remaining_s / 3))
        after = await machine.seen(server, context)
    except OSError:
        return context.info("its process ended during the look")
    wanting, waited = _wanting(before, after)
    declared = max((n for pid in pids if (n := _declared(proc.command(pid)))), default=None)
    if wanting > cores + 0.5 and waited >= _WAITED:
        observed = f"{wanting} threads compute on {cores:g} cores, and wait {100 * waited:.0f} % of the time for one"
    elif not wanting and declared is not None and declared > cores + 0.5:
        observed = f"it is told to compute with {declared} threads, and may use {cores:g} cores"
    else:
        return context.ok(f"{wanting or 'no'} threads compute; it may use {cores:g} cores", threads=wanting)
    best = max(1, int(cores))
    said = f"its command line says `--threads {declared}`" if declared else f"pids {', '.join(map(str, pids[:5]))}"
    return context.warning(
        codes.THREADS,
        observed=observed,
        expected=f"at most {best} computing threads",
        because="the threads of a model wait for the slowest of them at every layer",
        hint=f"start it with `--threads {best}`"
        + (f", or {best - 1} where other programs need a core" if best > 1 else "")
        + " (Ollama: `num_thread`; others: `OMP_NUM_THREADS`)",
        evidence=(Evidence(label="where this comes from", text=said),),
        threads=wanting,
        cores=cores,
    )


def _wanting(before: machine.Machine, after: machine.Machine) -> tuple[int, float]:
    """How many threads wanted to run, and which share of that time they waited."""
    earlier = {each.who: each for each in before.readings}
    count, ran_s, waited_s = 0, 0.0, 0.0
    for later in after.readings:
        first = earlier.get(later.who)
        if first is None:
            continue
        over_s = max(later.at - first.at, 1e-6)
        never = usage.Spent(ran=0.0, waited=0.0, rests=0)
        for tid, spent in later.threads.items():
            was = first.threads.get(tid, never)
            ran, waited = spent.ran - was.ran, spent.waited - was.waited
            if ran + waited >= _WANTS * over_s:
                count, ran_s, waited_s = count + 1, ran_s + ran, waited_s + waited
    return count, waited_s / (ran_s + waited_s) if count else 0.0


def _declared(command: Sequence[str]) -> int | None:
    """The threads that a command line asks for."""
    for number, word in enumerate(command):
        if match := _OPTION.fullmatch(word):
            value = match[1] or (command[number + 1] if number + 1 < len(command) else "")
            return int(value) if value.isdecimal() and len(value) < 5 else None
    return None
