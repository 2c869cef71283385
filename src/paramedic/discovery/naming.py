"""What a part of the service is called: as its manager calls it, as everybody calls it, or as its folder does."""

import pwd
import re
from collections.abc import Iterable, Mapping
from pathlib import PurePath

from paramedic.discovery.scene import Part

_GENERIC = {
    *(
        "app",
        "main",
        "server",
        "index",
        "run",
        "start",
        "wsgi",
        "asgi",
        "manage",
        "__main__",
        "api",
        "serve",
        "service",
    ),
    *("bin", "src", "dist", "build", "node_modules", "current", "http.server"),
}
_UNFIT = re.compile(r"[^\w.-]+")
_ENDING = re.compile(r"\.(py|pyc|js|mjs|cjs|ts|rb|pl|php|jar|sh)$")


def name_of(part: Part, procfile: Mapping[str, str]) -> str:
    """A name for a part; others may have the same."""
    is_famous = part.known is not None and not part.known.runs_apps
    if part.owner and part.owner.manager == "compose":
        return fit(part.owner.unit)
    if part.known and is_famous:
        return part.known.name
    if part.owner and part.owner.manager != "systemd":
        return fit(part.owner.unit.rpartition(":")[2])
    if part.owner:
        return fit(part.owner.unit.partition("@")[0])
    if part.process is None:
        return f"port-{part.doors[0].port}"
    line = part.process.line
    declared = next((name for name, command in procfile.items() if command and command in line), None)
    return fit(declared or _by_what_it_runs(part))


def fit(text: str) -> str:
    """The text as a service file takes it for a name."""
    name = _UNFIT.sub("-", text).strip("-.")[:63].strip("-.")
    return name if name and name[0].isalnum() else f"part-{name}".strip("-.")


def unlike(name: str, taken: Iterable[str], ports: Iterable[int]) -> str:
    """The name, or with a port or a number behind it where it is taken."""
    others = set(taken)
    tries = [name, *(f"{name}-{port}" for port in sorted(ports)), *(f"{name}-{number}" for number in range(2, 1000))]
    return next(each for each in tries if each not in others)


def user_name(uid: int) -> str:
    """Who that is; the number where nobody has it."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _by_what_it_runs(part: Part) -> str:
    """The script or module if it says something, else the folder, else the program."""
    assert part.process is not None
    stem = _ENDING.sub("", part.process.names[0])
    runs_apps = part.known is not None and part.known.runs_apps
    folder = part.process.cwd.name if part.process.cwd else ""
    if not runs_apps and stem not in _GENERIC:
        return PurePath(stem).name
    return folder if folder and folder not in _GENERIC else stem
