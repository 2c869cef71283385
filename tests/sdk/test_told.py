"""What owners say, read from answers as they print them (those of supervisord and runit come from the real ones)."""

import pytest

from paramedic.sdk import told
from paramedic.sdk.unit import State

SYSTEMD = "LoadState={load}\nActiveState={active}\nSubState={sub}\nResult={result}\nInvocationID=abc\nNRestarts=2\n"


@pytest.mark.parametrize(
    ("active", "sub", "result", "state"),
    [
        ("active", "running", "success", State.RUNNING),
        ("active", "exited", "success", State.RUNNING),
        ("reloading", "reload", "success", State.RUNNING),
        ("activating", "start", "success", State.STARTING),
        ("activating", "auto-restart", "exit-code", State.RESTARTING),
        ("deactivating", "stop-sigterm", "success", State.STOPPED),
        ("inactive", "dead", "success", State.STOPPED),
        ("failed", "failed", "exit-code", State.EXITED),
        ("failed", "failed", "start-limit-hit", State.GIVEN_UP),
    ],
)
def test_systemd(active, sub, result, state):
    """Every state of a unit has a meaning, and the restarts are counted."""
    unit = told.by_systemd(SYSTEMD.format(load="loaded", active=active, sub=sub, result=result))
    assert (unit.state, unit.run, unit.restarts) == (state, "abc", 2)


def test_systemd_tells_of_memory_and_of_what_it_does_not_know():
    """A kill for want of memory, a limit, no limit, and a name that is nobody's."""
    text = SYSTEMD.format(load="loaded", active="failed", sub="failed", result="oom-kill")
    assert told.by_systemd(text + "MemoryMax=1048576\n").memory_bytes == 1048576
    assert told.by_systemd(text + "MemoryMax=infinity\n").memory_bytes is None
    assert told.by_systemd(text).was_short_of_memory
    assert told.by_systemd(text + "ExecMainStatus=9\n").said == "failed (failed), result oom-kill, exited with 9"
    assert (
        told.by_systemd(SYSTEMD.format(load="not-found", active="inactive", sub="dead", result="")).state == "missing"
    )


def box(status, *, code=0, restarts=0, health=None, killed=False, error="", memory=0, name="a" * 64):
    """One container as ``docker inspect`` tells of it."""
    state = {"Status": status, "ExitCode": code, "OOMKilled": killed, "Error": error, "StartedAt": "t1"}
    if health:
        state["Health"] = {"Status": health}
    return {
        "Id": name,
        "Image": "sha256:1",
        "State": state,
        "RestartCount": restarts,
        "HostConfig": {"Memory": memory},
    }


@pytest.mark.parametrize(
    ("about", "state", "said"),
    [
        (box("running"), State.RUNNING, "running"),
        (box("running", health="starting"), State.RUNNING, "running, starting"),
        (box("exited"), State.STOPPED, "exited with 0"),
        (box("exited", code=137), State.EXITED, "exited with 137"),
        (box("restarting", code=1), State.RESTARTING, "restarting with 1"),
        (box("created", error="no such file"), State.STOPPED, "created: no such file"),
        (box("paused"), State.STOPPED, "paused"),
        (box("dead"), State.GIVEN_UP, "dead"),
    ],
)
def test_docker(about, state, said):
    """Every status of a container has a meaning."""
    unit = told.by_docker([about])
    assert (unit.state, unit.said) == (state, said)


def test_the_worst_of_several_containers_speaks_for_the_service():
    """One instance that is down is not hidden by one that runs."""
    unit = told.by_docker([box("running", restarts=1), box("exited", code=1, restarts=2, name="b" * 64)])
    assert (unit.state, unit.restarts, unit.replicas) == (State.EXITED, 3, 2)
    sick = told.by_docker([box("running", health="healthy"), box("running", health="unhealthy")])
    assert sick.is_healthy is False
    assert told.by_docker([box("running", memory=2048)]).memory_bytes == 2048
    assert told.by_docker([box("created", error="No such image: shop:2")]).lacks_image


def workload(*, wanted=2, ready=2, updated=2, seen=3, generation=3, conditions=(), memory=None):
    """A deployment as ``kubectl get`` tells of it."""
    limits = {"resources": {"limits": {"memory": memory}}} if memory else {}
    return {
        "metadata": {"generation": generation},
        "spec": {
            "replicas": wanted,
            "selector": {"matchLabels": {"app": "api"}},
            "template": {"spec": {"containers": [{"name": "api", **limits}]}},
        },
        "status": {
            "observedGeneration": seen,
            "readyReplicas": ready,
            "updatedReplicas": updated,
            "conditions": list(conditions),
        },
    }


def pod(*, waits="", restarts=0, ended=""):
    """One of its pods."""
    state = {"waiting": {"reason": waits, "message": f"about {waits}"}} if waits else {"running": {}}
    last = {"terminated": {"reason": ended}} if ended else {}
    return {"status": {"containerStatuses": [{"state": state, "lastState": last, "restartCount": restarts}]}}


@pytest.mark.parametrize(
    ("deployment", "pods", "state"),
    [
        (workload(), [pod(), pod()], State.RUNNING),
        (workload(wanted=0, ready=0), [], State.STOPPED),
        (workload(ready=1), [pod(), pod()], State.STARTING),
        (workload(seen=2), [pod(), pod()], State.STARTING),
        (workload(ready=0), [pod(waits="CrashLoopBackOff", restarts=9)], State.RESTARTING),
        (workload(ready=0, conditions=[{"type": "Progressing", "status": "False"}]), [pod()], State.GIVEN_UP),
    ],
)
def test_kubernetes(deployment, pods, state):
    """A deployment runs when every wanted instance is ready and of the newest generation."""
    assert told.by_kubernetes(deployment, pods).state is state


def test_kubernetes_tells_of_images_memory_and_limits():
    """What only the pods know."""
    unit = told.by_kubernetes(
        workload(ready=0, memory="512Mi"), [pod(waits="ImagePullBackOff"), pod(ended="OOMKilled")]
    )
    assert unit.lacks_image == "about ImagePullBackOff"
    assert unit.was_short_of_memory
    assert unit.memory_bytes == 512 * 1024 * 1024
    assert told.kubernetes_name("api") == "deployment/api"
    assert told.kubernetes_name("statefulset/db") == "statefulset/db"


@pytest.mark.parametrize(
    ("text", "count"),
    [("512Mi", 536870912), ("1G", 10**9), ("64", 64), ("1.5Ki", 1536), ("2k", 2000), ("much", None)],
)
def test_quantities(text, count):
    """Kubernetes writes amounts of memory in its own way."""
    assert told.quantity(text) == count


@pytest.mark.parametrize(
    ("line", "state", "said"),
    [
        ("api                              RUNNING   pid 8409, uptime 0:00:02", State.RUNNING, "RUNNING"),
        ("api                              STARTING  ", State.STARTING, "STARTING"),
        ("loop      BACKOFF   Exited too quickly", State.RESTARTING, "BACKOFF (Exited too quickly)"),
        ("loop      FATAL     can't find command 'x'", State.GIVEN_UP, "FATAL (can't find command 'x')"),
        ("api       EXITED    Nov 22 12:52 PM", State.EXITED, "EXITED (Nov 22 12:52 PM)"),
        ("api       STOPPED   Not started", State.STOPPED, "STOPPED (Not started)"),
        ("nope: ERROR (no such process)", State.MISSING, "no such process"),
    ],
)
def test_supervisord(line, state, said):
    """Every state of a program has a meaning."""
    unit = told.by_supervisord(line + "\n")
    assert unit is not None
    assert (unit.state, unit.said) == (state, said)


def test_a_group_of_programs_is_as_well_as_its_worst():
    """``shop:*`` prints a line for each."""
    unit = told.by_supervisord("shop:a  RUNNING   pid 7, uptime 0:01:00\nshop:b  FATAL  Exited too quickly\n")
    assert unit is not None
    assert (unit.state, unit.run) == (State.GIVEN_UP, "7")
    assert told.by_supervisord("unix:///run/s.sock no such file\n") is None


@pytest.mark.parametrize(
    ("line", "state"),
    [
        ("run: ./sv/api: (pid 8126) 2s", State.RUNNING),
        ("run: api: (pid 8126) 2s; run: log: (pid 9) 4s", State.RUNNING),
        ("down: ./sv/loop: 1s, normally up, want up", State.RESTARTING),
        ("down: ./sv/api: 0s, normally up", State.STOPPED),
        ("finish: api: (pid 7) 0s", State.RESTARTING),
        ("fail: ./sv/none: unable to change to service directory: file does not exist", State.MISSING),
        ("fail: api: runsv not running", State.GIVEN_UP),
    ],
)
def test_runit(line, state):
    """Every state of a service has a meaning."""
    unit = told.by_runit(line + "\n")
    assert unit is not None
    assert unit.state is state
    assert unit.run == ("8126" if state is State.RUNNING else "")


def test_runit_that_may_not_be_asked():
    """No permission is no state."""
    assert told.by_runit("warning: api: unable to open supervise/ok: access denied") is None
    assert told.by_runit("") is None
