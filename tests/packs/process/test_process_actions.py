"""The actions of processes on real processes."""

import os
import secrets
import signal
import sys
import time
from dataclasses import replace

import pytest
from guests import SERVER, free_port, python, until

from paramedic.packs.process.actions import ClearStale, Restart, Start, Stop, WaitAnswers
from paramedic.packs.process.checks import alive
from paramedic.packs.process.port import Kinship, occupants
from paramedic.packs.process.target import Process
from paramedic.sdk import ActionFailed, Component, DidIt, Finding, ProcessFacts, ProcessSpec, Status, proc
from paramedic.sdk.likeness import is_instance, is_same_command
from paramedic.watch import recognise

SLEEP = ProcessSpec(command=("sleep", "600"))


def finding(status: Status, check: str = "http.answers", observed: str = "refused") -> Finding:
    return Finding(component="it", kind="process", check=check, status=status, code=None, observed=observed)


@pytest.fixture
def step(act, children, look, bench):
    """What an action is given, with real children; ``looks`` are the findings of one look after the other."""
    token = f"t-{secrets.token_hex(4)}"

    def make(spec: ProcessSpec | None = SLEEP, *, looks=None, **fields):
        answers = iter(looks or [])
        asked = []

        async def looked(_component, checks=()):
            asked.append(tuple(checks))
            return next(answers, (finding(Status.OK),))

        context = act(Process(), process=spec, processes=children, look=looked, token=token, **fields)
        context.asked = asked
        return context

    return make


async def test_a_restart_stops_and_starts_with_the_token(step, children):
    """The old process is gone, the new one carries the token of the step, and the crash point lies between."""
    await children.start(step().component, "t0")
    old, order = children.child.pid, []
    context = step(checkpoint=lambda name: order.append((name, list(children.asked))))
    children.asked.clear()
    outcome = await Restart.action.apply(context)
    assert children.asked == ["stop", "start"]
    assert order == [("mid-act", ["stop"])]
    assert outcome.output["stopped"] == old
    await until(lambda: proc.token(outcome.output["pid"]) == context.token)
    await Restart.action.verify(context, outcome.output)
    assert children.asked[-1] == "ready"
    assert await Restart.action.reconcile(context) is DidIt.YES


async def test_what_did_not_happen_is_told_after_a_crash(step):
    """No living process carries the token: the act may be done again."""
    assert await Restart.action.reconcile(step()) is DidIt.NO
    assert await Start.action.reconcile(step()) is DidIt.NO


async def test_a_component_without_a_command_cannot_be_restarted(step):
    """The plan says so before anything happens."""
    for spec in (ProcessSpec(match="x"), None):
        assert "gives no `command`" in (await Restart.action.preview(step(spec))).blocked
        assert "gives no `command`" in (await Start.action.preview(step(spec))).blocked
        with pytest.raises(ActionFailed, match="gives no `command`"):
            await Restart.action.apply(step(spec))


async def test_a_preview_of_a_dead_component_looks_at_nobody(step, monkeypatch):
    """The hot path from an end to a restart opens no other process while nobody listens on the port."""
    context = step(ProcessSpec(command=("sleep", "600"), port=free_port()))

    def refuse() -> tuple[int, ...]:
        raise AssertionError("looked at every process")

    monkeypatch.setattr(proc, "pids", refuse)
    assert (await Restart.action.preview(context)).blocked is None


async def test_nothing_is_started_while_a_stranger_holds_the_port(step, guest, children):
    """It is named, and neither previewed away nor touched."""
    port = free_port()
    stranger = guest(python(SERVER, port))
    await until(lambda: proc.holders(port))
    context = step(ProcessSpec(command=("sleep", "600"), port=port))
    for each in (Restart, Start):
        assert f"held by a stranger: pid {stranger.pid}" in (await each.action.preview(context)).blocked
        with pytest.raises(ActionFailed, match="stranger"):
            await each.action.apply(context)
    assert children.asked == []
    assert stranger.poll() is None


async def test_nothing_is_started_beside_a_stale_instance(step, guest, children):
    """Its answers would be taken for those of the new process; a plan that clears it first is not blocked."""
    port = free_port()
    guest(python(SERVER, port))
    await until(lambda: proc.holders(port))
    context = step(ProcessSpec(command=python(SERVER, port), port=port))
    for each in (Restart, Start):
        assert (await each.action.preview(context)).blocked is None
        with pytest.raises(ActionFailed, match="an old instance of `it` holds its port"):
            await each.action.apply(context)
    assert children.asked == []


async def test_a_process_that_no_check_talks_to_must_live_for_a_while(step):
    """Being there for a moment proves nothing: one that ends soon after its start has not started."""
    spec = ProcessSpec(command=python("import time; time.sleep(0.3); raise SystemExit(1)"))
    context = step(spec, looks=[(finding(Status.OK, "process.alive"),)] * 99)
    outcome = await Restart.action.apply(context)
    with pytest.raises(ActionFailed, match="exited with code 1"):
        await Restart.action.verify(context, outcome.output)


async def test_the_wait_ends_when_the_checks_pass(step, children):
    """What failed is looked at again, and in the end everything."""
    looks = [
        (finding(Status.CRITICAL), finding(Status.OK, "process.alive")),
        (finding(Status.CRITICAL),),
        (finding(Status.OK),),
        (finding(Status.OK), finding(Status.OK, "process.alive")),
    ]
    context = step(looks=looks)
    outcome = await Start.action.apply(context)
    await Start.action.verify(context, outcome.output)
    assert context.asked == [(), ("http.answers",), ("http.answers",), ()]


async def test_a_process_that_ends_while_it_starts_fails_at_once(step, children):
    """Its exit code and its last line are the message; nobody waits for the time to pass."""
    spec = ProcessSpec(command=python("raise SystemExit(3)"), ready_within_s=60)
    children.log_tail = "loading\nno such model\n"
    context = step(spec, looks=[(finding(Status.CRITICAL),)] * 1000, limit_s=60)
    outcome = await Restart.action.apply(context)
    began = time.monotonic()
    with pytest.raises(ActionFailed, match=r"exited with code 3 .* while it started: no such model"):
        await Restart.action.verify(context, outcome.output)
    assert time.monotonic() - began < 10


async def test_a_component_that_never_answers_fails_in_time(step):
    """The check that still fails is quoted."""
    context = step(ProcessSpec(command=("sleep", "600"), ready_within_s=0.1), looks=[(finding(Status.CRITICAL),)] * 99)
    outcome = await Start.action.apply(context)
    with pytest.raises(ActionFailed, match=r"does not answer within 0\.1 s: refused"):
        await Start.action.verify(context, outcome.output)


async def test_blindness_is_no_proof(step):
    """When nothing can be looked at, nothing is verified."""
    context = step(
        ProcessSpec(match="x"),
        params={"within_s": 0.1},
        looks=[(finding(Status.UNKNOWN, observed="no permission"),)] * 99,
    )
    with pytest.raises(ActionFailed, match="no permission"):
        await WaitAnswers.action.apply(context)


async def test_waiting_for_a_dead_process_of_ours_is_given_up(step):
    """Nobody else starts it, so it will not answer by itself."""
    with pytest.raises(ActionFailed, match="ended while it started"):
        await WaitAnswers.action.apply(step(params={"within_s": 60}))


async def test_waiting_says_how_long_it_took(step):
    """It changes nothing and may be repeated."""
    context = step(ProcessSpec(match="x"), params={"within_s": 5})
    assert "up to 5 s" in (await WaitAnswers.action.preview(context)).summary
    assert (await WaitAnswers.action.apply(context)).output["took_s"] < 5
    assert await WaitAnswers.action.reconcile(context) is DidIt.NO


async def test_a_start_is_undone_by_a_stop(step, children):
    """Only the process that was started is stopped, and twice is once."""
    context = step()
    outcome = await Start.action.apply(context)
    assert "runs already" in (await Start.action.preview(context)).blocked
    assert await Start.action.undo(context, {"pid": 1}) == "the process that was started is gone already"
    assert "stopped" in await Start.action.undo(context, outcome.output)
    assert "gone already" in await Start.action.undo(context, outcome.output)


async def test_a_stop_is_proven(step, children):
    """It says what it stopped; nothing running is a success."""
    context = step()
    assert (await Stop.action.apply(context)).summary == "it was not running"
    await children.start(context.component, "t0")
    pid = children.child.pid
    assert f"pid {pid}" in (await Stop.action.preview(context)).summary
    assert await Stop.action.reconcile(context) is DidIt.NO
    with pytest.raises(ActionFailed, match="still there"):
        await Stop.action.verify(context, {})
    outcome = await Stop.action.apply(context)
    await Stop.action.verify(context, outcome.output)
    assert await Stop.action.reconcile(context) is DidIt.YES
    assert "not running" in (await Stop.action.preview(context)).summary


@pytest.mark.parametrize("ignores", [False, True])
async def test_a_stale_instance_is_cleared(step, guest, ignores):
    """Asked, then killed; afterwards the port is free."""
    port = free_port()
    code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" * ignores + SERVER
    stale = guest(python(code, port))
    await until(lambda: proc.holders(port))
    context = step(ProcessSpec(command=python(code, port), port=port, stop_timeout_s=0.3))
    assert f"pid {stale.pid}" in (await ClearStale.action.preview(context)).summary
    assert await ClearStale.action.reconcile(context) is DidIt.NO
    with pytest.raises(ActionFailed, match="still held"):
        await ClearStale.action.verify(context, {})
    outcome = await ClearStale.action.apply(context)
    assert outcome.output["stopped"] == [stale.pid]
    await ClearStale.action.verify(context, outcome.output)
    assert await ClearStale.action.reconcile(context) is DidIt.YES
    assert stale.wait() == (-signal.SIGKILL if ignores else -signal.SIGTERM)
    assert (await ClearStale.action.apply(context)).summary == "nothing stale was left"


async def test_a_stranger_is_never_cleared(step, guest):
    """Another command line, or another user, is a stranger."""
    port = free_port()
    stranger = guest(python(SERVER, port))
    await until(lambda: proc.holders(port))
    context = step(ProcessSpec(command=python(SERVER, port + 1), port=port))
    assert "never kill a stranger" in (await ClearStale.action.preview(context)).blocked
    with pytest.raises(ActionFailed, match="never kill a stranger"):
        await ClearStale.action.apply(context)
    assert stranger.poll() is None


async def test_the_same_command_of_another_user_is_a_stranger(step, guest, monkeypatch):
    """Owner and command line must both be ours."""
    port = free_port()
    stranger = guest(python(SERVER, port))
    await until(lambda: proc.holders(port))
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    context = step(ProcessSpec(command=python(SERVER, port), port=port))
    with pytest.raises(ActionFailed, match="never kill a stranger"):
        await ClearStale.action.apply(context)
    assert stranger.poll() is None


async def test_our_own_child_is_never_cleared(step, children):
    """A process that we supervise is not stale, whatever it holds."""
    port = free_port()
    context = step(ProcessSpec(command=python(SERVER, port), port=port))
    await children.start(context.component, "t0")
    await until(lambda: proc.holders(port))
    assert (await ClearStale.action.apply(context)).summary == "nothing stale was left"
    assert children.child.poll() is None


TITLED = """#!{python}
import socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
with open("/proc/self/stat") as file:
    start, end = (int(each) for each in file.read().rpartition(")")[2].split()[45:47])
title = b"backend 127.0.0.1:" + sys.argv[1].encode()
with open("/proc/self/mem", "r+b", buffering=0) as memory:
    memory.seek(start)
    memory.write(title.ljust(end - start, bytes(1)))
while True:
    server.accept()
"""
"""Writes a title over its arguments, as Redis, nginx and gunicorn do."""


async def test_a_process_that_shows_a_title_is_known_by_its_program(guest, tmp_path):
    """It names itself so, its executable and folder are the declared ones; another folder or program is a stranger."""
    program, port = tmp_path / "backend", free_port()
    program.write_text(TITLED.format(python=os.path.realpath(sys.executable)))
    program.chmod(0o755)
    (tmp_path / "elsewhere").mkdir()
    child = guest([str(program), str(port)], cwd=tmp_path)
    await until(lambda: proc.command(child.pid)[:1] == (f"backend 127.0.0.1:{port}",) and proc.holders(port))
    assert is_instance((str(program), str(port)), child.pid, tmp_path)
    assert is_instance(("./backend", str(port)), child.pid, tmp_path)
    assert not is_instance((str(program), str(port)), child.pid, tmp_path / "elsewhere")
    assert not is_instance(("/bin/sh", str(port)), child.pid, tmp_path)
    assert not is_instance((), child.pid, tmp_path)
    spec = ProcessSpec(command=(str(program), str(port)), cwd=tmp_path, port=port)
    found = await occupants(Component(name="it", kind="tcp", target=None, process=spec), ProcessFacts(desired=None))
    assert [(each.kinship, each.instance) for each in found] == [(Kinship.STALE, child.pid)]
    who = recognise.by_command(spec, tmp_path)
    assert who is not None
    assert who.pid == child.pid
    assert recognise.by_command(replace(spec, port=None), tmp_path) is None


@pytest.mark.parametrize(
    ("declared", "running", "same"),
    [
        (("python", "-m", "shop"), ("/usr/bin/python3.11", "-m", "shop"), True),
        (("python", "-m", "shop"), ("python", "-m", "shop", "-v"), False),
        (("python", "-m", "shop"), ("python", "-m", "other"), False),
        (("./run.sh", "a"), ("/bin/sh", "./run.sh", "a"), True),
        (("./run.sh", "a"), ("vim", "./run.sh", "a"), False),
        (("./serve.py",), ("/usr/bin/python3", "-u", "/srv/serve.py"), True),
        ((), ("python",), False),
        (("python",), (), False),
    ],
)
def test_command_lines_are_compared_up_to_folder_and_version(declared, running, same):
    """Exactly the same arguments; the program by its name."""
    assert is_same_command(declared, running) is same


def test_the_checks_of_a_process_belong_to_every_component_with_one():
    """They look at the process of any kind of component."""
    assert alive.of is ProcessSpec
    assert alive.id == "process.alive"
    assert {code.id for code in alive.codes} == {
        "process.exited",
        "process.not-running",
        "process.suspended",
        "process.crash-loop",
        "port.in-use",
    }
    assert all(
        code.instant for code in alive.codes if code.id != "process.suspended"
    )  # a debugger holds it for a moment
