"""``paramedic guide``: what only people can do, ticked off step by step."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from paramedic.cli.default import Default
from paramedic.cli.listing import format_option, show_json, show_rows
from paramedic.cli.manual import folded
from paramedic.cli.naming import plan_named
from paramedic.cli.output import width
from paramedic.cli.surroundings import ask, load_service, read_store
from paramedic.model.errors import UsageError
from paramedic.model.wire import Json, dump

if TYPE_CHECKING:
    from paramedic.model.playbook import Plan
    from paramedic.model.receipt import Receipt
    from paramedic.store import Transaction

Shown = Mapping[str, Any]  # Any: a plan and its receipts as JSON, which only get printed


@click.group(cls=Default)
def guide() -> None:
    """Steps for people, where no program can reach: clients, microphones, providers. Alone it lists the guides."""


@guide.command("list")
@format_option
@click.pass_context
def list_(context: click.Context, style: str) -> None:
    """List the guides, and the codes that they are for."""
    from paramedic.recovery.guides import load_guides

    service, registry = load_service(context)
    guides = load_guides(registry, service.path).values()
    if style == "json":
        show_json(list(guides))
        return
    rows = [(each.name, len(each.steps), each.title, ", ".join(each.helps)) for each in guides]
    show_rows(("guide", "steps", "what it is for", "codes"), rows, empty="no guides")


@guide.command()
@click.argument("name", metavar="GUIDE")
@format_option
@click.pass_context
def show(context: click.Context, name: str, style: str) -> None:
    """Show the steps of a guide, without beginning it."""
    from paramedic.recovery.guides import load_guides

    service, registry = load_service(context)
    guides = load_guides(registry, service.path)
    if name not in guides:
        raise UsageError(f"there is no guide `{name}`", hint=f"known: {', '.join(guides)}")
    found = guides[name]
    if style == "json":
        show_json(found)
        return
    click.echo(f"{found.name}: {found.title}")
    for number, each in enumerate(found.steps, 1):
        _step(number, " ", each.do, each.see, each.check)


@guide.command()
@click.argument("component")
@click.argument("what")
@format_option
@click.pass_context
def complain(context: click.Context, component: str, what: str, style: str) -> None:
    """Tell that a client or provider does not work, in your own words; it becomes an incident."""
    result = _ask(context, "complain", component=component, what=what)
    if style == "json":
        show_json(result)
        return
    click.echo(f"{result['incident']}  {result['component']}: {result['code']}")
    click.echo(f"  hint: paramedic guide start {component}")


@guide.command()
@click.argument("component")
@format_option
@click.pass_context
def withdraw(context: click.Context, component: str, style: str) -> None:
    """Take a complaint back: it was a mistake, or the trouble is over."""
    result = _ask(context, "withdraw", component=component)
    show_json(result) if style == "json" else click.echo(f"nobody complains about {component} any more")


@guide.command()
@click.argument("component")
@click.option("--guide", "name", metavar="GUIDE", help="Which one; by default the one for what is wrong.")
@format_option
@click.pass_context
def start(context: click.Context, component: str, name: str | None, style: str) -> None:
    """Begin a guide for what is wrong with a component, or go on with the one that was begun."""
    _tell(_ask(context, "start", component=component, guide=name), style)


@guide.command()
@click.argument("plan")
@click.argument("step", type=int, required=False)
@click.option("--note", default="", help="What was seen, for the record.")
@format_option
@click.pass_context
def tick(context: click.Context, plan: str, step: int | None, note: str, style: str) -> None:
    """Tick off a step, by default the next one. Where a check can tell whether it is done, the check must agree.

    After the last step everything that failed must pass. Exit 0 unless it does not.
    """
    found = _ask(context, "tick", plan=_named(context, plan), step=step, note=note)
    _tell(found, style)
    context.exit(1 if found["plan"]["state"] == "failed" else 0)


@guide.command()
@click.argument("plan")
@click.option("--reason", default="", help="Why, for the record.")
@format_option
@click.pass_context
def stop(context: click.Context, plan: str, reason: str, style: str) -> None:
    """Give a guide up; the incident stays open."""
    _tell(_ask(context, "stop", plan=_named(context, plan), reason=reason), style)


@guide.command()
@click.argument("plan", required=False)
@format_option
@click.pass_context
def status(context: click.Context, plan: str | None, style: str) -> None:
    """Show the guides that are under way, or one PLAN with who ticked off what."""
    from paramedic.watch.guiding import is_guide

    service, _ = load_service(context)
    plan = _named(context, plan) if plan else None

    def read(tx: "Transaction") -> "list[tuple[Plan, Sequence[Receipt]]]":
        known = tx.plans.get(plan) if plan else None
        plans = (known,) if known else () if plan else tx.plans.recent(500)
        return [
            (each, tx.receipts.of(each.id)) for each in plans if is_guide(each) and (plan or not each.state.is_over)
        ]

    found = read_store(service.settings, read) or []
    if plan and not found:
        raise UsageError(f"there is no guide under way as `{plan}`", hint="`paramedic guide status` lists them")
    if style == "json":
        show_json([{"plan": each, "receipts": receipts} for each, receipts in found])
    elif plan:
        _tell({"plan": dump(found[0][0]), "receipts": dump(found[0][1])}, style)
    else:
        rows = [
            (each.id, each.playbook, each.suspect, f"{len({one.step for one in receipts})} of {len(each.steps)}")
            for each, receipts in found
        ]
        show_rows(("plan", "guide", "component", "done"), rows, empty="no guide is under way")


def _named(context: click.Context, plan: str) -> str:
    """A plan by its id or the end of it."""
    service, _ = load_service(context)
    return plan_named(service.settings, plan)


def _ask(context: click.Context, do: str, **args: Json) -> Shown:
    service, registry = load_service(context)
    return ask(service, registry, "guide", {"do": do, **args})


def _tell(found: Shown, style: str) -> None:
    if style == "json":
        show_json(found)
        return
    plan, receipts = found["plan"], found["receipts"]
    done = {each["step"]: each for each in receipts if each["phase"] == "done"}
    click.echo(f"{plan['id']}  {plan['playbook']} on {plan['suspect']}  {_state(plan, len(done))}")
    for index, each in enumerate(plan["steps"]):
        _step(index + 1, "x" if index in done else " ", each["preview"]["summary"], each["params"].get("see"))
        if index in done:
            text = f"{done[index]['at'][:16].replace('T', ' ')} UTC  {done[index]['detail']}"
            click.echo("\n".join(folded(text, width(), first=" " * 9, rest=" " * 9)))
    if plan["state"] == "proposed":
        click.echo(f"  hint: paramedic guide tick {plan['id']}")


def _state(plan: Shown, done: int) -> str:
    if plan["state"] == "proposed":
        return f"{done} of {len(plan['steps'])} steps done"
    return f"{plan['state']}: {plan['why_ended']}"


def _step(number: int, mark: str, do: str, see: str | None, check: str | None = None) -> None:
    click.echo("\n".join(folded(do, width(), first=f" {number:2} [{mark}] ", rest=" " * 8)))
    for label, text in (("see", see), ("check", check)):
        if text:
            click.echo("\n".join(folded(text, width(), first=f"         {label}: ", rest=" " * 14)))
