"""A report as one page: a picture of the service, then what is wrong, then the rest. It fetches nothing."""

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from importlib.resources import files

from paramedic.model.finding import Finding
from paramedic.model.report import Report
from paramedic.model.status import Overall, Status, worst
from paramedic.report.picture import picture
from paramedic.report.style import Style
from paramedic.report.words import LOOKS, OVERALL_LOOKS, count, duration, headline, one_line, printable

_OVERALL = {
    Overall.HEALTHY: Status.OK,
    Overall.DEGRADED: Status.WARNING,
    Overall.CRITICAL: Status.CRITICAL,
    Overall.UNKNOWN: Status.UNKNOWN,
}
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""Even if something of a patient became markup, it could neither run nor fetch."""


def as_html(report: Report, style: Style) -> str:
    """Everything in one file, readable in light and dark, on paper and on a telephone."""
    return "\n".join(_page(report, style)) + "\n"


def _page(report: Report, style: Style) -> Iterator[str]:
    look = OVERALL_LOOKS[report.overall]
    name = _plain(report.service)
    css = files("paramedic.report").joinpath("page.css").read_text(encoding="utf-8")
    yield "<!doctype html>"
    yield '<html lang="en"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="color-scheme" content="light dark">'
    yield f"<title>{look.glyph} {name}: {look.word}</title>"
    yield f"<style>\n{css}</style></head><body><main>"
    yield f'<header class="{_OVERALL[report.overall].value}">'
    yield f'<h1><span class="verdict">{look.glyph} {look.word}</span> {name}</h1>'
    yield (
        f"<p>{_said(headline(report))}; {duration(report.duration_ms)}; as of "
        f'<time datetime="{report.started_at:%Y-%m-%dT%H:%M:%SZ}">{report.started_at:%Y-%m-%d %H:%M:%S} UTC</time></p>'
    )
    yield "</header>"
    problems = [each for each in report.findings if each.status.is_failing or each.status is Status.UNKNOWN]
    anchors = _anchors(problems if style.quiet else report.findings)
    if drawn := picture(report.parts, _verdicts(report.findings), anchors):
        yield f"<figure>{drawn}</figure>"
    yield from _open(report)
    waiting = dict(anchors)
    for each in problems:
        yield from _problem(each, report.summaries, style, waiting)
    if report.broken_packs:
        yield '<section class="problem unknown">'
        yield f"<h2>{count(len(report.broken_packs), 'pack')} could not be loaded</h2><dl>"
        yield from _pairs(report.broken_packs.items())
        yield "</dl></section>"
    if not style.quiet:
        yield from _well([each for each in report.findings if each not in problems], style, waiting)
        yield from _left_out(report)
    yield f"<footer>Paramedic {_said(report.version)}</footer>"
    yield "</main></body></html>"


def _open(report: Report) -> Iterator[str]:
    """What is not over, also where nothing fails right now."""
    if not report.incidents:
        return
    yield '<section class="problem warning">'
    yield f"<h2>{count(len(report.incidents), 'open incident')}</h2><dl>"
    yield from _pairs(
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
    yield f'<h2><span class="verdict">{look.glyph} {look.word}</span> {_said(finding.component)}</h2>'
    summary = summaries.get(finding.code or "", "")
    yield f'<p class="code"><code>{_plain(finding.code or finding.check)}</code> {_said(summary)}</p>'
    place = f"{finding.path}:{finding.line}" if finding.path and finding.line else finding.path or ""
    yield "<dl>"
    yield from _pairs(
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
        yield f"<details open><summary>{_said(evidence.label)}</summary>"
        yield f"<pre>{escape(printable(evidence.text))}</pre></details>"
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
            f'<tr class="{each.status.value}"{_place(each, waiting)}><th scope="row">{_said(each.component)}</th>'
            f"<td><code>{_plain(each.check)}</code></td>"
            f'<td><span class="verdict">{look.glyph} {look.word}</span></td>'
            f"<td>{_said(each.observed)}{measures}</td></tr>"
        )
    yield "</tbody></table></div></details></section>"


def _left_out(report: Report) -> Iterator[str]:
    if not report.skipped:
        return
    yield "<section><h2>Not looked at</h2><ul>"
    for each in report.skipped:
        yield f"<li>{_said(each.component)} <code>{_plain(each.check)}</code>: {_said(each.reason)}</li>"
    yield "</ul></section>"


def _pairs(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield from (
        f'<div class="{"hint" if name == "hint" else "fact"}"><dt>{_said(name)}</dt><dd>{_said(text)}</dd></div>'
        for name, text in pairs
        if text.strip()
    )


def _measures(finding: Finding) -> str:
    return ", ".join(f"{_said(name)}={value:.6g}" for name, value in finding.measures.items())


def _said(text: str) -> str:
    """On one line and without markup, except that names in backticks are code."""
    parts = escape(one_line(text)).split("`")
    if len(parts) % 2 == 0:  # a backtick without its fellow: none of them means code
        return "`".join(parts)
    return "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))


def _plain(text: str) -> str:
    return escape(one_line(text))
