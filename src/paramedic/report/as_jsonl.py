"""A report for pipes and log collectors: one JSON object on each line."""

import json
from collections.abc import Iterator, Mapping

from paramedic.model.report import Report
from paramedic.model.wire import dump
from paramedic.report.as_json import finding_data, head_data
from paramedic.report.style import Style


def as_jsonl(report: Report, _style: Style) -> str:
    """The verdict on the first line, then what was found, worst first; ``record`` says what a line is."""
    return "".join(json.dumps(line, allow_nan=False) + "\n" for line in _lines(report))


def _lines(report: Report) -> Iterator[Mapping[str, object]]:
    yield {"record": "report", **head_data(report)}
    for finding in report.findings:
        yield {"record": "finding", **finding_data(finding)}
    for each in report.skipped:
        yield {"record": "skipped", **dump(each)}
    for name, reason in report.broken_packs.items():
        yield {"record": "broken-pack", "pack": name, "reason": reason}
