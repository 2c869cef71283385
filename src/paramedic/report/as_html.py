"""A report as one page: a picture of the service, then what is wrong, then the rest. It fetches nothing."""

from collections.abc import Iterable, Iterator, Mapping

from paramedic.model.finding import Finding
from paramedic.model.report import Report
from paramedic.model.status import Overall, Status, worst
from paramedic.report.markup import html_plain, html_said, html_verbatim, pairs
from paramedic.report.page import page
from paramedic.report.picture import picture
from paramedic.report.style import Style
from paramedic.report.words import LOOKS, OVERALL_LOOKS, count, duration, headline

_OVERALL = {
    Overall.HEALTHY: Status.OK,
    Overall.DEGRADED: Status.WARNING,
    Overall.CRITICAL: Status.CRITICAL,
    Overall.UNKNOWN: Status.UNKNOWN,
}


def as_html(report: Report, style: Style) -> str:
    """Everything in one file, readable in light and dark, on paper and on a telephone."""
    look = OVERALL_LOOKS[report.overall]
    lead = (
        f"{html_said(headline(report))}; {duration(report.duration_ms)}; as of "
        f'<time datetime="{report.started_at:%Y-%m-%dT%H:%M:%SZ}">{report.started_at:%Y-%m-%d %H:%M:%S} UTC</time>'
    )
    return page(
        title=report.service,
        tone=_OVERALL[report.overall],
        glyph=look.glyph,
        word=look.word,
        lead=lead,
        body=_body(report, style),
        made_by=f"Paramedic {report.version}",
    )


def _body(report: Report, style: Style) -> Iterator[str]:
    problems = [each for each in report.findings if each.status.is_failing or each.status is Status.UNKNOWN]
    anchors = _anchors(problems if style.quiet else report.findings)
    if drawn := picture(report.parts, _verdicts(report.findings), anchors):
        yield f"<figure>{drawn}</figure>"
    yield from (f"<p>maintenance window {html_said(each)}</p>" for each in report.maintenance)
    yield from _open(report)
    waiting = dict(anchors)
    for each in problems:
        yield from _problem(each, report.summaries, style, waiting)
    if report.broken_packs:
        yield '<section class="problem unknown">'
        yield f"<h2>{count(len(report.broken_packs), 'pack')} could not be loaded</h2><dl>"
        yield from pairs(report.broken_packs.items())
        yield "</dl></section>"
    if not style.quiet:
        yield from _well([each for each in report.findings if each not in problems], style, waiting)
        yield from _left_out(report)


def _open(report: Report) -> Iterator[str]:
    """What is not over, also where nothing fails right now."""
    if not report.incidents:
        return
    yield '<section class="problem warning">'
    yield f"<h2>{count(len(report.incidents), 'open incident')}</h2><dl>"
    yield from pairs(
        (
            f"{each.severity} {each.state}",
            "; ".join(
                filter(
                    None,
                    (
                        f"`{each.id}` {each.component}: `{each.code}`",
                        each.why,
                        f"next: `{each.next_step}`" if each.next_step else "",
                    ),
                )
            ),
        )
        for each in report.incidents
    )
    yield "</dl></section>"


def _verdicts(findings: Iterable[Finding]) -> Mapping[str, Status]:
    seen: dict[str, list[Status]] = {}
    for each in findings:
        seen.setdefault(each.component, []).append(each.status)
    return {name: worst(statuses) for name, statuses in seen.items()}


def _anchors(findings: Iterable[Finding]) -> Mapping[str, str]:
    """Component to the place in the page that is about it."""
    return {name: f"c{number}" for number, name in enumerate(dict.fromkeys(each.component for each in findings))}


def _place(finding: Finding, waiting: dict[str, str]) -> str:
    """The anchor of a component, where this is the first that is said of it."""
    anchor = waiting.pop(finding.component, None)
    return f' id="{anchor}"' if anchor else ""


def _problem(finding: Finding, summaries: Mapping[str, str], style: Style, waiting: dict[str, str]) -> Iterator[str]:
    look = LOOKS[finding.status]
    yield f'<section class="problem {finding.status.value}"{_place(finding, waiting)}>'
    yield f'<h2><span class="verdict">{look.glyph} {look.word}</span> {html_said(finding.component)}</h2>'
    summary = summaries.get(finding.code or "", "")
    yield f'<p class="code"><code>{html_plain(finding.code or finding.check)}</code> {html_said(summary)}</p>'
    place = f"{finding.path}:{finding.line}" if finding.path and finding.line else finding.path or ""
    yield "<dl>"
    yield from pairs(
        (
            ("in", place),
            ("observed", finding.observed),
            ("expected", finding.expected),
            ("because", finding.because),
            ("hint", finding.hint or ""),
        )
    )
    yield "</dl>"
    for evidence in finding.evidence:
        yield f"<details open><summary>{html_said(evidence.label)}</summary>"
        yield f"<pre>{html_verbatim(evidence.text)}</pre></details>"
    if finding.measures:
        yield f"<details{' open' if style.verbose else ''}><summary>measured</summary>"
        yield f'<p class="measures">{_measures(finding)}</p></details>'
    yield "</section>"


def _well(findings: list[Finding], style: Style, waiting: dict[str, str]) -> Iterator[str]:
    if not findings:
        return
    statuses = [each.status for each in findings]
    told = ", ".join(
        f"{statuses.count(status)} {LOOKS[status].word}" for status in (Status.INFO, Status.OK) if status in statuses
    )
    has_news = Status.INFO in statuses
    yield f"<section><details{' open' if style.verbose or has_news else ''}>"
    yield f"<summary><h2>Nothing wrong</h2> <span>{told}</span></summary>"
    heads = "".join(f"<th>{head}</th>" for head in ("component", "check", "verdict", "observed"))
    yield f'<div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>'
    for each in findings:
        look = LOOKS[each.status]
        measures = f'<br><span class="measures">{_measures(each)}</span>' if each.measures else ""
        yield (
            f'<tr class="{each.status.value}"{_place(each, waiting)}><th scope="row">{html_said(each.component)}</th>'
            f"<td><code>{html_plain(each.check)}</code></td>"
            f'<td><span class="verdict">{look.glyph} {look.word}</span></td>'
            f"<td>{html_said(each.observed)}{measures}</td></tr>"
        )
    yield "</tbody></table></div></details></section>"


def _left_out(report: Report) -> Iterator[str]:
    if not report.skipped:
        return
    yield "<section><h2>Not looked at</h2><ul>"
    for each in report.skipped:
        yield f"<li>{html_said(each.component)} <code>{html_plain(each.check)}</code>: {html_said(each.reason)}</li>"
    yield "</ul></section>"


def _measures(finding: Finding) -> str:
    return ", ".join(f"{html_said(name)}={value:.6g}" for name, value in finding.measures.items())
