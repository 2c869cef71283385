"""Does it live, and is it well?"""

import os
from pathlib import Path

from paramedic.packs.process import memory as its_memory
from paramedic.packs.process import words
from paramedic.packs.process.memory import DEFAULT_LIMIT_MB, DEFAULT_WARNING_MB, Limit, Memory
from paramedic.packs.process.port import Kinship, Occupant, occupants
from paramedic.sdk import (
    Code,
    Context,
    Desired,
    Ending,
    Evidence,
    Exit,
    Finding,
    IssueType,
    ProcessFacts,
    ProcessSpec,
    check,
    proc,
)
from paramedic.sdk.blocking import in_thread

EXITED = Code(
    id="process.exited",
    type=IssueType.OUTAGE,
    summary="the process ended and nobody asked it to",
    instant=True,
    depth=1,
)
NOT_RUNNING = Code(
    id="process.not-running", type=IssueType.OUTAGE, summary="the process is not running", instant=True, depth=1
)
SUSPENDED = Code(
    id="process.suspended", type=IssueType.OUTAGE, summary="the process is stopped by a signal and answers nobody"
)
CRASH_LOOP = Code(
    id="process.crash-loop",
    type=IssueType.OUTAGE,
    summary="the process ends again and again soon after its start",
    instant=True,
    depth=2,
)
PORT_IN_USE = Code(
    id="port.in-use",
    type=IssueType.OUTAGE,
    summary="another process holds the port that the component needs",
    instant=True,
    depth=2,
)
FDS = Code(
    id="process.fds",
    type=IssueType.RESOURCE,
    summary="the process is about to run out of file descriptors",
    depth=2,
)
MEMORY = Code(
    id="memory.high",
    type=IssueType.RESOURCE,
    summary="the process comes near the limit of its memory",
    depth=2,
    ending=Ending.ADVISE,
)
MEMORY_UNDECLARED = Code(
    id="memory.undeclared",
    type=IssueType.RESOURCE,
    summary="the process has more memory than is usual, and nobody declared how much it may have",
    ending=Ending.ADVISE,
    depth=1,
)
_MUTE = frozenset({"process", "tcp"})
"""Kinds of which no other check hears whether somebody answers."""
HOLDS_A_MODEL = frozenset({"llm", "embedding", "speech"})
"""Kinds of which nobody expects to make do with little."""

EARLY_S = 10.0
"""An end so soon after the start, before the checks passed, is a failed start."""
FAILED_STARTS = 3
"""So many failed starts in a row are a crash loop."""
LOG_LINES = 12


@check(EXITED, NOT_RUNNING, SUSPENDED, CRASH_LOOP, PORT_IN_USE, of=ProcessSpec, timeout_s=5, every_s=10)
async def alive(spec: ProcessSpec, context: Context) -> Finding:
    """The component's process is running.

    Looks at: the process that Paramedic started, or the one that the pidfile or ``match`` names; when it is down,
    how its last runs ended and who listens on its port. Its end is heard from the kernel, without polling.
    Why: nothing else about a component matters while its process is not there.
    By hand: ``paramedic status``; ``ps -fp PID``; ``ss -ltnp 'sport = :PORT'``
    Healed by: restart-component; clear-stale-instance where an old instance of the same component holds the port.
    A stranger on the port and a crash loop go to a person: a restart would not help.
    """
    facts = context.processes.facts(context.component)
    if facts.pid is not None:
        return _living(facts, facts.pid, context)
    if facts.desired is Desired.STOPPED:
        return context.info("stopped on purpose; `paramedic start` brings it back")
    if spec.pidfile and (blind := _unreadable(context.service.path.parent / spec.pidfile)):
        return context.unknown(blind, hint="let the user who runs Paramedic read it")
    others = [each for each in await occupants(context.component, facts) if each.kinship is not Kinship.PART]
    if others and spec.is_managed:
        return _port_in_use(spec, others, facts, context)
    if facts.exits and _is_crash_loop(facts.exits, context):
        return _crash_loop(facts, context)
    name = context.component.name
    hint = f"`paramedic start {name}` starts it" if spec.is_managed else "start it with whatever manages it"
    if not facts.exits:
        return context.critical(
            NOT_RUNNING,
            observed="the process is not running",
            expected="a running process",
            because=_nothing_found(spec),
            hint=hint,
        )
    end = facts.exits[0]
    return context.critical(
        EXITED,
        observed=f"the process {end.in_words} after {words.spell(end.uptime_s)}",
        expected="a running process",
        because=words.why(end, facts.log_tail),
        hint=hint,
        evidence=_ending(facts),
        uptime_s=end.uptime_s,
    )


@check(FDS, of=ProcessSpec, timeout_s=5, every_s=10)
async def descriptors(spec: ProcessSpec, context: Context) -> Finding:
    """The process has file descriptors to spare.

    Looks at: the open ones in ``/proc/PID/fd`` against the soft limit in ``/proc/PID/limits``; warns at 80 %,
    critical at 90 % (thresholds ``fds_warning_pct``, ``fds_critical_pct``).
    Why: a process without descriptors cannot accept a connection, open a file or resolve a name.
    By hand: ``ls /proc/PID/fd | wc -l``; ``grep 'open files' /proc/PID/limits``; ``lsof -p PID`` shows what leaks
    Healed by: restart-component.
    """
    del spec
    pid = context.processes.facts(context.component).pid
    if pid is None:
        return context.info("no process to look at")
    try:
        used, limit = len(os.listdir(f"/proc/{pid}/fd")), _soft_limit(pid)
    except PermissionError:
        return context.unknown(
            f"the descriptors of pid {pid} may not be read",
            hint="run Paramedic as the user of that process, or as root",
        )
    except OSError:
        return context.info(f"pid {pid} ended during the look")
    if limit is None:
        return context.ok(f"{used} open file descriptors, no limit", open_fds=used)
    percent = 100 * used / max(limit, 1)
    warn, worst = context.threshold("fds_warning_pct", 80), context.threshold("fds_critical_pct", 90)
    seen = f"{used} of {limit} file descriptors are open ({percent:.0f} %)"
    if percent < warn:
        return context.ok(seen, open_fds=used, fds_pct=percent)
    judge = context.critical if percent >= worst else context.warning
    return judge(
        FDS,
        observed=seen,
        expected=f"less than {warn:.0f} %",
        because=_most_open(pid),
        hint=f"`lsof -p {pid}` shows what leaks; a restart frees them, a higher `ulimit -n` only delays it",
        open_fds=used,
        fds_pct=percent,
    )


@check(MEMORY, MEMORY_UNDECLARED, of=ProcessSpec, timeout_s=5, every_s=10)
async def memory(spec: ProcessSpec, context: Context) -> Finding:
    """The process stays clear of the limit of its memory.

    Looks at: its resident memory against the threshold ``memory_mb``, or else, without the pages of mapped files,
    against the limit of its control group; warning at 85 %, critical at 95 % (thresholds ``memory_warning_pct``,
    ``memory_critical_pct``). Where neither exists it is expected to make do with 500 MB, and a warning comes from
    400 MB on; kinds that hold a model (``llm``, ``embedding``, ``speech``) are not.
    Why: at the limit the kernel kills it in the middle of its work.
    By hand: ``grep -E 'VmRSS|RssAnon' /proc/PID/status``; ``cat /sys/fs/cgroup/memory.max``
    Healed by: relieve-memory, where there is a limit: the component's own ``free_memory`` command first, a restart only
    when it is critical. Above what is usual, nothing automatic: declare ``memory_mb``.
    """
    del spec
    pid = context.processes.facts(context.component).pid
    if pid is None:
        return context.info("no process to look at")
    try:
        seen = await in_thread(its_memory.read, pid)
    except PermissionError:
        return context.unknown(
            f"the memory of pid {pid} may not be read", hint="run Paramedic as the user of that process, or as root"
        )
    except OSError:
        return context.info(f"pid {pid} ended during the look")
    declared = context.threshold("memory_mb", 0)
    if declared > 0:
        return await _against(Limit(mb=declared, source="the threshold `memory_mb`"), seen.resident, pid, context)
    if limit := await in_thread(its_memory.group_limit, pid):
        return await _against(limit, seen.held, pid, context)
    return _against_what_is_usual(seen, pid, context)


async def _against(limit: Limit, used_mb: float, pid: int, context: Context) -> Finding:
    percent = 100 * used_mb / limit.mb
    warn, worst = context.threshold("memory_warning_pct", 85), context.threshold("memory_critical_pct", 95)
    seen = f"{used_mb:.0f} of {limit.mb:.0f} MB are in use ({percent:.0f} %)"
    if percent < warn:
        return context.ok(seen, rss_mb=used_mb, memory_pct=percent)
    shared_mb = await in_thread(its_memory.proportional_mb, pid)
    because = f"the limit is that of {limit.source}"
    if shared_mb is not None:
        because += f"; its part of what it shares with others, counted once, comes to {shared_mb:.0f} MB"
    judge = context.critical if percent >= worst else context.warning
    return judge(
        MEMORY,
        observed=seen,
        expected=f"less than {warn:.0f} %",
        because=because,
        hint="a restart frees it; if it grows again, look for a leak or raise the limit",
        rss_mb=used_mb,
        memory_pct=percent,
    )


def _against_what_is_usual(seen: Memory, pid: int, context: Context) -> Finding:
    told = f"{seen.resident:.0f} MB resident, no limit known"
    if seen.held < DEFAULT_WARNING_MB or context.component.kind in HOLDS_A_MODEL:
        return context.ok(told, rss_mb=seen.resident)
    return context.warning(
        MEMORY_UNDECLARED,
        observed=f"it holds {seen.held:.0f} MB, and nobody declared how much it may have",
        expected=f"less than {DEFAULT_WARNING_MB:.0f} of the {DEFAULT_LIMIT_MB:.0f} MB that are usual",
        because="without a limit nobody can tell a large program from one that leaks",
        hint=f"if that is what it needs, set `thresholds: {{memory_mb: {_roomy(seen.held)}}}` for "
        f"`{context.component.name}`; if not, `py-spy dump --pid {pid}` and its caches are where to look",
        rss_mb=seen.resident,
    )


def _roomy(used_mb: float) -> int:
    """A round limit that leaves a third of itself free."""
    return -int(-used_mb * 1.5 // 100) * 100


def _living(facts: ProcessFacts, pid: int, context: Context) -> Finding:
    since = f", up {words.spell(facts.uptime_s)}" if facts.uptime_s is not None else ""
    if proc.is_suspended(pid):
        what = f"pid {pid} is suspended by a signal and does nothing until `kill -CONT {pid}`"
        if context.component.kind not in _MUTE:
            return context.info(what, suspended=1)
        return context.critical(
            SUSPENDED,
            observed=what,
            expected="a process that runs",
            because="somebody sent it SIGSTOP, or a debugger holds it",
            hint=f"`kill -CONT {pid}` lets it go on",
            suspended=1,
        )
    if facts.desired is Desired.STOPPED:
        return context.info(f"pid {pid} runs{since}, though it was stopped on purpose")
    whose = "" if facts.ours or not context.component.process else ", not started by Paramedic"
    ends = f"; it ended {len(facts.exits)} times shortly before" if len(facts.exits) > 1 else ""
    return context.ok(f"pid {pid} runs{since}{whose}{ends}", **({"uptime_s": facts.uptime_s} if facts.uptime_s else {}))


def _port_in_use(spec: ProcessSpec, others: list[Occupant], facts: ProcessFacts, context: Context) -> Finding:
    strangers = [each for each in others if each.kinship is Kinship.STRANGER]
    first = (strangers or others)[0]
    if strangers:
        because = "it is not an instance of this component: its command line or its user is another"
        hint = f"find out what it is; stop it, or give one of the two another port than {spec.port}"
    else:
        because = "it is an old instance of this very component: the same command line and user"
        hint = f"stop pid {first.instance}, then `paramedic start {context.component.name}`"
    return context.critical(
        PORT_IN_USE,
        observed=f"the process is down and port {spec.port} is held by {first}",
        expected=f"port {spec.port} free for this component",
        because=because,
        hint=hint,
        evidence=(*(each.evidence for each in others), *_ending(facts)),
    )


def _is_crash_loop(exits: tuple[Exit, ...], context: Context) -> bool:
    starts = exits[:FAILED_STARTS]
    all_failed = len(starts) == FAILED_STARTS and all(
        each.uptime_s < EARLY_S and not each.was_ready and each.code is not None for each in starts
    )
    return all_failed or len(exits) >= context.service.settings.crash_loop_exits


def _crash_loop(facts: ProcessFacts, context: Context) -> Finding:
    end = facts.exits[0]
    span_s = facts.exits[-1].age_s - end.age_s
    reason = words.why(end, facts.log_tail)
    return context.critical(
        CRASH_LOOP,
        observed=f"the process ended {len(facts.exits)} times within {words.spell(span_s)}; "
        f"the last time it {end.in_words} after {words.spell(end.uptime_s)}",
        expected="a process that stays",
        because="; ".join(filter(None, ("another restart would end the same way", reason))),
        hint=f"read its last lines, correct the cause, then `paramedic start {context.component.name}`",
        evidence=_ending(facts),
        exits=len(facts.exits),
    )


def _ending(facts: ProcessFacts) -> tuple[Evidence, ...]:
    found: list[Evidence] = []
    if facts.exits:
        end = facts.exits[0]
        found.append(Evidence(label="end", text=f"{end.in_words} after {words.spell(end.uptime_s)}"))
    if lines := words.telling(facts.log_tail, LOG_LINES):
        found.append(Evidence(label="last log lines", text="\n".join(lines)))
    return tuple(found)


def _nothing_found(spec: ProcessSpec) -> str:
    if spec.pidfile:
        return f"no living process has the pid in `{spec.pidfile}`"
    if spec.match:
        return f"no command line fits `{spec.match}`"
    return "nothing runs that Paramedic started for it"


def _unreadable(path: Path) -> str:
    return f"the pidfile `{path}` may not be read" if path.exists() and not os.access(path, os.R_OK) else ""


def _soft_limit(pid: int) -> int | None:
    for line in Path(f"/proc/{pid}/limits").read_text().splitlines():
        if line.startswith("Max open files"):
            soft = line.split()[3]
            return int(soft) if soft.isdigit() else None
    return None


def _most_open(pid: int) -> str:
    """What kind of thing most descriptors are: the first clue to a leak."""
    kinds: dict[str, int] = {}
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            target = os.readlink(f"/proc/{pid}/fd/{name}")
        except OSError:
            continue
        kind = target.partition(":")[0] if ":[" in target else target
        kinds[kind] = kinds.get(kind, 0) + 1
    kind, count = max(kinds.items(), key=lambda each: each[1], default=("", 0))
    return f"{count} of them are `{kind}`" if count > 1 else ""
