"""A report for programs."""

import json

from paramedic.model.report import Report
from paramedic.model.wire import dump
from paramedic.report.style import Style
from paramedic.report.words import number


def as_json(report: Report, _style: Style) -> str:
    """One object; ASCII only, so that it survives every terminal and pipe."""
    findings = []
    for finding in report.findings:
        each = dump(finding)
        each["measures"] = {name: number(value) for name, value in finding.measures.items()}
        findings.append(each)
    data = {
        "schema_version": report.schema_version,
        "service": report.service,
        "version": report.version,
        "started_at": dump(report.started_at),
        "duration_ms": round(report.duration_ms, 3),
        "overall": report.overall.value,
        "exit_code": report.exit_code,
        "interrupted": report.interrupted,
        "findings": findings,
        "skipped": dump(report.skipped),
        "broken_packs": dump(report.broken_packs),
    }
    return json.dumps(data, indent=2, allow_nan=False) + "\n"
