"""The checks of processes on real processes."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from guests import SERVER, free_port, python, until

from paramedic.packs.host import pressure
from paramedic.packs.process.checks import alive, descriptors, memory
from paramedic.packs.process.target import Process
from paramedic.sdk import Desired, Exit, ProcessSpec, Status, proc

SPEC = ProcessSpec(command=("sleep", "600"))
TRACEBACK = """Traceback (most recent call last):
  File "api.py", line 3, in <module>
    open("settings.json")
FileNotFoundError: [Errno 2] No such file or directory: 'settings.json'
"""


def ended(code: int | None = 1, *, uptime_s: float = 1.0, age_s: float = 0.0, was_ready: bool = False) -> Exit:
    return Exit(at=datetime.now(UTC), age_s=age_s, uptime_s=uptime_s, code=code, was_ready=was_ready)


async def test_a_living_process_is_well(look, processes, guest):
    """Its pid and age are told."""
    pid = guest(["sleep", "600"]).pid
    processes.set("it", pid=pid, ours=True, uptime_s=3.0)
    (found,) = await look(alive, Process(), process=SPEC)
    assert (found.status, found.code) == (Status.OK, None)
    assert f"pid {pid}" in found.observed


@pytest.mark.parametrize(("kind", "status"), [("http", Status.INFO), ("tcp", Status.CRITICAL)])
async def test_a_suspended_process_is_named_and_judged_where_nobody_else_does(look, processes, guest, kind, status):
    """What it does not answer is judged by the checks that ask it; a port alone still takes connections."""
    child = guest(["sleep", "600"])
    os.kill(child.pid, signal.SIGSTOP)
    await until(lambda: proc.is_suspended(child.pid))
    processes.set("it", pid=child.pid, ours=True)
    (found,) = await look(alive, Process(), process=SPEC, kind=kind)
    assert (found.status, found.code) == (status, "process.suspended" if status is Status.CRITICAL else None)
    assert "suspended" in found.observed
    assert f"kill -CONT {child.pid}" in found.observed


async def test_a_process_that_was_never_started_is_missed(look, processes):
    """Critical at first sight, with the command that starts it."""
    (found,) = await look(alive, Process(), process=SPEC)
    assert (found.status, found.code) == (Status.CRITICAL, "process.not-running")
    assert "paramedic start it" in found.hint


async def test_a_process_that_was_stopped_on_purpose_is_no_trouble(look, processes):
    """An operator's stop stays a stop."""
    processes.set("it", desired=Desired.STOPPED, exits=(ended(),))
    (found,) = await look(alive, Process(), process=SPEC)
    assert found.status is Status.INFO


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (1, "exited with code 1"),
        (0, "exited with code 0"),
        (-9, "was killed by SIGKILL"),
        (-77, "killed by signal 77"),
        (None, "exit code unknown"),
    ],
)
async def test_an_end_is_told_in_words(look, processes, code, words):
    """Exit code or signal, age, and the last lines it printed."""
    processes.set("it", exits=(ended(code, uptime_s=12.34),), log_tail="one\ntwo\n")
    (found,) = await look(alive, Process(), process=SPEC)
    assert (found.code, found.status) == ("process.exited", Status.CRITICAL)
    assert words in found.observed
    assert "after 12 s" in found.observed
    assert found.evidence[-1].text == "one\ntwo"


async def test_the_error_of_a_traceback_is_the_reason(look, processes):
    """The last line of the traceback that the log ends with is quoted."""
    processes.set("it", exits=(ended(1),), log_tail=f"starting\n{TRACEBACK}")
    (found,) = await look(alive, Process(), process=SPEC)
    assert "FileNotFoundError: [Errno 2]" in found.because


async def test_an_old_traceback_is_not_the_reason(look, processes):
    """What was printed long before the end, or before a kill, explains nothing."""
    processes.set("it", exits=(ended(1),), log_tail=TRACEBACK + "went on\n" * 10)
    assert (await look(alive, Process(), process=SPEC))[0].because == ""
    processes.set("it", exits=(ended(-9),), log_tail=TRACEBACK)
    assert "FileNotFound" not in (await look(alive, Process(), process=SPEC))[0].because


async def test_three_failed_starts_are_a_crash_loop(look, processes):
    """Each ended within seconds and none was ever ready: another restart would not help."""
    processes.set("it", exits=(ended(1), ended(1, age_s=2), ended(1, age_s=5)), log_tail=TRACEBACK)
    (found,) = await look(alive, Process(), process=SPEC)
    assert found.code == "process.crash-loop"
    assert "ended 3 times" in found.observed
    assert "FileNotFoundError" in found.because
    assert "exited with code 1" in found.evidence[0].text


@pytest.mark.parametrize(
    "exits",
    [
        (ended(1), ended(1)),
        (ended(-9, was_ready=True),) * 3,
        (ended(1), ended(1), ended(1, uptime_s=60)),
        (ended(None),) * 3,
    ],
)
async def test_few_ends_or_ends_of_ready_processes_are_not_a_crash_loop(look, processes, exits):
    """Two ends, kills of processes that had served, a long life before, or unknown ends: a restart may help."""
    processes.set("it", exits=exits)
    assert (await look(alive, Process(), process=SPEC))[0].code == "process.exited"


async def test_five_ends_in_the_window_are_a_crash_loop_however_they_ended(look, processes):
    """A process that is verified each time and dies each time is not restarted for ever."""
    processes.set("it", exits=(ended(-9, was_ready=True, uptime_s=11),) * 5)
    assert (await look(alive, Process(), process=SPEC))[0].code == "process.crash-loop"


async def test_a_stranger_on_the_port_is_named(look, processes, guest):
    """Pid, user and command of who holds it; and that it is not this component."""
    port = free_port()
    stranger = guest(python(SERVER, port))
    await until(lambda: proc.holders(port))
    processes.set("it", exits=(ended(1),))
    (found,) = await look(alive, Process(), process=ProcessSpec(command=("sleep", "600"), port=port))
    assert found.code == "port.in-use"
    assert f"pid {stranger.pid} (user `" in found.observed
    assert sys.executable in found.observed
    assert "not an instance" in found.because


async def test_a_stale_instance_on_the_port_is_recognised(look, processes, guest):
    """The same command line and user, whatever folder its program stands in."""
    port = free_port()
    guest(python(SERVER, port))
    await until(lambda: proc.holders(port))
    (found,) = await look(
        alive, Process(), process=ProcessSpec(command=("python3", "-c", SERVER, str(port)), port=port)
    )
    assert found.code == "port.in-use"
    assert "old instance" in found.because


async def test_a_worker_of_a_stale_instance_counts_as_the_instance(look, processes, guest):
    """A child that inherited the socket has another command line and the same origin."""
    port = free_port()
    code = (
        "import os, socket, subprocess, sys\n"
        "listener = socket.create_server(('127.0.0.1', int(sys.argv[1])))\n"
        "os.set_inheritable(listener.fileno(), True)\n"
        "child = subprocess.Popen(['sleep', '600'], close_fds=False)\n"
        "listener.close()\n"
        "child.wait()"
    )
    parent = guest(python(code, port), start_new_session=True)
    await until(lambda: any(each.command == ("sleep", "600") for each in proc.holders(port)))
    try:
        (found,) = await look(alive, Process(), process=ProcessSpec(command=python(code, port), port=port))
        assert "old instance" in found.because
    finally:
        os.killpg(parent.pid, signal.SIGKILL)


async def test_a_leftover_of_the_last_launch_is_part_of_the_component(look, processes, guest):
    """It carries the launch token: the process exited, nobody took its port, and a restart clears it."""
    port = free_port()
    guest(python(SERVER, port), env={proc.TOKEN_VARIABLE: "t1"})
    await until(lambda: proc.holders(port))
    processes.set("it", exits=(ended(-9),), token="t1")
    (found,) = await look(alive, Process(), process=ProcessSpec(command=("sleep", "600"), port=port))
    assert found.code == "process.exited"


async def test_a_pidfile_that_may_not_be_read_is_unknown(look, processes, tmp_path, monkeypatch):
    """Not being able to look is never health and never sickness."""
    pidfile = tmp_path / "it.pid"
    pidfile.write_text("1")
    monkeypatch.setattr(os, "access", lambda *_args: False)
    (found,) = await look(alive, Process(), process=ProcessSpec(pidfile=pidfile))
    assert found.status is Status.UNKNOWN


async def test_a_missing_process_of_somebody_else_is_missed_too(look, processes):
    """Paramedic does not know the command, so the hint does not promise to start it."""
    (found,) = await look(alive, Process(), process=ProcessSpec(match="never"))
    assert found.code == "process.not-running"
    assert "paramedic restart" not in found.hint
    assert "`never`" in found.because


LEAK = """
import os, resource, sys, time
resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
held = [os.open("/dev/null", os.O_RDONLY) for _ in range(int(sys.argv[1]))]
print("up", flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize(
    ("held", "status"), [(10, Status.OK), (75, Status.OK), (80, Status.WARNING), (92, Status.CRITICAL)]
)
async def test_descriptors_are_judged_by_their_limit(look, processes, held, status):
    """Warning at 80 %, critical at 90 % of the soft limit of that very process."""
    with subprocess.Popen(python(LEAK, held), stdout=subprocess.PIPE) as child:  # noqa: ASYNC220
        assert child.stdout.readline() == b"up\n"
        processes.set("it", pid=child.pid, ours=True)
        (found,) = await look(descriptors, Process(), process=SPEC)
        child.kill()
    assert found.status is status
    assert found.measures["open_fds"] == held + 3
    if status is not Status.OK:
        assert found.code == "process.fds"
        assert "/dev/null" in found.because


async def test_descriptors_of_nobody_are_nothing(look, processes):
    """No process, or one that just ended: nothing to judge here."""
    (found,) = await look(descriptors, Process(), process=SPEC)
    assert found.status is Status.INFO
    processes.set("it", pid=2**22 + 1)
    (found,) = await look(descriptors, Process(), process=SPEC)
    assert found.status is Status.INFO


async def test_descriptors_that_may_not_be_seen_are_unknown(look, processes, monkeypatch):
    """Another user's process cannot be looked into."""
    processes.set("it", pid=1)

    def refuse(_path):
        raise PermissionError

    monkeypatch.setattr(os, "listdir", refuse)
    (found,) = await look(descriptors, Process(), process=SPEC)
    assert found.status is Status.UNKNOWN


async def test_memory_is_judged_by_the_declared_limit(look, processes):
    """Warning at 85 %, critical at 95 % of `memory_mb`; without a limit only a measure."""
    code = "block = bytearray(80 << 20); print('up', flush=True); import time; time.sleep(600)"
    with subprocess.Popen(python(code), stdout=subprocess.PIPE) as child:  # noqa: ASYNC220
        assert child.stdout.readline() == b"up\n"
        processes.set("it", pid=child.pid, ours=True)
        (plain,) = await look(memory, Process(), process=SPEC)
        used = plain.measures["rss_mb"]
        results = [
            (await look(memory, Process(), process=SPEC, thresholds={"memory_mb": used / share}))[0]
            for share in (0.5, 0.9, 0.97, 1.5)
        ]
        child.kill()
    assert used > 80
    assert [each.status for each in results] == [Status.OK, Status.WARNING, Status.CRITICAL, Status.CRITICAL]
    assert results[1].code == "memory.high"


async def test_memory_of_a_vanished_process_is_nothing(look, processes):
    """It ended during the look; that it is gone is another check's matter."""
    processes.set("it", pid=2**22 + 1)
    assert (await look(memory, Process(), process=SPEC))[0].status is Status.INFO
    processes.set("it")
    assert (await look(memory, Process(), process=SPEC))[0].status is Status.INFO


async def test_memory_that_may_not_be_seen_is_unknown(look, processes, monkeypatch):
    """A hidden process is neither well nor sick."""
    processes.set("it", pid=1)

    def refuse(_path: Path) -> str:
        raise PermissionError

    monkeypatch.setattr(Path, "read_text", refuse)
    assert (await look(memory, Process(), process=SPEC))[0].status is Status.UNKNOWN


@pytest.mark.parametrize(
    ("mb", "kind", "status"),
    [(100, "process", Status.OK), (430, "process", Status.WARNING), (430, "llm", Status.OK)],
)
async def test_memory_above_what_is_usual(look, processes, monkeypatch, tmp_path, mb, kind, status):  # noqa: PLR0917  # fixtures
    """From 400 MB on somebody should say how much it may have; nothing is restarted for that."""
    monkeypatch.setattr(pressure, "SYSTEM", pressure.System(proc=tmp_path))  # no control group limits it
    code = f"block = bytearray(b'x') * ({mb} << 20); print('up', flush=True); import time; time.sleep(600)"
    with subprocess.Popen(python(code), stdout=subprocess.PIPE) as child:  # noqa: ASYNC220
        assert child.stdout.readline() == b"up\n"
        processes.set("it", pid=child.pid, ours=True)
        (found,) = await look(memory, Process(), process=SPEC, kind=kind)
        child.kill()
    assert found.status is status
    assert found.code == ("memory.undeclared" if status is Status.WARNING else None)
    if found.code:
        assert "memory_mb: 700" in found.hint
        assert {each.id: each.ending for each in memory.codes}[found.code] == "advise"


@pytest.mark.parametrize("version", [1, 2])
async def test_memory_is_judged_by_the_control_group(look, processes, monkeypatch, tmp_path, version):
    """Of what cannot be dropped, against the lowest limit of its group and those around it."""
    code = "block = bytearray(b'x') * (80 << 20); print('up', flush=True); import time; time.sleep(600)"
    with subprocess.Popen(python(code), stdout=subprocess.PIPE) as child:  # noqa: ASYNC220
        assert child.stdout.readline() == b"up\n"
        processes.set("it", pid=child.pid)
        own = tmp_path / str(child.pid)
        own.mkdir()
        (own / "cgroup").write_text("4:memory:/shop/api\n" if version == 1 else "0::/shop/api\n")
        group = tmp_path / ("groups/memory/shop" if version == 1 else "groups/shop")
        (group / "api").mkdir(parents=True)
        (group / ("memory.limit_in_bytes" if version == 1 else "memory.max")).write_text(f"{95 << 20}\n")
        (group / "api" / "memory.max").write_text("max\n")
        monkeypatch.setattr(pressure, "SYSTEM", pressure.System(proc=tmp_path, cgroups=tmp_path / "groups"))
        (found,) = await look(memory, Process(), process=SPEC)
        child.kill()
    assert (found.status, found.code) == (Status.WARNING, "memory.high")
    assert "its control group" in found.because
    assert "counted once" in found.because
