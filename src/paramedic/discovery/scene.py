"""Everything that can be seen from here without asking anybody: processes, ports, connections, files."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from paramedic.discovery.addresses import addresses_in
from paramedic.discovery.code import Code, code_of
from paramedic.discovery.containers import published
from paramedic.discovery.owners import Owned, owner_of
from paramedic.discovery.processes import Seen, eldest, environment, everybody, family, ourselves
from paramedic.discovery.project import Project, is_sqlite, read_project
from paramedic.discovery.sockets import Door, Link, doors_and_links, holders, mapped_files, open_files
from paramedic.discovery.table import Known, Table

_DATABASES = (".db", ".sqlite", ".sqlite3")
_UNITS = (Path("/etc/systemd/system"), Path("~/.config/systemd/user"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A process with all that descends from it, or a port whose holder may not be looked into."""

    process: Seen | None
    uid: int
    doors: tuple[Door, ...] = ()
    """One for each port, by port."""
    known: Known | None = None
    owner: Owned | None = None
    needs: frozenset[int] = frozenset()
    """Ports of this machine that it is connected to."""
    told: frozenset[int] = frozenset()
    """Ports of this machine that its environment names."""
    databases: tuple[Path, ...] = ()
    """SQLite files that it has open."""
    opened: frozenset[Path] = frozenset()
    """Every file that it has open or mapped."""
    code: Code = field(default=Code(), repr=False)
    """What it is made of, as far as that may be read."""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Its environment. It holds secrets: never to be shown."""

    @property
    def is_asked_only(self) -> bool:
        """Whether it is a server that others name by address. What its environment says, it only inherited."""
        return self.known is not None and bool(self.known.schemes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What was seen."""

    folder: Path
    parts: tuple[Part, ...]
    projects: tuple[Project, ...]
    """The folder's own first, then those that the processes work in."""
    everyone: Mapping[int, Seen]
    elsewhere: tuple[Part, ...] = ()
    """What runs here and does not belong to the folder."""
    noise: tuple[str, ...] = ()
    """Names of what was left out without a word."""
    strangers: int = 0
    """Processes of ours that listen nowhere and that nothing names as a part of the service."""
    secrets: tuple[str, ...] = field(default=(), repr=False)


Divide = Callable[[Iterable[Part], Project], tuple[tuple[Part, ...], tuple[Part, ...]]]


def look_around(folder: Path, table: Table, divide: Divide | None = None) -> Scene:
    """Look at this machine, and at a folder on it; only at what belongs to the folder where ``divide`` tells that."""
    everyone = everybody()
    doors, links = doors_and_links()
    held = holders({*(each.socket for each in doors), *(each.socket for each in links)})
    away = _ours(everyone)
    noise: set[str] = set()
    parts: list[Part] = []
    for pid, group in _by_holder(doors, held, everyone).items():
        process = everyone.get(pid)
        if process and (pid in away or _is_noise(process, table)):
            if pid not in away:
                noise.add(process.names[0])
            continue
        kept = tuple(each for each in group if process or each.port not in table.noise_ports)
        noise.update(f"port {each.port}" for each in group if each not in kept)
        if kept:
            parts += _one_or_each(process, kept, table)
    parts += _workers(parts, everyone, away, folder, table)
    noise |= {
        each.names[0] for each in everyone.values() if each.pid not in away and each.names and _is_noise(each, table)
    }
    parts = [_with_needs(each, links, held, everyone, table) for each in parts]
    known = {pid for each in parts if each.process for pid in [each.process.pid]}
    home = read_project(folder, table)
    mine, elsewhere = divide(parts, home) if divide else (tuple(parts), ())
    folders = [each.process.cwd for each in mine if each.process and each.process.cwd]
    plain = (folder, Path("/"), Path.home())
    others = (each for each in dict.fromkeys(folders) if each not in plain)
    # a server that others use, too, brings none of the files that lie around it
    wanted = (each for each in others if not elsewhere or each.is_relative_to(folder))
    projects = (home, *(read_project(each, table) for each in wanted))
    strangers = [
        each
        for each in everyone.values()
        if _may_look_into(each)
        and each.pid not in away
        and not _is_noise(each, table)
        and not known & set(family(each.pid, everyone))
    ]
    return Scene(
        folder=folder,
        parts=mine,
        projects=projects,
        everyone=everyone,
        elsewhere=elsewhere,
        noise=tuple(sorted(noise)),
        strangers=len(strangers),
        secrets=tuple(dict.fromkeys(secret for each in projects for secret in each.secrets)),
    )


def _ours(everyone: Mapping[int, Seen]) -> set[int]:
    """We ourselves, who called us, and what we called."""
    line = ourselves()
    return line | {pid for pid in everyone if os.getpid() in family(pid, everyone)}


def _is_noise(process: Seen, table: Table) -> bool:
    return not process.names or process.names[0] in table.noise_programs or process.names[0].startswith("[")


def _may_look_into(process: Seen) -> bool:
    return os.geteuid() in (0, process.uid)


def _by_holder(
    doors: Iterable[Door], held: Mapping[str, set[int]], everyone: Mapping[int, Seen]
) -> dict[int, list[Door]]:
    """Doors by the process that holds them; those of unknown holders by 0."""
    found: dict[int, list[Door]] = {}
    for door in sorted(doors, key=lambda each: (each.port, each.host not in ("127.0.0.1", "0.0.0.0"))):  # noqa: S104
        pids = held.get(door.socket, set()) & everyone.keys()
        group = found.setdefault(eldest(pids, everyone) if pids else 0, [])
        if door.port not in {each.port for each in group}:
            group.append(door)
    return found


def _one_or_each(process: Seen | None, doors: tuple[Door, ...], table: Table) -> list[Part]:
    """One part of a process; of doors whose holders are unknown or only pass things on, each is one."""
    if process is None:
        return [Part(process=None, uid=each.uid, doors=(each,), known=table.by_port(each.port)) for each in doors]
    if process.names[0] == "docker-proxy":
        owners = published()
        return [
            Part(process=None, uid=each.uid, doors=(each,), known=table.by_port(each.port), owner=owners.get(each.port))
            for each in doors
        ]
    known = table.by_program(process.names)
    return [Part(process=process, uid=process.uid, doors=doors, known=known)]


def _workers(
    servers: Iterable[Part], everyone: Mapping[int, Seen], away: set[int], folder: Path, table: Table
) -> list[Part]:
    """Processes that listen nowhere and belong to the service all the same."""
    taken = {each.process.pid for each in servers if each.process}
    found: dict[int, Part] = {}
    for process in everyone.values():
        line = list(family(process.pid, everyone))
        if process.pid in away or not _may_look_into(process) or taken & set(line) or _is_noise(process, table):
            continue
        known = table.by_program(process.names)
        if (known and known.is_worker) or _is_inside(process.cwd, folder) or _is_somebodys_unit(process, everyone):
            found[process.pid] = Part(process=process, uid=process.uid, known=known)
    return [each for pid, each in found.items() if not set(list(family(pid, everyone))[1:]) & found.keys()]


def _is_inside(cwd: Path | None, folder: Path) -> bool:
    plain = (Path("/"), Path.home(), Path("/root"), Path("/tmp"))  # noqa: S108  # left alone, not written to
    return cwd is not None and folder not in plain and cwd.is_relative_to(folder)


def _is_somebodys_unit(process: Seen, everyone: Mapping[int, Seen]) -> bool:
    """Whether a person declared it: with supervisord or runit, in a container, or by a unit of their own."""
    owner = owner_of(process, everyone.get(process.parent), environment(process.pid))
    if owner is None or owner.manager != "systemd":
        return owner is not None
    places = [folder.expanduser() / f"{owner.unit}.service" for folder in _UNITS]
    return any(place.is_file() and not place.is_symlink() for place in places)


def _with_needs(
    part: Part, links: Iterable[Link], held: Mapping[str, set[int]], everyone: Mapping[int, Seen], table: Table
) -> Part:
    """With whom it is connected, who starts it, what it was told and what it has open."""
    process = part.process
    if process is None:
        return part
    mine = {pid for pid in everyone if process.pid in family(pid, everyone)}
    own = {each.port for each in part.doors}
    needs = {each.far[1] for each in links if held.get(each.socket, set()) & mine}
    variables = environment(process.pid)
    told = {each.port for each in addresses_in(variables, table) if each.is_here}
    opened = tuple(dict.fromkeys(path for pid in sorted(mine) for path in open_files(pid)))
    return replace(
        part,
        owner=owner_of(process, everyone.get(process.parent), variables),
        needs=frozenset(needs - own),
        told=frozenset() if part.is_asked_only else frozenset(told - own),
        databases=tuple(path for path in opened if path.suffix in _DATABASES and is_sqlite(path)),
        opened=frozenset((*opened, *(path for pid in mine for path in mapped_files(pid)))),
        code=code_of(process.command, process.cwd),
        variables=variables,
    )
