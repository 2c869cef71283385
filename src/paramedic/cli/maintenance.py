"""``paramedic maintenance``: planned work is begun, ended and shown."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from paramedic.cli.default import Default
from paramedic.cli.listing import format_option, show_json, show_rows
from paramedic.cli.surroundings import ask, load_service, read_store
from paramedic.model.clock import SystemClock
from paramedic.model.errors import UsageError
from paramedic.model.wire import Json

if TYPE_CHECKING:
    from paramedic.model.maintenance import Maintenance, Window
    from paramedic.model.service import Service

_AHEAD = timedelta(days=14)


class Duration(click.ParamType[float]):
    """``90s``, ``30m``, ``2h``, ``1d``."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:  # Any: as click
        from paramedic.service.quantity import UNITS, measure

        seconds = value if isinstance(value, float) else measure(str(value), "_s")
        if seconds is None or seconds <= 0:
            self.fail(f"`{value}` is no duration; write {UNITS['_s'][1].removeprefix('a duration ')}", param, ctx)
        return float(seconds)


@click.group(cls=Default)
def maintenance() -> None:
    """Planned work. Alone it lists it.

    While it lasts nobody is told of what fails of these components or of what needs them, and nothing disruptive
    begins by itself. Incidents and their timelines are kept as ever; what still holds at the end is told then, once.
    Damage of primary data, and what a person calls for, is told all the same.
    """


@maintenance.command("list")
@format_option
@click.pass_context
def list_(context: click.Context, style: str) -> None:
    """Show what lasts now and what comes within two weeks. Times are in UTC."""
    service, _ = load_service(context)
    now, planned = SystemClock().now(), with_by_hand(service)
    lasting, coming = planned.at(now), planned.coming(now, _AHEAD)
    if style == "json":
        show_json({"as_of": now.isoformat(), "now": lasting, "coming": coming})
        return
    rows = [_row("now", each) for each in lasting] + [_row("coming", each) for each in coming]
    show_rows(("", "begins", "ends", "of", "id", "why"), rows, empty="no maintenance lasts or is planned")


@maintenance.command()
@click.argument("components", nargs=-1)
@click.option("--for", "for_s", type=Duration(), required=True, help="How long: `90s`, `30m`, `2h`.")
@click.option("--reason", default="", help="Why, for whoever sees it.")
@format_option
@click.pass_context
def start(context: click.Context, components: tuple[str, ...], for_s: float, reason: str, style: str) -> None:
    """Begin planned work now, on these components or on all."""
    service, registry = load_service(context)
    for name in components:
        if name not in service.components:
            raise UsageError(f"there is no component `{name}`", hint=f"known: {', '.join(service.components)}")
    args: dict[str, Json] = {"do": "start", "components": list(components), "for_s": for_s, "reason": reason}
    result = ask(service, registry, "maintenance", args)
    if style == "json":
        show_json(result)
        return
    begun = result["begun"]
    assert isinstance(begun, dict)
    until = datetime.fromisoformat(str(begun["ends"]))
    click.echo(
        f"maintenance of {', '.join(components) or 'everything'} until {until:%Y-%m-%d %H:%M} UTC: {begun['id']}"
    )


@maintenance.command()
@click.argument("what", nargs=-1, metavar="[COMPONENT|ID]...")
@format_option
@click.pass_context
def stop(context: click.Context, what: tuple[str, ...], style: str) -> None:
    """End planned work that lasts now: all of it, of these components, or by its id.

    Of a window that the service file declares, this time ends; the next one comes as declared.
    """
    service, registry = load_service(context)
    result = ask(service, registry, "maintenance", {"do": "stop", "components": list(what)})
    if style == "json":
        show_json(result)
        return
    ended = result["ended"]
    assert isinstance(ended, list)
    click.echo(f"{len(ended)} ended; what still fails is told now" if ended else "no maintenance lasts now")


def with_by_hand(service: "Service") -> "Maintenance":
    """The planned work of the service file, and what people began and ended."""
    from paramedic.store.notes import MAINTENANCE

    return known(service, read_store(service.settings, lambda tx: tx.notes.get(MAINTENANCE)))


def known(service: "Service", note: Json | None) -> "Maintenance":
    """The same for whoever has read the store's note of it."""
    from paramedic.model.maintenance import ByHand
    from paramedic.model.wire import load

    return replace(service.maintenance, by_hand=load(ByHand, note)) if note else service.maintenance


def _row(when: str, window: "Window") -> Sequence[str]:
    of = ", ".join(window.components) or "everything"
    why = " ".join(filter(None, (window.reason, f"({window.by})" if window.by else "")))
    return when, f"{window.begins:%m-%d %H:%M}", f"{window.ends:%m-%d %H:%M}", of, window.id, why
