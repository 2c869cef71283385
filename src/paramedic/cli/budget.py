"""``paramedic budget``: see, reset and repair token and energy budgets, and stop who spends too much."""

from pathlib import Path
from typing import Any

import click

from paramedic.cli.default import Default
from paramedic.cli.guard_orders import Told, tell, told, values
from paramedic.cli.guard_place import Place, dir_option, guards, place, rows_of
from paramedic.cli.listing import format_option, show_json, show_rows
from paramedic.model.errors import Unusable, UsageError

_SHOWN = (
    "downgrade_active", "consecutive_breaches", "breach_threshold", "last_breach_timestamp", "downgrade_activated_at",
    "recent_breaches", "state_file", "used", "spent", "stopped", "refused",
)  # fmt: skip


@click.group(cls=Default)
def budget() -> None:
    """Token and energy budgets in running processes. Alone it shows them."""


@budget.command()
@dir_option
@format_option
@click.pass_context
def status(context: click.Context, folder: Path | None, style: str) -> None:
    """Show every budget: whether a downgrade is active, and what each scope has spent today."""
    found = guards(place(context, folder), "budget")
    if style == "json":
        show_json({"budgets": rows_of(found, *_SHOWN)})
        return
    rows = [
        (
            each["name"],
            process.pid,
            "active" if each["downgrade_active"] else "-",
            each["consecutive_breaches"],
            each["last_breach_timestamp"] or "-",
            _spent(each),
        )
        for process, each in found
    ]
    heads = ("name", "pid", "downgrade", "breaches", "last breach", "spent today")
    show_rows(heads, rows, empty="no running process has a budget")


def _spent(shows: dict[str, Any]) -> str:  # Any: what a guard shows
    parts = []
    for scope, each in shows["spent"].items():
        limit = "" if each["limit"] is None else f" of {each['limit']:g}"
        parts.append(f"{scope} {each['spent']:g}{limit}{' (stopped)' if scope in shows['stopped'] else ''}")
    return ", ".join(parts) or "-"


@budget.command()
@click.argument("name", default="*")
@dir_option
@format_option
@click.pass_context
def reset(context: click.Context, name: str, folder: Path | None, style: str) -> None:
    """Lift the downgrade of a budget (`tokens`, `energy`), or of all. What was spent today stays spent."""
    told(style, tell(place(context, folder), "budget", name, "reset"), "the downgrade is lifted")


@budget.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[STATE_FILE]...")
@dir_option
@format_option
@click.pass_context
def repair(context: click.Context, files: tuple[Path, ...], folder: Path | None, style: str) -> None:
    """Put whole state files in place of damaged ones, which are set aside as NAME.corrupt.

    Without STATE_FILE: those of running processes, and those that the service file names.
    """
    where = place(context, folder)
    running = guards(where, "budget")
    in_use = {Path(each["state_file"]).resolve() for _, each in running}
    declared = files or tuple(path for name, path in where.files.items() if name in ("tripwire", "energy"))
    mended = [path for path in declared if path.resolve() not in in_use]
    if not mended and not running:
        raise UsageError("there is no budget to repair", hint="name its state file")
    for path in mended:
        if not path.parent.is_dir():
            raise Unusable(f"there is no folder `{path.parent}`")
    whole = ", ".join(sorted(each.name for each in in_use))
    told(style, tell(where, "budget", "*", "repair", files=mended), f"{whole} is whole")


@budget.command()
@click.argument("scope")
@dir_option
@format_option
@click.pass_context
def stop(context: click.Context, scope: str, folder: Path | None, style: str) -> None:
    """Refuse every further call of a scope until `allow`; `*` means every scope."""
    told(style, _each(place(context, folder), "stop", scope), f"{scope} may spend no more")


@budget.command()
@click.argument("scope")
@dir_option
@format_option
@click.pass_context
def allow(context: click.Context, scope: str, folder: Path | None, style: str) -> None:
    """Lift `stop`."""
    told(style, _each(place(context, folder), "allow", scope), f"{scope} may spend again")


@budget.command()
@click.argument("name")
@click.argument("wanted", metavar="SCOPE=AMOUNT")
@dir_option
@format_option
@click.pass_context
def limit(context: click.Context, name: str, wanted: str, folder: Path | None, style: str) -> None:
    """Change what a scope of a budget (`tokens`, `energy`) may spend a day, from the next call on.

    `none` as AMOUNT leaves it without a limit of its own; `*` as SCOPE means every scope that has none. It lasts until
    the process ends.
    """
    ((scope, amount),) = values([wanted], example="anna=2000").items()
    done = tell(place(context, folder), "budget", name, "limit", scope=scope, limit=amount)
    told(style, done, f"{scope} may spend {'without a limit of its own' if amount is None else f'{amount} a day'}")


def _each(where: Place, verb: str, scope: str) -> Told:
    return tell(where, "budget", "*", verb, scope=scope)
