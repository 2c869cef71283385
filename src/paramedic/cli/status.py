"""``paramedic status``: what is known, without looking again. It writes nothing."""

import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import click

from paramedic.checking.standing import Standing, overall_of, standings
from paramedic.cli.listing import format_option, show_json
from paramedic.cli.output import emit, wants_colour, width
from paramedic.cli.surroundings import load_service, read_store
from paramedic.model.clock import SystemClock
from paramedic.model.component import Desired
from paramedic.model.finding import Finding
from paramedic.model.incident import Incident
from paramedic.model.status import Overall
from paramedic.model.wire import dump
from paramedic.report import Redactor
from paramedic.report.words import LOOKS, OVERALL_LOOKS, Look, one_line, painted

if TYPE_CHECKING:
    from paramedic.store import Transaction

_Records = tuple[tuple[Finding, ...], Mapping[str, Desired], tuple[Incident, ...], Mapping[str, datetime]]


@click.command()
@format_option
@click.pass_context
def status(context: click.Context, style: str) -> None:
    """Show each component by what was seen last, and what is going on.

    Exit code: 0 healthy, 1 degraded, 2 critical, 3 unknown.
    """
    service, registry = load_service(context)
    now = SystemClock().now()
    findings, desired, incidents, watched_until = read_store(service.settings, _records) or ((), {}, (), {})
    standing = standings(service, registry, findings, desired, now, watched_until=watched_until)
    overall = overall_of(standing)
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
                    "components": dump(standing),
                    "incidents": dump(incidents),
                }
            )
        )
    else:
        emit(safe.text("\n".join(_lines(service.name, overall, standing, incidents, now))) + "\n")
    context.exit(overall.exit_code)


def _records(tx: "Transaction") -> _Records:
    watched_until = {each.node: each.until for each in tx.nodes.all()}
    return tuple(tx.findings.latest()), tx.desired.all(), tuple(tx.incidents.unresolved()), watched_until


def _lines(
    name: str, overall: Overall, standing: tuple[Standing, ...], incidents: tuple[Incident, ...], now: datetime
) -> Iterator[str]:
    colour, columns = wants_colour(sys.stdout), width()
    look = OVERALL_LOOKS[overall]
    yield _line(look, one_line(name), columns, colour=colour)
    wide = min(24, max((len(each.name) for each in standing), default=0))
    for each in sorted(standing, key=lambda each: -each.status.rank):
        look = LOOKS[each.status]
        told = "stopped on purpose" if each.desired is Desired.STOPPED else each.observed
        said = " ".join(filter(None, (each.code, one_line(told))))
        seen = f" ({_age(each.as_of, now)})" if each.as_of else ""
        room = columns - 11 - wide - 2 - len(seen)
        yield _line(look, f"{_cut(each.name, wide):<{wide}}  {_cut(said, room)}{seen}", columns, colour=colour)
    for incident in incidents:
        yield _cut(
            f"{incident.severity.value} {incident.state.value:<10} {incident.id}  {incident.component}"
            f" {incident.code}  {one_line(incident.why)}",
            columns,
        )
    yield f"as of {now:%Y-%m-%d %H:%M:%S} UTC"


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
