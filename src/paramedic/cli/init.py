"""``paramedic init``: what runs here, written down as a service file whose first check is right."""

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from paramedic.cli.output import emit, wants_colour, width
from paramedic.model.status import Status

if TYPE_CHECKING:
    from paramedic.discovery import Draft, Found
    from paramedic.discovery.scene import Scene
    from paramedic.model.service import Service
    from paramedic.sdk.pack import Registry

_NAME = "paramedic.yaml"
_MOST_ROWS = 14
_MOST_LEFT_OUT = 5
_SCHEMA_VERSION = 1


@click.command()
@click.argument("folder", default=".", metavar="[DIR]", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace the service file that is there; a backup is kept beside it.")
@click.option(
    "--all", "is_all", is_flag=True, help="Take everything that runs on this machine, not only what DIR needs."
)
@click.option("--stdout", "is_shown", is_flag=True, help="Print the service file and write nothing.")
@click.option(
    "--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Of the result."
)
@click.pass_context
def init(context: click.Context, folder: Path, *, force: bool, is_all: bool, is_shown: bool, style: str) -> None:
    """Look around on this machine and write `paramedic.yaml` into DIR.

    Asks nothing. Processes, ports, connections and the files in DIR are looked at, every guess is tried with the
    checks that will look at it, and only what they understand is written: what lives in DIR, runs in it or uses it,
    and the servers that this is connected to or that the files in DIR name. Exit code: 0 written, 64 a file is there.
    """
    from paramedic.checking import run_loop
    from paramedic.cli.rehearsal import is_rehearsal
    from paramedic.discovery import divided, load_table, look_around
    from paramedic.model.errors import UsageError
    from paramedic.sdk.pack import load_packs

    is_shown = is_shown or is_rehearsal()
    if not folder.is_dir():
        raise UsageError(f"there is no folder `{folder}`")
    path = Path(os.path.abspath(folder)) / _NAME  # noqa: PTH100  # a link stays as the person named it
    if os.path.lexists(path) and not force and not is_shown:
        raise UsageError(
            f"`{path}` is there already", hint="`--force` replaces it and keeps a backup, `--stdout` only prints"
        )
    scene = look_around(path.parent, load_table(), None if is_all else divided)
    draft = run_loop(_drafted(scene, path, load_packs()))
    context.ensure_object(dict)["leave at once"] = True  # whatever thread a check left behind
    if is_shown and style == "text":
        emit(draft.text)
        return
    backup = None if is_shown else _write(path, draft)
    if style == "json":
        emit(json.dumps(_as_data(draft, path, backup, scene, is_written=not is_shown), indent=2) + "\n")
        return
    emit("\n".join(_screen(draft, path, backup, scene)) + "\n")


def drafted(path: Path) -> "Draft":
    """The service file that would be written now."""
    from paramedic.checking import run_loop
    from paramedic.discovery import divided, load_table, look_around
    from paramedic.sdk.pack import load_packs

    return run_loop(_drafted(look_around(path.parent, load_table(), divided), path, load_packs()))


async def _drafted(scene: "Scene", path: Path, registry: "Registry") -> "Draft":
    from paramedic.checking import Runner
    from paramedic.cli.progress import Waiting, shown
    from paramedic.discovery import draft, load_table
    from paramedic.model.clock import SystemClock
    from paramedic.model.finding import Finding
    from paramedic.watch.recorded import RecordedProcesses

    clock = SystemClock()

    async def look(service: "Service", names: tuple[str, ...]) -> tuple[Finding, ...]:
        runner = Runner(service, registry, clock, RecordedProcesses(service, None, clock))
        waiting = Waiting(len(runner.due(names)), clock)
        async with shown(waiting, width()):
            return (await runner.run(names, progress=waiting)).findings

    return await draft(scene, path, table=load_table(), registry=registry, environ=os.environ, look=look)


def _write(path: Path, draft: "Draft") -> Path | None:
    """Write the file and remember it as a good version; returns where the one before is."""
    from paramedic.cli.placing import keep, put

    backup = put(path, draft.text)
    keep(path, draft.service.settings.state_dir)
    return backup


def _as_data(draft: "Draft", path: Path, backup: Path | None, scene: "Scene", *, is_written: bool) -> dict[str, object]:
    from paramedic.model.wire import dump

    return {
        "schema_version": _SCHEMA_VERSION,
        "file": str(path),
        "written": is_written,
        "backup": str(backup) if backup else None,
        "service": draft.service.name,
        "found": dump(draft.found),
        "left_out": dump(draft.left_out),
        "not_restartable": list(_not_restartable(draft)),
        "elsewhere": list(_elsewhere(scene)),
        "noise": list(scene.noise),
        "text": draft.text,
    }


def _screen(draft: "Draft", path: Path, backup: Path | None, scene: "Scene") -> Iterator[str]:
    """What a person needs to know, on one screen."""
    from paramedic.report.words import LOOKS, count, one_line, painted

    room, is_coloured = width(), wants_colour(sys.stdout)
    kinds = Counter(each.kind for each in draft.found)
    sorts = ", ".join(f"{number} {kind}" for kind, number in kinds.most_common())
    yield f"wrote {path}: {count(len(draft.found), 'component')} ({sorts})"
    if backup:
        yield f"the file that was there is now {backup.name}"
    yield ""
    names = max(len(each.name) for each in draft.found)
    kind_width = max(len(each.kind) for each in draft.found)
    for each in _worst_first(draft.found)[:_MOST_ROWS]:
        look = LOOKS[each.status]
        needs = f"; needs {', '.join(each.depends_on)}" if each.depends_on else ""
        told = one_line(each.what if each.status in (Status.OK, Status.INFO) else each.observed)
        row = f"{each.name:<{names}}  {each.kind:<{kind_width}}  {told}{needs}"
        yield f"{painted(look.glyph, look.colour, wanted=is_coloured)} {_cut(row, room - 2)}"
    if len(draft.found) > _MOST_ROWS:
        yield f"… and {len(draft.found) - _MOST_ROWS} more"
    elsewhere = _elsewhere(scene)
    if draft.left_out or elsewhere:
        yield ""
        yield "seen and not put in:"
        for out in draft.left_out[:_MOST_LEFT_OUT]:
            yield _cut(f"  {out.name}: {one_line(out.why)}", room)
        if len(draft.left_out) > _MOST_LEFT_OUT:
            yield f"  … and {len(draft.left_out) - _MOST_LEFT_OUT} more; they stand at the end of the file"
    if elsewhere:
        yield _cut(f"  {len(elsewhere)} not used from here (`--all` takes them): {', '.join(elsewhere)}", room)
    noise, strangers = len(scene.noise), scene.strangers
    quiet = [
        *([f"{count(noise, 'program')} of the system, shells and editors"] if noise else []),
        *([f"{strangers} more process{'es' * (strangers > 1)} that listen nowhere"] if strangers else []),
    ]
    if quiet:
        yield f"not looked at: {', '.join(quiet)}"
    yield ""
    if still := len(_not_restartable(draft)):
        what = "it a `command` or an `owner`" if still == 1 else "each a `command` or `owner`"
        yield f"{count(still, 'component')} can be watched but not restarted: give {what}"
    yield f"next: {_next(path)}"


def _elsewhere(scene: "Scene") -> tuple[str, ...]:
    """What runs here for others, by name; several of one name are told apart by nothing."""
    from paramedic.discovery.naming import name_of
    from paramedic.report.redaction import Redactor

    safe = Redactor(scene.secrets)
    return tuple(dict.fromkeys(safe.text(name_of(each, {})) for each in scene.elsewhere))


def _not_restartable(draft: "Draft") -> tuple[str, ...]:
    """Processes that nobody is known to start."""
    components = draft.service.components.values()
    return tuple(
        each.name for each in components if each.process and not each.process.is_managed and each.owner is None
    )


def _worst_first(found: "tuple[Found, ...]") -> "list[Found]":
    return sorted(found, key=lambda each: -each.status.rank)


def _next(path: Path) -> str:
    here = path.parent == Path.cwd()
    named = "" if here else f" -f {path}"
    return f"paramedic{named} check"


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else text[: room - 1] + "…"
