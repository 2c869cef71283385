"""Every format a report can have. One line each."""

from collections.abc import Callable
from pathlib import Path

from paramedic.model.report import Report
from paramedic.report.as_github import as_github
from paramedic.report.as_html import as_html
from paramedic.report.as_json import as_json
from paramedic.report.as_jsonl import as_jsonl
from paramedic.report.as_junit import as_junit
from paramedic.report.as_markdown import as_markdown
from paramedic.report.as_sarif import as_sarif
from paramedic.report.as_text import as_text
from paramedic.report.style import Style

FORMATS: dict[str, Callable[[Report, Style], str]] = {
    "text": as_text,
    "json": as_json,
    "jsonl": as_jsonl,
    "junit": as_junit,
    "sarif": as_sarif,
    "github": as_github,
    "markdown": as_markdown,
    "html": as_html,
}
SUFFIXES = {
    "text": "txt",
    "json": "json",
    "jsonl": "jsonl",
    "junit": "xml",
    "sarif": "sarif",
    "github": "txt",
    "markdown": "md",
    "html": "html",
}
FOR_FILES = frozenset({"sarif", "html"})
"""Nobody reads these at a terminal: once they are written to a file, text is printed."""


def render(
    report: Report,
    format: str = "text",
    *,
    verbose: bool = False,
    quiet: bool = False,
    colour: bool = False,
    width: int = 80,
    root: Path | None = None,
) -> str:
    """The report in one of the ``FORMATS``, ending with a line feed.

    Args:
        report: what was seen; its texts are made safe already.
        format: one of ``FORMATS``.
        verbose: show passes one by one, and all evidence. Concerns formats for people.
        quiet: show only problems. Concerns formats for people.
        colour: use ANSI colours. Concerns text.
        width: of the terminal, in characters. Concerns text.
        root: the folder as seen from which files are named. Concerns formats for reviews.
    """
    style = Style(verbose=verbose, quiet=quiet, colour=colour, width=width, root=root)
    return FORMATS[format](report, style)
