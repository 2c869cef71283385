"""Does a process use up the processor time that it can get?"""

from pathlib import Path, PurePath

from paramedic.packs.host import pressure
from paramedic.packs.host.lasting import Window
from paramedic.packs.host.load import CPU_SATURATED
from paramedic.packs.process import stack, usage, words
from paramedic.packs.process.usage import Reading, Use
from paramedic.sdk import Context, Evidence, Finding, ProcessSpec, check, proc
from paramedic.sdk.blocking import in_thread

_FOR_S = 120.0
_SETTLED_S = 10.0
"""A process younger than this is still starting, and busy with that."""
_GLANCE_S = 0.2
_LOOK_S = 1.0
_TURNS, _TURN_S, _ENOUGH_S = 10, 0.02, 0.4
_SUSPICIOUS = 0.25
"""Such a part of the limit, seen in a glance, is worth the longer look: on a crowded machine a glance sees little."""
_COMPUTES = frozenset({"llm", "embedding", "speech"})
"""Kinds whose work is computing: a core that is never idle is what they are for."""
_NAMED = 5


@check(CPU_SATURATED, of=ProcessSpec, timeout_s=8, every_s=10)
async def cpu(spec: ProcessSpec, context: Context) -> Finding:
    """The process has processor time to spare.

    Looks at: the time in which its busiest thread ran although it could have rested, and the share that all threads
    together have of the cores they may use (affinity and ration of the control group; one core for Python code).
    Warning from ``cpu_percent`` (80), critical from ``cpu_percent_critical`` (90), over ``cpu_for_s`` (120 s). One
    look alone watches for up to a second where it finds it busy, and then believes it only if the machine's load of
    the last minute bears it out. The first seconds after a start, and the kinds whose work is computing (``llm``,
    ``embedding``, ``speech``), do not count.
    Why: work piles up behind a thread that never rests, and everything that waits for it times out.
    By hand: ``top -H -p PID``; ``py-spy dump --pid PID`` shows the function of a Python program
    Healed by: nothing automatic; the finding names the threads, and the function where ``py-spy`` is installed.
    """
    del spec
    facts = context.processes.facts(context.component)
    pid = facts.pid
    if pid is None:
        return context.info("no process to look at")
    if facts.uptime_s is not None and facts.uptime_s < min(_SETTLED_S, context.threshold("cpu_for_s", _FOR_S)):
        return context.ok(f"pid {pid} has just started")
    try:
        return await _look(pid, context)
    except PermissionError:
        return context.unknown(
            f"the processor time of pid {pid} may not be read",
            hint="run Paramedic as the user of that process, or as root",
        )
    except OSError:
        return context.info(f"pid {pid} ended during the look")


async def _look(pid: int, context: Context) -> Finding:
    over_s = context.threshold("cpu_for_s", _FOR_S)
    reading = await _read(pid, context)
    window = context.memory.get(str(reading.who))
    if isinstance(window, Window):
        earlier = window.note(reading.at, reading)
        if earlier is not None:
            return await _judge(usage.between(earlier[1], reading), pid, context)
        oldest = window.oldest(reading.at)
        use = usage.between(oldest[1], reading) if oldest else None
        return _calm(use, pid, context) if use else context.ok(f"pid {pid} is watched from now on")
    context.memory.clear()  # what was another process
    fresh = context.memory[str(reading.who)] = Window[Reading](over_s)
    fresh.note(reading.at, reading)
    use = await _after(_GLANCE_S, reading, context)
    if _percent(use, pid) >= _SUSPICIOUS * context.threshold("cpu_percent", 80):
        use = await _after(min(_LOOK_S, over_s, context.remaining_s / 2) - _GLANCE_S, reading, context)
    if _percent(use, pid) < context.threshold("cpu_percent", 80):
        return _calm(use, pid, context)
    if use.over_s >= over_s or _is_borne_out(context):
        return await _judge(use, pid, context)
    return context.info(
        f"it used {_percent(use, pid):.0f} % of what it can just now; whether that lasts, `paramedic watch` can tell",
        cpu_percent=_percent(use, pid),
    )


async def _read(pid: int, context: Context) -> Reading:
    return await in_thread(usage.read, pid, context.clock.monotonic)


async def _after(seconds: float, reading: Reading, context: Context) -> Use:
    """What was used since a reading, so many seconds from now on.

    On a crowded machine it waits a little longer, until the busiest thread has had its turn: the kernel tells only
    then how long that had to wait for it.
    """
    await context.clock.sleep(max(0.0, seconds))
    later = await _read(reading.who.pid, context)
    use = usage.between(reading, later)
    tid, _ = use.busiest
    for _ in range(_TURNS):
        if not tid or context.remaining_s < _ENOUGH_S:
            break
        await context.clock.sleep(_TURN_S)
        newest = await _read(reading.who.pid, context)
        if tid in newest.threads and newest.threads[tid].ran > later.threads[tid].ran:
            return usage.between(reading, newest)
    return use


def _percent(use: Use, pid: int) -> float:
    command = proc.command(pid)
    is_python = bool(command) and PurePath(command[0]).name.startswith(("python", "pypy"))
    return use.percent(pressure.SYSTEM.cores(pid), one_at_a_time=is_python)


def _is_borne_out(context: Context) -> bool:
    """Whether something kept a core busy for the last minute, so that it may have been this."""
    try:
        return 100 * pressure.SYSTEM.load() >= context.threshold("cpu_percent", 80)
    except (OSError, ValueError):
        return False


def _calm(use: Use, pid: int, context: Context) -> Finding:
    percent = _percent(use, pid)
    return context.ok(
        f"it used {percent:.0f} % of what it can, for {words.spell(use.over_s)}", cpu_percent=percent, cores=use.cores
    )


async def _judge(use: Use, pid: int, context: Context) -> Finding:
    percent, limit = _percent(use, pid), context.threshold("cpu_percent", 80)
    if percent < limit:
        return _calm(use, pid, context)
    if context.component.kind in _COMPUTES:
        return context.ok(f"it computes: {use.cores:.1f} cores for {words.spell(use.over_s)}", cores=use.cores)
    tid, share = use.busiest
    names = {each: _name(pid, each) for each in sorted(use.threads, key=lambda each: -use.threads[each])[:_NAMED]}
    rows = [f"{use.threads[each]:.0f} %  thread {each}  {name}" for each, name in names.items()]
    evidence = [Evidence(label="busiest threads", text="\n".join(rows))] if rows else []
    frames = await stack.of_thread(pid, tid, within_s=context.remaining_s / 2) if tid else ""
    if frames:
        evidence.append(Evidence(label="where it is", text=frames))
    is_one = tid and share >= limit
    who = f"its thread `{names[tid]}` ({tid}) never rested" if is_one else f"it kept {use.cores:.1f} cores busy"
    judge = context.critical if percent >= context.threshold("cpu_percent_critical", 90) else context.warning
    return judge(
        CPU_SATURATED,
        observed=f"{who}: {percent:.0f} % of what it can, for {words.spell(use.over_s)}",
        expected=f"less than {limit:g} %",
        because=f"it is in `{frames.splitlines()[0]}`" if frames else "",
        hint=f"`py-spy top --pid {pid}` or `top -H -p {pid}` shows what it does; give it less work or more processes, "
        "or mend the loop. Where being busy is its work, set `thresholds: {cpu_percent: 101}`",
        evidence=tuple(evidence),
        cpu_percent=percent,
        cores=use.cores,
    )


def _name(pid: int, tid: int) -> str:
    try:
        return Path(f"/proc/{pid}/task/{tid}/comm").read_text().strip()
    except OSError:
        return "?"
