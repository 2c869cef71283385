"""``paramedic plan``, ``recover``, ``approve``, ``reject``, ``pause``, ``resume``."""

from collections.abc import Iterator, Mapping
from typing import Any

import click

from paramedic.cli.listing import format_option, show_json
from paramedic.cli.manual import folded
from paramedic.cli.naming import plan_named, waiting_plan_named
from paramedic.cli.output import width
from paramedic.cli.surroundings import ask, load_service, read_store
from paramedic.model.errors import UsageError
from paramedic.model.incident import IncidentState
from paramedic.model.service import Service

Plan = Mapping[str, Any]  # Any: a plan as JSON, which only gets printed


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
            click.echo("\n".join(_describe(each)) + "\n")
        for each in without:
            assert isinstance(each, dict)
            _echo(f"no plan for {each['component']}: {each['code']}")
            _echo(str(each["why"]), "  because  ")
        if not plans and not without:
            click.echo("nothing is wrong that needs a plan")
    context.exit(1 if without else 0)


@click.command()
@click.argument("components", nargs=-1)
@click.option("--plan", "plan_id", help="Run exactly this plan, or refuse because it is stale.")
@format_option
@click.pass_context
def recover(context: click.Context, components: tuple[str, ...], plan_id: str | None, style: str) -> None:
    """Look, heal what may be healed, verify. Exit 0 when everything is verified, 1 when people are needed."""
    service, registry = load_service(context)
    _known(service, components)
    plan_id = plan_named(service.settings, plan_id) if plan_id else None
    result = ask(service, registry, "recover", {"components": list(components), "plan": plan_id})
    if style == "json":
        show_json(result)
    else:
        for each in result.get("incidents") or ():  # type: ignore[union-attr]
            assert isinstance(each, dict)
            _echo(f"{each['id']}  {each['component']}: {each['code']}  {each['state']}: {each['why']}")
            if each["state"] == "waiting":
                click.echo(f"  hint: paramedic approve {each['plan']}")
        for each in result.get("plans") or ():  # type: ignore[union-attr]
            assert isinstance(each, dict)
            _echo(f"{each['id']}  {each['playbook']} on {each['suspect']}  {each['state']}: {each['why_ended']}")
        if not result.get("incidents") and not result.get("plans"):
            click.echo("nothing is wrong that needs recovery")
    context.exit(0 if result["verified"] else 1)


@click.command()
@click.argument("plan_id", metavar="[PLAN|INCIDENT]", required=False)
@format_option
@click.pass_context
def approve(context: click.Context, plan_id: str | None, style: str) -> None:
    """Agree to a plan that waits, named by its id or its incident's; it runs at once. Alone it lists what waits.

    Exit 0 when verified, 1 when it did not help.
    """
    service, registry = load_service(context)
    if plan_id is None:
        _show_waiting(service, style)
        return
    result = ask(service, registry, "approve", {"plan": waiting_plan_named(service.settings, plan_id)})
    if style == "json":
        show_json(result)
    else:
        plans = result["plans"]
        assert isinstance(plans, list)
        each = plans[0]
        assert isinstance(each, dict)
        _echo(f"{each['id']}  {each['playbook']} on {each['suspect']}  {each['state']}: {each['why_ended']}")
    context.exit(0 if result["verified"] else 1)


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
@click.option("--reason", default="", help="Why, for the record.")
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
    """Go on with automation after a pause."""
    service, registry = load_service(context)
    result = ask(service, registry, "resume", {})
    show_json(result) if style == "json" else click.echo("automation goes on")


def _known(service: Service, names: tuple[str, ...]) -> None:
    for name in names:
        if name not in service.components:
            raise UsageError(f"there is no component `{name}`", hint=f"known: {', '.join(service.components)}")


def _describe(plan: Plan) -> Iterator[str]:
    steps = plan["steps"]
    downtime = sum(step["preview"]["downtime_s"] for step in steps)
    yield from _labelled("", f"plan {plan['id']}: {plan['playbook']} on {plan['suspect']}")
    for number, step in enumerate(steps, 1):
        yield from _labelled(f"  {number}. ", f"{step['action']} {step['component']}: {step['preview']['summary']}")
        yield from (f"     {line}" for line in step["preview"]["diff"].splitlines())  # a difference is shown as it is
        for loss in step["preview"]["loss"]:
            yield from _labelled("     lost for good: ", loss)
    undo = [str(number) for number, step in enumerate(steps, 1) if step["undoable"]]
    checks = ", ".join(f"{each['check']} of {each['component']}" for each in plan["verify"])
    for label, said in (
        ("risk", plan["risk"]),
        ("downtime", f"about {downtime:.0f} s"),
        ("blast radius", ", ".join(plan["blast_radius"])),
        ("verified by", f"{checks}, {plan['verify_times']} times within {plan['verify_within_s']:.0f} s"),
        ("undo", f"steps {', '.join(undo)}" if undo else "nothing can be taken back"),
        ("approval", plan["needs_approval"] or "not needed"),
    ):
        yield from _labelled(f"  {label:<13} ", said)


def _labelled(label: str, said: str) -> list[str]:
    """A label and what it says, folded behind it."""
    return folded(said, width(), first=label, rest=" " * (len(label) or 2)) or [label.rstrip()]


def _echo(said: str, label: str = "") -> None:
    click.echo("\n".join(_labelled(label, said)))
