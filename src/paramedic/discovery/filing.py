"""Files that the parts of a service need: environment, configuration, databases, packages."""

from collections.abc import Iterator
from pathlib import Path

from paramedic.discovery.guess import Candidate, Guess, Guesses, LeftOut
from paramedic.discovery.naming import fit
from paramedic.discovery.options import paths_named
from paramedic.discovery.project import Project, relative
from paramedic.discovery.scene import Part, Scene
from paramedic.discovery.specialists import packages
from paramedic.sdk.pack import Registry

_TELLING = ("env", "config", "settings")
_SORTS = {"sqlite": "db"}


def of_project(project: Project, scene: Scene, registry: Registry, found: Guesses) -> Iterator[str]:
    """Files that the parts of a folder need; yields the names of their components."""
    here = scene.folder
    named = {path for part in scene.parts for path in paths_named(part)}
    opened = {path for part in scene.parts for path in part.databases if works_in(part, project.folder)}
    own = project.folder == here
    for path in (*project.environment, *(project.configuration if own else ())):
        if path not in named:
            yield file_component(path, "config", "a configuration file that parses", here, found)
    for path in sorted({*project.databases, *opened}):
        if path.exists():
            yield file_component(path, "sqlite", "a SQLite database", here, found)
        else:
            found.left_out.append(LeftOut(name=str(path), why="named as a database, but it does not exist"))
    kind = registry.kinds.get("python")
    if kind and (candidate := packages(kind, project, here)):
        name = "packages" if own else f"{fit(project.folder.name)}-packages"
        yield found.add(Guess(name=name, what="the Python packages of the project", candidates=[candidate])).name


def works_in(part: Part, folder: Path) -> bool:
    """Whether a part runs in a folder."""
    return part.process is not None and part.process.cwd == folder


def file_component(path: Path, kind: str, what: str, folder: Path, found: Guesses) -> str:
    """The name of the component of a file; it is added where there is none yet."""
    shown = relative(path, folder)
    known = next((each for each in found.components.values() if each.candidates[0].keys.get("path") == shown), None)
    if known:
        return known.name
    stem = "env" if path.name == ".env" else path.stem
    name = stem if kind == "config" and stem in _TELLING else f"{stem}-{_SORTS.get(kind, kind)}"
    guess = Guess(name=fit(name), what=what, candidates=[Candidate(keys={"kind": kind, "path": shown})])
    return found.add(guess).name
