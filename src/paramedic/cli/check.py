"""``paramedic check``: look at everything once and judge."""

import asyncio
import os
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from paramedic.checking import Runner, run_loop
from paramedic.cli.maintenance import known
from paramedic.cli.next_step import next_step
from paramedic.cli.output import complain, emit, wants_colour, width, write_private
from paramedic.cli.progress import Waiting, shown
from paramedic.cli.surroundings import load_service
from paramedic.model.clock import SystemClock
from paramedic.model.errors import StoreError, UsageError
from paramedic.model.report import OpenIncident, Report
from paramedic.model.service import Service
from paramedic.report import FORMATS, Redactor, render
from paramedic.report.formats import FOR_FILES, SUFFIXES
from paramedic.sdk.check import Depth

if TYPE_CHECKING:
    from paramedic.store import Store


@click.command()
@click.argument("components", nargs=-1, metavar="[COMPONENT]...")
@click.option("--only", "codes", multiple=True, metavar="CODE", help="Only the checks of this code, or this check.")
@click.option("--quick", "depth", flag_value=Depth.QUICK.value, help="Only what is fast, within two minutes.")
@click.option("--full", "depth", flag_value=Depth.FULL.value, help="Everything, probes included, within ten minutes.")
@click.option(
    "--format", "style", type=click.Choice(list(FORMATS)), default="text", show_default=True, help="Of the report."
)
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="Write the report to a file, too.")
@click.option("--save", is_flag=True, help="Keep the report in the folder for reports, too.")
@click.option("-v", "--verbose", is_flag=True, help="Show passes and all evidence.")
@click.option("-q", "--quiet", is_flag=True, help="Show only problems.")
@click.pass_context
def check(  # noqa: PLR0917  # click passes them by name
    context: click.Context,
    components: tuple[str, ...],
    codes: tuple[str, ...],
    depth: str | None,
    style: str,
    output: Path | None,
    save: bool,
    verbose: bool,
    quiet: bool,
) -> None:
    """Look at every component, or those named, and judge. Changes nothing.

    Exit code: 0 healthy, 1 degraded, 2 critical, 3 unknown.
    """
    if output is not None and not output.parent.is_dir():
        raise UsageError(f"there is no folder `{output.parent}` to write the report to")
    service, registry = load_service(context)
    clock = SystemClock()
    store = _store(service)
    try:
        from paramedic.watch.recorded import RecordedProcesses

        runner = Runner(service, registry, clock, RecordedProcesses(service, store, clock))
        chosen = Depth(depth or Depth.NORMAL)
        waiting = Waiting(len(runner.due(components, codes, chosen)), clock)
        settings = service.settings
        limit_s = settings.quick_check_limit_s if chosen is Depth.QUICK else settings.full_check_limit_s
        stop = asyncio.Event()

        async def look() -> Report:
            async with shown(waiting, width()):
                return await runner.run(components, codes, chosen, waiting, stop, limit_s=limit_s)

        report = replace(
            run_loop(look(), on_interrupt=stop.set),
            incidents=_not_over(service, store),
            maintenance=_planned(service, store),
        )
    finally:
        if store is not None:
            store.close()

    def text(style: str, *, colour: bool, columns: int) -> str:
        root = _root()
        return render(report, style, verbose=verbose, quiet=quiet, colour=colour, width=columns, root=root)

    places = [each for each in (output, _place(report, service, style) if save else None) if each]
    shown_as = "text" if places and style in FOR_FILES else style
    emit(text(shown_as, colour=wants_colour(sys.stdout), columns=width()))
    for path in places:
        write_private(path, text(style, colour=False, columns=80))
        complain(f"the report is in {path}")
    if runner.gave_up:
        context.ensure_object(dict)["leave at once"] = True
    context.exit(report.exit_code)


def _root() -> Path:
    """The repository in which this runs, as the machines that run jobs say; otherwise this folder."""
    said = os.environ.get("GITHUB_WORKSPACE") or os.environ.get("CI_PROJECT_DIR")
    return Path(said or Path.cwd()).absolute()


def _store(service: Service) -> "Store | None":
    """What Paramedic remembers, if it does; a check goes on without."""
    from paramedic.store import read_store

    try:
        return read_store(service.settings.store, node=service.settings.node, clock=SystemClock())
    except StoreError as error:
        complain(f"the records cannot be read, so it is not known what was started or stopped on purpose: {error}")
        if error.hint:
            complain(f"hint: {error.hint}")
        return None


def _not_over(service: Service, store: "Store | None") -> tuple[OpenIncident, ...]:
    """Incidents that the store knows of; a store that fails now says of none."""
    if store is None:
        return ()
    safe = Redactor(service.secrets)
    with suppress(StoreError), store.read() as tx:
        return tuple(
            OpenIncident(
                id=each.id,
                severity=each.severity.value,
                state=each.state.value,
                component=each.component,
                code=each.code,
                why=safe.text(each.why),
                next_step=next_step(each),
            )
            for each in tx.incidents.unresolved()
        )
    return ()


def _planned(service: Service, store: "Store | None") -> tuple[str, ...]:
    """The planned work that lasts now."""
    from paramedic.store.notes import MAINTENANCE

    note = None
    if store is not None:
        with suppress(StoreError), store.read() as tx:
            note = tx.notes.get(MAINTENANCE)
    safe, now = Redactor(service.secrets), SystemClock().now()
    return tuple(safe.text(each.said) for each in known(service, note).at(now))


def _place(report: Report, service: Service, style: str) -> Path:
    """A name that sorts by time, in the folder for reports, which only its owner may enter."""
    folder = service.settings.reports_path
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"the folder for reports `{folder}` cannot be made: {(error.strerror or '').lower()}"
        ) from error
    stamp = report.started_at.strftime("%Y%m%dT%H%M%S.%fZ")
    name = "".join(char if char.isalnum() or char in "-_" else "-" for char in report.service)
    return folder / f"check-{name}-{stamp}.{SUFFIXES[style]}"
