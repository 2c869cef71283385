"""Every format a report can have. One line each."""

from collections.abc import Callable

from paramedic.model.report import Report
from paramedic.report.as_json import as_json
from paramedic.report.as_junit import as_junit
from paramedic.report.as_markdown import as_markdown
from paramedic.report.as_text import as_text
from paramedic.report.style import Style

FORMATS: dict[str, Callable[[Report, Style], str]] = {
    "text": as_text,
    "json": as_json,
    "junit": as_junit,
    "markdown": as_markdown,
}
SUFFIXES = {"text": "txt", "json": "json", "junit": "xml", "markdown": "md"}


def render(
    report: Report,
    format: str = "text",
    *,
    verbose: bool = False,
    quiet: bool = False,
    colour: bool = False,
    width: int = 80,
) -> str:
    """The report in one of the ``FORMATS``, ending with a line feed.

    Args:
        report: what was seen; its texts are made safe already.
        format: one of ``FORMATS``.
        verbose: show passes one by one, and all evidence. Concerns formats for people.
        quiet: show only problems. Concerns formats for people.
        colour: use ANSI colours. Concerns text.
        width: of the terminal, in characters. Concerns text.
    """
    return FORMATS[format](report, Style(verbose=verbose, quiet=quiet, colour=colour, width=width))
