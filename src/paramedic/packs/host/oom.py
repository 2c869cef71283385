"""Did the kernel end processes because memory ran out?"""

from pathlib import Path

from paramedic.packs.host import kernel_log, pressure
from paramedic.packs.host.kernel_log import Victim
from paramedic.packs.host.target import Host
from paramedic.packs.host.volume import duration
from paramedic.sdk import Code, Context, Ending, Evidence, Finding, IssueType, check
from paramedic.sdk.blocking import in_thread

OOM_KILL = Code(
    id="host.oom-kill",
    type=IssueType.RESOURCE,
    summary="the kernel ended a process because memory ran out",
    ending=Ending.ADVISE,
    instant=True,
    depth=2,
)
KERNEL_LOG = Path("/dev/kmsg")
_NAMED = 10


@check(OOM_KILL, of=Host, timeout_s=5, every_s=10)
async def killed(_host: Host, context: Context) -> Finding:
    """The kernel ended no process for lack of memory lately.

    Looks at: the counter ``oom_kill`` of our container or limited control group (``memory.events``, version 1
    ``memory.oom_control``), else that of the machine (``/proc/vmstat``), and, where it may be read, the kernel's log,
    which tells who and when. Warning while at least ``oom_kills`` (1) happened within ``oom_window_s`` (an hour).
    Older ones, and those of which nobody knows when they happened, are only mentioned.
    Why: the victim is often not the culprit, and a process that vanished without a word is otherwise a riddle.
    By hand: ``grep oom_kill /proc/vmstat /sys/fs/cgroup/memory.events``; ``dmesg -T | grep -i 'out of memory'``
    Healed by: nothing automatic here; a process of the service that was killed is restarted by its own check.
    """
    try:
        counter = pressure.SYSTEM.oom_kills()
    except OSError as error:
        counter, reason = None, str(error)
    else:
        reason = "it keeps no counter"
    if counter is None:
        return context.unknown(f"the kernel does not say whether it ended processes for lack of memory: {reason}")
    whose, count = counter
    over_s = context.threshold("oom_window_s", 3600)
    seen = _seen(count, over_s, context)
    if not count:
        return context.ok(f"nobody was ended for lack of memory on {whose}", oom_kills=0)
    named = await _victims(count, context)
    if whose != "the machine":  # the log is the machine's
        named = tuple(each for each in named if each.is_by_group)
    now = context.clock.monotonic()
    recent = [each for each in named if now - each.at_s <= over_s]
    lately = max(seen, min(len(recent), count))
    if not lately and not named and _started_s_ago() <= over_s:
        lately = count  # whenever it was, it was within the window
    if lately < context.threshold("oom_kills", 1):
        last = f", the last one {duration(now - named[-1].at_s)} ago: {named[-1]}" if named else "; when is not known"
        return context.info(f"{count} processes were ended for lack of memory on {whose} since its start{last}")
    last_one = f": {recent[-1]}" if recent else ""
    return context.warning(
        OOM_KILL,
        observed=f"{lately} processes of {whose} were ended for lack of memory within {duration(over_s)}{last_one}",
        expected="none",
        because="the largest process is chosen, which need not be the one that took the memory",
        hint="give it more memory, limit whoever grows (`ps -eo pid,rss,args --sort=-rss | head`), or use a smaller "
        "model or cache",
        evidence=(Evidence(label="ended by the kernel", text="\n".join(map(str, recent[-_NAMED:]))),) if recent else (),
        oom_kills=lately,
    )


def _seen(count: int, over_s: float, context: Context) -> int:
    """How often the counter has moved within the window, as far as looks have seen it."""
    now = context.clock.monotonic()
    moves = context.memory.setdefault("moves", [])
    assert isinstance(moves, list)
    before = context.memory.get("count")
    context.memory["count"] = count
    if isinstance(before, int) and count > before:
        moves.append((now, count - before))
    moves[:] = [each for each in moves if now - each[0] <= over_s]
    return sum(by for _, by in moves)


async def _victims(count: int, context: Context) -> tuple[Victim, ...]:
    """Who they were, read anew only when the counter has moved; nobody where the log may not be read."""
    known = context.memory.get("victims")
    if isinstance(known, tuple) and known[0] == count:
        names: tuple[Victim, ...] = known[1]
        return names
    try:
        names = await in_thread(kernel_log.victims, KERNEL_LOG)
    except OSError:
        names = ()
    context.memory["victims"] = (count, names)
    return names


def _started_s_ago() -> float:
    try:
        return pressure.SYSTEM.uptime_s()
    except (OSError, ValueError):
        return float("inf")
