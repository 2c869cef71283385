"""Formats for reviews of files, SARIF and annotations: they point at files, and hold no surprises for their readers."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paramedic.model.report import Report, worst_first
from paramedic.model.status import Status
from paramedic.report import render
from report.test_formats import ANYTHING, AT, REPORT, finding, told

ROOT = Path("/srv/shop")
_TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
_LEVEL = {"enum": ["none", "note", "warning", "error"]}
ESSENTIALS: dict[str, Any] = {
    "type": "object",
    "required": ["version", "runs"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"const": "2.1.0"},
        "runs": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/run"}},
    },
    "$defs": {
        "run": {
            "type": "object",
            "required": ["tool", "results"],
            "additionalProperties": False,
            "properties": {
                "tool": {
                    "required": ["driver"],
                    "properties": {
                        "driver": {
                            "required": ["name"],
                            "additionalProperties": False,
                            "properties": {
                                "name": {"type": "string"},
                                "semanticVersion": {"type": "string"},
                                "rules": {"type": "array", "uniqueItems": True, "items": {"$ref": "#/$defs/rule"}},
                            },
                        }
                    },
                },
                "invocations": {"type": "array", "items": {"$ref": "#/$defs/invocation"}},
                "results": {"type": "array", "items": {"$ref": "#/$defs/result"}},
                "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
            },
        },
        "rule": {
            "type": "object",
            "required": ["id"],
            "additionalProperties": False,
            "properties": {
                "id": {"type": "string"},
                "shortDescription": _TEXT,
                "fullDescription": _TEXT,
                "help": _TEXT,
            },
        },
        "invocation": {
            "type": "object",
            "required": ["executionSuccessful"],
            "additionalProperties": False,
            "properties": {
                "executionSuccessful": {"type": "boolean"},
                "exitCode": {"type": "integer"},
                "startTimeUtc": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$"},
                "endTimeUtc": {"type": "string", "pattern": "Z$"},
                "toolExecutionNotifications": {
                    "type": "array",
                    "items": {"required": ["message"], "properties": {"level": _LEVEL, "message": _TEXT}},
                },
            },
        },
        "result": {
            "type": "object",
            "required": ["message", "ruleId", "ruleIndex", "level", "locations"],
            "additionalProperties": False,
            "properties": {
                "ruleId": {"type": "string"},
                "ruleIndex": {"type": "integer", "minimum": 0},
                "level": _LEVEL,
                "message": _TEXT,
                "locations": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/location"}},
                "partialFingerprints": {"type": "object", "additionalProperties": {"type": "string"}},
            },
        },
        "location": {
            "type": "object",
            "required": ["physicalLocation"],
            "additionalProperties": False,
            "properties": {
                "logicalLocations": {"type": "array", "uniqueItems": True},
                "physicalLocation": {
                    "required": ["artifactLocation"],
                    "additionalProperties": False,
                    "properties": {
                        "artifactLocation": {
                            "required": ["uri"],
                            "additionalProperties": False,
                            "properties": {
                                "uri": {"type": "string", "pattern": "^[!-~]+$"},
                                "uriBaseId": {"type": "string"},
                            },
                        },
                        "region": {"properties": {"startLine": {"type": "integer", "minimum": 1}}},
                    },
                },
            },
        },
    },
}
"""What of the schema of SARIF 2.1.0 concerns what is written here."""


def sarif(report: Report, root: Path | None = ROOT) -> dict[str, Any]:
    """The one run, after it was found valid."""
    log = json.loads(render(report, "sarif", root=root), parse_constant=pytest.fail)
    jsonschema.validate(log, ESSENTIALS)
    (run,) = log["runs"]
    rules = [each["id"] for each in run["tool"]["driver"]["rules"]]
    assert all(rules[each["ruleIndex"]] == each["ruleId"] for each in run["results"])
    return run


def about(path: str | None, line: int | None = None, status: Status = Status.CRITICAL, **fields) -> Report:
    """A report of one trouble of a file."""
    one = finding(status, "settings", "config.is-valid", code="config.missing-field", path=path, line=line, **fields)
    return Report(service="shop", version="0.1.0", started_at=AT, duration_ms=5.0, findings=worst_first((one,)))


def test_only_what_points_at_a_file_is_a_result():
    """What could not be looked at is a notification: nobody takes a missing result for health."""
    run = sarif(REPORT)
    assert [each["ruleId"] for each in run["results"]] == ["http.status"]
    notes = [each["message"]["text"] for each in run["invocations"][0]["toolExecutionNotifications"]]
    assert notes[0] == "llm: given up"
    assert "pack `theirs` could not be loaded" in notes[1]
    for no_file in (None, "/srv/shop", "/srv", "/"):
        assert sarif(about(no_file))["results"] == []


@pytest.mark.parametrize(
    ("path", "uri", "base"),
    [
        ("/srv/shop/config/a b.yaml", "config/a%20b.yaml", "%SRCROOT%"),
        ("config/ä#1.yaml", "config/%C3%A4%231.yaml", "%SRCROOT%"),
        ("/etc/shop.yaml", "file:///etc/shop.yaml", None),
        ("../shop.yaml", "../shop.yaml", None),
    ],
)
def test_places_are_addresses(path: str, uri: str, base: str | None):
    """Files of the repository are named as seen from its root, others wholly."""
    (result,) = sarif(about(path, 3))["results"]
    place = result["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["artifactLocation"].get("uriBaseId")) == (uri, base)
    assert place["region"] == {"startLine": 3}
    assert "region" not in sarif(about(path))["results"][0]["locations"][0]["physicalLocation"]


def test_the_same_trouble_is_known_again():
    """A line that moved and a repository that lies elsewhere are no new trouble; another key is."""

    def mark(report: Report, root: Path) -> str:
        return sarif(report, root)["results"][0]["partialFingerprints"]["paramedicFinding/v1"]

    here = mark(about("/srv/shop/a.yaml", 3), ROOT)
    assert here == mark(about("/home/ci/a.yaml", 9), Path("/home/ci"))
    assert here != mark(about("/srv/shop/a.yaml", 3, observed="another"), ROOT)


@settings(max_examples=100, deadline=None)
@given(text=ANYTHING, status=st.sampled_from(list(Status)), line=st.integers(-2, 9))
def test_sarif_of_any_text_is_sarif(text, status, line):
    """Whatever a patient says, the file can be uploaded."""
    for report in (told(text, status), about(text or "x", line, status, observed=text, because=text, hint=text)):
        sarif(report)


_COMMAND = re.compile(r"::(error|warning) ((?:\w+=[^:,]*,?)+)::(.*)")


def unescaped(text: str) -> str:
    """As the runner of GitHub reads it."""
    for code, character in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(code, character)
    return text


def annotations(report: Report) -> list[tuple[str, dict[str, str], str]]:
    """What GitHub makes of it; the last line is for people."""
    *lines, last = render(report, "github", root=ROOT).splitlines()
    assert last.startswith("paramedic: ")
    found = []
    for line in lines:
        match = _COMMAND.fullmatch(line)
        assert match, line
        properties = dict(each.split("=", 1) for each in match[2].split(","))
        found.append((match[1], {name: unescaped(value) for name, value in properties.items()}, unescaped(match[3])))
    return found


def test_annotations_stand_at_the_line():
    """A trouble of a file is shown in it; one without a file is told all the same, and unknown is no error."""
    first, second, third, pack = annotations(REPORT)
    assert first[:2] == ("error", {"file": "config.yaml", "line": "7", "title": "api: http.status (critical)"})
    assert "hint: look at its log" in first[2].splitlines()[3]
    assert second[:2] == ("warning", {"title": "llm: paramedic.check-timed-out (unknown)"})
    assert (third[0], third[2].splitlines()[0]) == ("warning", "91 % used")
    assert pack[1] == {"title": "pack theirs could not be loaded"}


def test_a_file_elsewhere_is_said():
    """What lies outside of the repository cannot be annotated."""
    ((_, properties, said),) = annotations(about("/etc/shop.yaml", 3))
    assert set(properties) == {"title"}
    assert said.splitlines()[-1] == "in: /etc/shop.yaml:3"


@pytest.mark.parametrize("text", ["a\n::error::b", "::set-output name=x::y", "%0A::warning::x", "a,file=x:1", "100%25"])
def test_a_patient_gives_no_commands(text: str):
    """Nothing that a patient says becomes a command or a property, and its text arrives as it is."""
    (command, properties, said), *_ = annotations(told(text, Status.CRITICAL))
    assert (command, set(properties)) == ("error", {"title"})
    assert said.splitlines()[0] == " ".join(text.split())


@settings(max_examples=100, deadline=None)
@given(text=ANYTHING, status=st.sampled_from([Status.CRITICAL, Status.WARNING, Status.UNKNOWN]))
def test_any_text_becomes_one_annotation(text, status):
    """One line for each trouble and each broken pack, whatever stands in it."""
    assert len(annotations(told(text, status))) == 2
