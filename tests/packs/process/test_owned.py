"""Start, stop and restart through owners: a real supervisord, and stand-ins of the others that record their words."""

import json
import os
import signal

import pytest

from owners import SUPERVISORCTL, Rule, StandIn, Supervisord, until
from paramedic.model.component import Owner, ProcessSpec
from paramedic.packs.process import owned
from paramedic.packs.process.actions import Restart, Start, Stop
from paramedic.packs.process.pools import ResetPool
from paramedic.packs.process.target import Process
from paramedic.sdk import ActionFailed, DidIt, Finding, Status, owning
from paramedic.sdk.unit import State


class Crashed(Exception):
    """Stands for SIGKILL at a checkpoint."""


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A folder for stand-ins, first on the way to programs."""
    monkeypatch.setattr(owned, "STEADY_S", 0.2)
    folder = tmp_path / "programs"
    folder.mkdir()
    (folder / "supervisorctl").symlink_to(SUPERVISORCTL)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


@pytest.fixture
def step(act, bench):
    """A step on a component that somebody else starts; its checks pass."""

    def make(owner, token="t-1", status=Status.OK, **fields):
        async def looked(_component, _checks=()):
            return (
                Finding(component="it", kind="tcp", check="tcp.answers", status=status, code=None, observed="seen"),
            )

        return act(Process(), owner=owner, look=looked, token=token, **fields)

    return make


@pytest.fixture
def supervised(bench, programs):
    """A real supervisord over one long-lived program, in the folder of the service file."""
    made = Supervisord(bench.folder, "sleep 600")
    until(lambda: made.pid() > 0, "its program runs")
    yield made
    made.end()


async def test_a_killed_program_is_restarted_through_supervisord(supervised, step):
    """What supervisord leaves down is up again, in a new run that its owner confirms."""
    context = step(supervised.owner)
    supervised.kill()
    preview = await Restart.action.preview(context)
    assert preview.blocked is None
    assert "`supervisorctl -c supervisord.conf restart api`" in preview.summary
    outcome = await Restart.action.apply(context)
    await Restart.action.verify(context, outcome.output)
    assert outcome.output["run"] == str(supervised.pid())
    assert await Restart.action.reconcile(context) is DidIt.YES


async def test_a_running_program_is_another_one_after_a_restart(supervised, step):
    """The old run is over."""
    before = supervised.pid()
    outcome = await Restart.action.apply(step(supervised.owner))
    assert outcome.output["before"] == str(before)
    assert supervised.pid() not in (0, before)


async def test_start_and_stop_through_supervisord(supervised, step):
    """A start of what runs is refused, a stop is confirmed, and a start is taken back."""
    context = step(supervised.owner)
    assert "runs already" in ((await Start.action.preview(context)).blocked or "")
    stopped = await Stop.action.apply(context)
    await Stop.action.verify(context, stopped.output)
    assert supervised.pid() == 0
    assert await Stop.action.reconcile(context) is DidIt.YES
    started = await Start.action.apply(step(supervised.owner, token="t-2"))
    assert supervised.pid() > 0
    assert "stopped" in await Start.action.undo(step(supervised.owner, token="t-3"), started.output)
    assert supervised.pid() == 0
    assert "gone already" in await Start.action.undo(step(supervised.owner, token="t-4"), started.output)


async def test_a_crash_before_the_order_lets_it_be_given_again(supervised, step):
    """Between the memo and the order nothing has happened: the same run lives."""

    def crash(_name):
        raise Crashed

    before = supervised.pid()
    assert await Restart.action.reconcile(step(supervised.owner)) is DidIt.NO
    with pytest.raises(Crashed):
        await Restart.action.apply(step(supervised.owner, checkpoint=crash))
    assert await Restart.action.reconcile(step(supervised.owner)) is DidIt.NO
    assert supervised.pid() == before


async def test_a_program_that_ends_at_once_fails_the_restart(bench, programs, step):
    """A crash loop is told with the owner's own words, not waited for in vain."""
    made = Supervisord(bench.folder, "false", startsecs=2)
    try:
        with pytest.raises(ActionFailed, match=r"failed: |does not start: |does not run within"):
            await Restart.action.apply(step(made.owner, limit_s=2.0))
    finally:
        made.end()


async def test_a_name_that_supervisord_does_not_know_blocks_the_plan(supervised, step):
    """Nothing is tried on a unit that does not exist."""
    owner = Owner(manager="supervisord", unit="nobody", options=supervised.owner.options)
    assert "has no `nobody`" in ((await Restart.action.preview(step(owner))).blocked or "")


async def test_an_owner_that_does_not_answer_blocks_the_plan(bench, programs, step):
    """Not to be able to ask is no licence to act."""
    owner = Owner(manager="supervisord", unit="api", options=("-c", "nowhere.conf"))
    assert "cannot be asked" in ((await Restart.action.preview(step(owner))).blocked or "")
    with pytest.raises(ActionFailed, match="cannot be asked"):
        await Restart.action.apply(step(owner))
    assert "cannot be asked" in ((await Restart.action.preview(step(Owner(manager="docker", unit="x")))).blocked or "")


async def test_a_program_that_may_not_be_killed_is_an_owner_that_cannot_be_asked(programs, step, monkeypatch):
    """As with ``sudo``: the refusal to kill it does not hide that it did not answer, and it is waited for."""
    pids = []

    def refuse(pid, _signal):
        pids.append(pid)
        os.kill(pid, signal.SIGKILL)  # it ends by itself, a moment later
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "killpg", refuse)
    owner = Owner(manager="command", commands={"status": ("sleep", "600")})
    with pytest.raises(owning.CannotAsk, match=r"`sleep` did not answer within 0\.1 s"):
        await owning.look(step(owner).component, programs, 0.1)
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


def inspected(status: str, began: str, code: int = 0) -> str:
    """What ``docker inspect`` prints."""
    state = {"Status": status, "ExitCode": code, "StartedAt": began}
    return json.dumps([{"Id": "c" * 64, "Image": "sha256:1", "State": state, "RestartCount": 0}])


def shown(active: str, run: str) -> str:
    """What ``systemctl show`` prints."""
    return f"LoadState=loaded\nActiveState={active}\nSubState=x\nInvocationID={run}\nNRestarts=0\n"


def deployed(generation: int, replicas: int = 2) -> str:
    """What ``kubectl get deployment`` prints."""
    status = {"observedGeneration": generation, "readyReplicas": replicas, "updatedReplicas": replicas}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": "api"}}}
    return json.dumps({"metadata": {"generation": generation}, "spec": spec, "status": status})


NO_PODS = Rule(words=("get", "pods"), out='{"items": []}')
DOCKER = [
    Rule(words=("inspect", "image"), out="sha256:1"),
    Rule(words=("inspect",), state="up", out=inspected("running", "t1")),
    Rule(words=("inspect",), state="again", out=inspected("running", "t2")),
    Rule(words=("inspect",), state="down", out=inspected("exited", "t1", 137)),
    Rule(words=("ps", "--quiet"), out="c1\n"),
    Rule(words=("stop",), becomes="down"),
    Rule(words=("start",), becomes="again"),
    Rule(words=("up",), becomes="again"),
    Rule(words=("restart",), becomes="again"),
]
SYSTEMCTL = [
    Rule(words=("show",), state="up", out=shown("active", "r1")),
    Rule(words=("show",), state="again", out=shown("active", "r2")),
    Rule(words=("show",), state="down", out=shown("failed", "r1")),
    Rule(words=("stop",), becomes="down"),
    Rule(words=("start",), becomes="again"),
    Rule(words=("restart",), becomes="again"),
]
KUBECTL = [
    NO_PODS,
    Rule(words=("get",), state="up", out=deployed(1)),
    Rule(words=("get",), state="again", out=deployed(2)),
    Rule(words=("get",), state="down", out=deployed(2, 0)),
    Rule(words=("--replicas=0",), becomes="down"),
    Rule(words=("--replicas=2",), becomes="again"),
    Rule(words=("restart",), becomes="again"),
]
STANDINS = [
    (
        Owner(manager="docker", unit="api", options=("--context", "shop")),
        "docker",
        DOCKER,
        {
            "restart": ["--context", "shop", "restart", "api"],
            "stop": ["--context", "shop", "stop", "api"],
            "start": ["--context", "shop", "start", "api"],
        },
    ),
    (
        Owner(manager="compose", unit="api", options=("--file", "shop.yaml")),
        "docker",
        DOCKER,
        {
            "restart": ["compose", "--file", "shop.yaml", "restart", "--no-deps", "api"],
            "stop": ["compose", "--file", "shop.yaml", "stop", "api"],
            "start": ["compose", "--file", "shop.yaml", "up", "--detach", "--no-deps", "--no-recreate", "api"],
        },
    ),
    (
        Owner(manager="systemd", unit="api.service", options=("--user",)),
        "systemctl",
        SYSTEMCTL,
        {
            "restart": ["--user", "restart", "api.service"],
            "stop": ["--user", "stop", "api.service"],
            "start": ["--user", "start", "api.service"],
        },
    ),
    (
        Owner(manager="kubernetes", unit="api", options=("--namespace", "shop")),
        "kubectl",
        KUBECTL,
        {
            "restart": ["--namespace", "shop", "rollout", "restart", "deployment/api"],
            "stop": ["--namespace", "shop", "scale", "deployment/api", "--replicas=0"],
            "start": ["--namespace", "shop", "scale", "deployment/api", "--replicas=2"],
        },
    ),
]


@pytest.mark.parametrize("case", STANDINS, ids=[each[0].manager for each in STANDINS])
async def test_every_owner_is_told_in_its_own_words(case, programs, step):
    """A stand-in records exactly what systemctl, docker, docker compose and kubectl would have been given."""
    owner, program, rules, words = case
    stand_in = StandIn(programs, program, rules, "up")
    outcome = await Restart.action.apply(step(owner, token="t-restart"))
    assert stand_in.acts == [words["restart"]]
    assert outcome.output["run"] != outcome.output["before"]
    assert await Restart.action.reconcile(step(owner, token="t-restart")) is DidIt.YES
    await Stop.action.apply(step(owner, token="t-stop"))
    assert await Stop.action.reconcile(step(owner, token="t-stop")) is DidIt.YES
    assert (await owning.look(step(owner).component, programs)).state in (State.EXITED, State.STOPPED)
    await Start.action.apply(step(owner, token="t-start"))
    assert stand_in.acts[1:] == [words["stop"], words["start"]]


async def test_a_start_never_shrinks_a_workload(programs, step):
    """What Kubernetes starts already is left to it; should it come to a start, as many are asked for as are wanted."""
    starting = json.loads(deployed(1, 5))
    starting["status"]["readyReplicas"] = 3
    rules = [
        NO_PODS,
        Rule(words=("get",), state="some", out=json.dumps(starting)),
        Rule(words=("get",), state="all", out=deployed(1, 5)),
        Rule(words=("--replicas=5",), becomes="all"),
    ]
    stand_in = StandIn(programs, "kubectl", rules, "some")
    context = step(Owner(manager="kubernetes", unit="api"))
    assert "starts it already: 3 of 5 ready" in ((await Start.action.preview(context)).blocked or "")
    await Start.action.apply(context)
    assert stand_in.acts == [["scale", "deployment/api", "--replicas=5"]]


async def test_a_workload_that_nobody_counted_starts_with_one(programs, step):
    """Somebody else has stopped it."""
    StandIn(programs, "kubectl", [NO_PODS, Rule(words=("get",), out=deployed(2, 0))])
    preview = await Start.action.preview(step(Owner(manager="kubernetes", unit="api")))
    assert preview.blocked is None
    assert "--replicas=1`" in preview.summary


async def test_an_owner_that_refuses_is_quoted(programs, step):
    """The receipt of a failed step holds what the owner said."""
    StandIn(programs, "docker", [*DOCKER[:4], Rule(words=("restart",), code=1, err="Error: no space left\n")], "up")
    with pytest.raises(ActionFailed, match=r"`docker restart api` failed: Error: no space left"):
        await Restart.action.apply(step(Owner(manager="docker", unit="api")))


async def test_a_restart_without_effect_is_told(programs, step):
    """An owner that says yes and does nothing is found out: the run is the old one."""
    StandIn(programs, "docker", [*DOCKER[:4], Rule(words=("restart",))], "up")
    with pytest.raises(ActionFailed, match="does not run within 1 s: running"):
        await Restart.action.apply(step(Owner(manager="docker", unit="api"), limit_s=1.0))
    assert await Restart.action.reconcile(step(Owner(manager="docker", unit="api"))) is DidIt.NO


def scripts() -> Owner:
    """An owner of commands of its own, around a file."""
    commands = {"start": ("touch", "up"), "stop": ("rm", "up"), "status": ("test", "-e", "up")}
    return Owner(manager="command", commands=commands)


async def test_commands_of_its_own(bench, step):
    """A restart without a command for it is a stop and a start; ``status`` says whether it runs."""
    owner = scripts()
    (bench.folder / "up").touch()
    outcome = await Restart.action.apply(step(owner))
    assert (bench.folder / "up").exists()
    assert "restarted `it`" in outcome.summary
    assert await Restart.action.reconcile(step(owner)) is DidIt.CANNOT_TELL
    await Stop.action.apply(step(owner, token="t-2"))
    assert not (bench.folder / "up").exists()
    assert await Restart.action.reconcile(step(owner)) is DidIt.NO
    assert "`touch up`" in (await Restart.action.preview(step(owner))).summary


async def test_commands_without_a_status_are_taken_at_their_word(bench, step):
    """Only the component's checks can tell then."""
    owner = Owner(manager="command", commands={"start": ("touch", "up"), "stop": ("true",), "restart": ("touch", "up")})
    assert (await Restart.action.preview(step(owner))).blocked is None
    outcome = await Restart.action.apply(step(owner))
    await Restart.action.verify(step(owner), outcome.output)
    assert (bench.folder / "up").exists()
    assert await Restart.action.reconcile(step(owner)) is DidIt.CANNOT_TELL
    with pytest.raises(ActionFailed, match="does not answer within"):
        await Restart.action.verify(step(owner, status=Status.CRITICAL, limit_s=0.2), outcome.output)


async def test_a_command_of_paramedics_own_goes_before_an_owner(step):
    """Who names both has Paramedic start it."""
    context = step(Owner(manager="docker", unit="x"), process=ProcessSpec(command=("sleep", "1")))
    assert not owning.is_owned(context.component)


async def test_pools_of_what_somebody_else_starts_are_reset_by_a_restart(programs, step):
    """A dependant that does not recover by itself is restarted through its owner."""
    stand_in = StandIn(programs, "docker", DOCKER, "up")
    context = step(Owner(manager="docker", unit="api"), status=Status.CRITICAL, limit_s=3.0)
    assert "restart `it`" in (await ResetPool.action.preview(context)).summary
    await ResetPool.action.apply(context)
    assert stand_in.acts == [["restart", "api"]]
