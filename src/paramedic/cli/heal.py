"""``paramedic plan``, ``recover``, ``approve``, ``reject``, ``pause``, ``resume``."""

from collections.abc import Mapping
from typing import Any

import click

from paramedic.cli.listing import format_option, show_json
from paramedic.cli.surroundings import ask, load_service
from paramedic.model.errors import UsageError
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
            click.echo(f"no plan for {each['component']}: {each['code']}\n  because  {each['why']}")
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
    result = ask(service, registry, "recover", {"components": list(components), "plan": plan_id})
    if style == "json":
        show_json(result)
    else:
        for each in result.get("incidents") or ():  # type: ignore[union-attr]
            assert isinstance(each, dict)
            click.echo(f"{each['id']}  {each['component']}: {each['code']}  {each['state']}: {each['why']}")
            if each["state"] == "waiting":
                click.echo(f"  hint: paramedic approve {each['plan']}")
        for each in result.get("plans") or ():  # type: ignore[union-attr]
            assert isinstance(each, dict)
            click.echo(f"{each['id']}  {each['playbook']} on {each['suspect']}  {each['state']}: {each['why_ended']}")
        if not result.get("incidents") and not result.get("plans"):
            click.echo("nothing is wrong that needs recovery")
    context.exit(0 if result["verified"] else 1)


@click.command()
@click.argument("plan_id", metavar="PLAN")
@format_option
@click.pass_context
def approve(context: click.Context, plan_id: str, style: str) -> None:
    """Agree to a plan that waits; it runs at once. Exit 0 when verified, 1 when it did not help."""
    service, registry = load_service(context)
    result = ask(service, registry, "approve", {"plan": plan_id})
    if style == "json":
        show_json(result)
    else:
        plans = result["plans"]
        assert isinstance(plans, list)
        each = plans[0]
        assert isinstance(each, dict)
        click.echo(f"{each['id']}  {each['playbook']} on {each['suspect']}  {each['state']}: {each['why_ended']}")
    context.exit(0 if result["verified"] else 1)


@click.command()
@click.argument("plan_id", metavar="PLAN")
@click.option("--reason", default="", help="Why, for the record.")
@format_option
@click.pass_context
def reject(context: click.Context, plan_id: str, reason: str, style: str) -> None:
    """Refuse a plan that waits; people take over."""
    service, registry = load_service(context)
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


def _describe(plan: Plan) -> list[str]:
    steps = plan["steps"]
    downtime = sum(step["preview"]["downtime_s"] for step in steps)
    lines = [f"plan {plan['id']}: {plan['playbook']} on {plan['suspect']}"]
    for number, step in enumerate(steps, 1):
        lines.append(f"  {number}. {step['action']} {step['component']}: {step['preview']['summary']}")
        lines += [f"     {line}" for line in step["preview"]["diff"].splitlines()]
        lines += [f"     lost for good: {loss}" for loss in step["preview"]["loss"]]
    undo = [str(number) for number, step in enumerate(steps, 1) if step["undoable"]]
    checks = ", ".join(f"{each['check']} of {each['component']}" for each in plan["verify"])
    lines += [
        f"  risk          {plan['risk']}",
        f"  downtime      about {downtime:.0f} s",
        f"  blast radius  {', '.join(plan['blast_radius'])}",
        f"  verified by   {checks}, {plan['verify_times']} times within {plan['verify_within_s']:.0f} s",
        f"  undo          {'steps ' + ', '.join(undo) if undo else 'nothing can be taken back'}",
        f"  approval      {plan['needs_approval'] or 'not needed'}",
    ]
    return lines
