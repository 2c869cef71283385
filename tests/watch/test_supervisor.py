"""Starting, watching and stopping real processes."""

import asyncio
import os
import signal
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from supervised import SLEEPER, STUBBORN, component, is_alive, python, until

from paramedic.model.component import Desired
from paramedic.model.secret import Secret
from paramedic.sdk import ActionFailed, proc


async def test_a_launch_is_committed_before_the_spawn_and_completed_after_it(bench, monkeypatch):
    """The token is in the store before any process carries it; pid and start time follow."""
    it = await bench(component("it", *python(SLEEPER)))
    seen = []
    import subprocess

    popen = subprocess.Popen

    def spy(*args, **kwargs):
        seen.append(it.launches())
        return popen(*args, **kwargs)

    monkeypatch.setattr(subprocess, "Popen", spy)
    pid = await it.start()
    assert [(each.token, each.pid) for each in seen[0]] == [(it.token(), None)]
    assert proc.token(pid) == it.token()
    await until(lambda: it.launches()[0].pid == pid)
    assert it.launches()[0].start_ticks == proc.identity(pid).start_ticks


async def test_a_process_gets_its_own_session_a_private_log_and_a_clean_environment(bench, monkeypatch):
    """Own session, stdin at /dev/null, log 0600, secrets revealed to it alone, nothing of Paramedic's own settings."""
    monkeypatch.setenv("PARAMEDIC_STORE", "postgresql://u:secret@db/x")
    code = "import os, sys, time; print(os.environ.get('PARAMEDIC_STORE'), os.environ['KEY'], sys.stdin.read(), 'up', flush=True); time.sleep(600)"
    it = await bench(component("it", *python(code), env={"KEY": Secret("s3cret")}))
    pid = await it.start()
    assert os.getsid(pid) == pid
    assert it.facts().log_tail.split() == ["None", "s3cret", "up"]
    log = it.supervisor.log_path("it")
    assert log.stat().st_mode & 0o777 == 0o600
    assert sorted(os.listdir(f"/proc/{pid}/fd")) == ["0", "1", "2"]


async def test_an_unexpected_end_is_reported_at_once_with_code_and_uptime(bench):
    """The exit code arrives with the news, and the store learns of it afterwards."""
    it = await bench(component("it", *python("print('up', flush=True); raise SystemExit(7)")))
    await it.start()
    await until(lambda: bool(it.exits))
    name, end, _ = it.exits[0]
    assert (name, end.code) == ("it", 7)
    assert 0 <= end.uptime_s < 10
    facts = it.facts()
    assert facts.pid is None
    assert [each.code for each in facts.exits] == [7]
    await until(lambda: it.launches()[0].ended_at is not None)
    assert (it.launches()[0].exit_code, it.launches()[0].expected) == (7, False)


async def test_a_kill_is_reported_as_its_signal(bench):
    """A negative code names the signal."""
    it = await bench(component("it", *python(SLEEPER)))
    os.kill(await it.start(), signal.SIGKILL)
    await until(lambda: bool(it.exits))
    assert it.exits[0][1].code == -signal.SIGKILL


async def test_facts_know_of_an_end_before_the_loop_does(bench):
    """Between the death and the callback, nobody is told that a dead process lives."""
    it = await bench(component("it", *python(SLEEPER)))
    pid = await it.start()
    os.kill(pid, signal.SIGKILL)
    while is_alive(pid):
        time.sleep(0.001)  # noqa: ASYNC251  # the loop stands still on purpose
    assert it.facts().pid is None
    assert len(it.exits) == 1
    await asyncio.sleep(0.05)
    assert len(it.exits) == 1


async def test_a_stop_is_gentle_confirmed_and_not_reported(bench):
    """SIGTERM first; the launch is marked as expected to end; nobody is alarmed."""
    code = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: (print('bye', flush=True), sys.exit(3))); print('up', flush=True); time.sleep(600)"
    it = await bench(component("it", *python(code)))
    pid = await it.start()
    await it.supervisor.stop(it.component())
    assert not is_alive(pid)
    assert "bye" in it.facts().log_tail
    assert it.exits == []
    assert it.facts().exits == ()
    await until(lambda: it.launches()[0].ended_at is not None)
    assert (it.launches()[0].expected, it.launches()[0].exit_code) == (True, 3)


async def test_a_stop_kills_what_ignores_it(bench):
    """After `stop_timeout_s` comes SIGKILL."""
    it = await bench(component("it", *python(STUBBORN), stop_timeout_s=0.3))
    pid = await it.start()
    began = time.monotonic()
    await it.supervisor.stop(it.component())
    assert not is_alive(pid)
    assert 0.25 < time.monotonic() - began < 5


async def test_a_suspended_process_is_killed_at_once(bench):
    """A process that SIGSTOP froze would never hear SIGTERM; nobody waits for it."""
    it = await bench(component("it", *python(SLEEPER), stop_timeout_s=30))
    pid = await it.start()
    os.kill(pid, signal.SIGSTOP)
    await until(lambda: proc.is_suspended(pid))
    began = time.monotonic()
    await it.supervisor.stop(it.component())
    assert not is_alive(pid)
    assert time.monotonic() - began < 5


async def test_a_stop_takes_the_whole_family(bench):
    """Children that ignore SIGTERM and grandchildren that left the session go too."""
    code = (
        "import os, signal, time\n"
        "for leave in (False, True):\n"
        "    if os.fork() == 0:\n"
        "        if leave: os.setsid()\n"
        "        signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "        if os.fork() and leave: os._exit(0)\n"
        "        print('child', flush=True); time.sleep(600)\n"
        "time.sleep(0.2); print('up', flush=True); time.sleep(600)"
    )
    it = await bench(component("it", *python(code)))
    await it.start()
    await until(lambda: it.facts().log_tail.count("child") == 3)
    assert len(proc.carriers(it.token())) == 4
    await it.supervisor.stop(it.component())
    assert proc.carriers(it.token()) == ()


async def test_a_stop_clears_what_a_dead_process_left_behind(bench):
    """Orphans of a killed process would hold its port; stopping the dead component ends them."""
    code = "import os, time\nif os.fork() == 0: time.sleep(600)\nprint('up', flush=True); time.sleep(600)"
    it = await bench(component("it", *python(code)))
    os.kill(await it.start(), signal.SIGKILL)
    await until(lambda: bool(it.exits))
    assert len(proc.carriers(it.token())) == 1
    await it.supervisor.stop(it.component())
    assert proc.carriers(it.token()) == ()


async def test_stopping_nothing_is_a_success(bench):
    """There is nothing to confirm."""
    it = await bench(component("it", *python(SLEEPER)))
    await it.supervisor.stop(it.component())


@pytest.mark.parametrize(
    ("command", "spec", "says"),
    [
        (("no-such-program",), {}, "was not found on PATH"),
        (("./absent",), {}, "does not exist"),
        (("./plain",), {}, "is not executable"),
        (("./plain-exec",), {}, "could not be started: exec format error"),
        (("true", "a\0b"), {}, "could not be started"),
        (("true",), {"cwd": Path("nowhere")}, "its folder"),
    ],
)
async def test_what_cannot_be_started_says_why(bench, tmp_path, command, spec, says):
    """Every reason is a plain message, and no launch is left that seems to live."""
    (tmp_path / "plain").write_text("x")
    (tmp_path / "plain-exec").write_bytes(b"\x00\x01")
    (tmp_path / "plain-exec").chmod(0o755)
    it = await bench(component("it", *command, **spec))
    with pytest.raises(ActionFailed, match=says):
        await it.supervisor.start(it.component(), it.token("t1"))
    await it.supervisor.close()
    with it.store.begin() as tx:
        assert tx.launches.living("here") == ()


async def test_python_is_found_even_where_path_has_none(bench, tmp_path):
    """`python` alone falls back to the interpreter that runs Paramedic."""
    it = await bench(component("it", "python", "-c", SLEEPER, env={"PATH": str(tmp_path)}))
    pid = await it.start()
    assert Path(f"/proc/{pid}/exe").samefile(sys.executable)


async def test_a_second_start_is_refused_and_a_repeated_one_is_the_same(bench):
    """One token starts one process, another token none while that lives."""
    it = await bench(component("it", *python(SLEEPER)))
    pid = await it.start()
    assert await it.supervisor.start(it.component(), it.token("t1")) == pid
    with pytest.raises(ActionFailed, match="runs already"):
        await it.supervisor.start(it.component(), it.token("t2"))


async def test_starting_ends_when_the_checks_pass_or_time_is_up(bench):
    """`is_starting` lasts until `mark_ready`, which outlives a restart of Paramedic."""
    it = await bench(component("it", *python(SLEEPER)))
    await it.start()
    assert it.facts().is_starting
    it.supervisor.mark_ready("it")
    assert not it.facts().is_starting
    await it.supervisor.close()
    it.supervise()
    assert await it.supervisor.adopt() == ("it",)
    assert not it.facts().is_starting


async def test_while_it_is_down_waiting_makes_its_exits_no_younger(bench):
    """The window of the crash loop ends at the last end, so that a crash loop stays one until somebody acts."""
    it = await bench(component("it", *python("raise SystemExit(1)")), crash_loop_window_s=0.5)
    for number in range(2):
        await it.supervisor.start(it.component(), it.token(f"t{number}"))
        await until(lambda expected=number + 1: len(it.exits) == expected)
    await asyncio.sleep(0.7)
    assert len(it.facts().exits) >= 1
    assert it.facts().exits[0].age_s > 0.5


async def test_what_an_operator_wants_is_kept(bench):
    """A wish is known at once and after a restart."""
    it = await bench(component("it", *python(SLEEPER)))
    assert it.facts().desired is None
    it.supervisor.set_desired("it", Desired.STOPPED, "uid 0")
    assert it.facts().desired is Desired.STOPPED
    await it.supervisor.close()
    it.supervise()
    await it.supervisor.adopt()
    assert it.facts().desired is Desired.STOPPED


async def test_a_daemon_is_followed_through_its_pidfile(bench):
    """A program that puts itself into the background goes on as the same component."""
    code = (
        "import os, time\n"
        "if os.fork():\n    os.wait() if False else os._exit(0)\n"
        "os.setsid(); open('pid.tmp', 'w').write(str(os.getpid())); os.rename('pid.tmp', 'it.pid'); time.sleep(600)"
    )
    slow_parent = code.replace(
        "os.wait() if False else os._exit(0)",
        "exec(\"while not os.path.exists('it.pid'): time.sleep(0.01)\"); os._exit(0)",
    )
    it = await bench(component("it", *python(slow_parent), pidfile=Path("it.pid")))
    parent = await it.supervisor.start(it.component(), it.token("t1"))
    await until(lambda: it.facts().pid not in (None, parent))
    assert it.facts().ours
    assert it.exits == []
    child = it.facts().pid
    await it.supervisor.stop(it.component())
    assert not is_alive(child)


async def test_logs_are_cut_while_they_are_written(bench):
    """Copies are kept, the writer goes on, and the tail still shows what is new."""
    code = "import time\nprint('x' * 3000, 'up', flush=True)\nwhile True: print('tick', flush=True); time.sleep(0.01)"
    it = await bench(component("it", *python(code)), log_max_bytes=2000, log_keep=2)
    await it.start()
    log = it.supervisor.log_path("it")
    for _ in range(3):
        await until(lambda: log.stat().st_size > 2000 or "tick" in it.facts().log_tail)
        await until(lambda: log.stat().st_size > 100)
        await it.supervisor.rotate_logs()
    names = sorted(each.name for each in log.parent.iterdir())
    assert names[:2] == ["it.log", "it.log.1"]
    assert (log.parent / "it.log.1").stat().st_mode & 0o777 == 0o600
    await until(lambda: "tick" in it.facts().log_tail)


async def test_deaths_are_noticed_within_milliseconds(bench):
    """200 kills: the news comes through the pidfd, not by asking."""
    it = await bench(*(component(f"c{number}", "sleep", "600") for number in range(20)), crash_loop_window_s=1)
    delays = []
    for round_ in range(10):
        for number in range(20):
            pid = await it.supervisor.start(it.component(f"c{number}"), it.token(f"t{round_}-{number}"))
            count, killed = len(it.exits), time.monotonic()
            os.kill(pid, signal.SIGKILL)
            await until(lambda expected=count + 1: len(it.exits) == expected)
            delays.append(it.exits[-1][2] - killed)
    delays.sort()
    print(f"notice of death: p50 {delays[100] * 1000:.2f} ms, p99 {delays[197] * 1000:.2f} ms, n = {len(delays)}")
    assert delays[197] < 0.1


async def test_five_hundred_lives_leave_nothing_behind(bench):
    """No descriptor, no zombie, no open launch."""
    it = await bench(component("it", "sleep", "600"))
    await it.supervisor.start(it.component(), it.token("warm"))
    await it.supervisor.stop(it.component())
    before, zombies_before = len(os.listdir("/proc/self/fd")), zombies()
    for number in range(500):
        await it.supervisor.start(it.component(), it.token(f"t{number}"))
        await it.supervisor.stop(it.component())
    await until(lambda: len(os.listdir("/proc/self/fd")) <= before)
    assert zombies() <= zombies_before
    await it.supervisor.close()
    with it.store.begin() as tx:
        assert tx.launches.living("here") == ()


def zombies() -> set[int]:
    """Children of ours that nobody has waited for."""
    return {pid for pid in proc.pids() if proc.parent(pid) == os.getpid() and proc.identity(pid) is None}


class SteppingClock:
    """A clock whose wall jumps while its monotonic side does not."""

    def __init__(self) -> None:
        self.step = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.step

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def test_a_step_of_the_wall_clock_disturbs_nothing(bench):
    """Ages, windows and start-up are measured by the clock that never jumps."""
    it = await bench(component("it", *python("raise SystemExit(1)")), component("up", *python(SLEEPER)))
    it.clock = SteppingClock()
    it.supervise()
    await it.supervisor.adopt()
    await it.start("up", "t-up")
    await it.supervisor.start(it.component(), it.token("t1"))
    await until(lambda: bool(it.exits))
    for hours in (1, -1):
        it.clock.step = timedelta(hours=hours)
        assert it.facts().exits[0].age_s < 30
        assert it.facts("up").uptime_s < 30
        assert it.facts("up").is_starting


async def test_a_component_that_left_the_service_is_not_reported(bench):
    """Its process lives on; its end is nobody's alarm."""
    it = await bench(component("it", *python(SLEEPER)))
    pid = await it.start()
    it.supervisor.update(replace(it.service, components={}))
    assert is_alive(pid)
    os.kill(pid, signal.SIGKILL)
    await until(lambda: not Path(f"/proc/{pid}").exists())
    assert it.exits == []
