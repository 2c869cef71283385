"""Processes that cannot be started, that nobody clears away, and that the kernel ended."""

import os
import subprocess
import sys

import pytest
from kernel import memory

from paramedic.packs.host import kernel_log, oom, zombies
from paramedic.packs.host.oom import killed
from paramedic.packs.host.target import Host
from paramedic.packs.host.task_count import tasks
from paramedic.sdk import Status

LOG = """6,900,{early},-;systemd[1]: Started something.
4,1000,{early},-;oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),task=python3,pid=11,uid=0
3,1001,{early},-;Out of memory: Killed process 11 (old one) total-vm:1kB, anon-rss:2048kB, file-rss:0kB
 SUBSYSTEM=memory
3,1002,{late},-;Memory cgroup out of memory: Killed process 4242 (llama-server) total-vm:9kB, anon-rss:1048576kB, x
"""


def machine(count: int, uptime_s: float = 1e6) -> dict[str, str]:
    return {"proc/vmstat": f"pswpin 1\noom_kill {count}\n", "proc/uptime": f"{uptime_s} 1\n"}


@pytest.fixture
def log(tmp_path, monkeypatch, hands):
    """The kernel's log as a file: one kill long ago, one ten minutes ago (but ``hands`` begin at 1000 s)."""
    hands.ticks = 1e6
    path = tmp_path / "kmsg"
    path.write_text(LOG.format(early=1_000_000, late=int((1e6 - 600) * 1e6)))
    monkeypatch.setattr(oom, "KERNEL_LOG", path)
    return path


async def test_this_machine_is_understood(look):
    """The real counters can be read; no limit is reached that is out of reach."""
    [found] = await look(killed, Host(), thresholds={"oom_kills": 1e9})
    assert found.status in (Status.OK, Status.INFO)
    for found in await look(tasks, Host(), thresholds={"tasks_percent": 101, "zombies": 1e9}):
        assert found.status is Status.OK


def test_the_real_log_can_be_read():
    """Where it is allowed it is read to its end without waiting for more."""
    try:
        found = kernel_log.victims()
    except OSError as refused:
        pytest.skip(f"the kernel's log may not be read here: {refused}")
    assert all(each.pid > 0 for each in found)


async def test_a_kill_of_the_last_hour_is_named(look, kernel, log):
    """Who it was, and how large; the kill of last week is none of it."""
    kernel.say(machine(2))
    [found] = await look(killed, Host())
    assert (found.status, found.code) == (Status.WARNING, "host.oom-kill")
    assert "`llama-server` (pid 4242, 1024 MB, at the limit of its control group)" in found.observed
    assert found.measures["oom_kills"] == 1


async def test_old_kills_are_only_mentioned(look, kernel, log, hands):
    """An hour later it is history."""
    kernel.say(machine(2))
    hands.pass_(3600)
    [found] = await look(killed, Host())
    assert found.status is Status.INFO
    assert "the last one 70 min ago" in found.observed


async def test_without_the_log_the_counter_tells_while_we_watch(look, kernel, hands, tmp_path, monkeypatch):
    """A count from before the first look may be old; one more is a kill that just happened, for an hour."""
    monkeypatch.setattr(oom, "KERNEL_LOG", tmp_path / "none")
    kernel.say(machine(5))
    seen = await look(killed, Host())
    hands.pass_(10)
    kernel.say(machine(6))
    seen += await look(killed, Host())
    hands.pass_(3595)
    seen += await look(killed, Host())
    hands.pass_(10)
    seen += await look(killed, Host())
    assert [each.status for each in seen] == [Status.INFO, Status.WARNING, Status.WARNING, Status.INFO]


async def test_on_a_machine_that_just_started_every_kill_is_recent(look, kernel, tmp_path, monkeypatch):
    """Whenever it happened, it was within the hour."""
    monkeypatch.setattr(oom, "KERNEL_LOG", tmp_path / "none")
    kernel.say(machine(1, uptime_s=100))
    [found] = await look(killed, Host())
    assert found.status is Status.WARNING


@pytest.mark.parametrize(
    "files",
    [
        {"cgroup/memory.events": "low 0\noom 3\noom_kill 0\n"},
        {
            "proc/self/cgroup": "4:memory:/docker/abc\n",
            "cgroup/memory/memory.limit_in_bytes": "1000000\n",
            "cgroup/memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n",
        },
    ],
    ids=["v2", "v1"],
)
async def test_in_a_container_its_own_kills_count(look, kernel, log, files):
    """What the kernel ended elsewhere on the machine is no trouble of ours."""
    kernel.say(machine(7), files)
    [found] = await look(killed, Host())
    assert found.status is Status.OK
    kernel.say({name: text.replace("oom_kill 0", "oom_kill 1") for name, text in files.items()})
    [found] = await look(killed, Host())
    assert found.status is Status.WARNING


async def test_without_any_source_it_is_unknown(look, kernel):
    """No counter, no verdict."""
    kernel.say({})
    [found] = await look(killed, Host())
    assert found.status is Status.UNKNOWN


@pytest.mark.parametrize(("existing", "status"), [(500, Status.OK), (920, Status.WARNING), (980, Status.CRITICAL)])
async def test_how_many_tasks_there_may_be(look, kernel, existing, status):
    """The lower of the kernel's two limits counts."""
    kernel.say(
        {
            "proc/loadavg": f"0.1 0.1 0.1 1/{existing} 4242\n",
            "proc/sys/kernel/pid_max": "1000\n",
            "proc/sys/kernel/threads-max": "30000\n",
        }
    )
    found, _ = await look(tasks, Host())
    assert found.status is status
    assert found.code == (None if status is Status.OK else "host.tasks")


async def test_the_limit_of_a_container_counts_for_tasks(look, kernel):
    """`pids.max` is reached long before the machine's own limit."""
    kernel.say(
        {
            "proc/loadavg": "0.1 0.1 0.1 1/100 4242\n",
            "proc/sys/kernel/pid_max": "32768\n",
            "proc/self/cgroup": "8:pids:/\n0::/shop\n",
            "cgroup/shop/pids.max": "64\n",
            "cgroup/shop/pids.current": "60\n",
            "cgroup/pids/pids.max": "max\n",
            "cgroup/pids/pids.current": "100\n",
        }
    )
    found, _ = await look(tasks, Host())
    assert (found.status, found.code) == (Status.WARNING, "host.tasks")
    assert "cgroup" in found.observed or "control group" in found.observed


CARELESS = """
import subprocess, sys, time
children = [subprocess.Popen(["true"]) for _ in range(4)]
print("up", flush=True)
time.sleep(600)
"""


async def test_zombies_and_their_parent(look, monkeypatch):
    """Real children that ended and are never asked about; the finding names who should ask."""
    monkeypatch.setattr(zombies, "_SERVES_S", -1.0)
    with subprocess.Popen([sys.executable, "-c", CARELESS], stdout=subprocess.PIPE) as parent:  # noqa: ASYNC220
        assert parent.stdout.readline() == b"up\n"
        while zombies.search().get(parent.pid, 0) < 4:
            os.sched_yield()
        _, found = await look(tasks, Host(), thresholds={"zombies": 4, "tasks_percent": 101})
        parent.kill()
    assert (found.status, found.code) == (Status.WARNING, "host.zombies")
    assert f"of pid {parent.pid}" in found.evidence[0].text


async def test_tasks_that_cannot_be_counted_are_unknown(look, kernel):
    """An empty /proc."""
    kernel.say(memory(50))
    [found] = await look(tasks, Host())
    assert found.status is Status.UNKNOWN
