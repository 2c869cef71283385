"""``paramedic tasks``: kept calls that were given up, for people to decide about."""

from pathlib import Path
from typing import Any

import click

from paramedic.cli.default import Default
from paramedic.cli.guard_orders import Told, tell, told
from paramedic.cli.guard_place import Place, dir_option, guards, place
from paramedic.cli.listing import format_option, show_json, show_rows
from paramedic.model.errors import UsageError


@click.group(cls=Default)
def tasks() -> None:
    """Calls that a dependency did not take: kept, tried again, given up. Alone it lists what was given up."""


@tasks.command("list")
@dir_option
@format_option
@click.pass_context
def list_(context: click.Context, folder: Path | None, style: str) -> None:
    """List the calls that were given up, and how many wait."""
    found = guards(place(context, folder), "tasks")
    letters: list[dict[str, Any]] = [  # Any: what a queue shows
        {"queue": each["name"], "pid": process.pid, **letter}
        for process, each in found
        for letter in each["dead_letters"]
    ]
    waiting = sum(each["waiting"] for _, each in found)
    if style == "json":
        show_json({"given_up": letters, "waiting": waiting})
        return
    rows = [(each["id"], each["queue"], each["handler"], each["runs"], each["error"] or "-") for each in letters]
    show_rows(("id", "queue", "call", "runs", "last error"), rows, empty=f"no call was given up, {waiting} wait")


@tasks.command()
@click.argument("task")
@dir_option
@format_option
@click.pass_context
def revive(context: click.Context, task: str, folder: Path | None, style: str) -> None:
    """Try a call that was given up again from the beginning."""
    told(style, _one(place(context, folder), "revive", task), f"{task} is tried again")


@tasks.command()
@click.argument("task")
@dir_option
@format_option
@click.pass_context
def discard(context: click.Context, task: str, folder: Path | None, style: str) -> None:
    """Drop a call that was given up, for good."""
    told(style, _one(place(context, folder), "discard", task), f"{task} is dropped")


@tasks.command()
@dir_option
@format_option
@click.pass_context
def retry(context: click.Context, folder: Path | None, style: str) -> None:
    """Make every call that waits due now."""
    told(style, tell(place(context, folder), "tasks", "*", "retry"), "every call that waits is due")


def _one(where: Place, verb: str, task: str) -> Told:
    """The order goes to one process whose queue has the call: several may share its file."""
    for process, each in guards(where, "tasks"):
        if any(letter["id"] == task for letter in each["dead_letters"]):
            return tell(where, "tasks", each["name"], verb, pids=(process.pid,), id=task)
    raise UsageError(f"no call `{task}` was given up", hint="`paramedic tasks list` shows them")
