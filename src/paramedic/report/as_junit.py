"""A report for continuous integration: one test case for each check."""

import re
from html import escape

from paramedic.model.finding import Finding
from paramedic.model.report import Report
from paramedic.model.status import Status
from paramedic.report.style import Style
from paramedic.report.words import printable

# everything that XML 1.0 cannot hold, not even escaped
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ELEMENT = {Status.CRITICAL: "failure", Status.WARNING: "failure", Status.UNKNOWN: "error"}


def as_junit(report: Report, _style: Style) -> str:
    """Critical and warning are failures, unknown is an error, what was left out is skipped."""
    cases = [_case(finding) for finding in report.findings]
    cases += [
        _testcase(each.component, each.check, 0.0, f"<skipped{_attributes(message=each.reason)}/>")
        for each in report.skipped
    ]
    cases += [
        _testcase(
            "paramedic", f"pack {name}", 0.0, f"<error{_attributes(message=reason, type='paramedic.pack-broken')}/>"
        )
        for name, reason in report.broken_packs.items()
    ]
    elements = [_ELEMENT.get(finding.status) for finding in report.findings]
    totals = _attributes(
        name=report.service,
        tests=str(len(cases)),
        failures=str(elements.count("failure")),
        errors=str(elements.count("error") + len(report.broken_packs)),
        skipped=str(len(report.skipped)),
        time=f"{report.duration_ms / 1000:.3f}",
        timestamp=report.started_at.isoformat(timespec="seconds"),
    )
    properties = "".join(
        f"<property{_attributes(name=name, value=value)}/>"
        for name, value in (
            ("overall", report.overall.value),
            ("exit_code", str(report.exit_code)),
            ("paramedic", report.version),
        )
    )
    return "\n".join(
        (
            '<?xml version="1.0" encoding="UTF-8"?>',
            "<testsuites>",
            f"<testsuite{totals}>",
            f"<properties>{properties}</properties>",
            *cases,
            "</testsuite>",
            "</testsuites>",
            "",
        )
    )


def _case(finding: Finding) -> str:
    lines = [
        f"{label}: {said}"
        for label, said in (
            ("observed", finding.observed),
            ("expected", finding.expected),
            ("because", finding.because),
            ("hint", finding.hint),
            *((each.label, each.text) for each in finding.evidence),
        )
        if said
    ]
    body = _text("\n".join(lines))
    if element := _ELEMENT.get(finding.status):
        attributes = _attributes(type=finding.code or finding.status.value, message=finding.observed)
        body = f"<{element}{attributes}>{body}</{element}>"
    else:
        body = f"<system-out>{body}</system-out>"
    return _testcase(finding.component, finding.check, finding.duration_ms, body)


def _testcase(component: str, check: str, duration_ms: float, body: str) -> str:
    return (
        f"<testcase{_attributes(classname=component, name=check, time=f'{duration_ms / 1000:.3f}')}>{body}</testcase>"
    )


def _attributes(**values: str) -> str:
    return "".join(f' {name}="{_text(" ".join(value.split()))}"' for name, value in values.items())


def _text(text: str) -> str:
    return escape(_NOT_XML.sub("\ufffd", printable(text)), quote=True)
