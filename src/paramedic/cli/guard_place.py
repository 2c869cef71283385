"""Where the guards of a service are met: the folder that the command line, the service file or the user names."""

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from paramedic.cli.output import complain
from paramedic.cli.surroundings import load_service, who
from paramedic.model.errors import ConfigurationError, ParamedicError, UsageError

if TYPE_CHECKING:
    from paramedic.guard.outside import Process

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


def place(context: click.Context, folder: Path | None) -> Place:
    """The folder that is named, else those of the components of kind `guards`, else that of this user."""
    if folder is not None:
        return Place(folders=(folder,), files={})
    targets = _declared(context)
    files = {
        name: path
        for target in targets
        for name in ("tripwire", "energy", "flags", "overlays", "queue")
        if isinstance(path := getattr(target, name, None), Path)
    }
    folders = tuple(dict.fromkeys(getattr(target, "folder", None) for target in targets))
    return Place(folders=folders or (None,), files=files)


def _declared(context: click.Context) -> list[object]:
    """The targets of kind `guards`. A service file that is missing or wrong keeps nobody from closing a breaker."""
    try:
        service, _ = load_service(context)
    except ConfigurationError as error:
        named = (context.find_root().params or {}).get("file")
        if named:
            raise
        if any(problem.path is not None and problem.path.exists() for problem in error.problems):
            complain("the service file is wrong; the guards of this user are shown: `paramedic config validate`")
        return []
    return [each.target for each in service.components.values() if each.kind == "guards"]


def shown(where: Place) -> "list[tuple[Path | None, Process]]":
    """Every living process with guards, and the folder in which it shows itself."""
    from paramedic.guard.outside import processes

    return [(folder, each) for folder in where.folders for each in processes(folder, tidy=False)]


def guards(where: Place, kind: str) -> "list[tuple[Process, dict[str, Any]]]":
    """The guards of one kind, with the process of each."""
    return [(process, each) for _, process in shown(where) for each in process.guards if each["kind"] == kind]


def tell(where: Place, kind: str, name: str, verb: str, **settings: Any) -> dict[int, str]:
    """Have guards do something in every process that has them; process id to ``done`` or what it answered.

    Raises:
        UsageError: there is no such guard.
        ParamedicError: one of them refused, or does not answer.
    """
    from paramedic.guard.outside import Order, ask

    found = guards(where, kind)
    if not any(name in ("*", each["name"]) for _, each in found):
        known = sorted({f"`{each['name']}`" for _, each in found})
        told = f"`{name}`" if name != "*" else "at all"
        raise UsageError(
            f"no running process has a guard of kind `{kind}` {told}",
            hint=f"there are {', '.join(known)}" if known else "`--dir` names the folder where a service shows them",
        )
    answers: dict[int, str] = {}
    for folder in where.folders:
        answers |= ask(Order(kind=kind, name=name, verb=verb, settings=settings), at=folder)
    bad = [f"pid {pid}: {_said(answer)}" for pid, answer in answers.items() if answer != "done"]
    if bad or not answers:
        raise ParamedicError("; ".join(bad) or "the process ended meanwhile")
    return answers


def _said(answer: str) -> str:
    return "does not answer" if answer == "silent" else answer


def told(style: str, answers: Mapping[int, str], line: str) -> None:
    """What was done, in a line or as JSON."""
    from paramedic.cli.listing import show_json

    if style == "json":
        show_json({"done": sorted(answers)})
    else:
        click.echo(f"{line} (pid {', '.join(map(str, sorted(answers)))})")


def values(pairs: Iterable[str]) -> dict[str, Any]:
    """``key=value`` as settings: numbers are numbers, everything else is text.

    Raises:
        UsageError: one has no ``=``.
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not sign or not key:
            raise UsageError(f"`{pair}` is no setting", hint="write `failure_threshold=8`")
        found[key.strip()] = _value(value.strip())
    return found


def _value(text: str) -> Any:
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    if re.fullmatch(r"-?\d*\.\d+", text):
        return float(text)
    return {"none": None, "true": True, "false": False}.get(text.lower(), text)


def asked_by() -> str:
    """Who gives the order, for the reason that the process shows."""
    return who() if os.name == "posix" else "somebody"


def rows_of(found: Sequence[tuple["Process", dict[str, Any]]], *names: str) -> list[dict[str, Any]]:
    """Guards as JSON: the named numbers of each, with its name and process."""
    return [
        {"name": each["name"], "pid": process.pid, "as_of": process.as_of} | {name: each.get(name) for name in names}
        for process, each in found
    ]
