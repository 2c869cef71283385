"""What owners say of their units, read as values: systemd, Docker, Kubernetes, supervisord, runit."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from paramedic.sdk.unit import State, Unit

Answer = Any  # JSON as a program printed it; a shape that is not as documented is the caller's to refuse
SYSTEMD = (
    "LoadState",
    "ActiveState",
    "SubState",
    "Result",
    "InvocationID",
    "NRestarts",
    "ExecMainCode",
    "ExecMainStatus",
    "MemoryMax",
)
_SUPERVISED = re.compile(r"^(\S+)\s+([A-Z]+)(?:\s+(.*))?$", re.MULTILINE)
_SUPERVISORD = {
    "RUNNING": State.RUNNING,
    "STARTING": State.STARTING,
    "BACKOFF": State.RESTARTING,
    "STOPPING": State.STOPPED,
    "STOPPED": State.STOPPED,
    "EXITED": State.EXITED,
    "FATAL": State.GIVEN_UP,
    "UNKNOWN": State.EXITED,
}
_WORST_FIRST = (
    State.MISSING,
    State.GIVEN_UP,
    State.RESTARTING,
    State.EXITED,
    State.STOPPED,
    State.STARTING,
    State.RUNNING,
)
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)([KMGTPE]i?|k|m)?")
_POWER = {"m": 10**-3, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15, "E": 10**18} | {
    f"{letter}i": 1024 ** (at + 1) for at, letter in enumerate("KMGTPE")
}
_NO_IMAGE = frozenset({"ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull"})


def by_systemd(text: str) -> Unit:
    """``systemctl show``: one ``Key=value`` a line."""
    says = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    active, sub, result = says.get("ActiveState", ""), says.get("SubState", ""), says.get("Result", "")
    said = f"{active} ({sub})" + (f", result {result}" if result not in ("", "success") else "")
    if says.get("LoadState") == "not-found":
        return Unit(state=State.MISSING, said="no such unit")
    match active:
        case "active" | "reloading" | "refreshing":
            state = State.RUNNING
        case "activating":
            state = State.RESTARTING if sub.startswith("auto-restart") else State.STARTING
        case "failed":
            state = State.GIVEN_UP if result in ("start-limit-hit", "start-limit") else State.EXITED
        case _:
            state = State.STOPPED
    if state is State.EXITED and says.get("ExecMainStatus", "0") != "0":
        said += f", exited with {says['ExecMainStatus']}"
    memory = says.get("MemoryMax", "")
    return Unit(
        state=state,
        said=said,
        run=says.get("InvocationID", ""),
        restarts=_whole(says.get("NRestarts")),
        was_short_of_memory=result == "oom-kill",
        memory_bytes=_whole(memory),
    )


def by_docker(containers: Sequence[Mapping[str, Answer]]) -> Unit:
    """``docker inspect``: one container, or all of one compose service, of which the worst speaks."""
    units = [_container(each) for each in containers]
    worst = min(units, key=lambda each: (_WORST_FIRST.index(each.state), each.is_healthy is not False))
    return replace(
        worst,
        run=" ".join(sorted(each.run for each in units)),
        restarts=sum(each.restarts or 0 for each in units),
        replicas=len(units),
    )


def _container(about: Mapping[str, Answer]) -> Unit:
    says, host = about["State"], about.get("HostConfig") or {}
    status, code, error = str(says["Status"]), int(says.get("ExitCode") or 0), str(says.get("Error") or "")
    match status:
        case "running":
            state = State.RUNNING
        case "restarting":
            state = State.RESTARTING
        case "dead":
            state = State.GIVEN_UP
        case "exited" if code:
            state = State.EXITED
        case _:
            state = State.STOPPED
    health = str((says.get("Health") or {}).get("Status") or "")
    said = status + (f" with {code}" if status in ("exited", "restarting") else "") + (f": {error}" if error else "")
    return Unit(
        state=state,
        said=f"{said}, {health}" if health not in ("", "none") and state is State.RUNNING else said,
        run=f"{about['Id'][:12]}@{says.get('StartedAt', '')}",
        restarts=int(about.get("RestartCount") or 0),
        is_healthy={"healthy": True, "unhealthy": False}.get(health),
        was_short_of_memory=bool(says.get("OOMKilled")),
        lacks_image=error if "no such image" in error.lower() else "",
        memory_bytes=int(host.get("Memory") or 0) or None,
    )


def without_image(unit: Unit, why: str) -> Unit:
    """The same unit, whose image is gone."""
    return replace(unit, lacks_image=why)


def kubernetes_name(unit: str) -> str:
    """``deployment/api`` for ``api``; whatever names its own kind stays."""
    return unit if "/" in unit else f"deployment/{unit}"


def by_kubernetes(workload: Mapping[str, Answer], pods: Sequence[Mapping[str, Answer]]) -> Unit:
    """``kubectl get --output json``: a deployment (or the like) and its pods."""
    spec, status, meta = workload["spec"], workload.get("status") or {}, workload["metadata"]
    wanted = int(spec.get("replicas", 1))
    ready, updated = int(status.get("readyReplicas") or 0), int(status.get("updatedReplicas") or 0)
    has_seen = int(status.get("observedGeneration") or 0) >= int(meta.get("generation") or 0)
    boxes = [each for pod in pods for each in (pod.get("status") or {}).get("containerStatuses") or ()]
    waits = {
        str(each["state"]["waiting"].get("reason")): str(each["state"]["waiting"].get("message") or "")
        for each in boxes
        if (each.get("state") or {}).get("waiting")
    }
    ended = [(each.get("lastState") or {}).get("terminated") or {} for each in boxes]
    ended += [(each.get("state") or {}).get("terminated") or {} for each in boxes]
    lacking = next((reason for reason in waits if reason in _NO_IMAGE), None)
    stuck = any(
        each.get("type") == "Progressing" and each.get("status") == "False" for each in status.get("conditions") or ()
    )
    if wanted == 0:
        state = State.STOPPED
    elif "CrashLoopBackOff" in waits:
        state = State.RESTARTING
    elif ready >= wanted and updated >= wanted and has_seen:
        state = State.RUNNING
    elif stuck:
        state = State.GIVEN_UP
    else:
        state = State.STARTING
    first: Mapping[str, Answer] = next(
        iter(((spec.get("template") or {}).get("spec") or {}).get("containers") or ()), {}
    )
    limit = ((first.get("resources") or {}).get("limits") or {}).get("memory")
    return Unit(
        state=state,
        said=f"{ready} of {wanted} ready" + "".join(f", {each}" for each in waits),
        run=str(meta.get("generation") or ""),
        restarts=sum(int(each.get("restartCount") or 0) for each in boxes),
        is_healthy=None if wanted == 0 or "CrashLoopBackOff" in waits else ready >= wanted or None,
        was_short_of_memory=any(each.get("reason") == "OOMKilled" for each in ended),
        lacks_image=waits[lacking] or lacking if lacking else "",
        replicas=wanted,
        memory_bytes=quantity(str(limit)) if limit else None,
        box=str(first.get("name") or ""),
    )


def by_supervisord(text: str) -> Unit | None:
    """``supervisorctl status``: a line a program; ``None`` where it says something else."""
    if "(no such process)" in text or "(no such group)" in text:
        return Unit(state=State.MISSING, said="no such process")
    found = [(name, word, rest or "") for name, word, rest in _SUPERVISED.findall(text) if word in _SUPERVISORD]
    if not found:
        return None
    _, word, rest = min(found, key=lambda each: _WORST_FIRST.index(_SUPERVISORD[each[1]]))
    pids = re.findall(r"\bpid (\d+)", text)
    said = word if word == "RUNNING" or not rest else f"{word} ({rest.strip()})"
    return Unit(state=_SUPERVISORD[word], said=said, run=" ".join(pids))


def by_runit(text: str) -> Unit | None:
    """``sv status``: such as ``run: api: (pid 7) 3s``; ``None`` where it says something else."""
    line = next((each for each in text.splitlines() if each.strip()), "").strip()
    word, _, rest = line.partition(": ")
    about = rest.partition(": ")[2].partition("; run: log")[0].partition("; down: log")[0] or rest
    match word:
        case "run":
            pid = re.search(r"\(pid (\d+)\)", about)
            return Unit(state=State.RUNNING, said=f"run, {about}", run=pid[1] if pid else "")
        case "finish":
            return Unit(state=State.RESTARTING, said=f"finish, {about}")
        case "down":
            return Unit(state=State.RESTARTING if "want up" in about else State.STOPPED, said=f"down, {about}")
        case "fail" if "unable to change to service directory" in line:
            return Unit(state=State.MISSING, said="no such service")
        case "fail" | "timeout":
            return Unit(state=State.GIVEN_UP, said=about) if "runsv not running" in line else None
    return None


def quantity(text: str) -> int | None:
    """Bytes of ``512Mi``, ``1G`` and the like."""
    found = _QUANTITY.fullmatch(text)
    return int(float(found[1]) * _POWER.get(found[2] or "", 1)) if found else None


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None
