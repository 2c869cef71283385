"""Rows on a terminal, or the same as JSON."""

import json
import shutil
from collections.abc import Callable, Sequence
from typing import Any

import click

from paramedic.cli.manual import folded
from paramedic.model.wire import dump

_LEAST_ROOM = 20
"""Columns below which a last column is better below its row."""

format_option: Callable[[Any], Any] = click.option(  # Any: click decorates commands of every signature
    "--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to print."
)


def show_json(value: object) -> None:
    """Print a value as JSON."""
    click.echo(json.dumps(dump(value), indent=2))


def show_rows(heads: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str) -> None:
    """Print a table that fits the terminal: a last column without room stands below its row, folded."""
    if not rows:
        click.echo(empty)
        return
    screen = shutil.get_terminal_size((80, 24)).columns
    texts = [[_plain(str(cell if cell is not None else "-")) for cell in row] for row in rows]
    widths = [max(len(head), *(len(row[at]) for row in texts)) for at, head in enumerate(heads)]
    room = screen - sum(widths[:-1]) - 2 * (len(heads) - 1)
    if widths[-1] <= room or room >= _LEAST_ROOM:
        widths[-1] = min(widths[-1], room)
        for row in [list(heads), *texts]:
            click.echo(_line(row, widths))
        return
    click.echo(_line(heads[:-1], widths[:-1]))
    for row in texts:
        click.echo(_line(row[:-1], widths[:-1]))
        if row[-1] not in ("", "-"):
            click.echo("\n".join(folded(row[-1], max(_LEAST_ROOM, screen), first="    ")))


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(_cut(cell, size).ljust(size) for cell, size in zip(row, widths, strict=True)).rstrip()


def _cut(text: str, size: int) -> str:
    return text if len(text) <= size else text[: size - 1] + "…"


def _plain(text: str) -> str:
    """One line without control characters, whatever a patient put into it."""
    return "".join(char if char.isprintable() else " " for char in text)
