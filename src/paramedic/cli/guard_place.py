"""Where the guards of a service are met: the folder that the command line, the service file or the user names."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from paramedic.cli.output import complain
from paramedic.cli.surroundings import load_service
from paramedic.model.errors import ConfigurationError

if TYPE_CHECKING:
    from paramedic.guard.outside import Process
    from paramedic.model.component import Component
    from paramedic.model.service import Service
    from paramedic.sdk.pack import Registry

dir_option: Callable[[Any], Any] = click.option(  # Any: click decorates commands of every signature
    "--dir",
    "folder",
    type=click.Path(path_type=Path),
    help="Where the processes show their guards; by default the service file or PARAMEDIC_GUARD_DIR says it.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where to look, and the files that the service file names."""

    folders: tuple[Path | None, ...]
    """``None`` is the folder of this user."""
    files: Mapping[str, Path]
    """``tripwire``, ``energy``, ``flags``, ``overlays``, ``queue``, as far as they are declared."""
    declared: "Declared | None" = None
    """Who keeps the receipts of orders; without it there are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """A service file that names guards."""

    service: "Service"
    registry: "Registry"

    def components(self, folder: Path | None) -> "list[Component]":
        """Those whose guards are met in this folder."""
        return [each for each in guards_of(self.service) if _folder(each) == folder]


def guards_of(service: "Service") -> "list[Component]":
    """The components of kind `guards`."""
    return [each for each in service.components.values() if each.kind == "guards"]


def _folder(component: "Component") -> Path | None:
    return getattr(component.target, "folder", None)


def place(context: click.Context, folder: Path | None) -> Place:
    """The folder that is named, else those of the components of kind `guards`, else that of this user."""
    declared = _declared(context)
    if folder is not None:
        here = folder.resolve()
        known = map(_folder, guards_of(declared.service) if declared else ())
        same = next((each for each in known if each is not None and each.resolve() == here), None)
        return Place(folders=(same or folder,), files={}, declared=declared if same else None)
    targets = [each.target for each in guards_of(declared.service)] if declared else []
    files = {
        name: path
        for target in targets
        for name in ("tripwire", "energy", "flags", "overlays", "queue")
        if isinstance(path := getattr(target, name, None), Path)
    }
    folders = tuple(dict.fromkeys(getattr(target, "folder", None) for target in targets))
    return Place(folders=folders or (None,), files=files, declared=declared)


def _declared(context: click.Context) -> Declared | None:
    """The service file, if it names guards. One that is missing or wrong keeps nobody from closing a breaker."""
    try:
        service, registry = load_service(context)
    except ConfigurationError as error:
        named = (context.find_root().params or {}).get("file")
        if named:
            raise
        if any(problem.path is not None and problem.path.exists() for problem in error.problems):
            complain("the service file is wrong and left out: `paramedic config validate`")
        return None
    return Declared(service=service, registry=registry) if guards_of(service) else None


def shown(where: Place) -> "list[tuple[Path | None, Process]]":
    """Every living process with guards, and the folder in which it shows itself."""
    from paramedic.guard.outside import processes

    return [(folder, each) for folder in where.folders for each in processes(folder, tidy=False)]


def guards(where: Place, kind: str) -> "list[tuple[Process, dict[str, Any]]]":
    """The guards of one kind, with the process of each."""
    return [(process, each) for _, process in shown(where) for each in process.guards if each["kind"] == kind]


def rows_of(found: Sequence[tuple["Process", dict[str, Any]]], *names: str) -> list[dict[str, Any]]:
    """Guards as JSON: the named numbers of each, with its name and process."""
    return [
        {"name": each["name"], "pid": process.pid, "as_of": process.as_of} | {name: each.get(name) for name in names}
        for process, each in found
    ]
