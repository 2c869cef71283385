"""A report for GitHub Actions: workflow commands that become annotations of files."""

from collections.abc import Iterator

from paramedic.model.finding import Finding
from paramedic.model.report import Report
from paramedic.model.status import Status
from paramedic.report.places import within
from paramedic.report.style import Style
from paramedic.report.words import LOOKS, OVERALL_LOOKS, headline, one_line, printable

_COMMANDS = {Status.CRITICAL: "error", Status.UNKNOWN: "warning", Status.WARNING: "warning"}


def as_github(report: Report, style: Style) -> str:
    """One command for each trouble, then the verdict in words; no text of a patient becomes a command."""
    return "".join(f"{line}\n" for line in _lines(report, style))


def _lines(report: Report, style: Style) -> Iterator[str]:
    for finding in report.findings:
        if command := _COMMANDS.get(finding.status):
            yield _annotation(command, finding, style)
    for name, reason in report.broken_packs.items():
        title = _property(f"pack {name} could not be loaded")
        yield f"::warning title={title}::{_data(reason)}"
    word = OVERALL_LOOKS[report.overall].word
    yield f"paramedic: {one_line(report.service)} is {word}; {headline(report)}"


def _annotation(command: str, finding: Finding, style: Style) -> str:
    place = _place(finding, style)
    title = f"{finding.component}: {finding.code or finding.check} ({LOOKS[finding.status].word})"
    said = [finding.observed]
    said += [
        f"{label}: {text}"
        for label, text in (("expected", finding.expected), ("because", finding.because), ("hint", finding.hint))
        if text
    ]
    if finding.path and not place:  # outside of the repository it cannot be annotated, but it can be said
        said.append(f"in: {finding.path}:{finding.line}" if finding.line else f"in: {finding.path}")
    properties = ",".join([*place, f"title={_property(title)}"])
    return f"::{command} {properties}::{_data(chr(10).join(map(one_line, said)))}"


def _place(finding: Finding, style: Style) -> list[str]:
    inside = within(finding.path, style.root) if finding.path else None
    if inside is None:
        return []
    line = [f"line={finding.line}"] if finding.line and finding.line > 0 else []
    return [f"file={_property(inside)}", *line]


def _data(text: str) -> str:
    """As the runner unescapes it again."""
    return printable(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(one_line(text)).replace(":", "%3A").replace(",", "%2C")
