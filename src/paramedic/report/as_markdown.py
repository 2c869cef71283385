"""A report for tickets and pull requests."""

import re

from paramedic.model.finding import Finding
from paramedic.model.report import Report
from paramedic.model.status import Status
from paramedic.report.style import Style
from paramedic.report.words import LOOKS, OVERALL_LOOKS, count, duration, headline, one_line, printable

_SPECIAL = re.compile(r"([\\*_\[\]#|~!@])")


def as_markdown(report: Report, style: Style) -> str:
    """Headings for what is wrong, one table for what is well; text of the patient cannot become markup."""
    look = OVERALL_LOOKS[report.overall]
    lines = [
        f"# {_said(report.service)}: {look.word}",
        "",
        f"{headline(report)}; {duration(report.duration_ms)}; as of {report.started_at:%Y-%m-%d %H:%M:%S} UTC",
    ]
    for finding in report.findings:
        if finding.status.is_failing or finding.status is Status.UNKNOWN:
            lines += _problem(finding)
    well = [finding for finding in report.findings if finding.status in (Status.INFO, Status.OK)]
    if well and not style.quiet:
        lines += ["", "## Nothing wrong", "", "| component | check | status | observed |", "|---|---|---|---|"]
        lines += [
            f"| {_said(each.component)} | {_said(each.check)} | {LOOKS[each.status].word} | {_said(each.observed)} |"
            for each in well
        ]
    if report.skipped and not style.quiet:
        lines += ["", "## Not looked at", ""]
        lines += [f"- {_said(each.component)} {_said(each.check)}: {_said(each.reason)}" for each in report.skipped]
    if report.broken_packs:
        lines += ["", f"## {count(len(report.broken_packs), 'pack')} could not be loaded", ""]
        lines += [f"- {_said(name)}: {_said(reason)}" for name, reason in report.broken_packs.items()]
    return "\n".join(lines) + "\n"


def _problem(finding: Finding) -> list[str]:
    look = LOOKS[finding.status]
    lines = ["", f"## {look.glyph} {look.word}: {_said(finding.component)} {_code(finding.code or finding.check)}", ""]
    lines += [
        f"- **{label}**: {_said(said)}"
        for label, said in (
            ("observed", finding.observed),
            ("expected", finding.expected),
            ("because", finding.because),
            ("hint", finding.hint),
        )
        if said
    ]
    for evidence in finding.evidence:
        text = printable(evidence.text)
        fence = "`" * max(3, *(len(run) + 1 for run in re.findall(r"`+", text)), 3)
        lines += ["", f"{_said(evidence.label)}:", "", f"{fence}text", text, fence]
    return lines


def _said(text: str) -> str:
    """On one line and free of markup, except that names in backticks stay code."""
    parts = one_line(text).split("`")
    if len(parts) % 2 == 0:  # a backtick without its fellow: none of them means code
        return "\\`".join(_plain(part) for part in parts)
    return "`".join(part.replace("|", "\\|") if index % 2 else _plain(part) for index, part in enumerate(parts))


def _code(name: str) -> str:
    return f"`{one_line(name).replace('`', '')}`"


def _plain(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
