"""A report for programs."""

import json
from typing import Any

from paramedic.model.finding import Finding
from paramedic.model.report import Report
from paramedic.model.wire import dump
from paramedic.report.style import Style
from paramedic.report.words import LOOKS, number


def as_json(report: Report, _style: Style) -> str:
    """One object; ASCII only, so that it survives every terminal and pipe."""
    data = {
        **head_data(report),
        "findings": [finding_data(finding) for finding in report.findings],
        "skipped": dump(report.skipped),
        "broken_packs": dump(report.broken_packs),
        "components": dump(report.parts),
        "incidents": dump(report.incidents),
        "maintenance": dump(report.maintenance),
    }
    return json.dumps(data, indent=2, allow_nan=False) + "\n"


def head_data(report: Report) -> dict[str, Any]:  # Any: JSON of every shape
    """What holds for the whole; ``counts`` are of findings, of which a check may have several."""
    statuses = [finding.status for finding in report.findings]
    return {
        "schema_version": report.schema_version,
        "service": report.service,
        "version": report.version,
        "started_at": dump(report.started_at),
        "duration_ms": round(report.duration_ms, 3),
        "overall": report.overall.value,
        "exit_code": report.exit_code,
        "checks": report.checks,
        "counts": {status.value: statuses.count(status) for status in LOOKS},
        "interrupted": report.interrupted,
    }


def finding_data(finding: Finding) -> dict[str, Any]:  # Any: JSON of every shape
    """One finding; a number that JSON cannot say is null."""
    data: dict[str, Any] = dump(finding)
    data["measures"] = {name: number(value) for name, value in finding.measures.items()}
    return data
