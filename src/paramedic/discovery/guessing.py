"""From what was seen to what is supposed: each part with the ways it could be written."""

import asyncio
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from paramedic.discovery.addresses import Address, ports_named
from paramedic.discovery.asking import Answer, accepts, ask
from paramedic.discovery.filing import file_component, folder_component, of_project
from paramedic.discovery.guess import Candidate, Guess, Guesses, LeftOut, Reference
from paramedic.discovery.matching import pattern_for
from paramedic.discovery.naming import fit, name_of, user_name
from paramedic.discovery.options import folders_named, paths_named
from paramedic.discovery.project import Project
from paramedic.discovery.releases import add_releases
from paramedic.discovery.restarting import advice
from paramedic.discovery.scene import Part, Scene
from paramedic.discovery.sockets import Door, passing_ports
from paramedic.discovery.specialists import certificate, specialist
from paramedic.discovery.table import Known, Table
from paramedic.discovery.using import uses_file, uses_packages, uses_settings
from paramedic.sdk.pack import Registry

_AT_ONCE = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What guessing needs to know beside the scene."""

    table: Table
    registry: Registry
    environ: Mapping[str, str]


async def guess(scene: Scene, around: Surroundings) -> Guesses:
    """Everything that is supposed; ports are asked, nothing is changed."""
    found = Guesses()
    found.add(_host(scene))
    answers = await _ask_all(scene, around.table)
    mine: dict[int, list[Guess]] = {}
    for part in scene.parts:
        mine[id(part)] = list(_of_part(part, scene, around, answers, found))
    for project in scene.projects:
        files = of_project(project, scene, around.registry, found)
        for part in scene.parts:
            for each in mine[id(part)][:1]:
                used = (name for name, path in files if _uses(part, path, project))
                each.needs = (*each.needs, *(name for name in used if name != each.name))
    for part in scene.parts:
        _connect(part, mine[id(part)], scene, around.registry, found)
    firsts = [(part, each) for part in scene.parts for each in mine[id(part)][:1]]
    add_releases(scene.folder, firsts, around.registry, found)
    _tell_absent(scene, found)
    return found


def _uses(part: Part, path: Path, project: Project) -> bool:
    """``path`` is a file, or the folder of a virtual environment."""
    return uses_packages(part, path) if path.is_dir() else uses_file(part, path, project)


def _host(scene: Scene) -> Guess:
    paths = [path for part in scene.parts for path in folders_named(part)]
    devices = {_device(scene.folder)}
    elsewhere = []
    for path in paths:
        if _device(path) not in devices:
            devices.add(_device(path))
            elsewhere.append(path)
    keys: dict[str, object] = {"kind": "host", **({"paths": elsewhere} if elsewhere else {})}
    return Guess(name="host", what="this machine: disks and load", candidates=[Candidate(keys=keys, is_sure=True)])


async def _ask_all(scene: Scene, table: Table) -> dict[tuple[str, int], Answer | None]:
    """What every port says that may speak HTTP."""
    limit = asyncio.Semaphore(_AT_ONCE)

    async def one(part: Part, door: Door) -> Answer | None:
        known = part.known
        if known and known.http is None:
            return None
        async with limit:
            return await ask(door.reached_by, door.port, (*(known.http or () if known else ()), *table.health_paths))

    pairs = [(part, door) for part in scene.parts for door in part.doors]
    answers = await asyncio.gather(*(one(*pair) for pair in pairs))
    return {(door.reached_by, door.port): answer for (_, door), answer in zip(pairs, answers, strict=True)}


def _of_part(
    part: Part,
    scene: Scene,
    around: Surroundings,
    answers: Mapping[tuple[str, int], Answer | None],
    found: Guesses,
) -> Iterator[Guess]:
    name = name_of(part, scene.projects[0].procfile)
    process = part.process
    may_look = process is not None and os.geteuid() in (0, part.uid)
    match = pattern_for(process, scene.everyone, scene.secrets) if process and may_look else None
    common: dict[str, object] = {}
    if part.owner:
        common["owner"] = {part.owner.manager: part.owner.unit}
    if part.known and part.known.criticality:
        common["criticality"] = part.known.criticality
    hints = list(advice(part, scene.folder, scene.secrets)) if match else []
    if not part.doors:
        if match is None:
            found.left_out.append(LeftOut(name=name, why=f"{_who(part)} cannot be told from its twins"))
        else:
            keys = {"kind": "process", "match": match}
            what = f"{_who(part)}, listens nowhere"
            yield found.add(Guess(name=name, what=what, candidates=[Candidate(keys=keys)], common=common, advice=hints))
        return
    main, *others = sorted(part.doors, key=lambda door: _rank(door, part.known, answers))
    if match:
        common["process"] = {"match": match}
    yield found.add(
        Guess(
            name=name,
            what=f"{_who(part)}, {_listens(main)}",
            candidates=_candidates(part, main, answers, scene, around),
            common=common,
            advice=hints,
            ports=frozenset((main.port,)),
        )
    )
    yield from _certificates(name, part, answers, around.registry, found)
    passing = passing_ports()
    for door in others:
        if door.port in passing and not (part.known and door.port in part.known.ports):
            found.left_out.append(LeftOut(name=f"{name}:{door.port}", why="a second port that the system gave away"))
            continue
        yield found.add(
            Guess(
                name=f"{name}-{door.port}",
                what=f"{_who(part)}, {_listens(door)}",
                candidates=_general(door, answers),
                ports=frozenset((door.port,)),
            )
        )


def _certificates(
    name: str, part: Part, answers: Mapping[tuple[str, int], Answer | None], registry: Registry, found: Guesses
) -> Iterator[Guess]:
    """What TLS shows on the ports of a part, where a kind looks at that."""
    kind = registry.kinds.get("tls")
    for door in part.doors if kind else ():
        answer = answers.get((door.reached_by, door.port))
        if kind and answer and answer.scheme == "https":
            yield found.add(
                Guess(
                    name=f"{name}-certificate",
                    what=f"the certificate on port {door.port}",
                    candidates=[certificate(kind, door, answer)],
                )
            )


def _rank(door: Door, known: Known | None, answers: Mapping[tuple[str, int], Answer | None]) -> tuple[int, int, int]:
    """The port that tells most of a process comes first."""
    usual = known.ports.index(door.port) if known and door.port in known.ports else 99
    answer = answers.get((door.reached_by, door.port))
    return usual, 0 if answer and answer.is_well else 1 if answer else 2, door.port


def _candidates(
    part: Part,
    door: Door,
    answers: Mapping[tuple[str, int], Answer | None],
    scene: Scene,
    around: Surroundings,
) -> list[Candidate]:
    known = part.known
    kind = around.registry.kinds.get(known.kind) if known and known.kind else None
    special = []
    if known and kind:
        addresses = [
            each
            for project in scene.projects
            for each in project.addresses
            if each.port == door.port and each.is_here and around.table.by_scheme(each.scheme) is known
        ]
        named = [each.variable for each in addresses if not each.is_bare]
        given = [each for each in named if each in around.environ]
        every = [each.variable for each in addresses if each.variable in around.environ]
        # a variable is only what host and port cannot say: whoever runs paramedic elsewhere does not have it
        special = [
            _noted(each) for each in specialist(kind, known, door, given) or specialist(kind, known, door, every)
        ]
        if named and not special[1:] and not set(named) & around.environ.keys():
            general = _general(door, answers)
            note = f"with `{named[0]}` in the environment of paramedic, the kind `{kind.name}` can see more"
            return [*special, *(replace(each, note="; ".join(filter(None, (each.note, note)))) for each in general)]
    return [*special, *_general(door, answers)]


def _noted(candidate: Candidate) -> Candidate:
    """With a word on the variable that it takes."""
    names = [str(value)[2:-1] for value in candidate.keys.values() if isinstance(value, Reference)]
    note = f"`{names[0]}` has to be in the environment of paramedic whenever it runs" if names else candidate.note
    return replace(candidate, note=note)


def _general(door: Door, answers: Mapping[tuple[str, int], Answer | None]) -> list[Candidate]:
    """As a server of HTTP where it is one, else as a port that accepts connections."""
    host, port = door.reached_by, door.port
    tcp = Candidate(keys={"kind": "tcp", **({} if host == "127.0.0.1" else {"host": host}), "port": port})
    answer = answers.get((host, port))
    if answer is None:
        return [tcp]
    name = "localhost" if "localhost" in answer.names else f"[{host}]" if ":" in host else host
    url = f"{answer.scheme}://{name}:{port}{answer.path}"
    keys: dict[str, object] = {"kind": "http", "url": url}
    note = ""
    if 300 <= answer.status < 500:
        keys["expect_status"] = answer.status
        note = f"answers {answer.status} to `/`; name a path that says whether all is well"
    http = [Candidate(keys=keys, note=note, is_sure=answer.status >= 500)]
    if answer.scheme == "https":
        unsure = "its certificate is not one that this machine trusts for this address"
        http.append(
            Candidate(keys={**keys, "verify_tls": False}, note="; ".join(filter(None, (note, unsure))), is_sure=True)
        )
        http[0] = Candidate(keys=keys, note=note)
    return [*http, tcp]


def _connect(part: Part, mine: list[Guess], scene: Scene, registry: Registry, found: Guesses) -> None:
    """What a part needs: whom it is connected to, whom its variables name, the file that it was started with."""
    if not mine:
        return
    first = mine[0]
    needs = list(first.needs)
    started_with = f"the file that {first.name} was started with"
    needs += [
        file_component(path, "config", started_with, found, folder=scene.folder, registry=registry)
        for path in paths_named(part)
    ]
    if data := folder_component(part, first.name, scene.folder, registry, found):
        needs.append(data)
    wanted = set(part.needs | (part.told if part.code.reads_variables else frozenset()))
    for project in scene.projects:
        if any(uses_settings(part, path) for path in project.environment):
            wanted |= {each.port for each in project.addresses if each.is_here}
    needs += [other.name for port in sorted(wanted) if (other := found.at(port)) and other not in mine]
    first.needs = tuple(dict.fromkeys(needs))
    first.advice += _perhaps_needed(part, mine, found)
    for other in mine[1:]:
        other.needs = (first.name,)


def _perhaps_needed(part: Part, mine: list[Guess], found: Guesses) -> Iterator[str]:
    """What its code names and it is not connected to now: code that many share names more than each of them needs."""
    if part.is_asked_only:
        return
    for port in sorted(ports_named(part.code.text)):
        other = found.at(port)
        if other and other not in mine and other.name not in mine[0].needs:
            yield f"its code names port {port}, where {other.name} listens; if needed: depends_on: [{other.name}]"


def _tell_absent(scene: Scene, found: Guesses) -> None:
    """What files name and nobody runs."""
    for project in scene.projects:
        for name, ports in project.compose.items():
            if not any(found.at(port) for port in ports) and fit(name) not in found.components:
                found.left_out.append(LeftOut(name=name, why="in the compose file, but it does not run"))
        for address in project.addresses:
            if address.is_here and not found.at(address.port):
                why = f"`{address.variable}` names port {address.port}, where nobody listens"
                found.left_out.append(LeftOut(name=address.scheme, why=why))
    running = [each.line for each in scene.everyone.values()]
    for name, command in scene.projects[0].procfile.items():
        program = command.split(" ")[0].rpartition("/")[2]
        if fit(name) not in found.components and not any(program in line for line in running):
            found.left_out.append(LeftOut(name=name, why="in the Procfile, but it does not run"))


async def guess_remote(scene: Scene, table: Table, found: Guesses) -> None:
    """Databases and brokers on other machines, where the environment of the project names them and they answer."""
    wanted: dict[tuple[str, int], Address] = {}
    for project in scene.projects:
        for each in project.addresses:
            if not each.is_here and table.by_scheme(each.scheme):
                wanted.setdefault((each.host, each.port), each)
    reached = await asyncio.gather(*(accepts(*place) for place in wanted))
    for (place, address), is_there in zip(wanted.items(), reached, strict=True):
        known = table.by_scheme(address.scheme)
        assert known is not None
        if not is_there:
            why = f"`{address.variable}` names {place[0]}:{place[1]}, which accepts no connection from here"
            found.left_out.append(LeftOut(name=known.name, why=why))
            continue
        keys = {"kind": "tcp", "host": place[0], "port": place[1]}
        new = found.add(
            Guess(name=known.name, what=f"named by `{address.variable}`", candidates=[Candidate(keys=keys)])
        )
        for part in scene.parts:
            for project in scene.projects:
                is_told = any(uses_settings(part, path) for path in project.environment)
                if address in project.addresses and is_told and part.doors:
                    user = found.at(part.doors[0].port)
                    if user:
                        user.needs = (*user.needs, new.name)


def _who(part: Part) -> str:
    known = part.known.name if part.known else None
    if part.process is None:
        return f"{known or 'somebody'} of user {user_name(part.uid)}" if part.uid else f"{known or 'somebody'} of root"
    return part.process.names[0]


def _listens(door: Door) -> str:
    where = "every address" if door.host in ("0.0.0.0", "::") else door.host  # noqa: S104  # told, not bound
    return f"listens on {where}, port {door.port}"


def _device(path: Path) -> int | None:
    try:
        return path.stat().st_dev
    except OSError:
        return None
