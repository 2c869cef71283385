"""The frame of every page: one file that fetches nothing, readable in light and dark, on paper and on a telephone."""

from collections.abc import Iterable, Iterator
from importlib.resources import files

from paramedic.model.status import Status
from paramedic.report.markup import html_plain, html_said

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""Even if something of a patient became markup, it could neither run nor fetch."""


def page(*, title: str, tone: Status, glyph: str, word: str, lead: str, body: Iterable[str], made_by: str) -> str:
    """The whole page. ``lead`` and ``body`` are HTML, all else is text."""

    def lines() -> Iterator[str]:
        yield from _head(f"{glyph} {html_plain(title)}: {html_plain(word)}")
        yield f'<header class="{tone.value}">'
        yield f'<h1><span class="verdict">{glyph} {html_plain(word)}</span> {html_plain(title)}</h1>'
        yield f"<p>{lead}</p>"
        yield "</header>"
        yield from body
        if made_by:
            yield f"<footer>{html_said(made_by)}</footer>"
        yield "</main></body></html>"

    return "\n".join(lines()) + "\n"


def _head(title: str) -> Iterator[str]:
    css = files("paramedic.report").joinpath("page.css").read_text(encoding="utf-8")
    yield "<!doctype html>"
    yield '<html lang="en"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="color-scheme" content="light dark">'
    yield f"<title>{title}</title>"
    yield f"<style>\n{css}</style></head><body><main>"
