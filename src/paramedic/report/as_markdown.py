"""A report for tickets and pull requests."""

from paramedic.model.finding import Finding
from paramedic.model.report import Report
from paramedic.model.status import Status
from paramedic.report.markup import markdown_code as code
from paramedic.report.markup import markdown_said as said
from paramedic.report.markup import markdown_verbatim
from paramedic.report.style import Style
from paramedic.report.words import LOOKS, OVERALL_LOOKS, count, duration, headline


def as_markdown(report: Report, style: Style) -> str:
    """Headings for what is wrong, one table for what is well; text of the patient cannot become markup."""
    look = OVERALL_LOOKS[report.overall]
    lines = [
        f"# {said(report.service)}: {look.word}",
        "",
        f"{headline(report)}; {duration(report.duration_ms)}; as of {report.started_at:%Y-%m-%d %H:%M:%S} UTC",
    ]
    lines += [f"\nMaintenance window {said(each)}" for each in report.maintenance]
    for finding in report.findings:
        if finding.status.is_failing or finding.status is Status.UNKNOWN:
            lines += _problem(finding)
    well = [finding for finding in report.findings if finding.status in (Status.INFO, Status.OK)]
    if well and not style.quiet:
        lines += ["", "## Nothing wrong", "", "| component | check | status | observed |", "|---|---|---|---|"]
        lines += [
            f"| {said(each.component)} | {said(each.check)} | {LOOKS[each.status].word} | {said(each.observed)} |"
            for each in well
        ]
    if report.skipped and not style.quiet:
        lines += ["", "## Not looked at", ""]
        lines += [f"- {said(each.component)} {said(each.check)}: {said(each.reason)}" for each in report.skipped]
    if report.broken_packs:
        lines += ["", f"## {count(len(report.broken_packs), 'pack')} could not be loaded", ""]
        lines += [f"- {said(name)}: {said(reason)}" for name, reason in report.broken_packs.items()]
    return "\n".join(lines) + "\n"


def _problem(finding: Finding) -> list[str]:
    look = LOOKS[finding.status]
    lines = [
        "",
        f"## {look.glyph} {look.word}: {said(finding.component)} {code(finding.code or finding.check)}",
        "",
    ]
    lines += [
        f"- **{label}**: {said(text)}"
        for label, text in (
            ("observed", finding.observed),
            ("expected", finding.expected),
            ("because", finding.because),
            ("hint", finding.hint),
        )
        if text
    ]
    for evidence in finding.evidence:
        lines += markdown_verbatim(evidence.label, evidence.text)
    return lines
