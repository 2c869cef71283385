"""``paramedic incidents report``: everything that is recorded of one incident, as a document to hand on."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from paramedic import __version__
from paramedic.cli.naming import incident_named
from paramedic.cli.output import complain, emit, write_private
from paramedic.cli.surroundings import load_service, read_store
from paramedic.model.errors import UsageError
from paramedic.model.incident import outward
from paramedic.model.wire import dump
from paramedic.report import Redactor

if TYPE_CHECKING:
    from paramedic.incident.account import Dossier
    from paramedic.model.ids import IncidentId
    from paramedic.model.service import Service
    from paramedic.sdk.pack import Registry


@click.command()
@click.argument("incident")
@click.option(
    "--format", "style", type=click.Choice(["markdown", "html", "json"]), default="markdown", show_default=True
)
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="Write it to a file of mode 0600.")
@click.pass_context
def report(context: click.Context, incident: str, style: str, output: Path | None) -> None:
    """Write one incident down: for a ticket, a page, or a program.

    From its first sign to its end: findings with evidence, suspects, plans, steps, who was called, the timeline.
    Without `--output` it is printed. The same records give the same document.
    """
    if output is not None and not output.parent.is_dir():
        raise UsageError(f"there is no folder `{output.parent}` to write the report to")
    service, registry = load_service(context)
    dossier = _dossier(service, registry, incident_named(service.settings, incident))
    if dossier is None:
        raise UsageError(f"there is no incident `{incident}`", hint="`paramedic incidents list` names the newest")
    text = _rendered(service, dossier, style)
    if output is None:
        emit(text)
        return
    write_private(output, text)
    complain(f"the report is in {output}")


def _dossier(service: "Service", registry: "Registry", name: "IncidentId") -> "Dossier | None":
    from paramedic.incident.account import Dossier
    from paramedic.store import Transaction

    def read(tx: Transaction) -> Dossier | None:
        found = tx.incidents.get(name)
        if found is None:
            return None
        plans = sorted(tx.plans.of(name), key=lambda each: (each.created_at, each.id))
        receipts = [receipt for plan in plans for receipt in tx.receipts.of(plan.id)]
        return Dossier(
            incident=found,
            timeline=tx.timeline.of(name),
            plans=plans,
            receipts=sorted(receipts, key=lambda each: each.at),
            messages=tx.outbox.of(name),
            summaries={code: known.summary for code, known in registry.codes.items()},
        )

    return read_store(service.settings, read)


def _rendered(service: "Service", dossier: "Dossier", style: str) -> str:
    from paramedic.incident.account import account
    from paramedic.model.clock import SystemClock
    from paramedic.report import render_document
    from paramedic.report.document import safe

    clean = Redactor(service.secrets)
    if style == "json":
        messages = [{**dump(each), "address": outward(each.address)} for each in dossier.messages]
        data = {
            "schema_version": 1,
            "service": service.name,
            "incident": dump(dossier.incident),
            "timeline": dump(tuple(dossier.timeline)),
            "plans": dump(tuple(dossier.plans)),
            "receipts": dump(tuple(dossier.receipts)),
            "messages": messages,
        }
        data["incident"]["told"] = len(dossier.incident.told)
        return json.dumps(clean.data(data), indent=2) + "\n"
    now = SystemClock().now()
    document = account(service, dossier, now, made_by=f"Paramedic {__version__}")
    return render_document(safe(document, clean.text), style)
