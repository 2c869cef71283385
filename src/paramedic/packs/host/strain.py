"""Does the machine, or our control group, lose time waiting: for memory, for disks, for its ration of cores?"""

from paramedic.packs.host import pressure
from paramedic.packs.host.hungry import by_memory
from paramedic.packs.host.lasting import Window
from paramedic.packs.host.pressure import Stall
from paramedic.packs.host.target import Host
from paramedic.packs.host.volume import amount
from paramedic.sdk import Code, Context, Ending, Evidence, Finding, IssueType, check
from paramedic.sdk.blocking import in_thread

SWAP = Code(
    id="host.swap",
    type=IssueType.RESOURCE,
    summary="the swap is nearly full and tasks wait for what was moved there",
    ending=Ending.ADVISE,
    depth=2,
)
PRESSURE = Code(
    id="host.pressure",
    type=IssueType.PERFORMANCE,
    summary="all work stands still for much of the time, waiting for memory or for disks",
    ending=Ending.ADVISE,
    depth=2,
)
THROTTLED = Code(
    id="cpu.throttled",
    type=IssueType.PERFORMANCE,
    summary="the ration of processor time of the control group (container) runs out again and again",
    ending=Ending.ADVISE,
    depth=2,
)
_THROTTLED_FOR_S = 60.0
_RATE_OVER_S = 10.0


@check(SWAP, of=Host, timeout_s=5, every_s=30)
async def swap(_host: Host, context: Context) -> Finding:
    """There is swap left, or nobody needs it.

    Looks at: ``SwapTotal`` and ``SwapFree``; warning from ``swap_percent`` (90) used while tasks also wait for memory:
    ``swap_pressure`` (5 % of the last minute), or where the kernel does not tell that, ``swap_ins_per_s`` (200 pages
    fetched back each second between two looks). A full swap that nobody waits for is no trouble.
    Why: when swap and memory are both used up, the kernel ends processes; before that everything crawls.
    By hand: ``free -h``; ``vmstat 1 5`` (columns si, so); ``cat /proc/pressure/memory``
    Healed by: nothing automatic; the finding names the largest processes.
    """
    try:
        seen = pressure.SYSTEM.swap()
    except OSError as error:
        return context.unknown(f"the kernel does not say how much swap is used: {error}")
    if not seen.total:
        return context.ok("there is no swap")
    window = context.memory.setdefault("pages", Window[int](_RATE_OVER_S))
    assert isinstance(window, Window)
    earlier = window.note(context.clock.monotonic(), seen.pages_in)
    rate = (seen.pages_in - earlier[1]) / earlier[0] if earlier else 0.0
    observed = f"{seen.percent:.0f} % of {amount(seen.total)} of swap are used"
    is_felt = (
        seen.pressure >= context.threshold("swap_pressure", 5)
        if seen.pressure is not None
        else rate >= context.threshold("swap_ins_per_s", 200)
    )
    limit = context.threshold("swap_percent", 90)
    if seen.percent < limit or not is_felt:
        return context.ok(observed, swap_percent=seen.percent, swap_ins_per_s=rate)
    share = (
        f"for {seen.pressure:.0f} % of the last minute" if seen.pressure is not None else f"{rate:.0f} pages a second"
    )
    return context.warning(
        SWAP,
        observed=f"{observed}, and tasks wait for memory ({share})",
        expected=f"less than {limit:g} %, or nobody who waits",
        hint="stop or limit the largest process (`ps -eo pid,rss,args --sort=-rss | head`), or give the machine memory",
        evidence=(Evidence(label="largest processes", text=await in_thread(by_memory)),),
        swap_percent=seen.percent,
        swap_ins_per_s=rate,
    )


@check(PRESSURE, of=Host, timeout_s=5, every_s=30)
async def stalls(_host: Host, context: Context) -> Finding:
    """Work does not stand still for want of memory or of disks.

    Looks at: pressure stall information, ``/proc/pressure/*`` and ``*.pressure`` of our own control groups: the share
    of time in which all tasks waited at once. Warning from ``memory_stall_percent`` (10) of the last minute, and from
    ``io_stall_percent`` (50) of the last minute and of the last five, so that a backup or a start does not count.
    Why: it is the kernel's own word for lost time, and it rises before memory is used up or a disk fails.
    By hand: ``cat /proc/pressure/memory /proc/pressure/io``; ``iostat -x 1 3``; ``ps -eo state,pid,args | grep ^D``
    Healed by: nothing automatic; whether to move work or to add memory is for people to decide.
    """
    try:
        memory, disks = pressure.SYSTEM.stalls("memory"), pressure.SYSTEM.stalls("io")
    except (ValueError, KeyError) as error:
        return context.unknown(f"the pressure stall information cannot be read: {error}")
    if not memory and not disks:
        return context.info("this kernel does not tell how long tasks wait (no pressure stall information)")
    most = max(memory, key=_full, default=None)
    slowest = max(disks, key=_lasting, default=None)
    measures = {
        "memory_stall_percent": most.full if most else 0.0,
        "io_stall_percent": slowest.full if slowest else 0.0,
    }
    limit = context.threshold("memory_stall_percent", 10)
    if most and most.full >= limit:
        return _stalled("memory", most, limit, Evidence(label="largest", text=await in_thread(by_memory)), context)
    limit = context.threshold("io_stall_percent", 50)
    if slowest and _lasting(slowest) >= limit:
        return _stalled("disks", slowest, limit, None, context)
    told = ", ".join(f"{name} {each.full:.0f} %" for name, each in (("memory", most), ("disks", slowest)) if each)
    return context.ok(f"of the last minute all tasks waited: for {told}", **measures)


@check(THROTTLED, of=Host, timeout_s=5, every_s=30)
async def throttling(_host: Host, context: Context) -> Finding:
    """The control group that we are in gets by with its ration of processor time.

    Looks at: ``cpu.stat`` of the most rationed of our control groups (``cpu.max``, version 1 ``cpu.cfs_quota_us``):
    in which part of all periods of the last ``throttled_for_s`` (60 s) the ration ran out; warning from
    ``throttled_percent`` (50). A single look, which has no earlier one, goes by the group's own ``cpu.pressure``
    of the last minute (``cpu_pressure``, 60 %).
    Why: a throttled process stands still for tens of milliseconds again and again, while the machine looks idle.
    By hand: ``cat /sys/fs/cgroup/cpu.stat`` twice (nr_periods, nr_throttled); ``cat /sys/fs/cgroup/cpu.max``
    Healed by: nothing automatic; the ration is set where the container is declared.
    """
    try:
        seen = pressure.SYSTEM.throttling()
    except (ValueError, KeyError) as error:
        return context.unknown(f"the control group cannot be read: {error}")
    if seen is None:
        return context.ok("processor time is not rationed")
    over_s = context.threshold("throttled_for_s", _THROTTLED_FOR_S)
    window = context.memory.setdefault("periods", Window[tuple[int, int]](over_s))
    assert isinstance(window, Window)
    is_first = "throttling was seen" not in context.memory
    context.memory["throttling was seen"] = True
    earlier = window.note(context.clock.monotonic(), (seen.periods, seen.throttled))
    rationed = f"{seen.whose} may use {seen.cores:g} cores"
    if earlier is None:
        limit = context.threshold("cpu_pressure", 60)
        if is_first and seen.pressure is not None and seen.pressure >= limit:
            waited = f"some task of it waited for {seen.pressure:.0f} % of the last minute"
            return _throttled(f"{rationed}, and {waited}", f"less than {limit:g} %", context)
        return context.ok(rationed)
    periods, throttled = seen.periods - earlier[1][0], seen.throttled - earlier[1][1]
    percent = 100 * throttled / periods if periods > 0 else 0.0
    limit = context.threshold("throttled_percent", 50)
    observed = f"{rationed}, and that ran out in {percent:.0f} % of the periods of the last {earlier[0]:.0f} s"
    if percent < limit:
        return context.ok(observed, throttled_percent=percent)
    return _throttled(observed, f"less than {limit:g} % of the periods", context, throttled_percent=percent)


def _throttled(observed: str, expected: str, context: Context, **measures: float) -> Finding:
    return context.warning(
        THROTTLED,
        observed=observed,
        expected=expected,
        because="while its ration is used up nothing of the group runs, however idle the machine is",
        hint="raise the limit of processor time (`cpus`, `limits.cpu`), or start fewer threads than there are cores",
        **measures,  # type: ignore[arg-type]  # only numbers are named in this way
    )


def _full(stall: Stall) -> float:
    return stall.full


def _lasting(stall: Stall) -> float:
    return min(stall.full, stall.full_lasting)


def _stalled(what: str, stall: Stall, limit: float, evidence: Evidence | None, context: Context) -> Finding:
    hints = {
        "memory": "stop or limit the largest process, or give it more memory",
        "disks": "find who reads or writes with `iotop -oPa` or `pidstat -d 1`, and what waits with "
        "`ps -eo state,pid,args | grep ^D`",
    }
    name = "memory_stall_percent" if what == "memory" else "io_stall_percent"
    return context.warning(
        PRESSURE,
        observed=f"on {stall.whose} all tasks waited for {what} for {stall.full:.0f} % of the last minute",
        expected=f"less than {limit:g} %",
        because=f"over the last five minutes it was {stall.full_lasting:.0f} %",
        hint=hints[what],
        evidence=(evidence,) if evidence else (),
        **{name: stall.full},  # type: ignore[arg-type]  # only numbers are named in this way
    )
