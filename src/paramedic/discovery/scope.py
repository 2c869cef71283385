"""What of all that runs here belongs to a folder: what lives in it, runs in it or uses it, and the servers it needs."""

from collections.abc import Iterable
from pathlib import Path

from paramedic.discovery.addresses import ports_named
from paramedic.discovery.project import Project
from paramedic.discovery.scene import Part

_LONGEST = 1 << 18


def divided(parts: Iterable[Part], project: Project) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    """Those that belong to the folder of a project, and the others.

    Where nothing does, well-known servers are offered; beside a folder that tells of no project, everything.
    """
    all_ = tuple(parts)
    if project.folder in (Path("/"), Path.home(), Path("/root"), Path("/tmp")):  # noqa: S108  # told apart, not used
        return all_, ()
    own = [each for each in all_ if _is_of(each, project)]
    wanted = _named(project) | {port for each in own for port in each.needs | each.told}
    mine = {id(each) for each in all_ if each in own or wanted & {door.port for door in each.doors}}
    if not mine:
        is_server = (id(each) for each in all_ if each.known and not each.known.runs_apps and not each.known.is_worker)
        mine = set(is_server) if project.tells_something else {id(each) for each in all_}
    return tuple(each for each in all_ if id(each) in mine), tuple(each for each in all_ if id(each) not in mine)


def _is_of(part: Part, project: Project) -> bool:
    """Whether it runs in the folder, is started from there, has a file of it open, or its compose file declares it."""
    if part.owner and part.owner.manager == "compose" and part.owner.unit in project.compose:
        return True
    if part.process is None:
        return False
    folder, cwd = project.folder, part.process.cwd
    if cwd and cwd.is_relative_to(folder):
        return True
    started = (Path(word) for word in part.process.command[:3] if word.startswith("/"))
    return any(each.is_relative_to(folder) for each in (*started, *part.opened))


def _named(project: Project) -> set[int]:
    """Ports of this machine that the files of the folder name."""
    ports = {port for each in project.compose.values() for port in each}
    ports |= {each.port for each in project.addresses if each.is_here}
    for path in project.configuration:
        try:
            with path.open("rb") as file:
                text = file.read(_LONGEST).decode("utf-8", "replace")
        except OSError:
            continue
        ports |= ports_named(text)
    return ports
