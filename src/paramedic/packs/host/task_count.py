"""Can the machine start more processes and threads, and are those that ended cleared away?"""

from collections.abc import Mapping

from paramedic.packs.host import pressure, zombies
from paramedic.packs.host.target import Host
from paramedic.sdk import Code, Context, Ending, Evidence, Finding, IssueType, check, proc
from paramedic.sdk.blocking import in_thread

TASKS = Code(
    id="host.tasks",
    type=IssueType.RESOURCE,
    summary="the machine, or the container, can start hardly any more processes and threads",
    ending=Ending.ADVISE,
    depth=3,
)
ZOMBIES = Code(
    id="host.zombies",
    type=IssueType.RESOURCE,
    summary="many processes have ended that their parents never ask about",
    ending=Ending.ADVISE,
    depth=1,
)
_NAMED = 5


@check(TASKS, ZOMBIES, of=Host, timeout_s=5, every_s=30)
async def tasks(_host: Host, context: Context) -> list[Finding]:
    """New processes and threads can be started, and the dead are cleared away.

    Looks at: how many tasks exist, against ``kernel.pid_max`` and ``kernel.threads-max`` and against ``pids.max`` of
    our control groups; warning from ``tasks_percent`` (90), critical from ``tasks_percent_critical`` (97). And how
    many zombies there are; warning from ``zombies`` (100).
    Why: at the limit nothing can be started, not even a shell to look around; zombies bring it nearer, and they say
    that a program does not look after its children.
    By hand: ``ps -eLf | wc -l``; ``cat /sys/fs/cgroup/pids.max``; ``ps -eo state,ppid | grep ^Z | sort | uniq -c``
    Healed by: nothing automatic; the finding names the parents, whose restart clears their zombies.
    """
    try:
        counted = pressure.SYSTEM.tasks()
        dead = await in_thread(zombies.by_parent, context.clock.monotonic(), pressure.SYSTEM.proc)
    except (OSError, ValueError, IndexError) as error:
        return [context.unknown(f"the kernel does not say how many processes there are: {error}")]
    found = [_judge_zombies(dead, context)]
    fullest = max(counted, key=lambda each: each.percent, default=None)
    if fullest is None:
        return found
    limit = context.threshold("tasks_percent", 90)
    observed = f"{fullest.used} of {fullest.limit} tasks of {fullest.whose} exist"
    if fullest.percent < limit:
        return [context.ok(observed, tasks_percent=fullest.percent), *found]
    is_critical = fullest.percent >= context.threshold("tasks_percent_critical", 97)
    return [
        (context.critical if is_critical else context.warning)(
            TASKS,
            observed=f"{observed} ({fullest.percent:.0f} %)",
            expected=f"less than {limit:g} %",
            hint="find who starts so many with `ps -eo nlwp,pid,args --sort=-nlwp | head`, or raise the limit "
            "(`pids.max`, `TasksMax`, `sysctl kernel.pid_max`)",
            tasks_percent=fullest.percent,
        ),
        *found,
    ]


def _judge_zombies(dead: Mapping[int, int], context: Context) -> Finding:
    count, limit = sum(dead.values()), context.threshold("zombies", 100)
    if count < limit:
        return context.ok(f"{count} zombies", zombies=count)
    parents = sorted(dead, key=lambda pid: -dead[pid])[:_NAMED]
    rows = [f"{dead[pid]} of pid {pid}  {' '.join(proc.command(pid))[:120]}" for pid in parents]
    return context.warning(
        ZOMBIES,
        observed=f"{count} processes have ended and are still listed (zombies)",
        expected=f"fewer than {limit:g}",
        because=f"pid {parents[0]} does not ask how its children ended",
        hint=f"restart pid {parents[0]}; in a container, begin with an `init` (`docker run --init`)",
        evidence=(Evidence(label="parents", text="\n".join(rows)),),
        zombies=count,
    )
