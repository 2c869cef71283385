"""What a report looks like in every format. ``PARAMEDIC_GOLDEN=update`` writes the golden files anew."""

import json
import os
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paramedic.model.code import IssueType
from paramedic.model.finding import Evidence, Finding
from paramedic.model.report import OpenIncident, Part, Report, Skipped, worst_first
from paramedic.model.status import Overall, Status
from paramedic.report import FORMATS, render

GOLDEN = Path(__file__).parent / "golden"
AT = datetime(2026, 11, 22, 3, 4, 5, tzinfo=UTC)


def finding(status: Status, component: str, check: str, **fields) -> Finding:
    defaults = {"kind": "http", "code": None, "observed": "answered", "at": AT, "duration_ms": 12.5}
    return Finding(component=component, check=check, status=status, **{**defaults, **fields})


REPORT = Report(
    service="shop-assistant",
    version="0.1.0",
    started_at=AT,
    duration_ms=1234.5,
    findings=worst_first(
        (
            finding(Status.OK, "api", "http.answers", measures={"latency_ms": 12.25}),
            finding(Status.OK, "db", "sqlite.is-whole", observed="whole", measures={"size_bytes": float("inf")}),
            finding(Status.INFO, "cache", "tcp.accepts", observed="stopped on purpose"),
            finding(Status.INFO, "cache", "process.runs", observed="stopped on purpose"),
            finding(
                Status.CRITICAL, "api", "http.status", code="http.status", type=IssueType.OUTAGE,
                observed="`GET http://127.0.0.1:8000/health` answered 500 and the body was <b>no|thing</b> `of`\n*use* "
                + "x" * 90,
                expected="a status of 200", because="five answers in a row, so quite sure",
                hint="look at its log; `paramedic explain http.status` says more",
                evidence=(Evidence(label="log", text="one\n\x1b[2Jtwo\n```\nthree\nfour\tend"),),
                path="/srv/shop/config.yaml", line=7,
            ),
            finding(Status.UNKNOWN, "llm", "llm.answers", code="paramedic.check-timed-out", observed="given up"),
            finding(Status.WARNING, "host", "host.disk", code="disk.full", observed="91 % used", expected="< 90 %"),
        )
    ),
    skipped=(Skipped(component="llm", check="llm.generates", reason="a look costs tokens"),),
    broken_packs={"theirs": "ImportError: no module"},
    parts=(
        Part(name="api", kind="http", depends_on=("db", "llm", "cache")),
        Part(name="worker", kind="process", depends_on=("db",)),
        Part(name="db", kind="sqlite", depends_on=("host",)),
        Part(name="cache", kind="tcp"),
        Part(name="llm", kind="llm"),
        Part(name="host", kind="host"),
    ),
    incidents=(
        OpenIncident(
            id="inc-1m80ppfvs-778b", severity="P0", state="waiting", component="api", code="http.<b>", why="it waits",
            next_step="paramedic approve plan-1m80ppfxj-gkwk",
        ),
    ),
    summaries={"http.status": "the status is not the expected one", "disk.full": "a disk is nearly full"},
)  # fmt: skip

VARIANTS = {
    "report.txt": ("text", {}),
    "report-verbose.txt": ("text", {"verbose": True}),
    "report-quiet.txt": ("text", {"quiet": True}),
    "report-colour.txt": ("text", {"colour": True}),
    "report.json": ("json", {}),
    "report.xml": ("junit", {}),
    "report.md": ("markdown", {}),
    "report.jsonl": ("jsonl", {}),
    "report.sarif": ("sarif", {"root": Path("/srv/shop")}),
    "report-elsewhere.sarif": ("sarif", {"root": Path("/somewhere/else")}),
    "report.github": ("github", {"root": Path("/srv/shop")}),
    "report.html": ("html", {}),
    "report-quiet.html": ("html", {"quiet": True}),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_the_golden_files(name):
    """Every format looks as it did, until somebody changes it on purpose."""
    format, options = VARIANTS[name]
    rendered = render(REPORT, format, **options)
    path = GOLDEN / name
    if os.environ.get("PARAMEDIC_GOLDEN") == "update":
        path.write_text(rendered)
    assert rendered == path.read_text()


def test_every_format_has_a_golden_file():
    """A format that is added is looked at."""
    assert {format for format, _ in VARIANTS.values()} == set(FORMATS)


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("verbose", [False, True])
def test_text_fits(width, verbose):
    """No line is wider than the terminal."""
    assert max(map(len, render(REPORT, width=width, verbose=verbose).splitlines())) <= width


def test_text_reads_without_colour():
    """Each verdict has a glyph and a word of its own."""
    text = render(REPORT)
    for said in ("✗ critical", "? unknown", "! warning", "· info", "✓ healthy"):
        assert said in text
    assert "\x1b" not in text


def test_worst_first_and_healthy_folded():
    """The first finding is the worst; all that is well takes one line."""
    text = render(REPORT)
    order = [
        text.index(word) for word in ("✗ critical api", "? unknown  llm", "! warning  host", "✓ healthy  2 checks")
    ]
    assert order == sorted(order)
    assert "http.answers" not in text
    assert "http.answers" in render(REPORT, verbose=True)
    assert "healthy" not in render(REPORT, quiet=True).split("\n\n", 1)[1].split("checks:")[0]


def test_json_says_it_all():
    """Programs get the verdict, the exit code, every finding, and numbers that JSON knows."""
    data = json.loads(render(REPORT, "json"), parse_constant=pytest.fail)
    assert (data["schema_version"], data["overall"], data["exit_code"]) == (1, "critical", 2)
    assert [each["status"] for each in data["findings"]][:2] == ["critical", "unknown"]
    assert data["findings"][-1]["measures"] == {"size_bytes": None}
    assert data["skipped"][0]["reason"] == "a look costs tokens"


def test_junit_counts():
    """Failures, errors and skips are counted as continuous integration expects."""
    suite = ET.fromstring(render(REPORT, "junit"))[0]
    assert {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "9", "failures": "2", "errors": "2", "skipped": "1",
    }  # fmt: skip


def test_jsonl_says_what_each_line_is():
    """The verdict comes first, then every finding, worst first; each line stands alone."""
    lines = [json.loads(line, parse_constant=pytest.fail) for line in render(REPORT, "jsonl").splitlines()]
    assert [line["record"] for line in lines] == ["report", *["finding"] * 7, "skipped", "broken-pack"]
    assert (lines[0]["overall"], lines[0]["schema_version"]) == ("critical", 1)
    assert lines[1]["code"] == "http.status"


ANYTHING = st.text(st.characters(), max_size=80)


def told(text: str, status: Status) -> Report:
    one = finding(status, text or "x", text, code=text, observed=text, expected=text, because=text, hint=text,
                  evidence=(Evidence(label=text, text=text),))  # fmt: skip
    return Report(service=text, version="0", started_at=AT, duration_ms=1.0, findings=(one,),
                  skipped=(Skipped(component=text, check=text, reason=text),), broken_packs={text: text})  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(text=ANYTHING, status=st.sampled_from(list(Status)))
def test_any_text_is_harmless(text, status):
    """No text of a patient steers a terminal, breaks XML or JSON, or cannot be written."""
    report = told(text, status)
    ET.fromstring(render(report, "junit"))
    json.loads(render(report, "json"))
    for format in FORMATS:
        rendered = render(report, format, verbose=True)
        rendered.encode()
        assert not set(rendered) & {"\x1b", "\x9b", "\x00", "\r", "\x07", "\u202e", "\u2028"}
    assert max(map(len, render(report, verbose=True).splitlines())) <= 80


@pytest.mark.parametrize(
    "text", ["[x](http://evil)", "<script>", "a|b", "# x", "@all", "![i](u)", "`a` <b> `c`", "`<b>"]
)
def test_markdown_of_a_patient_is_no_markup(text):
    """Links, tags, tables and mentions of a patient are shown, not followed."""
    out = render(told(text, Status.OK), "markdown")
    for markup in ("](", "<script>", "<b>", " @all", "a|b"):
        assert markup not in out.replace("\\]", "").replace("\\@", "")


def test_nobody_looked_is_unknown():
    """A report without findings is not healthy, in any format."""
    empty = Report(service="s", version="0", started_at=AT, duration_ms=0.0, findings=())
    assert (empty.overall, empty.exit_code) == (Overall.UNKNOWN, 3)
    for format in FORMATS:
        assert "healthy" not in render(empty, format)


def test_the_sum_is_right_where_a_check_finds_two_things():
    """The numbers are those of what is listed: in text, in the page, and for programs."""
    two = (finding(Status.INFO, "host", "host.tasks"), finding(Status.OK, "host", "host.tasks"))
    report = Report(service="s", version="0", started_at=AT, duration_ms=1.0,
                    findings=worst_first((*two, finding(Status.OK, "host", "host.disk"))))  # fmt: skip
    for format in ("text", "html", "markdown"):
        assert "2 checks, 3 findings: 1 info, 2 healthy" in render(report, format)
    assert "✓ healthy  2 checks of host" in render(report)
    data = json.loads(render(report, "json"))
    assert (data["checks"], len(data["findings"]), sum(data["counts"].values())) == (2, 3, 3)
    both = replace(report, findings=(*two[1:], *two[1:]))
    assert "✓ healthy  2 findings of host" in render(both)
    assert "1 check, 2 findings: 2 healthy" in render(both)


def test_the_end_of_a_log_is_shown_not_its_beginning():
    """Of other evidence the first lines; what is hidden is counted on its side."""
    for label, shown, hidden in (("last log lines", "ValueError", "File"), ("table", "File", "ValueError")):
        text = "File a\nFile b\nx\ny\nValueError: z"
        one = finding(Status.CRITICAL, "api", "x", evidence=(Evidence(label=label, text=text),))
        report = Report(service="s", version="0", started_at=AT, duration_ms=1.0, findings=(one,))
        assert shown in render(report)
        assert hidden not in render(report)
        assert hidden in render(report, verbose=True)


def test_what_is_not_over_stands_in_the_page():
    """Although nothing fails right now: with the command that brings it on."""
    page = render(replace(REPORT, findings=(finding(Status.OK, "api", "x"),)), "html")
    assert "<h2>1 open incident</h2>" in page
    assert "<code>paramedic approve plan-1m80ppfxj-gkwk</code>" in page
    assert "http.&lt;b&gt;" in page
