"""Who starts a process: systemd, supervisord, runit, Docker; or nobody that is known."""

import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from shutil import which

from paramedic.discovery.processes import Seen

_UNIT = re.compile(r"/([^/\n]+)\.service(?:$|/|\n)")
_CONTAINER = re.compile(r"(?:docker[-/]|/docker/|libpod-)([0-9a-f]{12,64})")
_ASK_WITHIN_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Owned:
    """A manager and what it calls the process, as a service file takes it."""

    manager: str
    unit: str


def owner_of(process: Seen, parent: Seen | None, variables: Mapping[str, str]) -> Owned | None:
    """Who starts a process, as far as it can be told."""
    if container := _container(process.group):
        return None if container == _our_container() else _of_container(container)
    name, group = variables.get("SUPERVISOR_PROCESS_NAME"), variables.get("SUPERVISOR_GROUP_NAME")
    if name and variables.get("SUPERVISOR_ENABLED"):
        return Owned(manager="supervisord", unit=name if group in (None, name) else f"{group}:{name}")
    if parent and parent.names[:1] == ("runsv",) and len(parent.command) > 1:
        return Owned(manager="runit", unit=Path(parent.command[1]).name)
    units = [each for each in _UNIT.findall(process.group) if not each.startswith(("user@", "init"))]
    return Owned(manager="systemd", unit=units[-1]) if units else None


def _container(group: str) -> str | None:
    found = _CONTAINER.search(group)
    return found[1][:12] if found else None


@lru_cache(maxsize=1)
def _our_container() -> str | None:
    """The container that we run in ourselves: inside it, nothing is a container's."""
    try:
        return _container(Path("/proc/self/cgroup").read_text(encoding="utf-8"))
    except OSError:
        return None


@lru_cache(maxsize=256)
def _of_container(container: str) -> Owned:
    """By its service in a compose project, else by its name, else by its id."""
    program = which("docker") or which("podman")
    if program is None:
        return Owned(manager="docker", unit=container)
    try:
        done = subprocess.run(
            [program, "inspect", container], capture_output=True, timeout=_ASK_WITHIN_S, check=True, text=True
        )
        (about,) = json.loads(done.stdout)
        service = about.get("Config", {}).get("Labels", {}).get("com.docker.compose.service")
        if service:
            return Owned(manager="compose", unit=str(service))
        return Owned(manager="docker", unit=str(about["Name"]).lstrip("/"))
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError, AttributeError):
        return Owned(manager="docker", unit=container)
