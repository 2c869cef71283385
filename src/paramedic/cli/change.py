"""``paramedic change``: tell of what was changed, so that a diagnosis can ask for it; and what is known of changes."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from paramedic.cli.default import Default
from paramedic.cli.listing import format_option, limit_option, newest, show_json, show_rows
from paramedic.cli.planned import labelled
from paramedic.cli.surroundings import ask, load_service, read_store, who
from paramedic.model.change import Change, ChangeKind
from paramedic.model.clock import SystemClock
from paramedic.model.errors import UsageError
from paramedic.model.wire import dump
from paramedic.report.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Iterable

    from paramedic.model.receipt import Receipt
    from paramedic.model.service import Service
    from paramedic.sdk.pack import Registry
    from paramedic.store import Transaction


@click.group(cls=Default)
def change() -> None:
    """Changes of the service, the first thing to ask about when something fails. Alone it lists them."""


@change.command("list")
@click.argument("component", required=False)
@limit_option(20)
@format_option
@click.pass_context
def list_(context: click.Context, component: str | None, limit: int, style: str) -> None:
    """List changes, newest first: those told, those that receipts prove, and those that files tell of."""
    service, registry = load_service(context)
    if component is not None:
        _known(service, component)
    found = known_changes(service, registry, SystemClock().now())
    safe = Redactor(service.secrets).text  # what files tell, and what was recorded while a secret was unknown
    shown = newest([each for each in found if component in (None, each.component)], limit)
    found = tuple(replace(each, what=safe(each.what), by=safe(each.by)) for each in shown)
    if style == "json":
        show_json(found)
        return
    rows = [(f"{each.at:%m-%d %H:%M:%S}", each.kind, each.component, each.by or "-", each.what) for each in found]
    show_rows(("at", "kind", "component", "by", "what"), rows, empty="no change is known")
    for each in service.components.values():
        if component in (None, each.name) and (why := registry.kinds[each.kind].untold(each.target)):
            click.echo("\n".join(labelled(f"not listed of {each.name}: ", why)))


@change.command()
@click.argument("component", required=False)
@click.option("--kind", type=click.Choice([each.value for each in ChangeKind]), required=True, help="What was changed.")
@click.option("--what", required=True, help="One line, such as `release 2.4.1`.")
@click.option("--at", "at", metavar="TIME", help="When, as ISO 8601; without a zone in UTC. Now by default.")
@format_option
@click.pass_context
def record(  # noqa: PLR0917  # click passes them by name
    context: click.Context, component: str | None, kind: str, what: str, at: str | None, style: str
) -> None:
    """Tell of a change of COMPONENT, or of the service as a whole: a deployment, say, from the job that makes it."""
    service, registry = load_service(context)
    if component is not None:
        _known(service, component)
    what = Redactor(service.secrets).text(" ".join(what.split()))
    if not what:
        raise UsageError(
            "`--what` says nothing", hint="say in one line what was changed, such as `--what 'release 2.4.1'`"
        )
    told = Change(at=_time(at), kind=ChangeKind(kind), component=component, what=what, by=who())
    result = ask(service, registry, "change", {"change": dump(told)})
    show_json(result) if style == "json" else click.echo(f"recorded: {kind} of {component or service.name}: {what}")


def known_changes(service: "Service", registry: "Registry", now: datetime) -> tuple[Change, ...]:
    """All that can be known of changes without asking anybody; writes nothing."""
    from datetime import timedelta

    from paramedic.diagnosis import proven, shipped, told_once
    from paramedic.watch.changes import of_files

    def read(tx: "Transaction") -> "tuple[Iterable[Change], Iterable[Receipt]]":
        return tx.changes.recent(limit=500), tx.receipts.recent(500)

    told, receipts = read_store(service.settings, read) or ((), ())
    since = now - timedelta(seconds=shipped().change_window_s)
    files = [each for name in service.components for each in of_files(service, registry, name, since)]
    return told_once((*told, *proven(receipts), *files))


def _known(service: "Service", component: str) -> None:
    if component not in service.components:
        raise UsageError(f"there is no component `{component}`", hint=f"known: {', '.join(service.components)}")


def _time(text: str | None) -> datetime:
    now = SystemClock().now()
    if text is None:
        return now
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"`{text}` is no time", hint="write it like 2026-11-22T12:00:00Z") from None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    if at > now:
        raise UsageError(f"`{text}` is yet to come", hint="tell of a change when it was made")
    return at
