"""``paramedic escalate``, ``acknowledge``, ``escalation``: people are called, and say that they have it in hand."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from paramedic.cli.default import Default
from paramedic.cli.listing import format_option, show_json, show_rows
from paramedic.cli.naming import incident_named
from paramedic.cli.rehearsal import is_rehearsal, would
from paramedic.cli.surroundings import ask, load_service, who
from paramedic.incident import levels
from paramedic.model.errors import StoreError, UsageError
from paramedic.model.service import Ladder, Service
from paramedic.model.status import Severity
from paramedic.model.wire import Json

if TYPE_CHECKING:
    from paramedic.sdk import Registry


def as_severity(context: click.Context, parameter: click.Parameter, text: str | None) -> Severity | None:
    """What an option says, in any of the words for it."""
    del context, parameter
    try:
        return Severity.parse(text) if text else None
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command()
@click.argument("what", metavar="[INCIDENT|COMPONENT]", required=False)
@click.option("--severity", callback=as_severity, help="As urgent as this at least: P0 to P3, or critical to low.")
@click.option("--reason", default="", help="What is the matter, for those who are called.")
@click.option("--over", is_flag=True, help="It is over: what was called for by hand is resolved.")
@format_option
@click.pass_context
def escalate(  # noqa: PLR0917  # click gives its options by name
    context: click.Context, what: str | None, severity: Severity | None, reason: str, over: bool, style: str
) -> None:
    """Call people at once: about an incident, or about a component that no check finds fault with.

    Without either it is about the service as a whole. Everybody who was told hears of the end: when the checks of
    the incident pass, or when somebody says `--over`. Where our own records fail, every level is told once, without a
    record of it, and the command ends with 74.
    """
    service, registry = load_service(context)
    wish: dict[str, Json] = {"severity": severity, "reason": reason, "over": over}
    try:
        result = _escalated(service, registry, what, wish)
    except StoreError as error:
        if over or is_rehearsal() or not levels(service):
            raise
        reached = _told_unrecorded(service, {"about": what, "severity": severity, "reason": reason}, str(error))
        raise StoreError(f"{error}; {reached} were told all the same, without a record", hint=error.hint) from None
    if style == "json":
        show_json(result)
    elif over:
        said = "resolved; everybody who was told hears of it" if result["over"] else "nobody had called for help"
        click.echo(said)
    else:
        incident = result["incident"]
        assert isinstance(incident, dict)
        told = incident["told"]
        assert isinstance(told, list)
        whom = f"{len(told)} addresses are told" if told else "nobody could be told: the service file names no address"
        click.echo(f"{incident['id']}  {incident['severity']}  escalated; {whom}")
        context.exit(0 if told else 1)


def _escalated(
    service: Service, registry: "Registry", what: str | None, wish: Mapping[str, Json]
) -> Mapping[str, Json]:
    if what and what not in service.components:
        what = incident_named(service.settings, what)
    is_incident = what is not None and what.startswith("inc-")
    if what and not is_incident and what not in service.components:
        hint = f"components: {', '.join(service.components)}; `paramedic incidents` lists incidents"
        raise UsageError(f"there is no component or incident `{what}`", hint=hint)
    if wish["over"] and is_incident:
        raise UsageError("an incident is over when its checks pass", hint="`--over` ends what was called for by hand")
    about: dict[str, Json] = {"incident": what if is_incident else None, "component": None if is_incident else what}
    return ask(service, registry, "escalate", {**about, **wish})


def _told_unrecorded(service: Service, wish: Mapping[str, Json], trouble: str) -> str:
    from paramedic.checking import run_loop
    from paramedic.watch.sending import send_all

    urgency = f"[{wish['severity']}] " if wish["severity"] else ""
    subject = f"{urgency}{service.name}: {who()} calls for help"
    notice = f"this call is not recorded, and nobody is reminded of it: {trouble}"
    found = run_loop(
        send_all(service, levels(service), {"kind": "escalated", "subject": subject, **wish, "why": notice})
    )
    return f"{sum(1 for _, _, error in found if not error)} of {len(found)} addresses"


@click.command()
@click.argument("incident")
@click.option("--note", default="", help="What you are going to do, for the record.")
@format_option
@click.pass_context
def acknowledge(context: click.Context, incident: str, note: str, style: str) -> None:
    """Say that you have an incident in hand: nobody else is called and nobody is reminded."""
    service, registry = load_service(context)
    incident = incident_named(service.settings, incident)
    result = ask(service, registry, "acknowledge", {"incident": incident, "note": note})
    show_json(result) if style == "json" else click.echo(f"{incident} is yours, {result['acknowledged_by']}")


@click.group(cls=Default)
def escalation() -> None:
    """Who is called when. Alone it shows that."""


@escalation.command()
@format_option
@click.pass_context
def show(context: click.Context, style: str) -> None:
    """Show after which time each level is called, by severity, and how many addresses it has."""
    service, _ = load_service(context)
    if style == "json":
        ladders = {str(name): _row(each) for name, each in service.ladders.items()}
        show_json({"levels": {name: len(each) for name, each in service.escalation.items()}, "ladders": ladders})
        return
    rows = [(str(name), *_row(each).values()) for name, each in sorted(service.ladders.items())]
    show_rows(("severity", "L2 after", "L3 after", "L4 after", "reminded every", "at once"), rows, empty="no ladders")
    named = ", ".join(f"{name}: {len(each)}" for name, each in service.escalation.items())
    click.echo(f"addresses: {named or 'none; name them by `escalation:` in the service file'}")


@escalation.command()
@click.argument("routes", metavar="[ROUTE]...", nargs=-1)
@format_option
@click.pass_context
def test(context: click.Context, routes: tuple[str, ...], style: str) -> None:
    """Send a message marked as a test to every address of these routes, or of all. Exit 0 when all arrived, else 2."""
    from paramedic.checking import run_loop
    from paramedic.watch.sending import send_all

    service, _ = load_service(context)
    unknown = [each for each in routes if each not in service.escalation]
    if unknown or not service.escalation:
        known = ", ".join(service.escalation) or "none"
        what = f"the service file has no route `{unknown[0]}`" if unknown else "the service file names nobody to call"
        raise UsageError(what, hint=f'routes: {known}; write `escalation: {{L2: ["mailto://…"]}}`')
    wanted = [each for each in service.escalation if not routes or each in routes]
    if is_rehearsal():
        would(*(f"{each}: a test message would go to {len(service.escalation[each])} addresses" for each in wanted))
    subject = f"[test] {service.name}: this is only a test"
    found = run_loop(
        send_all(service, wanted, {"kind": "test", "subject": subject, "why": f"{who()} tries the routes"})
    )
    if style == "json":
        show_json([{"route": route, "address": place, "error": error} for route, place, error in found])
    else:
        show_rows(
            ("route", "address", "result"),
            [(route, place, error or "arrived") for route, place, error in found],
            empty="no addresses",
        )
    context.exit(2 if any(error for _, _, error in found) else 0)


def _row(ladder: Ladder) -> dict[str, str]:
    ages = {level: _duration(ladder.after_s(level)) for level in ("L2", "L3", "L4")}
    return {**ages, "remind": _duration(ladder.remind_s), "at_once": str(ladder.at_once)}


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "never"
    for unit, size in (("h", 3600), ("m", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds:g}s"
