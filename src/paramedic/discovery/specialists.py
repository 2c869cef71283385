"""Components of the kind that knows a service best, as far as the registry has it and its keys can be filled."""

from collections.abc import Iterable
from dataclasses import MISSING
from pathlib import Path

from paramedic.discovery.asking import Answer
from paramedic.discovery.guess import Candidate, Reference
from paramedic.discovery.project import Project, relative
from paramedic.discovery.sockets import Door
from paramedic.discovery.table import Known
from paramedic.sdk.pack import Kind
from paramedic.service.annotations import known_keys

_ADDRESSES = ("url", "base_url", "dsn", "uri", "address", "endpoint")


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
        more = {key: value for key, value in known.keys.items() if key in keys}
        ways.append({**_host(door), "port": door.port, **more})
    elif address and known.url:
        ways.append({address: known.url.format(host=host, port=door.port)})
    return [Candidate(keys={"kind": kind.name, **each}) for each in ways if _is_whole(kind, each)]


def certificate(kind: Kind, door: Door, answer: Answer) -> Candidate:
    """The certificate of a port that speaks TLS, asked for by a name that it carries."""
    name = next((each for each in answer.names if not each.startswith("*")), None)
    keys: dict[str, object] = {"kind": kind.name, "host": door.reached_by, "port": door.port}
    if name and name != door.reached_by:
        keys["server_name"] = name
    return Candidate(keys=keys)


def packages(kind: Kind, project: Project, folder: Path) -> Candidate | None:
    """The packages of a Python project, where a virtual environment stands beside what declares them."""
    venv = next((each for each in (".venv", "venv") if (project.folder / each / "bin" / "python").exists()), None)
    if venv is None or not project.python:
        return None
    declared = project.python[0]
    key = "pyproject" if declared.suffix == ".toml" else "requirements"
    shown = relative(declared, folder)
    values: dict[str, object] = {
        key: shown if key == "pyproject" else [shown],
        "interpreter": relative(project.folder / venv / "bin" / "python", folder),
    }
    return Candidate(keys={"kind": kind.name, **values})


def _host(door: Door) -> dict[str, object]:
    return {} if door.reached_by == "127.0.0.1" else {"host": door.reached_by}


def _is_whole(kind: Kind, values: dict[str, object]) -> bool:
    needed = {
        field.name
        for field in known_keys(kind.target).values()
        if field.default is MISSING and field.default_factory is MISSING
    }
    return needed <= values.keys()
