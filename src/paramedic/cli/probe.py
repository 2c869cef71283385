"""``paramedic probe``: the synthetic probes (journeys) of the service file."""

import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from paramedic.checking import Runner, nearest, run_loop
from paramedic.checking.selection import Pair, why_not
from paramedic.cli.output import complain, emit, wants_colour, width, write_private
from paramedic.cli.progress import Waiting, shown
from paramedic.cli.surroundings import load_service
from paramedic.model.clock import SystemClock
from paramedic.model.errors import UsageError
from paramedic.model.report import Report
from paramedic.model.service import Service
from paramedic.report import FORMATS, render
from paramedic.sdk.check import Depth
from paramedic.sdk.pack import Registry

_KIND = "journey"


@click.group()
def probe() -> None:
    """Synthetic probes: journeys that the service file declares."""


@probe.command("list")
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.pass_context
def list_(context: click.Context, style: str) -> None:
    """List the journeys, and whether they may run."""
    service, registry = load_service(context)
    rows = [
        {"name": component.name, "check": spec.id, "may_run": reason is None, "why_not": reason}
        for component, spec in _journeys(service, registry, ())
        for reason in (why_not(service, component, spec),)
    ]
    if style == "json":
        emit(json.dumps(rows, indent=2) + "\n")
    elif not rows:
        emit("the service file declares no journey\n")
    for row in rows if style == "text" else ():
        emit(f"{row['name']}  {'runs' if row['may_run'] else row['why_not']}\n")


@probe.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--format", "style", type=click.Choice(list(FORMATS)), default="text", show_default=True, help="Of the report."
)
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="Write the report to a file, too.")
@click.option("-q", "--quiet", is_flag=True, help="Show only problems.")
@click.pass_context
def run(context: click.Context, names: tuple[str, ...], style: str, output: Path | None, quiet: bool) -> None:
    """Go through every journey, or those named, and tell each step that went wrong.

    Exit code: 0 healthy, 1 degraded, 2 critical, 3 unknown.
    """
    service, registry = load_service(context)
    journeys = _journeys(service, registry, names)
    if not journeys:
        raise UsageError("the service file declares no journey", hint="a component of the kind `journey` is one")
    report = _report(service, registry, journeys)

    def text(*, colour: bool, columns: int) -> str:
        return render(report, style, verbose=not quiet, quiet=quiet, colour=colour, width=columns)

    emit(text(colour=wants_colour(sys.stdout), columns=width()))
    if output is not None:
        write_private(output, text(colour=False, columns=80))
        complain(f"the report is in {output}")
    context.exit(report.exit_code)


def _report(service: Service, registry: Registry, journeys: Sequence[Pair]) -> Report:
    from paramedic.watch.recorded import RecordedProcesses

    clock = SystemClock()
    runner = Runner(service, registry, clock, RecordedProcesses(service, None, clock))
    waiting = Waiting(len(journeys), clock)
    stop = asyncio.Event()
    names, checks = [each.name for each, _ in journeys], list({spec.id for _, spec in journeys})

    async def look() -> Report:
        async with shown(waiting, width()):
            return await runner.run(
                names, checks, Depth.FULL, waiting, stop, limit_s=service.settings.full_check_limit_s
            )

    return run_loop(look(), on_interrupt=stop.set)


def _journeys(service: Service, registry: Registry, names: Sequence[str]) -> list[Pair]:
    """Journeys with their checks.

    Raises:
        UsageError: a name that is no journey.
    """
    known = [name for name, each in service.components.items() if each.kind == _KIND]
    for name in names:
        if name not in known:
            guess = nearest(name, known)
            raise UsageError(
                f"there is no journey `{name}`",
                hint=f"did you mean `{guess}`?" if guess else "`paramedic probe list` lists them",
            )

    return [
        (service.components[name], spec)
        for name in names or known
        for spec in registry.checks
        if spec.target(service.components[name]) is not None
    ]
