"""A report for code scanning (SARIF 2.1.0): findings that point at a file, where people review files."""

import hashlib
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from paramedic.model.finding import Finding
from paramedic.model.report import Report
from paramedic.model.status import Status
from paramedic.report.places import is_a_folder_around, within
from paramedic.report.style import Style
from paramedic.report.words import one_line, printable

Node = dict[str, Any]  # Any: JSON of every shape

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {Status.CRITICAL: "error", Status.WARNING: "warning", Status.INFO: "note"}
_ROOT = "%SRCROOT%"


def as_sarif(report: Report, style: Style) -> str:
    """One run. What could not be looked at is a notification of the run, never a silent absence of results."""
    told = [
        each
        for each in report.findings
        if each.status in _LEVELS and each.code and each.path and not is_a_folder_around(each.path, style.root)
    ]
    rules = list(dict.fromkeys(each.code for each in told if each.code))
    run: Node = {
        "tool": {
            "driver": {
                "name": "Paramedic",
                "semanticVersion": report.version,
                "rules": [_rule(code, report.summaries) for code in rules],
            }
        },
        "invocations": [_invocation(report)],
        "results": [_result(each, rules, style) for each in told],
        "columnKind": "unicodeCodePoints",
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, allow_nan=False) + "\n"


def _rule(code: str, summaries: Mapping[str, str]) -> Node:
    summary = {"text": _said(summaries.get(code, code))}
    return {
        "id": code,
        "shortDescription": summary,
        "fullDescription": summary,
        "help": {"text": f"`paramedic explain {code}` tells what it means and what heals it"},
    }


def _result(finding: Finding, rules: list[str], style: Style) -> Node:
    assert finding.path, "only these are asked for"
    assert finding.code, "only these are asked for"
    physical: Node = {"artifactLocation": _artifact(finding.path, style)}
    if finding.line and finding.line > 0:
        physical["region"] = {"startLine": finding.line}
    said = [f"{finding.component}: {finding.observed}", f"expected: {finding.expected}" if finding.expected else ""]
    said += [finding.because, f"hint: {finding.hint}" if finding.hint else ""]
    return {
        "ruleId": finding.code,
        "ruleIndex": rules.index(finding.code),
        "level": _LEVELS[finding.status],
        "message": {"text": "\n".join(_said(each) for each in said if each)},
        "locations": [
            {
                "physicalLocation": physical,
                "logicalLocations": [{"name": _said(finding.component), "kind": "module"}],
            }
        ],
        "partialFingerprints": {"paramedicFinding/v1": _fingerprint(finding, style)},
    }


def _artifact(path: str, style: Style) -> Node:
    inside = within(path, style.root)
    if inside is not None:
        return {"uri": _uri(inside), "uriBaseId": _ROOT}
    return {"uri": f"file://{_uri(path)}" if path.startswith("/") else _uri(path)}


def _uri(path: str) -> str:
    return quote(path.encode("utf-8", "replace"))


def _fingerprint(finding: Finding, style: Style) -> str:
    """The same for the same trouble on another machine and another line."""
    place = within(finding.path or "", style.root) or finding.path or ""
    said = "\0".join((finding.component, finding.code or "", place, finding.observed))
    return hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()[:32]


def _invocation(report: Report) -> Node:
    ended = report.started_at + timedelta(milliseconds=report.duration_ms)
    blind = [
        _notification("error", f"{each.component}: {each.observed}")
        for each in report.findings
        if each.status is Status.UNKNOWN
    ]
    broken = [
        _notification("error", f"pack `{name}` could not be loaded: {reason}")
        for name, reason in report.broken_packs.items()
    ]
    left_out = [
        _notification("note", f"{each.component}: `{each.check}` was not looked at: {each.reason}")
        for each in report.skipped
    ]
    return {
        "executionSuccessful": not report.interrupted,
        "exitCode": report.exit_code,
        "startTimeUtc": f"{report.started_at:%Y-%m-%dT%H:%M:%S.%fZ}",
        "endTimeUtc": f"{ended:%Y-%m-%dT%H:%M:%S.%fZ}",
        "toolExecutionNotifications": [*blind, *broken, *left_out],
    }


def _notification(level: str, text: str) -> Node:
    return {"level": level, "message": {"text": _said(text)}}


def _said(text: str) -> str:
    # SARIF reads `[text](1)` as a link in messages; a backslash keeps it text
    return one_line(printable(text)).replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")
