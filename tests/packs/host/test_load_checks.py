"""Memory, processor and descriptors: the real kernel's words, and prepared ones for what cannot be caused here."""

import pytest
from kernel import GB, pressure
from kernel import memory as meminfo

from paramedic.packs.host.load import descriptors, memory, processor
from paramedic.packs.host.target import Host
from paramedic.sdk import Status


@pytest.mark.parametrize("check", [memory, processor, descriptors])
async def test_this_machine_can_be_read(look, check):
    """The real kernel is understood, whatever it says."""
    generous = {"memory_percent": 101, "load_per_core": 1000, "descriptors_percent": 101}
    [found] = await look(check, Host(), thresholds=generous)
    assert found.status is Status.OK
    assert found.measures


@pytest.mark.parametrize("check", [memory, processor, descriptors])
async def test_cannot_look(look, kernel, check):
    """Where the kernel does not say, the verdict is unknown."""
    kernel.say({})
    [found] = await look(check, Host())
    assert found.status is Status.UNKNOWN


@pytest.mark.parametrize("check", [memory, descriptors])
async def test_a_real_machine_beyond_its_limit(look, check):
    """With limits of next to nothing, the real machine is beyond them, and memory's evidence names processes."""
    tiny = {"memory_percent": 0.001, "descriptors_percent": 1e-20}
    [found] = await look(check, Host(), thresholds=tiny)
    assert found.status is Status.WARNING
    assert check is descriptors or "pid " in found.evidence[0].text


@pytest.mark.parametrize(
    ("available", "some", "status"),
    [
        (50, 0.0, Status.OK),
        (8, 0.0, Status.WARNING),
        (2, 0.0, Status.WARNING),
        (2, 5.0, Status.CRITICAL),
        (2, None, Status.CRITICAL),
    ],
)
async def test_memory_is_critical_when_it_is_felt(look, kernel, available, some, status):
    """97 % is critical only while tasks wait for memory, where the kernel can tell."""
    kernel.say(meminfo(available) | (pressure("proc/pressure/memory", some=some) if some is not None else {}))
    [found] = await look(memory, Host())
    assert found.status is status
    assert found.code == (None if status is Status.OK else "host.memory")


@pytest.mark.parametrize(
    "files",
    [
        {
            "proc/self/cgroup": "0::/shop/api\n",
            "cgroup/shop/memory.max": f"{GB}\n",
            "cgroup/shop/memory.current": f"{GB}\n",
            "cgroup/shop/memory.stat": f"anon 1\ninactive_file {GB // 20}\n",
            "cgroup/shop/api/memory.max": "max\n",
            "cgroup/shop/api/memory.current": f"{GB}\n",
        },
        {
            "proc/self/cgroup": "4:memory:/docker/abc\n0::/\n",
            "cgroup/memory/memory.limit_in_bytes": f"{GB}\n",
            "cgroup/memory/memory.usage_in_bytes": f"{GB}\n",
            "cgroup/memory/memory.stat": f"inactive_file 0\ntotal_inactive_file {GB // 20}\n",
        },
    ],
    ids=["v2", "v1"],
)
async def test_the_limit_of_a_container_counts(look, kernel, files):
    """A control group's limit is reached while the machine has plenty; droppable caches do not count as used."""
    kernel.say(meminfo(50) | files)
    [found] = await look(memory, Host())
    assert (found.status, found.code) == (Status.WARNING, "host.memory")
    assert "control group" in found.observed
    assert 94 < found.measures["memory_percent"] < 96


async def test_an_unlimited_control_group_is_the_machine(kernel):
    """Version 1's absurdly large number and version 2's `max` are no limits."""
    system = kernel.say(
        meminfo(50)
        | {
            "proc/self/cgroup": "4:memory:/\n0::/\n",
            "cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "cgroup/memory/memory.usage_in_bytes": "1\n",
        }
    )
    assert system.memory().whose == "the machine"


@pytest.mark.parametrize(
    ("per_core", "some", "status"),
    [
        (0.5, 0.0, Status.OK),
        (5, 90.0, Status.WARNING),
        (5, 10.0, Status.OK),
        (0.5, 90.0, Status.OK),
        (5, None, Status.WARNING),
    ],
)
async def test_a_saturated_processor(look, kernel, per_core, some, status):
    """Load and waiting must both be high; it is a warning with the busiest processes, and advice."""
    system = kernel.say({})
    kernel.say(
        {"proc/loadavg": f"{per_core * system.cores()} 1.0 1.0 1/100 1\n"}
        | (pressure("proc/pressure/cpu", some=some) if some is not None else {})
    )
    [found] = await look(processor, Host())
    assert found.status is status
    if status is Status.WARNING:
        assert found.code == "cpu.saturated"
        assert "pid " in found.evidence[0].text
    [code] = processor.codes
    assert code.ending == "advise"


@pytest.mark.parametrize(
    "files",
    [
        {"proc/self/cgroup": "0::/\n", "cgroup/cpu.max": "50000 100000\n"},
        {
            "proc/self/cgroup": "1:cpu,cpuacct:/\n",
            "cgroup/cpu/cpu.cfs_quota_us": "50000\n",
            "cgroup/cpu/cpu.cfs_period_us": "100000\n",
        },
    ],
    ids=["v2", "v1"],
)
def test_a_ration_of_cores_counts(kernel, files):
    """With half a core allowed there is half a core, however many the machine has."""
    assert kernel.say(files).cores() == 0.5


@pytest.mark.parametrize(("used", "status"), [(50, Status.OK), (92, Status.WARNING), (98, Status.CRITICAL)])
async def test_descriptors_of_the_machine(look, kernel, used, status):
    """From 90 % in use a warning, from 97 % critical."""
    kernel.say({"proc/sys/fs/file-nr": f"{used}\t0\t100\n"})
    [found] = await look(descriptors, Host())
    assert found.status is status
    assert found.code == (None if status is Status.OK else "host.descriptors")


async def test_a_brief_peak_of_memory_is_no_trouble(look, kernel, hands):
    """Memory that is nearly used up must stay so for 30 s; what a single look finds counts as it is."""
    kernel.say(meminfo(50), pressure("proc/pressure/memory"))
    await look(memory, Host())
    kernel.say(meminfo(5))
    seen = []
    for _ in range(5):
        hands.pass_(10)
        seen += [each.status for each in await look(memory, Host())]
    assert seen == [Status.INFO, Status.INFO, Status.INFO, Status.WARNING, Status.WARNING]
