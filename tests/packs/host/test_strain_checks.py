"""Waiting for memory, for disks and for a ration of processor time."""

import pytest
from kernel import GB, memory, pressure

from paramedic.packs.host.strain import stalls, swap, throttling
from paramedic.packs.host.target import Host
from paramedic.sdk import Status


@pytest.mark.parametrize("check", [swap, stalls, throttling])
async def test_this_machine_is_understood(look, check):
    """The real kernel's words can be read, and with the widest limits nothing is wrong."""
    wide = {"swap_percent": 101, "memory_stall_percent": 101, "io_stall_percent": 101, "cpu_pressure": 101}
    [found] = await look(check, Host(), thresholds=wide)
    assert found.status in (Status.OK, Status.INFO)


@pytest.mark.parametrize(
    ("used", "some", "status"),
    [(95, 20.0, Status.WARNING), (95, 0.0, Status.OK), (50, 20.0, Status.OK), (100, 4.9, Status.OK)],
)
async def test_a_full_swap_is_a_trouble_only_where_tasks_wait(look, kernel, used, some, status):
    """A swap full of what nobody needs harms nobody."""
    kernel.say(memory(50, swap=GB, swap_used_percent=used), pressure("proc/pressure/memory", some=some))
    [found] = await look(swap, Host())
    assert found.status is status
    assert found.code == ("host.swap" if status is Status.WARNING else None)


async def test_without_pressure_information_the_pages_fetched_back_tell(look, kernel, hands):
    """Two looks at the counter of pages stand in for what an old kernel does not say."""
    kernel.say(memory(50, swap=GB, swap_used_percent=95), {"proc/vmstat": "pswpin 1000\n"})
    [first] = await look(swap, Host())
    hands.pass_(30)
    kernel.say({"proc/vmstat": "pswpin 31000\n"})
    [second] = await look(swap, Host())
    assert (first.status, second.status) == (Status.OK, Status.WARNING)
    assert second.measures["swap_ins_per_s"] == pytest.approx(1000)


async def test_no_swap_is_no_trouble(look, kernel):
    """Many machines have none."""
    kernel.say(memory(50))
    [found] = await look(swap, Host())
    assert found.status is Status.OK


@pytest.mark.parametrize(
    ("files", "status"),
    [
        (pressure("proc/pressure/memory", full=12.0), Status.WARNING),
        (pressure("proc/pressure/memory", some=60.0, full=9.0), Status.OK),
        (pressure("proc/pressure/io", full=80.0, lasting=60.0), Status.WARNING),
        (pressure("proc/pressure/io", full=80.0, lasting=20.0), Status.OK),
        (
            pressure("proc/pressure/memory")
            | pressure("cgroup/shop/memory.pressure", full=40.0)
            | {"proc/self/cgroup": "0::/shop\n"},
            Status.WARNING,
        ),
    ],
    ids=["memory", "only some wait", "disks", "a backup", "our own group"],
)
async def test_time_lost_by_waiting(look, kernel, files, status):
    """All tasks wait: for memory over a minute, for disks over five, on the machine or in our own control group."""
    kernel.say(memory(50), files)
    [found] = await look(stalls, Host())
    assert found.status is status
    assert found.code == ("host.pressure" if status is Status.WARNING else None)


async def test_a_kernel_without_pressure_information_is_no_trouble(look, kernel):
    """Distributions turn it off: what cannot be known there is said, and nothing is unknown for ever."""
    kernel.say({})
    [found] = await look(stalls, Host())
    assert found.status is Status.INFO


@pytest.mark.parametrize("check", [swap, stalls])
async def test_what_cannot_be_read_is_unknown(look, kernel, check):
    """A missing or garbled file says nothing about the machine."""
    kernel.say({"proc/pressure/memory": "some nonsense=1\n"})
    [found] = await look(check, Host())
    assert found.status is Status.UNKNOWN


def rationed(periods: int, throttled: int, version: int = 2) -> dict[str, str]:
    stat = f"nr_periods {periods}\nnr_throttled {throttled}\n"
    if version == 1:
        return {
            "proc/self/cgroup": "3:cpu,cpuacct:/docker/abc\n",
            "cgroup/cpu/cpu.cfs_quota_us": "150000\n",
            "cgroup/cpu/cpu.cfs_period_us": "100000\n",
            "cgroup/cpu/cpu.stat": stat,
        }
    return {
        "proc/self/cgroup": "0::/shop\n",
        "cgroup/shop/cpu.max": "150000 100000\n",
        "cgroup/shop/cpu.stat": "usage_usec 1\n" + stat,
    }


@pytest.mark.parametrize(
    ("throttled", "status", "version"),
    [(400, Status.WARNING, 1), (400, Status.WARNING, 2), (100, Status.OK, 1), (100, Status.OK, 2)],
)
async def test_a_ration_that_runs_out(look, kernel, hands, throttled, status, version):  # noqa: PLR0917  # fixtures
    """In more than half of all periods of a minute; what happened before the first look does not count."""
    kernel.say(rationed(100_000, 90_000, version))
    [first] = await look(throttling, Host())
    hands.pass_(30)
    kernel.say(rationed(100_300, 90_300, version))
    [brief] = await look(throttling, Host())
    hands.pass_(30)
    kernel.say(rationed(100_600, 90_000 + throttled, version))
    [found] = await look(throttling, Host())
    assert (first.status, brief.status, found.status) == (Status.OK, Status.OK, status)
    assert "1.5 cores" in found.observed
    assert found.code == ("cpu.throttled" if status is Status.WARNING else None)


async def test_a_single_look_at_a_ration_goes_by_the_pressure(look, kernel):
    """Of the last minute, as the group itself tells it."""
    kernel.say(rationed(10, 10), pressure("cgroup/shop/cpu.pressure", some=85.0))
    [found] = await look(throttling, Host())
    assert (found.status, found.code) == (Status.WARNING, "cpu.throttled")


async def test_without_a_ration_nothing_runs_out(look, kernel):
    """`max` and -1 are no rations."""
    kernel.say({"proc/self/cgroup": "0::/\n", "cgroup/cpu.max": "max 100000\n", "cgroup/cpu.stat": "nr_periods 0\n"})
    [found] = await look(throttling, Host())
    assert found.status is Status.OK


async def test_a_garbled_control_group_is_unknown(look, kernel):
    """Numbers that are none."""
    kernel.say(rationed(1, 1), {"cgroup/shop/cpu.pressure": "some avg60=x\n"})
    [found] = await look(throttling, Host())
    assert found.status is Status.UNKNOWN
