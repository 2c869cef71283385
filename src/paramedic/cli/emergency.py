"""``paramedic emergency``: what is down and what can be done at once; overlays off, back, stop; and resume."""

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from paramedic.cli.default import Default
from paramedic.cli.listing import format_option, show_json
from paramedic.cli.manual import folded
from paramedic.cli.next_step import next_step
from paramedic.cli.output import complain, emit, wants_colour, width
from paramedic.cli.surroundings import ask, load_service
from paramedic.model.errors import StoreError, UsageError
from paramedic.model.status import Overall, Status
from paramedic.report.words import LOOKS, OVERALL_LOOKS, one_line, painted

if TYPE_CHECKING:
    from paramedic.model.incident import Incident
    from paramedic.model.report import Report
    from paramedic.model.service import Service
    from paramedic.sdk.pack import Registry
    from paramedic.store import Store
    from paramedic.watch.emergency import Standing
    from paramedic.watch.foreseeing import Way

_WITHIN_S = 10.0
"""How long an assessment may take; what has not answered by then is not known."""
_ABOUT = {
    "rollback": "go back to the last release that passed its checks",
    "baseline": "turn every overlay off",
    "shutdown": "stop everything, in order",
}
dry_option = click.option("--dry-run", is_flag=True, help="Only show what would be done.")


@click.group(cls=Default)
def emergency() -> None:
    """What is down and what can be done at once. Alone it assesses."""


@emergency.command()
@click.option("--within", "within_s", default=_WITHIN_S, show_default=True, metavar="SECONDS", help="Look no longer.")
@format_option
@click.pass_context
def assess(context: click.Context, within_s: float, style: str) -> None:
    """Look at everything at once, for seconds, and say what is down and what can be done now. Changes nothing.

    Exit code: 0 healthy, 1 degraded, 2 critical, 3 unknown.
    """
    from paramedic.checking import run_loop

    if within_s <= 0:
        raise UsageError(f"`--within` is {within_s:g}", hint="give it seconds, such as 10")
    service, registry = load_service(context)
    store = _store(service)
    try:
        report, ways = run_loop(_look(service, registry, store, within_s))
        incidents, ordered = _known(store)
    finally:
        if store is not None:
            store.close()
    context.ensure_object(dict)["leave at once"] = True  # whatever hangs
    if style == "json":
        show_json(_as_json(service, report, ways, incidents, ordered))
    else:
        emit(_safe(service).text("\n".join(_lines(report, ways, incidents, ordered))) + "\n")
    context.exit(report.exit_code)


@emergency.command()
@click.argument("components", nargs=-1)
@dry_option
@format_option
@click.pass_context
def baseline(context: click.Context, components: tuple[str, ...], dry_run: bool, style: str) -> None:
    """Turn every overlay off: within a second in running processes, and in the file of flags for those started later.

    `emergency resume` takes it back. Exit 0 when verified, else 1; 64 where there are no guards.
    """
    _order(context, "baseline", components, dry_run=dry_run, style=style)


@emergency.command()
@click.argument("components", nargs=-1)
@click.option("--to", "release", metavar="RELEASE", help="Another release than the last one that passed its checks.")
@dry_option
@format_option
@click.pass_context
def rollback(
    context: click.Context, components: tuple[str, ...], release: str | None, dry_run: bool, style: str
) -> None:
    """Go back to the last release that passed its checks, restart what runs from it, and verify.

    Without names: every component of kind `release`. Exit 0 when verified, else 1; 64 where there is no release or
    not the one that is named.
    """
    _order(context, "rollback", components, dry_run=dry_run, style=style, release=release)


@emergency.command()
@click.argument("components", nargs=-1)
@click.option("--confirm", is_flag=True, help="Really stop.")
@dry_option
@format_option
@click.pass_context
def shutdown(context: click.Context, components: tuple[str, ...], confirm: bool, dry_run: bool, style: str) -> None:
    """Stop every component that paramedic starts, each before what it needs. They stay stopped until `resume`.

    Exit 0 when verified, else 1. Without `--confirm` it stops nothing, says what it would stop and ends with 64;
    with `--dry-run` it says the same and ends with 0.
    """
    if not (confirm or dry_run):
        service, registry = load_service(context)
        way = _foreseen(service, registry, "shutdown", components)
        if way.why_not:
            raise UsageError(way.why_not)
        raise UsageError(
            f"nothing was stopped; this would stop, in this order: {'; '.join(way.would)}",
            hint="`paramedic emergency shutdown --confirm` does it, and `paramedic emergency resume` takes it back",
        )
    _order(context, "shutdown", components, dry_run=dry_run, style=style)


@emergency.command()
@format_option
@click.pass_context
def resume(context: click.Context, style: str) -> None:
    """Take back what `baseline` and `shutdown` did: flags as they were, and what was stopped is started in order.

    What somebody has started or changed meanwhile stays as it is. Exit 0 when verified, else 1.
    """
    service, registry = load_service(context)
    _tell(context, ask(service, registry, "emergency", {"what": "resume"}), style, "nothing was to be taken back")


def _order(
    context: click.Context,
    verb: str,
    components: tuple[str, ...],
    *,
    dry_run: bool,
    style: str,
    release: str | None = None,
) -> None:
    service, registry = load_service(context)
    if dry_run:
        way = _foreseen(service, registry, verb, components, release)
        if way.exit_code == UsageError.exit_code:
            raise UsageError(way.why_not)
        if style == "json":
            show_json({"verb": way.verb, "would": way.would, "why_not": way.why_not})
        else:
            said = f"not possible: {way.why_not}" if way.exit_code else way.why_not
            click.echo("\n".join(way.would) or said)
        context.exit(way.exit_code)
    result = ask(service, registry, "emergency", {"what": verb, "components": list(components), "release": release})
    _tell(context, result, style, "nothing was to be done")


def _tell(context: click.Context, result: Any, style: str, nothing: str) -> None:  # Any: plain JSON values
    if style == "json":
        show_json(result)
    else:
        for plan in result["plans"]:
            steps = "; ".join(f"{each['component']}: {each['preview']['summary']}" for each in plan["steps"])
            said = f"{plan['suspect']}  {plan['state']}  {steps}"
            if plan["state"] != "verified":
                said = f"{said}: {plan['why_ended']} (`paramedic receipts {plan['id']}`)"
            click.echo("\n".join(folded(one_line(said), width(), rest="  ")))
        for name in result["left"]:
            said = (
                f"{name}  not started: it did not run when everything was stopped; `paramedic start {name}` starts it"
            )
            click.echo("\n".join(folded(one_line(said), width(), rest="  ")))
        if not result["plans"] and not result["left"]:
            click.echo(nothing)
    context.exit(0 if result["verified"] else 1)


def _store(service: "Service") -> "Store | None":
    """What Paramedic remembers, if it can be read; an emergency goes on without."""
    from paramedic.model.clock import SystemClock
    from paramedic.store import read_store

    try:
        return read_store(service.settings.store, node=service.settings.node, clock=SystemClock())
    except StoreError as error:
        complain(f"the records cannot be read: {error}")
        return None


def _known(store: "Store | None") -> "tuple[tuple[Incident, ...], Standing | None]":
    from paramedic.watch.emergency import standing

    if store is None:
        return (), None
    try:
        with store.read() as tx:
            return tuple(tx.incidents.unresolved()), standing(tx)
    except StoreError as error:
        complain(f"the records cannot be read: {error}")
        return (), None


async def _look(
    service: "Service", registry: "Registry", store: "Store | None", within_s: float
) -> "tuple[Report, tuple[Way, ...]]":
    from paramedic.checking import Runner
    from paramedic.model.clock import SystemClock
    from paramedic.sdk.check import Depth
    from paramedic.watch.emergency import VERBS
    from paramedic.watch.foreseeing import way
    from paramedic.watch.recorded import RecordedProcesses

    clock = SystemClock()
    runner = Runner(service, registry, clock, RecordedProcesses(service, store, clock))
    report = await runner.run(depth=Depth.QUICK, limit_s=within_s)
    return report, tuple([await way(service, registry, store, verb) for verb in VERBS])


def _foreseen(
    service: "Service", registry: "Registry", verb: str, names: Sequence[str], release: str | None = None
) -> "Way":
    from paramedic.checking import run_loop
    from paramedic.watch.foreseeing import way

    store = _store(service)
    try:
        return run_loop(way(service, registry, store, verb, names=names, release=release))
    finally:
        if store is not None:
            store.close()


def _lines(
    report: "Report", ways: "Sequence[Way]", incidents: "Sequence[Incident]", ordered: "Standing | None"
) -> Iterator[str]:
    overall, colour = Overall(report.overall), wants_colour(sys.stdout)
    look = OVERALL_LOOKS[overall]
    headline = painted(f"{look.glyph} {look.word}", look.colour, wanted=colour)
    yield f"{headline} {one_line(report.service)}, assessed in {report.duration_ms / 1000:.1f} s"
    shown = [each for each in report.findings if each.status not in (Status.OK, Status.INFO)]
    for each in shown:
        mark = LOOKS[each.status]
        word = painted(f"{mark.glyph} {mark.word:<8}", mark.colour, wanted=colour)
        said = one_line(f"{each.component} {each.code or ''} {each.observed}")
        yield "\n".join([f"{word} {line}" if not n else line for n, line in enumerate(folded(said, width() - 11))])
    if not shown:
        yield "nothing is down"
    for incident in incidents:
        about = f"{incident.severity.value} {incident.state.value} {incident.id}  {incident.component} {incident.code}"
        yield from folded(one_line(about), width(), rest="   ")
        if step := next_step(incident):
            yield f"   hint: {step}"
    if ordered and not ordered.is_over:
        parts = [f"overlays are off in {', '.join(ordered.baseline)}"] if ordered.baseline else []
        parts += [f"stopped: {', '.join((*ordered.stopped, *ordered.down))}"] if ordered.stopped or ordered.down else []
        yield from folded(f"in an emergency: {'; '.join(parts)}; `paramedic emergency resume` takes it back", width())
    yield "possible now:"
    for way in ways:
        command = f"paramedic emergency {way.verb}{' --confirm' if way.verb == 'shutdown' else ''}"
        if way.why_not:
            yield from folded(f"not {command}: {one_line(way.why_not)}", width(), first="  ", rest="    ")
            continue
        yield f"  {command}: {_ABOUT[way.verb]}"
        for line in way.would:
            yield from folded(one_line(line), width(), first="    ", rest="      ")


def _as_json(
    service: "Service",
    report: "Report",
    ways: "Sequence[Way]",
    incidents: "Sequence[Incident]",
    ordered: "Standing | None",
) -> Any:  # Any: plain JSON values
    from paramedic.model.wire import dump

    shown = [each for each in report.findings if each.status not in (Status.OK, Status.INFO)]
    found = {
        "schema_version": 1,
        "service": service.name,
        "as_of": report.started_at,
        "took_ms": report.duration_ms,
        "overall": str(report.overall),
        "exit_code": report.exit_code,
        "down": [each for each in shown if each.status is not Status.UNKNOWN],
        "unknown": [each for each in shown if each.status is Status.UNKNOWN],
        "incidents": incidents,
        "ordered": ordered,
        "possible": [each for each in ways if not each.why_not],
        "impossible": [each for each in ways if each.why_not],
    }
    return _safe(service).data(dump(found))


def _safe(service: "Service") -> Any:  # Any: a redactor, imported late
    from paramedic.report import Redactor

    return Redactor(service.secrets)
