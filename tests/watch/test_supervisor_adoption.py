"""What lives on when Paramedic dies, and what it finds when it comes back."""

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from supervised import SLEEPER, component, is_alive, python, until

from paramedic.model.component import Desired
from paramedic.sdk import ActionFailed, proc
from paramedic.watch.recorded import RecordedProcesses

TICKER = "import time\nprint('up', flush=True)\nfor number in range(100000):\n    print(number, flush=True)\n    time.sleep(0.02)"

FIRST_LIFE = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from supervised import Bench, component, python

async def main():
    it = Bench(Path(sys.argv[1]), component("it", *python(sys.argv[3])))
    await it.supervisor.adopt()
    print(await it.start(), flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


async def test_children_survive_a_kill_of_paramedic_and_are_adopted(bench, tmp_path):
    """Same pid, the log goes on, the end is noticed with an unknown exit code."""
    first = subprocess.Popen(  # noqa: ASYNC220  # it is killed, not awaited
        [sys.executable, "-c", FIRST_LIFE, str(tmp_path), str(Path(__file__).parent), TICKER],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    pid = int(await asyncio.to_thread(first.stdout.readline))
    first.kill()
    first.wait()
    first.stdout.close()
    assert is_alive(pid)
    it = await bench(component("it", *python(TICKER)))
    facts = it.facts()
    assert (facts.pid, facts.ours, facts.token) == (pid, True, proc.token(pid))
    assert 0 < facts.uptime_s < 60
    before = it.supervisor.log_path("it").stat().st_size
    await until(lambda: it.supervisor.log_path("it").stat().st_size > before)
    os.kill(pid, signal.SIGKILL)
    await until(lambda: bool(it.exits))
    assert it.exits[0][1].code is None
    await until(lambda: it.launches()[0].ended_at is not None)


async def test_an_adopted_process_can_be_stopped_and_started_anew(bench):
    """Adoption gives back every power over it."""
    it = await bench(component("it", *python(SLEEPER)))
    pid = await it.start()
    await it.supervisor.close()
    it.supervise()
    assert await it.supervisor.adopt() == ("it",)
    await it.supervisor.stop(it.component())
    assert not is_alive(pid)
    assert await it.start(token="t2") != pid


async def test_a_crash_between_commit_and_record_is_resolved_by_the_token(bench):
    """A launch without a pid is found through the environment of its process."""
    it = await bench(component("it", *python(SLEEPER)))
    pid = await it.start()
    await it.supervisor.close()
    (launch,) = it.launches()
    with it.store.begin() as tx:
        tx.launches.save(replace(launch, pid=None, start_ticks=None))
    it.supervise()
    assert await it.supervisor.adopt() == ("it",)
    assert it.facts().pid == pid
    await until(lambda: it.launches()[0].pid == pid)


async def test_a_launch_that_never_happened_is_closed_without_alarm(bench):
    """A crash before the spawn leaves a row and no process: not an end that anybody must heal."""
    it = await bench(component("it", *python(SLEEPER)))
    pid = await it.start()
    await it.supervisor.close()
    (launch,) = it.launches()
    with it.store.begin() as tx:
        tx.launches.save(replace(launch, token=it.token("never"), pid=None, start_ticks=None))
    os.kill(pid, signal.SIGKILL)
    await until(lambda: not is_alive(pid))
    it.supervise()
    assert await it.supervisor.adopt() == ()
    assert len(it.facts().exits) == 1  # that of the process that did live
    with it.store.begin() as tx:
        assert tx.launches.living("here") == ()


async def test_an_end_that_nobody_watched_is_known_afterwards(bench):
    """The exit code is unknown, the end is not."""
    it = await bench(component("it", *python(SLEEPER)))
    pid = await it.start()
    await it.supervisor.close()
    os.kill(pid, signal.SIGKILL)
    await until(lambda: not is_alive(pid))
    it.supervise()
    assert await it.supervisor.adopt() == ()
    assert [each.code for each in it.facts().exits] == [None]
    assert it.launches()[0].ended_at is not None


async def test_a_launch_before_a_reboot_is_no_crash(bench):
    """After a reboot everything is gone and nothing has failed."""
    it = await bench(component("it", *python(SLEEPER)))
    pid = await it.start()
    await it.supervisor.close()
    (launch,) = it.launches()
    with it.store.begin() as tx:
        tx.launches.save(replace(launch, boot_id="another"))
    it.supervise()
    assert await it.supervisor.adopt() == ("it",)  # as a stranger with the same command line
    assert not it.facts().ours
    os.kill(pid, signal.SIGKILL)


async def test_ends_of_an_earlier_life_count_towards_a_crash_loop(bench):
    """A crash loop is not forgotten because Paramedic was started again."""
    it = await bench(component("it", *python("raise SystemExit(1)")))
    for number in range(3):
        await it.supervisor.start(it.component(), it.token(f"t{number}"))
        await until(lambda expected=number + 1: len(it.exits) == expected)
    await it.supervisor.close()
    it.supervise()
    await it.supervisor.adopt()
    assert [each.code for each in it.facts().exits] == [1, 1, 1]
    assert [each.code for each in it.recorded().facts(it.component()).exits] == [1, 1, 1]


@pytest.fixture
def guest(tmp_path: Path):
    """``guest(*command)`` runs a process by hand in the service's folder."""
    made: list[subprocess.Popen] = []

    def invite(*command: str) -> subprocess.Popen:
        made.append(subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL))
        return made[-1]

    yield invite
    for each in made:
        each.kill()
        each.wait()


async def test_a_process_with_the_same_command_line_is_attached(bench, guest):
    """Somebody started it by hand before Paramedic came: it is the component, and it may be stopped."""
    by_hand = guest(*python(SLEEPER))
    await until(lambda: proc.command(by_hand.pid) == python(SLEEPER))
    it = await bench(component("it", *python(SLEEPER)))
    assert (it.facts().pid, it.facts().ours) == (by_hand.pid, False)
    assert it.recorded().facts(it.component()).pid == by_hand.pid
    await it.supervisor.stop(it.component())
    assert not is_alive(by_hand.pid)
    assert it.exits == []


async def test_another_folder_makes_another_process(bench, guest, tmp_path):
    """The same command line in another folder is another deployment."""
    (tmp_path / "sub").mkdir()
    by_hand = guest(*python(SLEEPER))
    await until(lambda: proc.command(by_hand.pid) == python(SLEEPER))
    it = await bench(component("it", *python(SLEEPER), cwd=Path("sub")))
    assert it.facts().pid is None


async def test_a_twin_that_comes_later_is_not_the_component(bench, guest):
    """While Paramedic runs, an instance it did not start is stale and never hides that its own is down."""
    it = await bench(component("it", *python(SLEEPER)))
    await it.start()
    await it.supervisor.stop(it.component())
    by_hand = guest(*python(SLEEPER))
    await until(lambda: proc.command(by_hand.pid) == python(SLEEPER))
    assert it.facts().pid is None


async def test_a_process_with_a_pidfile_is_watched_and_found_again(bench, guest, tmp_path):
    """Its end is noticed at once; its successor is found through the same file."""
    first = guest("sleep", "600")
    (tmp_path / "it.pid").write_text(f"{first.pid}\n")
    it = await bench(component("it", pidfile=tmp_path / "it.pid"))
    assert (it.facts().pid, it.facts().ours) == (first.pid, False)
    first.kill()
    await until(lambda: len(it.exits) == 1)
    assert first.wait() == -signal.SIGKILL  # its own parent still learns how it ended
    assert it.facts().pid is None
    second = guest("sleep", "601")
    (tmp_path / "it.pid").write_text(str(second.pid))
    assert it.facts().pid == second.pid
    await it.supervisor.stop(it.component())
    assert not is_alive(second.pid)


@pytest.mark.parametrize("text", ["", "x", "-1", "0", "999999999", "1 2"])
async def test_a_pidfile_with_nonsense_names_nobody(bench, tmp_path, text):
    """Whatever stands in it, nothing is watched and nothing breaks."""
    (tmp_path / "it.pid").write_text(text)
    it = await bench(component("it", pidfile=Path("it.pid"), match="never-there"))
    assert it.facts().pid is None


async def test_a_match_finds_a_process_that_is_not_ours_to_stop(bench, guest):
    """It is watched; stopping it is refused."""
    stranger = guest("sleep", "86399.25")
    it = await bench(component("it", match=r"sleep 86399\.25"))
    assert it.facts().pid == stranger.pid
    with pytest.raises(ActionFailed, match="not started by Paramedic"):
        await it.supervisor.stop(it.component())
    assert is_alive(stranger.pid)


async def test_one_shot_commands_see_what_a_watch_started(bench):
    """The store and /proc are enough to know pid, token, uptime, log and wish; nothing can be changed."""
    it = await bench(component("it", *python(SLEEPER)))
    pid = await it.start()
    it.supervisor.set_desired("it", Desired.RUNNING, "uid 0")
    await it.supervisor.close()
    recorded = it.recorded()
    facts = recorded.facts(it.component())
    assert (facts.pid, facts.ours, facts.token, facts.desired) == (pid, True, it.token(), Desired.RUNNING)
    assert "up" in facts.log_tail
    for refuse in (recorded.start(it.component(), "t2"), recorded.stop(it.component())):
        with pytest.raises(ActionFailed, match="only `paramedic watch`"):
            await refuse


async def test_one_shot_commands_need_no_store(bench, guest):
    """Before the first watch there is nothing to read, and /proc still answers."""
    it = await bench(component("it", *python(SLEEPER)))
    recorded = RecordedProcesses(it.service, None, it.clock)
    assert recorded.facts(it.component()).pid is None
    by_hand = guest(*python(SLEEPER))
    await until(lambda: proc.command(by_hand.pid) == python(SLEEPER))
    assert RecordedProcesses(it.service, None, it.clock).facts(it.component()).pid == by_hand.pid
