"""More instances and more memory, through stand-ins that record what docker, compose, kubectl and systemctl are told."""

import json
import os

import pytest

from owners import Rule, StandIn
from paramedic.model.component import Owner
from paramedic.packs.container.room import RaiseLimit, ScaleOut
from paramedic.packs.container.target import Container
from paramedic.sdk import ActionFailed, DidIt

MIB = 1024 * 1024


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A folder for stand-ins, first on the way to programs."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


def boxes(memory=0, count=1):
    """What ``docker inspect`` prints."""
    state = {"Status": "running", "ExitCode": 0, "StartedAt": "t"}
    return json.dumps(
        [{"Id": f"{n}" * 64, "Image": "i", "State": state, "HostConfig": {"Memory": memory}} for n in range(count)]
    )


def workload(replicas, memory):
    """What ``kubectl get`` prints."""
    box = {"name": "api", "resources": {"limits": {"memory": memory}}}
    beside = {"name": "proxy", "resources": {"limits": {"memory": "16Mi"}}}
    spec = {
        "replicas": replicas,
        "selector": {"matchLabels": {"app": "api"}},
        "template": {"spec": {"containers": [box, beside]}},
    }
    return json.dumps({"metadata": {"generation": 1}, "spec": spec, "status": {"readyReplicas": replicas}})


def shown(memory):
    """What ``systemctl show`` prints."""
    return f"LoadState=loaded\nActiveState=active\nMemoryMax={memory}\n"


CASES = [
    (
        RaiseLimit,
        Owner(manager="docker", unit="api"),
        "docker",
        [
            Rule(words=("inspect",), state="less", out=boxes(64 * MIB)),
            Rule(words=("inspect",), state="more", out=boxes(96 * MIB)),
            Rule(words=("update", str(96 * MIB)), becomes="more"),
            Rule(words=("update", str(64 * MIB)), becomes="less"),
        ],
        {},
        ["update", "--memory", str(96 * MIB), "--memory-swap", str(96 * MIB), "api"],
    ),
    (
        RaiseLimit,
        Owner(manager="systemd", unit="api"),
        "systemctl",
        [
            Rule(words=("show",), state="less", out=shown(MIB)),
            Rule(words=("show",), state="more", out=shown(3 * MIB)),
            Rule(words=(f"MemoryMax={3 * MIB}",), becomes="more"),
            Rule(words=(f"MemoryMax={MIB}",), becomes="less"),
        ],
        {"factor": 3},
        ["set-property", "api", f"MemoryMax={3 * MIB}"],
    ),
    (
        RaiseLimit,
        Owner(manager="kubernetes", unit="api"),
        "kubectl",
        [
            Rule(words=("pods",), out='{"items": []}'),
            Rule(words=("get",), state="less", out=workload(1, "64Mi")),
            Rule(words=("get",), state="more", out=workload(1, "128Mi")),
            Rule(words=("--containers=api", f"--limits=memory={128 * MIB}"), becomes="more"),
            Rule(words=("--containers=api", f"--limits=memory={64 * MIB}"), becomes="less"),
        ],
        {"megabytes": 128},
        ["set", "resources", "deployment/api", "--containers=api", f"--limits=memory={128 * MIB}"],
    ),
    (
        ScaleOut,
        Owner(manager="kubernetes", unit="api"),
        "kubectl",
        [
            Rule(words=("pods",), out='{"items": []}'),
            Rule(words=("get",), state="less", out=workload(2, "1Gi")),
            Rule(words=("get",), state="more", out=workload(3, "1Gi")),
            Rule(words=("--replicas=3",), becomes="more"),
            Rule(words=("--replicas=2",), becomes="less"),
        ],
        {},
        ["scale", "deployment/api", "--replicas=3"],
    ),
    (
        ScaleOut,
        Owner(manager="compose", unit="api"),
        "docker",
        [
            Rule(words=("ps",), out="0 1"),
            Rule(words=("inspect",), state="less", out=boxes()),
            Rule(words=("inspect",), state="more", out=boxes(count=4)),
            Rule(words=("api=4",), becomes="more"),
            Rule(words=("api=1",), becomes="less"),
        ],
        {"replicas": 4},
        ["compose", "up", "--detach", "--no-deps", "--no-recreate", "--scale", "api=4", "api"],
    ),
]


@pytest.mark.parametrize("case", CASES, ids=[f"{each[0].id}-{each[1].manager}" for each in CASES])
async def test_room_is_given_and_taken_back(case, programs, act):
    """The owner is told in its own words, its answer proves it, and the undo restores what there was."""
    spec, owner, program, rules, params, words = case
    stand_in = StandIn(programs, program, rules, "less")
    context = act(Container(docker="x"), params, owner=owner)
    preview = await spec.action.preview(context)
    assert preview.blocked is None
    assert preview.diff.startswith("- ")
    assert await spec.action.reconcile(context) is DidIt.NO
    outcome = await spec.action.apply(context)
    await spec.action.verify(context, outcome.output)
    assert stand_in.acts == [words]
    assert await spec.action.reconcile(context) is DidIt.YES
    assert "again" in await spec.action.undo(context, {})
    assert await spec.action.reconcile(context) is DidIt.NO
    assert "somebody else" in await spec.action.undo(context, outcome.output)


async def test_what_an_owner_cannot_do_blocks_the_plan(programs, act):
    """No limit to raise, no such verb, nothing more than there is, and nobody to ask."""
    StandIn(programs, "docker", [Rule(words=("inspect",), out=boxes(0))])
    context = act(Container(docker="x"), owner=Owner(manager="docker", unit="x"))
    assert "no limit of memory" in ((await RaiseLimit.action.preview(context)).blocked or "")
    assert "cannot be told" in ((await ScaleOut.action.preview(context)).blocked or "")
    StandIn(programs, "docker", [Rule(words=("inspect",), out=boxes(64 * MIB))])
    small = act(Container(docker="x"), {"megabytes": 1}, owner=Owner(manager="docker", unit="x"))
    assert "64 MiB already" in ((await RaiseLimit.action.preview(small)).blocked or "")
    StandIn(programs, "docker", [Rule(words=("inspect",), code=1, err="no permission")])
    assert "cannot be asked" in ((await RaiseLimit.action.preview(context)).blocked or "")
    with pytest.raises(ActionFailed):
        await RaiseLimit.action.apply(context)


async def test_an_order_without_effect_is_found_out(programs, act):
    """An owner that says yes and grants nothing."""
    rules = [Rule(words=("inspect",), out=boxes(64 * MIB)), Rule(words=("update",))]
    StandIn(programs, "docker", rules)
    context = act(Container(docker="x"), owner=Owner(manager="docker", unit="x"), limit_s=0.3)
    outcome = await RaiseLimit.action.apply(context)
    with pytest.raises(ActionFailed, match="still says"):
        await RaiseLimit.action.verify(context, outcome.output)


@pytest.mark.parametrize("has_landed", [True, False])
async def test_a_try_after_a_crash_grants_what_the_first_one_would_have(has_landed, programs, act):
    """Also where the command that survived the crash lands at the last moment: nothing is raised twice."""

    class Crashed(Exception):
        """Stands for the end of the program."""

    def crash(_point):
        raise Crashed

    _, owner, program, rules, _, words = CASES[0]
    stand_in = StandIn(programs, program, rules, "less")
    with pytest.raises(Crashed):
        await RaiseLimit.action.apply(act(Container(docker="x"), owner=owner, checkpoint=crash))
    context = act(Container(docker="x"), owner=owner)
    assert await RaiseLimit.action.reconcile(context) is DidIt.NO
    if has_landed:
        stand_in.become("more")
    outcome = await RaiseLimit.action.apply(context)
    assert dict(outcome.output) == {"before": 64 * MIB, "wanted": 96 * MIB}
    await RaiseLimit.action.verify(context, outcome.output)
    assert stand_in.acts == ([] if has_landed else [words])
