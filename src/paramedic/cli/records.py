"""``paramedic incidents``, ``receipts``, ``audit``: what happened, from the store. They write nothing."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from paramedic.cli.cleaned import cleaned
from paramedic.cli.default import Default
from paramedic.cli.explanation import explanation
from paramedic.cli.incident_report import report
from paramedic.cli.listing import format_option, limit_option, newest, show_json, show_rows
from paramedic.cli.manual import folded
from paramedic.cli.naming import incident_named, plan_named
from paramedic.cli.next_step import next_step
from paramedic.cli.output import width
from paramedic.cli.surroundings import load_service, read_store, records
from paramedic.model.errors import UsageError
from paramedic.model.ids import IncidentId
from paramedic.model.incident import IncidentState
from paramedic.model.wire import Json, dump
from paramedic.report import Redactor
from paramedic.report.words import one_line, printable

if TYPE_CHECKING:
    from paramedic.model.finding import Evidence
    from paramedic.model.incident import Incident, TimelineEntry
    from paramedic.model.playbook import Plan
    from paramedic.model.receipt import Receipt
    from paramedic.store import Transaction


@click.group(cls=Default)
def incidents() -> None:
    """Troubles of the service, each as one story. Alone it lists them."""


@incidents.command("list")
@click.option("--open", "only_open", is_flag=True, help="Only those that are not resolved; all of them.")
@limit_option(50)
@format_option
@click.pass_context
def list_(context: click.Context, only_open: bool, limit: int, style: str) -> None:
    """List incidents, newest first."""
    place = records(context)
    found = read_store(place, lambda tx: tx.incidents.unresolved() if only_open else tx.incidents.list(limit=limit + 1))
    shown = (found or ()) if only_open else newest(found or (), limit)
    if style == "json":
        safe = Redactor(load_service(context)[0].secrets)
        show_json(read_store(place, lambda tx: [_whole(each, *_acts(tx, each.id), safe) for each in shown]) or [])
        return
    rows = [
        (f"{each.opened_at:%m-%d %H:%M}", each.id, each.severity, each.state, each.component, each.code)
        for each in shown
    ]
    show_rows(("opened", "id", "sev", "state", "component", "code"), rows, empty="no incidents")


incidents.add_command(report)  # after the one that is meant when none is named


@incidents.command()
@click.argument("incident")
@format_option
@click.pass_context
def show(context: click.Context, incident: str, style: str) -> None:
    """Show one incident: what was seen, suspected, ruled out, done and verified."""
    service, _ = load_service(context)
    name = incident_named(service.settings, incident)

    def read(tx: "Transaction") -> "tuple[Incident | None, Sequence[TimelineEntry], Sequence[Plan], list[Receipt]]":
        return tx.incidents.get(name), tx.timeline.of(name), *_acts(tx, name)

    what, timeline, plans, acts = read_store(service.settings, read) or (None, (), (), [])
    if what is None:
        raise UsageError(f"there is no incident `{incident}`", hint="`paramedic incidents list` names the newest")
    safe = Redactor(service.secrets)
    timeline = cleaned(tuple(timeline), safe)
    if style == "json":
        show_json({**_whole(what, plans, acts, safe), "timeline": dump(timeline)})
        return
    what, acts = cleaned(what, safe), cleaned(acts, safe)
    click.echo(f"{what.id}  {what.severity} {what.type}  {what.state}")
    click.echo(f"  {what.component}: {what.code}")
    click.echo(f"  opened    {what.opened_at:%Y-%m-%d %H:%M:%S} UTC")
    if what.resolved_at:
        took = (what.resolved_at - what.opened_at).total_seconds()
        click.echo(f"  resolved  {what.resolved_at:%Y-%m-%d %H:%M:%S} UTC, after {took:.2f} s")
    _echo(what.why, "  why       ")
    if what.plan:
        click.echo(f"  plan      {what.plan}")
    if step := next_step(what):
        click.echo(f"  next      {step}")
    for symptom in what.symptoms:
        _echo(f"{symptom.component}: {symptom.observed}", "  seen      ")
        for each in symptom.evidence:
            _evidence(each)
        if symptom.hint and what.state is not IncidentState.RESOLVED:
            _echo(symptom.hint, "  hint      ")
    for line in explanation(what):
        click.echo(line)
    click.echo("timeline")
    lines = [(entry.at, entry.what, entry.text) for entry in timeline]
    lines += [(each.at, "step", f"{each.step + 1}. {_outcome(each)}") for each in acts]
    for at, kind, text in sorted(lines, key=lambda line: line[0]):
        _echo(text, f"  {at:%H:%M:%S.%f}"[:-3] + f"  {kind:<12} ")


def _evidence(evidence: "Evidence") -> None:
    """One line behind its label, several beneath it."""
    lines = evidence.text.splitlines()
    if len(lines) < 2:
        _echo(evidence.text, f"    {one_line(evidence.label)}: ")
        return
    click.echo(f"    {one_line(evidence.label)}:")
    for line in lines:
        text = printable(line).rstrip()
        depth = len(text) - len(text.lstrip())  # how deep a frame of a traceback stands tells
        click.echo("\n".join(folded(text.lstrip(), width(), first=" " * (6 + depth), rest=" " * (8 + depth))))


def _outcome(receipt: "Receipt") -> str:
    tried = f" (try {receipt.attempt})" if receipt.attempt > 1 else ""
    found = " (found after a crash)" if receipt.reconciled else ""
    return f"{receipt.action} {receipt.component} {receipt.phase}{tried}{found}: {receipt.detail}".removesuffix(": ")


def _echo(text: str, label: str) -> None:
    """A label and what it says, folded behind it."""
    lines = folded(one_line(text), width(), first=label, rest=" " * len(label))
    click.echo("\n".join(lines) or label.rstrip())


@click.command()
@click.argument("plan", required=False)
@limit_option(100)
@format_option
@click.pass_context
def receipts(context: click.Context, plan: str | None, limit: int, style: str) -> None:
    """List receipts: proof of every act, of one PLAN or the newest of all."""
    place = records(context)
    name = plan_named(place, plan) if plan else None
    found = read_store(place, lambda tx: tx.receipts.of(name) if name else tx.receipts.recent(limit + 1)) or ()
    if name and not found and not read_store(place, lambda tx: tx.plans.get(name)):
        raise UsageError(f"there is no plan `{plan}`", hint="`paramedic receipts` shows the newest of all")
    shown = found if name else newest(found, limit)
    found = cleaned(tuple(shown), Redactor())  # which secrets the service has only its packs could tell
    if style == "json":
        show_json(found)
        return
    rows = [
        (
            f"{each.at:%H:%M:%S}",
            f"{each.step + 1}.{each.attempt}",
            each.phase,
            each.action,
            each.component,
            f"{each.plan}: {each.detail}",
        )
        for each in found
    ]
    show_rows(("at", "step", "phase", "action", "component", "of plan"), rows, empty="no receipts")


@click.group(cls=Default)
def audit() -> None:
    """The record of what happened, and whether anybody changed it. Alone it verifies."""


@audit.command()
@format_option
@click.pass_context
def verify(context: click.Context, style: str) -> None:
    """Check every hash chain. Exit 0 when sound, 2 when something was changed, removed or reordered."""
    from paramedic import store as stores
    from paramedic.model.clock import SystemClock

    service, _ = load_service(context)
    found = stores.read_store(service.settings.store, node=service.settings.node, clock=SystemClock())
    breaks = found.verify() if found else ()
    if found:
        found.close()
    if style == "json":
        show_json({"sound": not breaks, "breaks": breaks})
    else:
        for each in breaks:
            click.echo(each)
        click.echo("the record is sound" if not breaks else f"{len(breaks)} breaks")
    context.exit(2 if breaks else 0)


def _whole(incident: "Incident", plans: "Sequence[Plan]", receipts: "list[Receipt]", safe: Redactor) -> dict[str, Json]:
    """The incident as JSON, with its plans and their receipts."""
    return {
        **dump(cleaned(incident.outward, safe)),
        "plans": safe.data(dump(plans)),  # a plan shows what a file held
        "receipts": dump(cleaned(receipts, safe)),
    }


def _acts(tx: "Transaction", incident: IncidentId) -> "tuple[Sequence[Plan], list[Receipt]]":
    """The plans for an incident, and their receipts in the order of time."""
    plans = tx.plans.of(incident)
    receipts = [receipt for plan in plans for receipt in tx.receipts.of(plan.id)]
    return plans, sorted(receipts, key=lambda each: each.at)  # a stable sort: within one moment as written
