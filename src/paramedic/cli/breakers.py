"""``paramedic breakers``: see, close, open and tune circuit breakers in running processes."""

from pathlib import Path

import click

from paramedic.cli.default import Default
from paramedic.cli.guard_orders import asked_by, tell, told, values
from paramedic.cli.guard_place import dir_option, guards, place, rows_of
from paramedic.cli.listing import format_option, show_json, show_rows
from paramedic.model.errors import UsageError

_SHOWN = (
    "state", "because", "forced", "failure_count", "consecutive_failures", "half_open_calls", "opened_times",
    "rejected", "retry_in_s", "last_failure_time", "state_change_time", "settings",
)  # fmt: skip


@click.group(cls=Default)
def breakers() -> None:
    """Circuit breakers in running processes. Alone it lists them."""


@breakers.command("list")
@dir_option
@format_option
@click.pass_context
def list_(context: click.Context, folder: Path | None, style: str) -> None:
    """List every breaker: its state, why, and what it has refused."""
    found = guards(place(context, folder), "breaker")
    if style == "json":
        show_json({"breakers": rows_of(found, *_SHOWN)})
        return
    rows = [
        (each["name"], process.pid, each["state"], each["opened_times"], each["rejected"], each["because"] or "-")
        for process, each in found
    ]
    show_rows(("name", "pid", "state", "opened", "refused", "because"), rows, empty="no running process has a breaker")


@breakers.command()
@click.argument("name")
@dir_option
@format_option
@click.pass_context
def reset(context: click.Context, name: str, folder: Path | None, style: str) -> None:
    """Close a breaker and forget its failures; `*` means all. It opens again where calls fail."""
    told(style, tell(place(context, folder), "breaker", name, "reset"), f"{name} is closed")


@breakers.command("open")
@click.argument("name")
@click.option("--because", default="", help="Why, for those who see it.")
@dir_option
@format_option
@click.pass_context
def open_(context: click.Context, name: str, because: str, folder: Path | None, style: str) -> None:
    """Open a breaker and keep it open until `breakers reset`; `*` means all."""
    from paramedic.guard.outside import BY_AN_OPERATOR

    why = f"{BY_AN_OPERATOR}: {asked_by()}{f', {because}' if because else ''}"
    told(style, tell(place(context, folder), "breaker", name, "open", because=why), f"{name} is open until it is reset")


@breakers.command("half-open")
@click.argument("name")
@dir_option
@format_option
@click.pass_context
def half_open(context: click.Context, name: str, folder: Path | None, style: str) -> None:
    """Let trial calls through an open breaker now; `*` means all. One that is closed stays closed."""
    told(style, tell(place(context, folder), "breaker", name, "half_open"), f"trial calls of {name} may pass")


@breakers.command()
@click.argument("name")
@click.argument("settings", nargs=-1, metavar="KEY=VALUE...")
@dir_option
@format_option
@click.pass_context
def tune(context: click.Context, name: str, settings: tuple[str, ...], folder: Path | None, style: str) -> None:
    """Change settings of a breaker while calls run, such as failure_threshold=8 recovery_timeout=60.

    It lasts until the process ends. All settings are changed, or none.
    """
    wanted = values(settings)
    if not wanted:
        raise UsageError("no setting is named", hint=f"`paramedic breakers tune {name} failure_threshold=8`")
    line = f"{name} has {', '.join(f'{key} {value}' for key, value in wanted.items())}"
    told(style, tell(place(context, folder), "breaker", name, "tune", **wanted), line)
