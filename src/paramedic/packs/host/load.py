"""Is the machine short of memory, of processor time or of descriptors?"""

from paramedic.packs.host import pressure
from paramedic.packs.host.hungry import by_memory, by_processor, spent
from paramedic.packs.host.lasting import lasting
from paramedic.packs.host.target import Host
from paramedic.packs.host.volume import amount
from paramedic.sdk import Code, Context, Ending, Evidence, Finding, IssueType, check
from paramedic.sdk.blocking import in_thread

HOST_MEMORY = Code(
    id="host.memory",
    type=IssueType.RESOURCE,
    summary="the machine, or the container's limit, has hardly any memory left",
    ending=Ending.ADVISE,
    depth=2,
)
CPU_SATURATED = Code(
    id="cpu.saturated",
    type=IssueType.PERFORMANCE,
    summary="more work wants the processor than there are cores",
    ending=Ending.ADVISE,
    depth=1,
)
HOST_DESCRIPTORS = Code(
    id="host.descriptors",
    type=IssueType.RESOURCE,
    summary="the machine can open hardly any more files and sockets",
    ending=Ending.ADVISE,
    depth=3,
)
_APART_S = 0.3


@check(HOST_MEMORY, of=Host, timeout_s=5, every_s=10)
async def memory(_host: Host, context: Context) -> Finding:
    """There is memory left, on the machine and within the limit of our control group (container).

    Looks at: ``MemAvailable``, and limit and use of every control group that we are in, without droppable caches;
    warning from ``memory_percent`` (90) when that lasts ``memory_for_s`` (30 s; a single look counts as it is).
    Critical from ``memory_percent_critical`` (97), and where the kernel tells (PSI) only while tasks really wait for
    memory (``memory_pressure``, 1 % of the last 10 s).
    Why: what comes next is the kernel killing a process, usually the biggest, not the guilty one.
    By hand: ``free -h``; ``cat /proc/pressure/memory``; ``ps -eo pid,rss,args --sort=-rss | head``
    Healed by: nothing automatic here; the processes' own checks restart one that leaks.
    """
    try:
        seen = pressure.SYSTEM.memory()
    except (OSError, KeyError) as error:
        return context.unknown(f"the kernel does not say how much memory is left: {error}")
    limit = context.threshold("memory_percent", 90)
    observed = f"{seen.percent:.0f} % of the memory of {seen.whose} is used ({amount(seen.limit - seen.used)} left)"
    lasts_s = lasting(context, "memory", holds=seen.percent >= limit)
    if lasts_s is None:
        return context.ok(observed, memory_percent=seen.percent)
    is_felt = seen.pressure is None or seen.pressure[0] >= context.threshold("memory_pressure", 1)
    is_critical = is_felt and seen.percent >= context.threshold("memory_percent_critical", 97)
    if not is_critical and lasts_s < context.threshold("memory_for_s", 30):
        return context.info(f"{observed}, for {lasts_s:.0f} s so far", memory_percent=seen.percent)
    evidence = [Evidence(label="largest processes", text=await in_thread(by_memory))]
    if seen.pressure is not None:
        some, full = seen.pressure
        text = f"in the last 10 s some tasks waited for memory {some:.1f} % of the time, all of them {full:.1f} %"
        evidence.append(Evidence(label="pressure", text=text))
    return (context.critical if is_critical else context.warning)(
        HOST_MEMORY,
        observed=observed,
        expected=f"less than {limit:g} %",
        because="tasks wait for memory already" if is_felt and seen.pressure else "",
        hint="stop or limit the largest process (`ps -eo pid,rss,args --sort=-rss | head`), or give it more memory",
        evidence=tuple(evidence),
        memory_percent=seen.percent,
    )


@check(CPU_SATURATED, of=Host, timeout_s=5, every_s=30)
async def processor(_host: Host, context: Context) -> Finding:
    """The processor keeps up with the work.

    Looks at: the load of the last minute per core that we may use (``load_per_core``, 2), and where the kernel tells
    (PSI) the share of the last minute in which tasks waited for a core (``cpu_pressure``, 60 %). Both must be high:
    a load alone may be tasks that wait for a disk.
    Why: everything gets slower at once, and time-outs follow that look like faults of their own.
    By hand: ``uptime``; ``cat /proc/pressure/cpu``; ``top -b -n 1 | head -20``
    Healed by: nothing automatic; the finding names the processes that use most.
    """
    try:
        load, waited = pressure.SYSTEM.load_per_core(), pressure.SYSTEM.cpu_pressure()
    except (OSError, ValueError) as error:
        return context.unknown(f"the kernel does not say how busy the processor is: {error}")
    limit = context.threshold("load_per_core", 2)
    share = f", and for {waited:.0f} % of the last minute some task waited for one" if waited is not None else ""
    observed = f"{load:.1f} tasks per core wanted to run{share}"
    if load < limit or (waited is not None and waited < context.threshold("cpu_pressure", 60)):
        return context.ok(observed, load_per_core=load, cpu_pressure=waited or 0.0)
    began, before = context.clock.monotonic(), await in_thread(spent)
    await context.clock.sleep(_APART_S)
    busiest = by_processor(before, await in_thread(spent), context.clock.monotonic() - began)
    return context.warning(
        CPU_SATURATED,
        observed=observed,
        expected=f"less than {limit:g} tasks per core",
        hint="look at the busiest processes with `top`; give them fewer threads, less work, or the machine more cores",
        evidence=(Evidence(label="busiest processes", text=busiest),),
        load_per_core=load,
        cpu_pressure=waited or 0.0,
    )


@check(HOST_DESCRIPTORS, of=Host, timeout_s=5, every_s=30)
async def descriptors(_host: Host, context: Context) -> Finding:
    """The machine can open more files and sockets.

    Looks at: ``/proc/sys/fs/file-nr``; warning from ``descriptors_percent`` (90), critical from
    ``descriptors_percent_critical`` (97). The limit of a single process is looked at with the process.
    Why: at the limit no process of the machine can open a file or accept a connection.
    By hand: ``cat /proc/sys/fs/file-nr``; who holds them: ``lsof -n | awk '{print $2}' | sort | uniq -c | sort -n``
    Healed by: nothing automatic; a process that leaks them has a check of its own.
    """
    try:
        used, most = pressure.SYSTEM.descriptors()
    except (OSError, ValueError) as error:
        return context.unknown(f"the kernel does not say how many files are open: {error}")
    percent = 100 * used / most
    observed = f"{used} of {most} descriptors are in use"
    limit = context.threshold("descriptors_percent", 90)
    if percent < limit:
        return context.ok(observed, descriptors_percent=percent)
    is_critical = percent >= context.threshold("descriptors_percent_critical", 97)
    return (context.critical if is_critical else context.warning)(
        HOST_DESCRIPTORS,
        observed=f"{observed} ({percent:.1f} %)",
        expected=f"less than {limit:g} %",
        hint="find the process that leaks them with `lsof -n | awk '{print $2}' | sort | uniq -c | sort -n | tail`, "
        "or raise the limit with `sysctl fs.file-max`",
        descriptors_percent=percent,
    )
