"""Processor time, threads, children and ends of real processes."""

import asyncio
import os
import subprocess
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from guests import python, until

from paramedic.packs.host import pressure, zombies
from paramedic.packs.process import stack, usage
from paramedic.packs.process.crowd import tasks
from paramedic.packs.process.ends import restarts
from paramedic.packs.process.processor import cpu
from paramedic.packs.process.target import Process
from paramedic.sdk import Exit, ProcessSpec, Status, proc

SPEC = ProcessSpec(command=("sleep", "600"))
BUSY = """
import sys, threading, time
share = float(sys.argv[1])
sys.setswitchinterval(600)  # whoever holds the interpreter's lock keeps it until it rests
is_main_ready = False
def spin_for_ever():
    while not is_main_ready:
        time.sleep(0.001)
    print("up", flush=True)  # the main thread rests for good: nobody else asks for the lock, which would be a rest
    while True:
        until = time.thread_time() + 0.02 * share
        while time.thread_time() < until:
            pass
        if share < 1:
            time.sleep(0.02 * (1 - share))
threading.Thread(target=spin_for_ever, name="busybody", daemon=True).start()
is_main_ready = True
time.sleep(600)
"""


@contextmanager
def running(code: str, *arguments: object):
    """A real process, until the block ends."""
    with subprocess.Popen(python(code, *arguments), stdout=subprocess.PIPE) as child:
        assert child.stdout.readline() == b"up\n"
        try:
            yield child
        finally:
            child.kill()


@pytest.fixture
def idle_machine(monkeypatch, tmp_path):
    """A machine on which nothing ran for the last minute: a stand-in, because the tests themselves are load."""
    (tmp_path / "loadavg").write_text("0.05 0.05 0.05 1/100 1\n")
    monkeypatch.setattr(pressure, "SYSTEM", pressure.System(proc=tmp_path))
    return tmp_path


async def test_a_busy_loop_is_found_while_watching(look, processes):
    """A thread that never rests for the whole window; the finding names it."""
    thresholds = {"cpu_for_s": 0.4, "cpu_percent_critical": 101}
    with running(BUSY, 1) as child:
        processes.set("it", pid=child.pid, uptime_s=100.0)
        await look(cpu, Process(), process=SPEC, thresholds=thresholds)
        await asyncio.sleep(0.45)  # the window of the threshold
        [found] = await look(cpu, Process(), process=SPEC, thresholds=thresholds)
    assert (found.status, found.code) == (Status.WARNING, "cpu.saturated")
    assert "never rested" in found.observed
    assert "%  thread" in found.evidence[0].text
    assert found.measures["cpu_percent"] > 90


@pytest.mark.parametrize(("share", "statuses"), [(1.0, {Status.CRITICAL}), (0.6, {Status.OK})])
async def test_a_single_look_watches_as_long_as_is_asked_for(look, processes, share, statuses):
    """Where the declared window is short enough to be watched at once; steady work below the limit is silent."""
    with running(BUSY, share) as child:
        processes.set("it", pid=child.pid, uptime_s=100.0)
        [found] = await look(cpu, Process(), process=SPEC, thresholds={"cpu_for_s": 0.8})
    assert {found.status} == statuses


@pytest.mark.parametrize(("load", "status"), [("0.05", Status.INFO), ("1.50", Status.CRITICAL)])
async def test_one_busy_second_alone_is_no_trouble(look, processes, idle_machine, load, status):
    """A single look believes it only where the load of the last minute bears it out."""
    (idle_machine / "loadavg").write_text(f"{load} 0.05 0.05 1/100 1\n")
    with running(BUSY, 1) as child:
        processes.set("it", pid=child.pid, uptime_s=1000.0)
        [found] = await look(cpu, Process(), process=SPEC)
    assert found.status is status


async def test_a_process_that_has_just_started_is_left_alone(look, processes):
    """Starting is work; and a restart must not wait for a measurement."""
    processes.set("it", pid=os.getpid(), uptime_s=1.0)
    [found] = await look(cpu, Process(), process=SPEC)
    assert found.status is Status.OK
    assert "just started" in found.observed


async def test_a_kind_whose_work_is_computing_may_be_busy(look, processes):
    """A model that answers for others keeps its cores busy, and that is well."""
    with running(BUSY, 1) as child:
        processes.set("it", pid=child.pid, uptime_s=100.0)
        [found] = await look(cpu, Process(), process=SPEC, kind="llm", thresholds={"cpu_for_s": 0.4})
    assert found.status is Status.OK


async def test_nobody_is_busy_with_nothing(look, processes):
    """No process, and one that is gone."""
    [found] = await look(cpu, Process(), process=SPEC)
    assert found.status is Status.INFO
    processes.set("it", pid=2**22 + 1)
    [found] = await look(cpu, Process(), process=SPEC)
    assert found.status is Status.INFO


@pytest.mark.parametrize("check", [cpu, tasks])
async def test_what_may_not_be_seen_is_unknown(look, processes, monkeypatch, check):
    """A hidden process is neither well nor sick."""
    processes.set("it", pid=os.getpid())

    def refuse(_path):
        raise PermissionError

    monkeypatch.setattr(os, "listdir", refuse)
    [found] = await look(check, Process(), process=SPEC)
    assert found.status is Status.UNKNOWN


def spent(**threads: tuple[float, float, int]):
    """A reading at second 0 or 10, by the totals of its threads."""
    return {
        int(name[1:]): usage.Spent(ran=ran, waited=waited, rests=rests)
        for name, (ran, waited, rests) in threads.items()
    }


@pytest.mark.parametrize(
    ("threads", "cores", "allowed", "one_at_a_time", "percent"),
    [
        (spent(t1=(7.0, 0.0, 9)), 0.7, 4, True, 70),
        (spent(t1=(5.0, 5.0, 9)), 0.5, 4, False, 100),  # it wanted to run all the time
        (spent(t1=(4.0, 4.0, 9)), 0.4, 4, False, 67),  # it rested for two seconds
        (spent(t1=(0.5, 9.5, 9)), 0.05, 4, False, 1.25),  # it hardly wants anything
        (spent(t1=(1.0, 0.0, 0)), 0.1, 4, False, 100),  # it never rested; what it waited is told later
        (spent(t1=(4.5, 0.0, 9), t2=(4.5, 0.0, 9)), 0.9, 4, False, 45),
        (spent(t1=(4.5, 0.0, 9), t2=(4.5, 0.0, 9)), 0.9, 4, True, 90),  # Python: one of them at a time
        (spent(t1=(7.0, 0.0, 9), t2=(7.0, 0.0, 9)), 1.4, 4, True, 70),  # more than Python code runs
        (spent(t1=(4.5, 0.0, 9), t2=(4.5, 0.0, 9)), 0.9, 0.5, False, 180),  # a ration of half a core
    ],
)
def test_how_near_to_all_that_it_can(threads, cores, allowed, one_at_a_time, percent):
    """By its busiest thread, by the cores that it may use, or by the one that Python code can have."""
    who = proc.identity(os.getpid())
    before = dict.fromkeys(threads, usage.Spent(ran=0.0, waited=0.0, rests=0))
    earlier = usage.Reading(who=who, at=0.0, total=0.0, threads=before)
    later = usage.Reading(who=who, at=10.0, total=cores * 10, threads=threads)
    use = usage.between(earlier, later)
    assert use.percent(allowed, one_at_a_time=one_at_a_time) == pytest.approx(percent, abs=0.5)


async def test_the_stack_of_a_busy_python_program():
    """The function that never ends is named, where the profiler is installed and may look."""
    with running(BUSY, 1) as child:
        tids = [int(each) for each in os.listdir(f"/proc/{child.pid}/task") if int(each) != child.pid]
        frames = await stack.of_thread(child.pid, tids[0])
    if not frames:
        pytest.skip("`py-spy` is not installed here, or may not look into other processes")
    assert "spin_for_ever" in frames


def test_a_dump_is_read_by_thread():
    """Frames of the thread that is asked for, innermost first."""
    dump = 'Process 7: python\n\nThread 7 (idle): "MainThread"\n    sleep (a.py:1)\nThread 8 (active): "x"\n    spin (a.py:4)\n    run (t.py:9)\n'
    assert stack._frames(dump, 8) == "spin (a.py:4)\nrun (t.py:9)"
    assert stack._frames(dump, 9) == ""


async def test_threads_are_counted(look, processes):
    """Of this very process, real threads that wait."""
    gate = threading.Event()
    threads = [threading.Thread(target=gate.wait, daemon=True) for _ in range(8)]
    for each in threads:
        each.start()
    processes.set("it", pid=os.getpid())
    [many] = await look(tasks, Process(), process=SPEC, thresholds={"threads": 9})
    [few] = await look(tasks, Process(), process=SPEC)
    gate.set()
    assert (many.status, many.code) == (Status.WARNING, "process.threads")
    assert few.status is Status.OK
    assert few.measures["threads"] >= 9


CARELESS = """
import subprocess, time
children = [subprocess.Popen(["true"]) for _ in range(4)]
print("up", flush=True)
time.sleep(600)
"""


async def test_children_that_nobody_asks_about(look, processes, monkeypatch):
    """Real zombies of a real parent; those of others are none of its business."""
    monkeypatch.setattr(zombies, "_SERVES_S", -1.0)
    with running(CARELESS) as parent, running(CARELESS) as other:
        await until(lambda: all(zombies.search().get(each.pid, 0) == 4 for each in (parent, other)))
        processes.set("it", pid=parent.pid)
        [found] = await look(tasks, Process(), process=SPEC, thresholds={"zombies": 4})
        [enough] = await look(tasks, Process(), process=SPEC, thresholds={"zombies": 5})
    assert (found.status, found.code) == (Status.WARNING, "process.zombies")
    assert found.measures["zombies"] == 4
    assert enough.status is Status.OK


STUCK = """
import os, sys
print("up", flush=True)
os.posix_spawn("/bin/true", ["true"], {}, file_actions=[(os.POSIX_SPAWN_OPEN, 0, sys.argv[1], os.O_RDONLY, 0)])
"""


async def test_a_thread_that_nothing_can_wake(look, processes, tmp_path):
    """A real one in state D: whoever spawns a child waits in the kernel until that child has opened its input."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    thresholds = {"blocked_for_s": 0.05}
    with running(STUCK, pipe) as child:
        try:
            await until(lambda: Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[0] == "D")
            processes.set("it", pid=child.pid)
            [first] = await look(tasks, Process(), process=SPEC, thresholds=thresholds)
            await asyncio.sleep(0.06)  # the threshold
            [found] = await look(tasks, Process(), process=SPEC, thresholds=thresholds)
        finally:
            os.close(os.open(pipe, os.O_RDWR | os.O_NONBLOCK))  # the child goes on
    assert first.status is Status.OK
    assert (found.status, found.code) == (Status.WARNING, "process.blocked")
    assert f"thread {child.pid} in `" in found.because


async def test_the_crowd_of_nobody(look, processes):
    """No process, and one that is gone."""
    [found] = await look(tasks, Process(), process=SPEC)
    assert found.status is Status.INFO
    processes.set("it", pid=2**22 + 1)
    [found] = await look(tasks, Process(), process=SPEC)
    assert found.status is Status.INFO


def ended(minutes_ago: float, code: int | None = 1) -> Exit:
    at = datetime(2026, 1, 1, tzinfo=UTC) - timedelta(minutes=minutes_ago)
    return Exit(at=at, age_s=0.0, uptime_s=300, code=code, was_ready=True)


@pytest.mark.parametrize(("code", "status"), [(1, Status.WARNING), (-9, Status.WARNING), (None, Status.OK)])
async def test_five_ends_within_an_hour(look, processes, code, status):
    """Each seen in a look of its own, as they pass; ends of which nobody knows how they came do not count."""
    for minute in range(5):
        processes.set(
            "it", pid=1, exits=(ended(minute, code), ended(minute + 1, code)) if minute else (ended(0, code),)
        )
        [found] = await look(restarts, Process(), process=SPEC)
    assert found.status is status
    assert found.code == ("process.restarts" if status is Status.WARNING else None)


async def test_ends_of_long_ago_and_restarts_on_purpose_do_not_count(look, processes, bench):
    """A window of no time forgets them all; a restart that was asked for is no end."""
    processes.set("it", pid=1, exits=tuple(ended(n) for n in range(9)))
    [found] = await look(restarts, Process(), process=SPEC, thresholds={"restarts_window_s": -1})
    assert found.status is Status.OK
    bench.memories.clear()
    processes.set("it", pid=1)
    [found] = await look(restarts, Process(), process=SPEC)
    assert found.measures["restarts"] == 0


async def test_the_history_of_nobody_is_empty(look):
    """Without a process there is nothing to count."""
    [found] = await look(restarts, Process(), process=SPEC)
    assert found.status is Status.OK


def test_a_code_that_two_packs_use_is_one_code():
    """What the machine and a process can both have is declared once."""
    from paramedic.packs.host.load import processor

    assert processor.codes[0] is cpu.codes[0]
