"""Orders from outside, and what is shown outside."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from paramedic.guard import BudgetTripwire, CircuitBreaker, FeatureFlags, LabelCap, MemoryMonitor, PerformanceMonitor
from paramedic.guard import post as module
from paramedic.guard.cardinality import LABELS
from paramedic.guard.outside import Order, ask, processes
from paramedic.guard.post import ForeignFolder, Post, alive, folder, put_order, started
from paramedic.guard.tasks import FailedTaskQueue


@pytest.fixture
def post(clock):
    return Post(clock)


@pytest.fixture
def breaker(clock):
    return CircuitBreaker(name="model", clock=clock)


def shown():
    return json.loads(next((folder() / "processes").glob("[!.]*.json")).read_text())


def test_an_order_is_carried_out_once_and_answered(post, breaker) -> None:
    """By the guards of its kind and name."""
    other = CircuitBreaker(name="other")
    first = put_order(Order(kind="breaker", name="model", verb="open", settings={"because": "drill"}))
    post.carry_out_orders([breaker, other])
    assert (breaker.state, other.state) == ("open", "closed")
    assert breaker.get_state()["because"] == "drill"
    breaker.reset()
    post.carry_out_orders([breaker, other])
    post.carry_out_orders([breaker, other])
    assert breaker.state == "closed"
    second = put_order(Order(kind="breaker", name="*", verb="open"))
    third = put_order(Order(kind="flags", name="model", verb="open"))
    post.carry_out_orders([breaker, other])
    assert (breaker.state, other.state) == ("open", "open")
    post.show([breaker, other])
    assert shown()["answers"] == {first: "done", second: "done", third: "unknown: no such guard here"}


def test_orders_that_were_there_before_are_none_of_ours(clock, breaker) -> None:
    """A restarted process does not do again what was done."""
    put_order(Order(kind="breaker", name="model", verb="open"))
    Post(clock).carry_out_orders([breaker])
    assert breaker.state == "closed"


def test_an_order_may_be_for_some_processes_only(post, breaker) -> None:
    """Others do not even answer."""
    put_order(Order(kind="breaker", name="model", verb="open", pids=(1,)))
    post.carry_out_orders([breaker])
    assert breaker.state == "closed"
    put_order(Order(kind="breaker", name="model", verb="open", pids=(1, os.getpid())))
    post.carry_out_orders([breaker])
    assert breaker.state == "open"
    post.show([breaker])
    assert len(shown()["answers"]) == 1


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "3", '"x"', "{}", '{"kind": "breaker"}', '{"kind": "breaker", "name": "m", "verb": "open", "settings": 3}',
     '{"kind": "breaker", "name": "m", "verb": "open", "pids": 3}', '{"kind": 1, "zzz": 2}'],
)  # fmt: skip
def test_an_order_that_makes_no_sense_is_refused(post, breaker, text) -> None:
    """And harms nobody."""
    (folder() / "orders" / "strange.json").write_text(text)
    (folder() / "orders" / ".half.json.new").write_text("{")
    good = put_order(Order(kind="breaker", name="model", verb="open"))
    post.carry_out_orders([breaker])
    post.show([breaker])
    assert shown()["answers"]["strange"].startswith("refused: the order cannot be read")
    assert shown()["answers"][good] == "done"
    assert len(shown()["answers"]) == 2
    assert breaker.state == "open"


def test_a_refusal_is_the_answer(post, breaker) -> None:
    """Also where a setting makes no sense or is missing."""
    one = put_order(Order(kind="breaker", name="model", verb="tune", settings={"failure_threshold": 0}))
    two = put_order(Order(kind="breaker", name="model", verb="explode"))
    post.carry_out_orders([breaker])
    post.show([breaker])
    assert shown()["answers"][one] == "refused: `failure_threshold` is a whole number of at least 1, not `0`"
    assert shown()["answers"][two] == "refused: a breaker knows no `explode`"


def test_the_last_hundred_answers_are_kept(post, breaker) -> None:
    """Who asked has read the others."""
    ids = []
    for _ in range(103):
        ids.append(put_order(Order(kind="breaker", name="model", verb="reset")))
        post.carry_out_orders([breaker])
    post.show([breaker])
    assert list(shown()["answers"]) == ids[3:]


def test_old_orders_are_removed(clock, monkeypatch) -> None:
    """By who places the next one."""
    old = folder() / "orders" / f"{put_order(Order(kind='a', name='b', verb='c'))}.json"
    now = time.time()
    clock.step_wall(now - clock.wall())
    os.utime(old, (now - 120, now - 120))
    put_order(Order(kind="a", name="b", verb="c"), clock)
    assert old.exists()
    os.utime(old, (now - 120.5, now - 120.5))
    put_order(Order(kind="a", name="b", verb="c"), clock)
    assert not old.exists()


def test_every_guard_shows_itself(post, clock, tmp_path) -> None:
    """With kind, name and what it has, as plain values, beside the process."""
    breaker = CircuitBreaker(name="model", clock=clock)
    tripwire = BudgetTripwire(clock=clock, limits={"a": 5})
    flags = FeatureFlags({"x": True}, clock=clock)
    queue = FailedTaskQueue(tmp_path / "q.sqlite", handlers={"x": lambda: 1 / 0}, max_retries=1, clock=clock)
    queue.add("x")
    queue.run_due()
    memory = MemoryMonitor(limit_bytes=1 << 40, rss=lambda: 100, clock=clock)
    memory.check()
    guards = [breaker, tripwire, flags, queue, memory, PerformanceMonitor(clock=clock), LabelCap()]
    post.show(guards)
    found = shown()
    assert found["pid"] == os.getpid()
    assert found["started"] == started(os.getpid())
    assert found["folder"] == str(tmp_path)
    assert found["as_of"] == found["watched_since"] == "2023-11-14T22:13:20+00:00"
    assert found["service"] is None
    assert found["program"] == sys.argv[:1]
    assert [each["kind"] for each in found["guards"]] == [
        "breaker",
        "budget",
        "flags",
        "tasks",
        "memory",
        "performance",
        "metrics",
    ]
    assert found["guards"][0]["state"] == "closed"
    assert found["guards"][3]["dead"] == 1
    assert found["guards"][3]["dead_letters"][0]["error"] == "ZeroDivisionError: division by zero"
    assert found["events"][-1]["kind"] == "exhausted"
    assert found["events"][-1]["detail"] == {}


def test_numbers_are_written_once_a_second_and_news_at_once(post, clock, breaker) -> None:
    """And nothing where nothing changed."""
    path = post._own
    post.show([breaker])
    first = path.stat().st_ino
    post.show([breaker])
    assert path.stat().st_ino == first
    with breaker:
        pass
    post.show([breaker])
    assert path.stat().st_ino == first
    clock.advance(0.9)
    post.show([breaker])
    assert path.stat().st_ino == first
    clock.advance(0.1)
    post.show([breaker])
    assert shown()["guards"][0]["success_count"] == 1
    breaker.force_open()
    post.show([breaker])
    assert shown()["guards"][0]["state"] == "open"
    put_order(Order(kind="breaker", name="model", verb="tune", settings={"failure_threshold": 9}))
    post.carry_out_orders([breaker])
    post.show([breaker])
    assert shown()["guards"][0]["settings"]["failure_threshold"] == 9


def test_the_folder_is_ones_own(tmp_path, monkeypatch) -> None:
    """Where none is named it must belong to the user and be closed to others."""
    monkeypatch.delenv("PARAMEDIC_GUARD_DIR")
    real_path = Path
    place = tmp_path / "common"
    monkeypatch.setattr(
        module, "Path", lambda text: place if str(text).startswith("/tmp/paramedic-guard-") else real_path(text)
    )
    assert folder() == place
    assert place.stat().st_mode & 0o777 == 0o700
    place.chmod(0o750)
    with pytest.raises(ForeignFolder):
        folder()
    place.chmod(0o700)
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    with pytest.raises(ForeignFolder):
        folder()


def test_who_lives_is_told_from_who_does_not() -> None:
    """By number and start; a zombie is dead."""
    assert alive(os.getpid(), started(os.getpid()))
    assert not alive(os.getpid(), "1")
    child = subprocess.Popen(["true"])
    ticks = started(child.pid)
    deadline = time.monotonic() + 10
    while alive(child.pid, ticks):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    child.wait()
    assert not alive(child.pid, ticks)
    assert alive(1, started(1))
    assert started(2**22 + 5) == "0"
    assert alive(2**22 + 5, "0") is False


def test_reports_of_the_dead_are_removed_and_of_strangers_passed_over() -> None:
    """Only the living are listed."""
    place = folder() / "processes"
    (place / "999999999-5.json").write_text("{}")
    (place / "x-5.json").write_text("{}")
    own = f"{os.getpid()}-{started(os.getpid())}.json"
    (place / own).write_text("{}")
    assert processes() == []
    assert [each.name for each in place.iterdir()] == [own]


def test_the_report_goes_with_its_process(post, breaker, monkeypatch) -> None:
    """Not with a fork's."""
    post.show([breaker])
    assert [each.pid for each in processes()] == [os.getpid()]
    post._vanish(os.getpid() + 1)
    assert processes()
    post._vanish(os.getpid())
    assert processes() == []


PROGRAM = """
import os, sys, time
from paramedic.guard import CircuitBreaker, get_tripwire, get_feature_flags
breaker = CircuitBreaker(name="model")
breaker.state; get_tripwire().downgrade_active; get_feature_flags().active()
child = os.fork() if sys.argv[1:] else None
if child == 0:
    breaker.state
os.write(1, b"%d\\n" % os.getpid())
if child:
    os.waitpid(child, 0)
time.sleep(60)
"""


@pytest.fixture
def program(tmp_path):
    started_ = []

    def start(*arguments):
        child = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", PROGRAM, *arguments], stdout=subprocess.PIPE, text=True
        )
        started_.append(child)
        return child

    yield start
    for each in started_:
        each.kill()
        each.communicate()


def wait_until(look):
    deadline = time.monotonic() + 20
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def states(pid):
    return {guard["name"]: guard for each in processes() if each.pid == pid for guard in each.guards}


def test_a_running_program_obeys_within_a_second(program) -> None:
    """It is found, changed, asked again, and gone when it is gone."""
    child = program()
    pid = int(child.stdout.readline())
    wait_until(lambda: set(states(pid)) == {"model", "tokens", "flags"})
    begun = time.monotonic()
    assert ask(Order(kind="breaker", name="model", verb="open")) == {pid: "done"}
    assert time.monotonic() - begun < 1.0
    assert states(pid)["model"]["state"] == "open"
    assert ask(Order(kind="breaker", name="model", verb="tune", settings={"recovery_timeout": 7})) == {pid: "done"}
    assert states(pid)["model"]["settings"]["recovery_timeout"] == 7
    assert ask(Order(kind="flags", name="*", verb="enable", settings={"flag": "x"})) == {pid: "done"}
    assert states(pid)["flags"]["active"] == ["x"]
    assert ask(Order(kind="budget", name="tokens", verb="reset"))[pid] == "done"
    assert ask(Order(kind="breaker", name="none", verb="open"), timeout_s=0.5) == {}
    assert "opened" in {event["kind"] for each in processes() for event in each.events}
    os.kill(pid, 19)
    assert ask(Order(kind="breaker", name="model", verb="reset"), timeout_s=0.3) == {pid: "silent"}
    os.kill(pid, 18)
    child.kill()
    child.wait()
    assert processes() == []


def test_a_forked_worker_is_reached_like_its_parent(program) -> None:
    """Each by its own thread and its own report."""
    child = program("fork")
    pids = {int(child.stdout.readline()), int(child.stdout.readline())}
    wait_until(lambda: {each.pid for each in processes()} == pids)
    assert ask(Order(kind="breaker", name="model", verb="open")) == dict.fromkeys(pids, "done")
    for pid in pids:
        assert states(pid)["model"]["state"] == "open"
    (other,) = pids - {child.pid}
    os.kill(other, 9)


def test_a_folder_that_somebody_named_is_taken_as_it_is(tmp_path, monkeypatch) -> None:
    """Who may see it is then decided by who named it."""
    place = tmp_path / "shared"
    place.mkdir()
    place.chmod(0o777)
    monkeypatch.setenv("PARAMEDIC_GUARD_DIR", str(place))
    assert folder() == place


def test_of_several_answers_the_first_refusal_is_told(post, clock) -> None:
    """One guard that obeyed does not hide two that did not."""
    breakers = [CircuitBreaker(name=name, clock=clock) for name in "abc"]
    for each, answer in zip(breakers, ("done", "refused: not now", "refused: never"), strict=True):
        each.obey = lambda verb, settings, answer=answer: answer
    asked = put_order(Order(kind="breaker", name="*", verb="open"))
    post.carry_out_orders(breakers)
    post.show(breakers)
    assert shown()["answers"] == {asked: "refused: not now"}


def test_the_labels_of_the_guards_themselves_are_capped_by_name(post, monkeypatch) -> None:
    """Whoever orders it from outside calls them `guard`."""
    monkeypatch.setattr(LABELS, "_limits", {})
    asked = put_order(Order(kind="metrics", name="guard", verb="cap", settings={"label": "breaker", "limit": 7}))
    post.carry_out_orders([LABELS, LabelCap()])
    post.show([LABELS])
    assert shown()["answers"] == {asked: "done"}
    assert shown()["guards"][0]["limits"] == {"breaker": 7}


def test_a_process_is_known_whatever_it_calls_itself() -> None:
    """Brackets, blanks and bytes that are no text stand in the same line as the moment of its start."""
    program = "open('/proc/self/comm', 'wb').write(b') Z \\xff (x'); print(flush=True); input()"
    child = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    before = started(child.pid)
    assert child.stdout.readline() == b"\n"
    assert started(child.pid) == before
    assert alive(child.pid, before)
    child.communicate(b"\n")


def test_a_process_of_somebody_else_lives_too(monkeypatch) -> None:
    """It may not be signalled, which says that it is there."""

    def refused(pid, signal):
        raise PermissionError

    ticks = started(os.getpid())
    monkeypatch.setattr(os, "kill", refused)
    assert alive(os.getpid(), ticks)
    assert not alive(os.getpid(), "1")


def test_without_a_proc_a_process_is_known_by_its_number_alone(monkeypatch) -> None:
    """On such a platform all of them began at `0`."""
    monkeypatch.setattr(module, "Path", lambda text: Path("/nowhere") / str(text).lstrip("/"))
    assert started(os.getpid()) == "0"
    assert alive(os.getpid(), "0")


def test_orders_are_carried_out_as_they_were_placed(post, clock) -> None:
    """Also those of one second."""
    breaker = CircuitBreaker(name="model", clock=clock)
    heard = []
    breaker.obey = lambda verb, _: heard.append(verb) or "done"
    for verb in "abcdefgh":
        put_order(Order(kind="breaker", name="model", verb=verb), clock)
        clock.advance(0.002)
    post.carry_out_orders([breaker])
    assert heard == list("abcdefgh")


def test_a_process_that_ends_takes_its_report_along() -> None:
    """Nobody has to tidy after it."""
    program = "import os; from paramedic.guard.post import Post, folder; Post().show([]); print(os.listdir(folder() / 'processes'))"
    said = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert ".json" in said
    assert list((folder() / "processes").iterdir()) == []


def test_the_start_of_a_process_is_told_in_ticks_since_boot() -> None:
    """As the kernel counts them: one that was started now, began now."""
    child = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    began_s = int(started(child.pid)) / os.sysconf("SC_CLK_TCK")
    child.communicate()
    assert abs(time.clock_gettime(time.CLOCK_BOOTTIME) - began_s) < 60


def test_the_folder_is_made_wherever_it_shall_be(tmp_path, monkeypatch) -> None:
    """With the folders above it."""
    monkeypatch.setenv("PARAMEDIC_GUARD_DIR", str(tmp_path / "a" / "b" / "c"))
    assert folder() == tmp_path / "a" / "b" / "c"
    assert (tmp_path / "a" / "b" / "c" / "orders").is_dir()


def test_a_report_that_somebody_removed_is_not_missed_at_the_end(post, breaker) -> None:
    """The process ends as it would have."""
    post.show([breaker])
    post._own.unlink()
    post._vanish(os.getpid())
    assert processes() == []


def test_a_process_shows_whose_it_is(post, breaker, monkeypatch) -> None:
    """As its environment says."""
    monkeypatch.setenv("PARAMEDIC_SERVICE", "shop")
    post.show([breaker])
    assert [each.service for each in processes()] == ["shop"]


def test_old_orders_are_removed_past_those_that_another_removed_first() -> None:
    """One that is gone meanwhile ends nothing."""
    orders = folder() / "orders"
    for number in range(6):
        (orders / f"gone-{number}.json").symlink_to("nowhere")
        (orders / f"old-{number}.json").write_text("{}")
        os.utime(orders / f"old-{number}.json", (0, 0))
    put_order(Order(kind="a", name="b", verb="c"))
    assert list(orders.glob("old-*")) == []


def test_nobody_else_sees_into_the_folder() -> None:
    """Orders and reports are the user's own."""
    assert {each.stat().st_mode & 0o777 for each in folder().iterdir()} == {0o700}


def test_a_folder_that_was_tidied_away_comes_back(post, breaker, clock) -> None:
    """`/tmp` loses what is old: the folder, a part of it, or what an idle process shows."""
    post.show([breaker])
    for lost in (folder(), folder() / "orders", folder() / "processes"):
        shutil.rmtree(lost)
        post.carry_out_orders([breaker])
        clock.advance(1)
        post.show([breaker])
        put_order(Order(kind="breaker", name="model", verb="open"))
        post.carry_out_orders([breaker])
        assert breaker.state == "open"
        breaker.reset()
    post.show([breaker])
    post._own.unlink()
    clock.advance(1)
    post.show([breaker])
    assert shown()["guards"][0]["name"] == "model"


def test_a_process_that_changes_its_folder_is_still_found(clock, breaker, monkeypatch, tmp_path) -> None:
    """A relative path means the folder that the process began in."""
    monkeypatch.setenv("PARAMEDIC_GUARD_DIR", "here")
    post = Post(clock)
    put_order(Order(kind="breaker", name="model", verb="open"))
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    post.carry_out_orders([breaker])
    post.show([breaker])
    assert breaker.state == "open"
    assert len(list((tmp_path / "here" / "processes").iterdir())) == 1
    assert list((tmp_path / "sub").iterdir()) == []
