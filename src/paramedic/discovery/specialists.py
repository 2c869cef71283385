"""Components of the kind that knows a service best, as far as the registry has it and its keys can be filled."""

from collections.abc import Iterable
from dataclasses import MISSING
from pathlib import Path

from paramedic.discovery.guess import Candidate, Reference
from paramedic.discovery.project import Project
from paramedic.discovery.scene import Scene
from paramedic.discovery.sockets import Door
from paramedic.discovery.table import Known
from paramedic.sdk.pack import Kind
from paramedic.service.annotations import known_keys

_ADDRESSES = ("url", "dsn", "uri", "address", "endpoint")


def specialist(kind: Kind, known: Known, door: Door, variables: Iterable[str]) -> list[Candidate]:
    """The ways to write a service as its own kind: by a variable that holds its address, or by host and port.

    A way that leaves a needed key empty is none.
    """
    keys = known_keys(kind.target)
    address = next((each for each in _ADDRESSES if each in keys), None)
    host = f"[{door.reached_by}]" if ":" in door.reached_by else door.reached_by
    ways: list[dict[str, object]] = []
    if address:
        ways += [{address: Reference(f"${{{each}}}")} for each in dict.fromkeys(variables)]
    if "host" in keys and "port" in keys:
        ways.append({"host": door.reached_by, "port": door.port})
    if address and known.url:
        ways.append({address: known.url.format(host=host, port=door.port)})
    return [Candidate(keys={"kind": kind.name, **each}) for each in ways if _is_whole(kind, each)]


def python_project(kind: Kind, project: Project, scene: Scene) -> list[Candidate]:
    """The packages of a project, where a virtual environment stands beside what declares them."""
    keys = known_keys(kind.target)
    venv = next((each for each in (project.folder / ".venv", project.folder / "venv") if each.is_dir()), None)
    interpreter = venv / "bin" / "python" if venv else None
    if interpreter is None or not interpreter.exists():
        return []
    values: dict[str, object] = {}
    shown = _shown(project.python[0], scene.folder)
    for wanted, value in (
        (("requirements", "project", "declared_in", "path"), shown),
        (("venv", "environment"), _shown(interpreter.parent.parent, scene.folder)),
        (("interpreter", "python", "executable"), _shown(interpreter, scene.folder)),
    ):
        key = next((each for each in wanted if each in keys), None)
        if key:
            values[key] = value
    return [Candidate(keys={"kind": kind.name, **values})] if _is_whole(kind, values) else []


def _is_whole(kind: Kind, values: dict[str, object]) -> bool:
    needed = {
        field.name
        for field in known_keys(kind.target).values()
        if field.default is MISSING and field.default_factory is MISSING
    }
    return needed <= values.keys()


def _shown(path: Path, folder: Path) -> str:
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)
