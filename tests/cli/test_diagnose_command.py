"""What is wrong and why on one screen, and what was changed before."""

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

SERVICE = """
service: shop
components:
  door: {kind: tcp, host: 127.0.0.1, port: 1, depends_on: [settings]}
  settings: {kind: config, path: settings.yaml, required: [a]}
"""
Run = Callable[..., CompletedProcess[str]]


@pytest.fixture(autouse=True)
def service(home: Path) -> None:
    """A door that nobody opens, and settings that are well."""
    (home / "paramedic.yaml").write_text(SERVICE)
    (home / "settings.yaml").write_text("a: 1\n")


def test_one_screen_says_what_why_and_what_would_be_done(paramedic: Run, home: Path) -> None:
    """Within 80 columns and 24 lines; the exit code is that of a check, and nothing is written."""
    before = sorted(home.rglob("*"))
    told = paramedic("diagnose")
    assert told.returncode == 2, told.stderr
    lines = told.stdout.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    for word in ("suspects", "gravity", "changed before", "ruled out", "not looked at", "decided by", "healed by"):
        assert word in told.stdout, told.stdout
    way = " ".join(told.stdout.split())
    assert "decided by does the system respond? yes > does it respond in time? yes > are the paths between" in way
    assert "open? yes; `tcp.refused` of `door` comes from `settings` > is it refused" in way
    assert "which part is it?" in way
    assert sorted(home.rglob("*")) == before


def test_a_fresh_edit_of_what_it_needs_is_suspected(paramedic: Run) -> None:
    """The file was written a moment ago, and nothing else explains what fails."""
    (incident,) = json.loads(paramedic("diagnose", "door", "--json").stdout)["incidents"]
    assert (incident["component"], incident["code"]) == ("settings", "change.suspect")
    assert [each["is_symptom_of"] for each in incident["suspects"]] == [None, "settings"]
    assert incident["playbooks"] == ["revert-change"]


def test_of_a_healthy_component_nothing_is_wrong(paramedic: Run) -> None:
    """The others are not its business; a name that does not exist is a mistake."""
    told = paramedic("diagnose", "settings")
    assert told.returncode == 0
    assert "nothing is wrong" in told.stdout
    assert paramedic("diagnose", "nobody").returncode == 64


def test_damaged_records_keep_nobody_from_a_diagnosis(paramedic: Run, home: Path) -> None:
    """It looks now, and says on the side that what was before is not known."""
    (home / ".paramedic").mkdir()
    (home / ".paramedic/paramedic.db").write_text("no database, however long one reads in it")
    told = paramedic("diagnose", "--json")
    assert told.returncode == 2, told.stderr
    assert json.loads(told.stdout)["source"] == "a look just now"
    assert "the records cannot be read" in told.stderr


def test_changes_are_told_and_listed(paramedic: Run) -> None:
    """Newest first, with who told of them, beside what files tell; what is yet to come is refused."""
    assert paramedic("change", "record", "door", "--kind", "deployment", "--what", "release 2").returncode == 0
    told = paramedic(
        "change", "record", "--kind", "flag", "--what", "sale on", "--at", "2026-01-01T12:00:00Z", "--json"
    )
    assert json.loads(told.stdout)["change"]["component"] is None
    found = json.loads(paramedic("change", "--json").stdout)
    assert [(each["kind"], each["component"]) for each in found] == [
        ("deployment", "door"),
        ("config", "settings"),
        ("flag", None),
    ]
    assert "release 2" in paramedic("change", "list", "door").stdout
    assert paramedic("change", "record", "nobody", "--kind", "flag", "--what", "x").returncode == 64
    assert paramedic("change", "record", "--kind", "flag", "--what", "x", "--at", "3000-01-01").returncode == 64


def test_a_change_that_says_nothing_is_refused(paramedic: Run) -> None:
    """And what is long is shown whole, however narrow the terminal; a mistyped limit is told, not obeyed."""
    for nothing in ("", "  \n "):
        refused = paramedic("change", "record", "--kind", "config", "--what", nothing)
        assert (refused.returncode, "`--what` says nothing" in refused.stderr) == (64, True)
        assert "such as `--what 'release 2.4.1'`" in refused.stderr
    long = "release 2.4.1 with the new tables, rolled out by the nightly job of Tuesday, ticket SHOP-1234"
    assert paramedic("change", "record", "door", "--kind", "deployment", "--what", long).returncode == 0
    shown = paramedic("change", "list", "door").stdout
    assert all(word in shown for word in long.replace(",", "").split()), shown
    assert max(map(len, shown.splitlines())) <= 80
    for command in (("change", "list"), ("receipts",), ("incidents", "list")):
        for limit in ("0", "1" + "0" * 20):
            ran = paramedic(*command, "--limit", limit)
            assert (ran.returncode, "is not in the range" in ran.stderr) == (64, True), ran.stderr


def test_what_cannot_be_listed_is_named(paramedic: Run, home: Path) -> None:
    """Guards of one component among several: the list says what is missing from it, and why."""
    file = home / "paramedic.yaml"
    file.write_text(file.read_text() + "  flags: {kind: guards, folder: guards, of: [door]}\n")
    told = " ".join(paramedic("change", "list").stdout.split())
    assert "not listed of flags: what was switched inside the processes of `door`, because the files do not" in told
    assert "not listed" not in paramedic("change", "list", "door").stdout
