"""Rows on a terminal, or the same as JSON."""

import json
import shutil
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from paramedic.cli.manual import folded
from paramedic.model.wire import dump

_LEAST_ROOM = 20
"""Columns below which a last column is better below its row."""
_LEAST_COLUMN = 12

_MOST = 100_000
"""More rows than anybody reads; larger numbers are mistyped."""
_Row = TypeVar("_Row")

format_option: Callable[[Any], Any] = click.option(  # Any: click decorates commands of every signature
    "--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to print."
)


def limit_option(default: int) -> Callable[[Any], Any]:
    """How many of a list that grows with time are shown; what is read goes through ``newest``."""
    return click.option(
        "--limit",
        type=click.IntRange(1, _MOST),
        default=default,
        show_default=True,
        help="At most this many, newest first.",
    )


def newest(found: Sequence[_Row], limit: int) -> Sequence[_Row]:
    """The first so many of those found, one more of which tells that there are more; that is said after them."""
    if len(found) > limit:
        told = f"only the newest {limit} are listed; `--limit` lists more"
        click.get_current_context().call_on_close(lambda: click.echo(told, err=True))
    return found[:limit]


def show_json(value: object) -> None:
    """Print a value as JSON; an object tells the version of its schema."""
    data = dump(value)
    click.echo(json.dumps({"schema_version": 1, **data} if isinstance(data, dict) else data, indent=2))


def show_rows(heads: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str) -> None:
    """Print a table that fits the terminal and cuts nothing.

    A last cell that is too long is folded in its column, or below its row where that column has no room for its words.
    """
    if not rows:
        click.echo(empty)
        return
    screen = shutil.get_terminal_size((80, 24)).columns
    texts = [[_plain(str(cell if cell is not None else "-")) for cell in row] for row in rows]
    widths = [max(len(head), *(len(row[at]) for row in texts)) for at, head in enumerate(heads)]
    _make_room(widths, texts, screen)
    room = screen - sum(widths[:-1]) - 2 * (len(heads) - 1)
    click.echo(_line(heads if len(heads[-1]) <= room else heads[:-1], widths))
    for row in texts:
        whole = _line(row, widths)
        if len(whole) <= screen:
            click.echo(whole)
            continue
        if room >= _LEAST_ROOM and _fits(row, widths, room):
            before = "  ".join(cell.ljust(size) for cell, size in zip(row[:-1], widths, strict=False)) + "  "
            click.echo("\n".join(folded(row[-1], screen, first=before, rest=" " * len(before))))
            continue
        click.echo(_line(row[:-1], widths))
        if row[-1] not in ("", "-"):
            click.echo("\n".join(folded(row[-1], max(_LEAST_ROOM, screen), first="    ")))


def _make_room(widths: list[int], texts: Sequence[Sequence[str]], screen: int) -> None:
    """Let the most uneven column give way to the last one; what is wider than its column pushes the rest of its row."""
    *before, last = widths
    missing = sum(before) + 2 * len(before) + min(last, _LEAST_ROOM) - screen
    if missing > 0 and before:
        uneven = max(range(len(before)), key=lambda at: before[at] - min(len(row[at]) for row in texts))
        widths[uneven] = max(min(_LEAST_COLUMN, widths[uneven]), widths[uneven] - missing)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(size) for cell, size in zip(row, widths, strict=False)).rstrip()


def _fits(row: Sequence[str], widths: Sequence[int], room: int) -> bool:
    """Whether the columns of a row are as wide as they should be, and each word of its last cell fits into the last."""
    is_straight = all(len(cell) <= size for cell, size in zip(row[:-1], widths, strict=False))
    return is_straight and max(map(len, row[-1].split()), default=0) <= room


def _plain(text: str) -> str:
    """One line without control characters, whatever a patient put into it."""
    return "".join(char if char.isprintable() else " " for char in text)
