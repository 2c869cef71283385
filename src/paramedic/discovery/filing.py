"""Files that the parts of a service need: environment, configuration, databases, packages."""

from collections.abc import Iterator
from pathlib import Path

from paramedic.discovery.guess import Candidate, Guess, Guesses, LeftOut
from paramedic.discovery.mcp_servers import add_servers
from paramedic.discovery.naming import fit, user_name
from paramedic.discovery.options import folders_named, paths_named
from paramedic.discovery.project import Project, relative
from paramedic.discovery.scene import Part, Scene
from paramedic.discovery.specialists import packages
from paramedic.sdk.pack import Registry

_TELLING = ("env", "config", "settings")
_PARSES, _DATABASE = "a configuration file that parses", "a SQLite database"
_SORTS = {"sqlite": "db"}


def of_project(project: Project, scene: Scene, registry: Registry, found: Guesses) -> list[tuple[str, Path]]:
    """Files that parts of a folder may need: the name of the component of each, and where it is."""
    return list(_of_project(project, scene, registry, found))


def _of_project(project: Project, scene: Scene, registry: Registry, found: Guesses) -> Iterator[tuple[str, Path]]:
    here = scene.folder
    named = {path for part in scene.parts for path in paths_named(part)}
    opened = {path for part in scene.parts for path in part.databases if works_in(part, project.folder)}
    own = project.folder == here
    for path in (*project.environment, *(project.configuration if own else ())):
        if path not in named:
            yield file_component(path, "config", _PARSES, found, folder=here, registry=registry), path
    for path in sorted({*project.databases, *opened}):
        if path.exists():
            yield file_component(path, "sqlite", _DATABASE, found, folder=here, registry=registry), path
        else:
            found.left_out.append(LeftOut(name=str(path), why="named as a database, but it does not exist"))
    add_servers(project.folder, here, registry, found)
    kind = registry.kinds.get("python")
    if kind and (candidate := packages(kind, project, here)):
        name = "packages" if own else f"{fit(project.folder.name)}-packages"
        told = found.add(Guess(name=name, what="the Python packages of the project", candidates=[candidate]))
        yield told.name, (here / str(candidate.keys["interpreter"])).parent.parent


def works_in(part: Part, folder: Path) -> bool:
    """Whether a part runs in a folder."""
    return part.process is not None and part.process.cwd == folder


def file_component(path: Path, kind: str, what: str, found: Guesses, *, folder: Path, registry: Registry) -> str:
    """The name of the component of a file; it is added where there is none yet."""
    shown = relative(path, folder)
    known = next((each for each in found.components.values() if each.candidates[0].keys.get("path") == shown), None)
    if known:
        return known.name
    stem = "env" if path.name == ".env" else path.stem
    name = stem if kind == "config" and stem in _TELLING else f"{stem}-{_SORTS.get(kind, kind)}"
    ways = [*_described(path, kind, folder, registry), Candidate(keys={"kind": kind, "path": shown})]
    return found.add(Guess(name=fit(name), what=what, candidates=ways)).name


def _described(path: Path, kind: str, folder: Path, registry: Registry) -> Iterator[Candidate]:
    """The component of a file with what it holds now, where its kind can tell."""
    known = registry.kinds.get(kind)
    told = known.describe(path) if known and known.describe else {}
    if told:
        more = {key: relative(value, folder) if isinstance(value, Path) else value for key, value in told.items()}
        yield Candidate(
            keys={"kind": kind, "path": relative(path, folder), **more},
            note="with what it holds now; take out what it may do without",
        )


def folder_component(part: Part, name: str, folder: Path, registry: Registry, found: Guesses) -> str | None:
    """The component of the folders that a part writes to, where a kind looks at such; they have to stay as they are."""
    if "files" not in registry.kinds or not (there := folders_named(part)):
        return None
    entries = []
    for path in there:
        try:
            owner = path.stat().st_uid
        except OSError:
            continue
        whose = {"owner": user_name(owner)} if owner == part.uid else {}
        entries.append({"path": relative(path, folder), "type": "directory", **whose, "writable": True})
    if not entries:
        return None
    candidate = Candidate(keys={"kind": "files", "paths": entries})
    return found.add(Guess(name=f"{name}-data", what=f"where {name} writes", candidates=[candidate])).name
