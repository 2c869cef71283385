"""``paramedic plan``, ``recover``, ``approve``, ``reject``, ``pause``, ``resume``."""

from collections.abc import Mapping

import click

from paramedic.cli.escalation import as_severity
from paramedic.cli.listing import format_option, show_json
from paramedic.cli.naming import plan_named, waiting_plan_named
from paramedic.cli.planned import described, labelled
from paramedic.cli.surroundings import ask, load_service, read_store
from paramedic.model.errors import UsageError
from paramedic.model.incident import IncidentState
from paramedic.model.service import Service
from paramedic.model.status import Severity
from paramedic.model.wire import Json

_reason = click.option("--reason", default="", envvar="PARAMEDIC_REASON", help="Why, for the record.")


def _seconds(context: click.Context, parameter: click.Parameter, text: str | None) -> float | None:
    from paramedic.service.quantity import measure

    del context, parameter
    found = measure(text, "_s") if text else None
    if text and (found is None or found <= 0):
        raise click.BadParameter(f"`{text}` is no duration; write `15m` or `2h`")
    return float(found) if found else None


_valid = click.option(
    "--valid", "valid_s", callback=_seconds, metavar="DURATION", help="How long the approval holds, such as 15m."
)


@click.command()
@click.argument("components", nargs=-1)
@format_option
@click.pass_context
def plan(context: click.Context, components: tuple[str, ...], style: str) -> None:
    """Show what would be done about what is wrong now, without doing it.

    Prints each plan with its steps, difference, risk, downtime, blast radius, verification and undo, and an id
    for `paramedic recover --plan ID`. Exit 0 when there is a plan for everything, else 1.
    """
    service, registry = load_service(context)
    _known(service, components)
    result = ask(service, registry, "plan", {"components": list(components)})
    plans, without = result["plans"], result["without"]
    assert isinstance(plans, list)
    assert isinstance(without, list)
    if style == "json":
        show_json(result)
    else:
        for each in plans:
            assert isinstance(each, dict)
            click.echo("\n".join(described(each)) + "\n")
        for each in without:
            assert isinstance(each, dict)
            _echo(f"no plan for {each['component']}: {each['code']}")
            _echo(str(each["why"]), "  because  ")
        if not plans and not without:
            click.echo("nothing is wrong that needs a plan")
    context.exit(1 if without else 0)


@click.command()
@click.argument("words", nargs=-1, metavar="[ISSUE] [COMPONENT]...")
@click.option("--type", "issue", metavar="ISSUE", help="The same as the first word, where a component is called so.")
@click.option("--component", "named", multiple=True, metavar="NAME", help="The same as a name behind the issue.")
@click.option(
    "--severity", callback=as_severity, help="How urgent it is, which decides how long and how often a step is tried."
)
@click.option("--plan", "plan_id", help="Run exactly this plan, or refuse because it is stale.")
@_reason
@_valid
@click.option("--unattended", is_flag=True, help="For programs: attempts, cool-downs and calls for people still hold.")
@format_option
@click.pass_context
def recover(  # noqa: PLR0917  # click gives its options by name
    context: click.Context,
    words: tuple[str, ...],
    issue: str | None,
    named: tuple[str, ...],
    severity: Severity | None,
    plan_id: str | None,
    reason: str,
    valid_s: float | None,
    unattended: bool,
    style: str,
) -> None:
    """Look, heal what may be healed, verify.

    ISSUE narrows it to one kind of trouble: performance, connectivity, database, ai, config, budget, or general for
    everything else; COMPONENT to what concerns these. Exit 0 when everything is verified or nothing is wrong, 1 when
    people are needed.
    """
    service, registry = load_service(context)
    issue, names = _meant(service, words, issue, named)
    args: dict[str, Json] = {
        "components": [*names],
        "types": [*_types(issue)],
        "severity": severity,
        "plan": plan_named(service.settings, plan_id) if plan_id else None,
        "reason": reason,
        "valid_s": valid_s,
        "unattended": unattended,
    }
    result = ask(service, registry, "recover", args)
    if style == "json":
        show_json(result)
    else:
        for each in result.get("incidents") or ():  # type: ignore[union-attr]
            assert isinstance(each, dict)
            _echo(f"{each['id']}  {each['component']}: {each['code']}  {each['state']}: {each['why']}")
            if each["state"] == "waiting":
                click.echo(f"  hint: paramedic approve {each['plan']}")
        for each in result.get("replanned") or ():  # type: ignore[union-attr]
            assert isinstance(each, dict)
            _echo(f"{each['plan']}  {each['playbook']} on {each['suspect']} is not what was done: {each['why']}")
        for each in (result.get("plans") or ()) if plan_id else ():  # type: ignore[union-attr]
            assert isinstance(each, dict)
            _echo(f"{each['id']}  {each['playbook']} on {each['suspect']}  {each['state']}: {each['why_ended']}")
        _tell_what_is_left(result)
        if not result.get("incidents") and not result.get("plans"):
            click.echo(f"nothing is wrong that needs recovery{f' of {issue}' if issue else ''}")
    context.exit(0 if result["verified"] else 1)


def _meant(
    service: Service, words: tuple[str, ...], issue: str | None, named: tuple[str, ...]
) -> tuple[str | None, tuple[str, ...]]:
    """The issue and the components that a command line means. Only the first word may be an issue."""
    from paramedic.recovery.issues import issue_types

    known = tuple(issue_types())
    if issue is not None and issue not in known:
        raise UsageError(f"there is no issue `{issue}`", hint=f"known: {', '.join(known)}")
    first = words[0] if words else ""
    if issue is None and first in known:
        if first in service.components:
            raise UsageError(
                f"`{first}` is an issue and a component", hint=f"write `--type {first}` or `--component {first}`"
            )
        issue, words = first, words[1:]
    names = tuple(each for name in (*words, *named) for each in (service.instances(name) or (name,)))
    _known(service, names, also=() if issue else known)
    return issue, names


def _types(issue: str | None) -> tuple[str, ...]:
    from paramedic.recovery.issues import issue_types

    return tuple(issue_types()[issue]) if issue else ()


@click.command()
@click.argument("plan_id", metavar="[PLAN|INCIDENT]", required=False)
@_reason
@_valid
@format_option
@click.pass_context
def approve(context: click.Context, plan_id: str | None, reason: str, valid_s: float | None, style: str) -> None:
    """Agree to a plan that waits, named by its id or its incident's. Alone it lists what waits.

    It runs at once, or as soon as the limits let it; what has not begun when the approval ends does not begin. Who
    agreed, why and until when is kept. Only this plan runs: what comes after it is up to `watch`, or to `recover`.
    Exit 0 when verified, 1 when it did not help.
    """
    service, registry = load_service(context)
    if plan_id is None:
        _show_waiting(service, style)
        return
    args = {"plan": waiting_plan_named(service.settings, plan_id), "reason": reason, "valid_s": valid_s}
    result = ask(service, registry, "approve", args)
    if style == "json":
        show_json(result)
    else:
        plans = result["plans"]
        assert isinstance(plans, list)
        each = plans[0]
        assert isinstance(each, dict)
        _echo(f"{each['id']}  {each['playbook']} on {each['suspect']}  {each['state']}: {each['why_ended']}")
        _tell_what_is_left(result)
    context.exit(0 if result["verified"] else 1)


def _tell_what_is_left(result: Mapping[str, Json]) -> None:
    """Of an incident that is not over after one plan of it: who goes on with it, and how."""
    left = result.get("incident")
    if not isinstance(left, dict) or left["state"] != IncidentState.OPEN:
        return
    if result["watched"]:
        _echo(f"{left['id']} is still open; the running `paramedic watch` goes on with it")
        return
    _echo(f"{left['id']} is still open and nobody watches: nothing else is tried and nobody is called by itself")
    _echo(f"`paramedic recover {left['component']}` goes on with it once, `paramedic watch` from now on", "  hint: ")


def _show_waiting(service: Service, style: str) -> None:
    found = read_store(service.settings, lambda tx: tx.incidents.unresolved()) or ()
    waiting = [each for each in found if each.state is IncidentState.WAITING and each.plan]
    if style == "json":
        show_json({"waiting": waiting})
        return
    for each in waiting:
        click.echo(f"{each.severity} {each.id}  {each.component}: {each.code}")
        _echo(each.why, "  ")
        click.echo(f"  hint: paramedic approve {each.plan}")
    if not waiting:
        click.echo("nothing waits for approval")


@click.command()
@click.argument("plan_id", metavar="PLAN|INCIDENT")
@_reason
@format_option
@click.pass_context
def reject(context: click.Context, plan_id: str, reason: str, style: str) -> None:
    """Refuse a plan that waits, named by its id or its incident's; people take over."""
    service, registry = load_service(context)
    plan_id = waiting_plan_named(service.settings, plan_id)
    result = ask(service, registry, "reject", {"plan": plan_id, "reason": reason})
    show_json(result) if style == "json" else click.echo(f"{plan_id} is rejected; the incident is escalated")


@click.command()
@format_option
@click.pass_context
def pause(context: click.Context, style: str) -> None:
    """Stop all automation: incidents are still found, but every plan waits for approval."""
    service, registry = load_service(context)
    result = ask(service, registry, "pause", {})
    show_json(result) if style == "json" else click.echo("automation is paused; `paramedic resume` goes on")


@click.command()
@format_option
@click.pass_context
def resume(context: click.Context, style: str) -> None:
    """Go on with automation after a pause, or after it has stopped itself because too much did not help."""
    service, registry = load_service(context)
    result = ask(service, registry, "resume", {})
    if style == "json":
        show_json(result)
        return
    if result["was_halted"]:
        _echo(f"automation had stopped itself: {result['was_halted']}")
    click.echo("automation goes on")


def _known(service: Service, names: tuple[str, ...], *, also: tuple[str, ...] = ()) -> None:
    for name in names:
        if name not in service.components:
            issues = f"; issues: {', '.join(also)}" if also else ""
            raise UsageError(f"there is no component `{name}`", hint=f"known: {', '.join(service.components)}{issues}")


def _echo(said: str, label: str = "") -> None:
    click.echo("\n".join(labelled(label, said)))
