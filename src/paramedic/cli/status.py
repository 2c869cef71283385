"""``paramedic status``: what is known, without looking again. It writes nothing."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

import click

from paramedic.checking.standing import Standing, overall_of, standings
from paramedic.cli.listing import show_json
from paramedic.cli.maintenance import known as maintenance_of
from paramedic.cli.manual import folded
from paramedic.cli.next_step import next_step
from paramedic.cli.output import emit, wants_colour, width
from paramedic.cli.surroundings import load_service, read_store
from paramedic.model.clock import SystemClock
from paramedic.model.component import Desired
from paramedic.model.errors import UsageError
from paramedic.model.finding import Finding
from paramedic.model.incident import Incident, IncidentState, TimelineEntry
from paramedic.model.maintenance import Window
from paramedic.model.service import Service
from paramedic.model.status import Overall
from paramedic.model.wire import Json, dump
from paramedic.report import Redactor
from paramedic.report.words import LOOKS, OVERALL_LOOKS, Look, one_line, painted

if TYPE_CHECKING:
    from paramedic.store import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the store says."""

    findings: tuple[Finding, ...] = ()
    desired: Mapping[str, Desired] = field(default_factory=dict)
    incidents: tuple[Incident, ...] = ()
    watched_until: Mapping[str, datetime] = field(default_factory=dict)
    is_paused: bool = False
    is_emergency: bool = False
    halted: str | None = None
    maintenance: Json = None


@click.command()
@click.option("--public", is_flag=True, help="What customers may know: features, disruptions, planned maintenance.")
@click.option(
    "--format",
    "style",
    type=click.Choice(["text", "json", "markdown", "html"]),
    default="text",
    show_default=True,
    help="How to print; Markdown and a page only with `--public`.",
)
@click.pass_context
def status(context: click.Context, public: bool, style: str) -> None:
    """Show each component by what was seen last, and what is going on.

    With `--public` the text of a status page, in plain words and without anything of the inside; the service file says
    which features there are (`status_page`). Exit code: 0 healthy, 1 degraded, 2 critical, 3 unknown.
    """
    if not public and style in ("markdown", "html"):
        raise UsageError(f"`--format {style}` is for the status page", hint="add `--public`")
    service, registry = load_service(context)
    now = SystemClock().now()
    known = read_store(service.settings, _known) or _Known()
    standing = standings(service, registry, known.findings, known.desired, now, watched_until=known.watched_until)
    if public:
        _show_public(context, service, standing, known, style)
        return
    is_watched = any(until > now for until in known.watched_until.values())
    overall = overall_of(standing)
    planned = maintenance_of(service, known.maintenance).at(now)
    safe = Redactor(service.secrets)
    if style == "json":
        show_json(
            safe.data(
                {
                    "schema_version": 1,
                    "service": service.name,
                    "as_of": now.isoformat(),
                    "overall": overall.value,
                    "exit_code": overall.exit_code,
                    "paused": known.is_paused,
                    "halted": known.halted,
                    "emergency": known.is_emergency,
                    "watched": is_watched,
                    "components": dump(standing),
                    "incidents": dump([each.outward for each in known.incidents]),
                    "maintenance": dump(planned),
                }
            )
        )
    else:
        lines = _lines(service.name, overall, standing, known, now, planned=planned, is_watched=is_watched)
        emit(safe.text("\n".join(lines)) + "\n")
    context.exit(overall.exit_code)


def _show_public(
    context: click.Context, service: Service, standing: tuple[Standing, ...], known: _Known, style: str
) -> None:
    from paramedic.incident import status_page as pages
    from paramedic.report import render_document
    from paramedic.report.document import safe

    if service.status_page is None:
        hint = "write `status_page: {components: {Chat: [api, model]}}`"
        raise UsageError("the service file does not say what customers may know", hint=hint)
    now = SystemClock().now()
    incidents = read_store(service.settings, _told) or ()
    inside = pages.Inside(
        statuses={each.name: each.status for each in standing},
        stopped=[each.name for each in standing if each.desired is Desired.STOPPED],
        incidents=incidents,
    )
    service = replace(service, maintenance=maintenance_of(service, known.maintenance))
    assert service.status_page is not None, "it was there a moment ago"
    found, clean = pages.public_status(service, service.status_page, inside, now), Redactor(service.secrets)
    if style == "json":
        show_json(clean.data(pages.data(found)))
    else:
        emit(render_document(safe(pages.document(found), clean.text), style))
    context.exit(found.overall.exit_code)


def _told(tx: "Transaction") -> tuple[tuple[Incident, Sequence[TimelineEntry]], ...]:
    """What is not over, and the newest of what is; the page itself decides what of that it shows."""
    found = (*tx.incidents.unresolved(), *tx.incidents.list({IncidentState.RESOLVED}, limit=50))
    return tuple((each, tx.timeline.of(each.id)) for each in found)


def _known(tx: "Transaction") -> _Known:
    from paramedic.store.notes import EMERGENCY, HALTED, MAINTENANCE, PAUSED

    note = tx.notes.get(HALTED)

    return _Known(
        findings=tuple(tx.findings.latest()),
        desired=tx.desired.all(),
        incidents=tuple(tx.incidents.unresolved()),
        watched_until={each.node: each.until for each in tx.nodes.all()},
        is_paused=bool(tx.notes.get(PAUSED)),
        is_emergency=bool(tx.notes.get(EMERGENCY)),
        halted=str(note["why"]) if isinstance(note, dict) and note["why"] else None,
        maintenance=tx.notes.get(MAINTENANCE),
    )


def _lines(
    name: str,
    overall: Overall,
    standing: tuple[Standing, ...],
    known: _Known,
    now: datetime,
    *,
    planned: tuple[Window, ...],
    is_watched: bool,
) -> Iterator[str]:
    colour, columns = wants_colour(sys.stdout), width()
    look = OVERALL_LOOKS[overall]
    yield _line(look, one_line(name), columns, colour=colour)
    if known.halted:
        said = f"automation has stopped itself: {known.halted}; `paramedic resume` goes on"
        yield from folded(one_line(said), columns, rest="  ")
    if known.is_paused:
        yield "automation is paused: every plan waits for approval; `paramedic resume` goes on"
    if known.is_emergency:
        yield "in an emergency: `paramedic emergency` tells what was ordered, `emergency resume` undoes it"
    for window in planned:
        yield from folded(one_line(f"maintenance window {window.said}"), columns, rest="  ")
    wide = min(24, max((len(each.name) for each in standing), default=0))
    for each in sorted(standing, key=lambda each: -each.status.rank):
        look = LOOKS[each.status]
        told = "stopped on purpose" if each.desired is Desired.STOPPED else each.observed
        said = " ".join(filter(None, (each.code, one_line(told))))
        seen = f" ({_age(each.as_of, now)})" if each.as_of else ""
        room = columns - 11 - wide - 2 - len(seen)
        yield _line(look, f"{_cut(each.name, wide):<{wide}}  {_cut(said, room)}{seen}", columns, colour=colour)
    for incident in known.incidents:
        yield from _incident(incident, columns)
    yield f"as of {now:%Y-%m-%d %H:%M:%S} UTC"
    if not is_watched:
        yield "hint: nobody watches now; `paramedic watch` looks after it"


def _incident(incident: Incident, columns: int) -> Iterator[str]:
    """Which and where; why, in full; and what to do."""
    about = f"{incident.severity.value} {incident.state.value:<10} {incident.id}  {incident.component} {incident.code}"
    yield from folded(one_line(about), columns, rest="   ")
    why = one_line(incident.why)
    if incident.acknowledged_by:
        why = "; ".join(filter(None, (why, f"{one_line(incident.acknowledged_by)} has it in hand")))
    yield from folded(why, columns, first="   ")
    if step := next_step(incident):
        yield f"   hint: {step}"


def _line(look: Look, said: str, columns: int, *, colour: bool) -> str:
    """The first line has the glyph and word of the whole, the others those of a component."""
    return f"{painted(f'{look.glyph} {look.word:<8}', look.colour, wanted=colour)} {_cut(said, columns - 11)}"


def _age(at: datetime, now: datetime) -> str:
    seconds = max(0.0, (now - at).total_seconds())
    if seconds < 120:
        return f"{seconds:.0f} s ago"
    return f"{seconds / 60:.0f} min ago" if seconds < 7200 else f"{seconds / 3600:.0f} h ago"


def _cut(text: str, columns: int) -> str:
    return text if len(text) <= columns else text[: columns - 1] + "…"
