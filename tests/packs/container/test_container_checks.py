"""Units, asked of a real supervisord and of stand-ins that print what docker, systemctl and kubectl print."""

import json
import os

import pytest

from owners import SUPERVISORCTL, Rule, StandIn, Supervisord, until
from paramedic.model.component import Desired
from paramedic.packs.container.checks import state
from paramedic.packs.container.target import Container
from paramedic.packs.tcp.target import Tcp
from paramedic.sdk import Owner, Status


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A folder for stand-ins, first on the way to programs."""
    folder = tmp_path / "programs"
    folder.mkdir()
    (folder / "supervisorctl").symlink_to(SUPERVISORCTL)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


@pytest.fixture
def ask(look):
    """The finding about one unit, as its kind finds it."""

    async def asked(target, **fields):
        fields.setdefault("owner", target.owner() if isinstance(target, Container) else None)
        (found,) = await look(state, target, **fields)
        return found

    return asked


def box(status="running", *, code=0, restarts=0, health="", killed=False, error="", began="t1"):
    """What ``docker inspect`` prints."""
    about = {"Status": status, "ExitCode": code, "OOMKilled": killed, "Error": error, "StartedAt": began}
    if health:
        about["Health"] = {"Status": health}
    return json.dumps([{"Id": "c" * 64, "Image": "sha256:1", "State": about, "RestartCount": restarts}])


def docker(programs, answer, *, image=True):
    """A stand-in that prints this of every container."""
    gone = Rule(words=("image",), code=1, err="Error: No such image: sha256:1\n")
    return StandIn(
        programs,
        "docker",
        [Rule(words=("image",), out="sha256:1") if image else gone, Rule(words=("inspect",), out=answer)],
    )


DOCKER = Container(docker="api")


async def test_a_running_container_is_well(programs, ask):
    """What runs, and what is healthy by its own probe, is no finding; restarts are measured."""
    docker(programs, box(restarts=2, health="healthy"))
    found = await ask(DOCKER)
    assert (found.status, found.observed, found.measures) == (Status.OK, "running, healthy", {"restarts": 2.0})


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        (box("exited", code=1), "container.exited", "exited with 1"),
        (box("exited"), "container.exited", "exited with 0"),
        (box("restarting", code=1, restarts=1), "container.exited", "restarting with 1"),
        (box("restarting", code=1, restarts=7), "container.crash-loop", "again and again"),
        (box("dead"), "container.crash-loop", "dead"),
        (box(health="unhealthy"), "container.unhealthy", "unhealthy"),
        (box("exited", code=137, killed=True), "container.oom-killed", "for want of memory"),
        (box("created", error="No such image: shop:2"), "container.image-missing", "shop:2"),
    ],
)
async def test_a_sick_container(answer, code, said, programs, ask):
    """Every way to be down has its name."""
    docker(programs, answer)
    found = await ask(DOCKER)
    assert (found.status, found.code) == (Status.CRITICAL, code)
    assert said in found.observed


async def test_an_image_that_was_removed_is_the_reason(programs, ask):
    """A container that is down and whose image is gone will not come back by a restart."""
    docker(programs, box("exited", code=1), image=False)
    assert (await ask(DOCKER)).code == "container.image-missing"


async def test_a_container_that_comes_back_again_and_again_is_a_loop(programs, ask):
    """Every look finds it running; only the growing count tells."""
    for count in (0, 1, 2):
        docker(programs, box(restarts=count, began=f"t{count}"))
        assert (await ask(DOCKER)).status is Status.OK
    docker(programs, box(restarts=3, began="t3"))
    found = await ask(DOCKER)
    assert found.code == "container.crash-loop"
    assert "3 times within 600 s" in found.observed


async def test_a_kill_for_want_of_memory_is_told_when_it_runs_again(programs, ask):
    """A warning: it serves, and will be killed again."""
    docker(programs, box(killed=True))
    found = await ask(DOCKER)
    assert (found.status, found.code) == (Status.WARNING, "container.oom-killed")


async def test_a_name_that_nobody_knows(programs, ask):
    """The name is wrong, or the container was removed."""
    StandIn(programs, "docker", [Rule(words=("inspect",), code=1, err="Error: No such container: api\n")])
    assert (await ask(DOCKER)).code == "container.missing"
    StandIn(programs, "docker", [Rule(words=("ps",), out="")])
    assert "no container yet" in (await ask(Container(compose="api"))).observed


@pytest.mark.parametrize(
    "rule",
    [
        Rule(words=("inspect",), code=1, err="permission denied while trying to connect to the Docker daemon socket\n"),
        Rule(words=("inspect",), code=1, err="dial unix /var/run/docker.sock: connect: no such file or directory\n"),
        Rule(words=("inspect",), out="no json"),
        Rule(words=("inspect",), out="[]"),
        Rule(words=("inspect",), out='[{"State": {}}]'),
    ],
)
async def test_what_cannot_be_asked_is_unknown(rule, programs, ask):
    """No permission, no daemon, and answers that nobody understands, are not the container's fault."""
    StandIn(programs, "docker", [rule])
    found = await ask(DOCKER)
    assert (found.status, found.code) == (Status.UNKNOWN, "paramedic.cannot-look")


async def test_an_owner_that_is_not_here_bars_only_the_restart(ask, monkeypatch):
    """A database whose systemd cannot be asked is judged by its own checks; that it cannot be restarted is told."""
    monkeypatch.setenv("PATH", "/nowhere")
    found = await ask(Tcp(host="127.0.0.1", port=1), owner=Owner(manager="systemd", unit="redis"))
    assert found.status is Status.INFO
    assert "cannot be restarted from here" in found.observed
    assert (await ask(Container(systemd="redis"))).status is Status.UNKNOWN


async def test_a_unit_of_systemd(programs, ask):
    """Running, failed with its exit code, and given up."""
    text = "LoadState=loaded\nActiveState={}\nSubState={}\nResult={}\nInvocationID=r\nNRestarts=0\nExecMainStatus={}\n"
    for values, code in (
        (("active", "running", "success", 0), None),
        (("failed", "failed", "exit-code", 3), "container.exited"),
        (("failed", "failed", "start-limit-hit", 3), "container.crash-loop"),
        (("failed", "failed", "oom-kill", 9), "container.oom-killed"),
    ):
        stand_in = StandIn(programs, "systemctl", [Rule(words=("show",), out=text.format(*values))])
        assert (await ask(Container(systemd="api", options=("--user",)))).code == code
        assert stand_in.calls[-1][:3] == ["--user", "show", "api"]


async def test_a_deployment_of_kubernetes(programs, ask):
    """All ready, an image that cannot be pulled, a crash loop, and a cluster that cannot be reached."""
    pods = Rule(words=("pods",), out='{"items": []}')

    def answer(ready, waits=None):
        spec = {"replicas": 1, "selector": {"matchLabels": {"app": "api", "tier": "web"}}}
        status = {"readyReplicas": ready, "updatedReplicas": 1, "observedGeneration": 1}
        boxes = [{"restartCount": 8, "state": {"waiting": {"reason": waits}}}] if waits else []
        found = json.dumps({"items": [{"status": {"containerStatuses": boxes}}]})
        about = json.dumps({"metadata": {"generation": 1}, "spec": spec, "status": status})
        return StandIn(programs, "kubectl", [Rule(words=("pods",), out=found), Rule(words=("get",), out=about)])

    target = Container(kubernetes="api", options=("--namespace", "shop"))
    stand_in = answer(1)
    assert (await ask(target)).observed == "1 of 1 ready"
    assert stand_in.calls[0] == ["--namespace", "shop", "get", "deployment/api", "--output", "json"]
    assert stand_in.calls[1][4:6] == ["--selector", "app=api,tier=web"]
    answer(0, "ErrImagePull")
    assert (await ask(target)).code == "container.image-missing"
    answer(0, "CrashLoopBackOff")
    assert (await ask(target)).code == "container.crash-loop"
    for said in ("The connection to the server was refused", "executable gke-gcloud-auth-plugin not found"):
        StandIn(programs, "kubectl", [pods, Rule(words=("get",), code=1, err=f"{said}\n")])
        assert (await ask(target)).status is Status.UNKNOWN
    gone = 'Error from server (NotFound): deployments.apps "api" not found\n'
    StandIn(programs, "kubectl", [pods, Rule(words=("get",), code=1, err=gone)])
    assert (await ask(target)).code == "container.missing"


async def test_a_program_of_a_real_supervisord(bench, programs, ask, processes):
    """Running, killed, stopped on purpose."""
    made = Supervisord(bench.folder, "sleep 600")
    try:
        until(made.pid, "its program runs")
        target = Container(supervisord="api", options=made.owner.options)
        assert (await ask(target)).status is Status.OK
        made.kill()
        assert (await ask(target)).code == "container.exited"
        processes.set("it", desired=Desired.STOPPED)
        assert "on purpose" in (await ask(target)).observed
    finally:
        made.end()
    assert (await ask(target)).status is Status.UNKNOWN


async def test_a_crash_loop_of_a_real_supervisord(bench, programs, ask):
    """What supervisord has given up is told as a loop, with its own words."""
    made = Supervisord(bench.folder, "false", startsecs=1)
    try:
        until(lambda: "FATAL" in made.tell("status", "api"), "supervisord gives up")
        found = await ask(Container(supervisord="api", options=made.owner.options))
        assert found.code == "container.crash-loop"
        assert found.because == "supervisorctl has given up"
    finally:
        made.end()


async def test_new_runs_that_nobody_counts_may_be_our_own(programs, ask):
    """A person who restarts it three times in a row makes no loop of it; five ends within a minute do."""

    async def seen(pid):
        StandIn(programs, "sv", [Rule(words=("status",), out=f"run: api: (pid {pid}) 1s\n")])
        return (await ask(Container(runit="api"))).code

    assert [await seen(pid) for pid in (1, 2, 3, 4)] == [None] * 4
    assert [await seen(pid) for pid in (5, 6)] == [None, "container.crash-loop"]


@pytest.mark.parametrize("fields", [{}, {"docker": "a", "runit": "b"}, {"docker": ""}, {"systemd": "--help"}])
def test_a_target_names_exactly_one_unit(fields):
    """Nothing, two units, an empty name, and an option in place of a name are refused."""
    with pytest.raises(ValueError, match="unit"):
        Container(**fields)
