"""A report for a terminal: worst first, what is healthy folded into one line."""

import textwrap
from collections.abc import Iterator

from paramedic.model.finding import Finding
from paramedic.model.report import Report, Skipped
from paramedic.model.status import Status
from paramedic.report.style import Style
from paramedic.report.words import LOOKS, OVERALL_LOOKS, Look, count, duration, headline, one_line, painted, printable

_LABEL = 11
"""Columns before what is said."""
_EVIDENCE_LINES = 3


def as_text(report: Report, style: Style) -> str:
    """Four sentences for each problem; only the hint proposes."""
    lines = list(_lines(report, style))
    return "\n".join(lines) + "\n"


def _lines(report: Report, style: Style) -> Iterator[str]:
    look = OVERALL_LOOKS[report.overall]
    yield from _headed(look, report.service, "", style)
    for each in report.maintenance:
        yield from _wrapped(f"maintenance window {each}", style)
    for finding in report.findings:
        if finding.status.is_failing or finding.status is Status.UNKNOWN:
            yield ""
            yield from _problem(finding, style)
    if not style.quiet:
        yield from _well(report, style)
        yield from _left_out(report.skipped, style)
    for name, reason in report.broken_packs.items():
        yield ""
        yield from _labelled("pack", f"`{name}` could not be loaded: {reason}", style)
    yield ""
    yield from _wrapped(
        f"{headline(report)}; {duration(report.duration_ms)}; as of {report.started_at:%Y-%m-%d %H:%M:%S} UTC", style
    )


def _headed(look: Look, name: str, rest: str, style: Style) -> Iterator[str]:
    """``✗ critical  name  rest``, the glyph and word in colour."""
    head = f"{look.glyph} {look.word:<8}"
    said = "  ".join(filter(None, (one_line(name), one_line(rest))))
    first, *more = _folded(said, style, indent=_LABEL)
    yield f"{painted(head, look.colour, wanted=style.colour)} {first}"
    yield from (" " * _LABEL + line for line in more)


def _problem(finding: Finding, style: Style) -> Iterator[str]:
    yield from _headed(LOOKS[finding.status], finding.component, finding.code or finding.check, style)
    if finding.path:
        yield from _labelled("in", f"{finding.path}:{finding.line}" if finding.line else finding.path, style)
    yield from _labelled("observed", finding.observed, style)
    yield from _labelled("expected", finding.expected, style)
    yield from _labelled("because", finding.because, style)
    yield from _labelled("hint", finding.hint or "", style)
    for evidence in finding.evidence:
        yield from _evidence(evidence.label, evidence.text, style)
    if style.verbose:
        yield from _labelled("measured", _measures(finding), style)


def _evidence(label: str, text: str, style: Style) -> Iterator[str]:
    lines = printable(text).splitlines()
    is_an_end = label.startswith("last ")  # of a log the end is what tells
    shown = lines if style.verbose else lines[-_EVIDENCE_LINES:] if is_an_end else lines[:_EVIDENCE_LINES]
    hidden = [" " * _LABEL + f"  … {count(len(lines) - len(shown), 'more line')} with -v"] * (len(shown) < len(lines))
    yield from _labelled("evidence", label, style)
    yield from hidden if is_an_end else ()
    for line in shown:
        yield from (" " * _LABEL + "  " + part for part in _folded(line, style, indent=_LABEL + 2))
    yield from () if is_an_end else hidden


def _well(report: Report, style: Style) -> Iterator[str]:
    infos = [finding for finding in report.findings if finding.status is Status.INFO]
    passes = [finding for finding in report.findings if finding.status is Status.OK]
    if infos or passes:
        yield ""
    told: dict[tuple[str, str], list[str]] = {}
    for finding in infos:
        told.setdefault((finding.component, finding.observed), []).append(finding.check)
    for (component, observed), checks in told.items():
        thing = "check" if len(set(checks)) == len(checks) else "finding"
        said = f"{observed} ({count(len(checks), thing)})" if len(checks) > 1 else observed
        yield from _headed(LOOKS[Status.INFO], component, said, style)
    if style.verbose:
        for finding in passes:
            said = ": ".join(filter(None, (finding.check, finding.observed, _measures(finding))))
            yield from _headed(LOOKS[Status.OK], finding.component, said, style)
    elif passes:
        names = ", ".join(dict.fromkeys(finding.component for finding in passes))
        thing = "check" if len({(each.component, each.check) for each in passes}) == len(passes) else "finding"
        yield from _headed(LOOKS[Status.OK], f"{count(len(passes), thing)} of {names}", "", style)


def _left_out(skipped: tuple[Skipped, ...], style: Style) -> Iterator[str]:
    if not skipped:
        return
    yield ""
    reasons: dict[str, list[str]] = {}
    for each in skipped:
        reasons.setdefault(each.reason, []).append(f"{each.component} `{each.check}`")
    for reason, names in reasons.items():
        yield from _wrapped(f"not looked at: {', '.join(names)} ({reason})", style)


def _measures(finding: Finding) -> str:
    return ", ".join(f"{name}={value:.6g}" for name, value in finding.measures.items())


def _labelled(label: str, said: str, style: Style) -> Iterator[str]:
    if not said.strip():
        return
    first, *more = _folded(one_line(said), style, indent=_LABEL)
    yield f"  {label:<8} {first}"
    yield from (" " * _LABEL + line for line in more)


def _wrapped(said: str, style: Style) -> Iterator[str]:
    yield from _folded(one_line(said), style, indent=0)


def _folded(said: str, style: Style, *, indent: int) -> list[str]:
    width = max(20, style.width - indent)
    return textwrap.wrap(said, width, break_on_hyphens=False, drop_whitespace=True) or [""]
