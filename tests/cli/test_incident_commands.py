"""What is open, and what a person does about it: told where it is asked for, in full, in eighty columns."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from paramedic.cli.main import main
from paramedic.model.clock import SystemClock
from paramedic.model.code import IssueType
from paramedic.model.finding import Evidence
from paramedic.model.ids import IncidentId, PlanId
from paramedic.model.incident import Incident, IncidentState, Suspect, Symptom, TimelineEntry, Vote
from paramedic.model.status import Severity
from paramedic.sdk import load_packs
from paramedic.service import load
from paramedic.store import open_store
from paramedic.store.notes import PAUSED

Run = Callable[..., CompletedProcess[str]]
NOW = datetime.now(UTC)
SERVICE = """
service: shop
components:
  uvicorn: {kind: tcp, host: 127.0.0.1, port: 1}
"""
WHY = "`restart-component` waits: risk disruptive is above what may run by itself on a component that is not ours"
TRACE = 'Traceback (most recent call last):\n  File "app.py", line 3, in <module>\n    run()\nValueError: no such model'
SEEN = Symptom(
    component="uvicorn",
    check="process.alive",
    code="process.exited",
    status="critical",
    since=NOW,
    observed="the process ended with code 1",
    hint="read its log, then correct the cause",
    evidence=(Evidence(label="end", text="code 1"), Evidence(label="last log lines", text=TRACE)),
)
WAITING = Incident(
    id=IncidentId("inc-1m80ppfvs-778b"),
    state=IncidentState.WAITING,
    severity=Severity.P1,
    type=IssueType.OUTAGE,
    code="process.exited",
    component="uvicorn",
    opened_at=NOW,
    symptoms=(SEEN,),
    plan=PlanId("plan-1m80ppfxj-gkwk"),
    why=WHY,
)
CALLED = replace(
    WAITING,
    id=IncidentId("inc-1m80ppfxj-99zz"),
    state=IncidentState.ESCALATED,
    plan=None,
    code="config.env-file-missing",
    opened_at=NOW - timedelta(minutes=1),
    why="no playbook heals `config.env-file-missing`",
)


@pytest.fixture
def tell(home: Path) -> Callable[..., None]:
    """Writes incidents into the store, as a watch would, and whether it is paused."""
    (home / "paramedic.yaml").write_text(SERVICE)
    service = load(home / "paramedic.yaml", load_packs(), os.environ)

    def record(*incidents: Incident, paused: bool = False) -> None:
        store = open_store(service.settings.store, node=service.settings.node, clock=SystemClock())
        try:
            with store.begin() as tx:
                for each in incidents:
                    tx.incidents.save(each)
                tx.notes.set(PAUSED, paused or None)
        finally:
            store.close()

    return record


@pytest.fixture
def paramedic(home: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """As the fixture of this name for all, within this process: what only reads needs none of its own."""
    del home

    def run(*arguments: str) -> CompletedProcess[str]:
        capsys.readouterr()
        code = main(arguments)
        said = capsys.readouterr()
        return CompletedProcess(arguments, code, said.out, said.err)

    return run


def words(text: str) -> str:
    return " ".join(text.split())


def test_status_says_why_and_what_to_do(paramedic: Run, tell: Callable[..., None]) -> None:
    """The reason in full, the next command, and who looks; nothing is wider than eighty columns."""
    tell(WAITING, CALLED, paused=True)
    ended = paramedic("status")
    lines = ended.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert "paused" in lines[1]
    assert WHY in words(ended.stdout)
    assert f"   hint: paramedic approve {WAITING.plan}" in lines
    assert f"   hint: paramedic acknowledge {CALLED.id}" in lines
    assert "`paramedic watch`" in lines[-1]
    told = json.loads(paramedic("status", "--json").stdout)
    assert (told["paused"], told["watched"], len(told["incidents"])) == (True, False, 2)


def test_status_asks_nothing_of_anybody_who_knows(paramedic: Run, tell: Callable[..., None]) -> None:
    """What somebody has in hand is said to be in hand; automation that runs is not mentioned."""
    tell(replace(CALLED, acknowledged_by="ann (uid 1000)"))
    said = paramedic("status").stdout
    assert "ann (uid 1000) has it in hand" in words(said)
    assert "acknowledge" not in said
    assert "paused" not in said


def test_approve_alone_lists_what_waits(paramedic: Run, tell: Callable[..., None]) -> None:
    """With why and with the command; nothing is carried out."""
    tell(CALLED)
    assert paramedic("approve").stdout == "nothing waits for approval\n"
    tell(WAITING)
    ended = paramedic("approve")
    assert (ended.returncode, CALLED.id in ended.stdout) == (0, False)
    assert WHY in words(ended.stdout)
    assert f"hint: paramedic approve {WAITING.plan}" in ended.stdout
    (told,) = json.loads(paramedic("approve", "--json").stdout)["waiting"]
    assert told["plan"] == WAITING.plan


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        (CALLED.id, 64, f"no plan waits for `{CALLED.id}`: it is escalated"),
        ("99zz", 64, f"no plan waits for `{CALLED.id}`: it is escalated"),
        ("778b", 64, f"there is no plan `{WAITING.plan}`"),  # the incident names it, though it was pruned
    ],
)
def test_an_incident_names_its_plan(
    paramedic: Run, tell: Callable[..., None], given: str, code: int, said: str
) -> None:
    """`approve` takes an incident's id, whole or its end; where no plan waits, it says so."""
    tell(WAITING, CALLED)
    ended = paramedic("approve", given)
    assert ended.returncode == code
    assert said in ended.stderr


def test_the_end_of_an_id_is_enough(paramedic: Run, tell: Callable[..., None]) -> None:
    """Unless several ids end in it: then they are named."""
    other = replace(CALLED, id=IncidentId("inc-1m80ppzzz-x78b"))
    tell(WAITING, other)
    assert paramedic("incidents", "show", "778b").stdout.startswith(WAITING.id)
    ended = paramedic("incidents", "show", "78b")
    assert ended.returncode == 64
    assert f"`{WAITING.id}`" in ended.stderr
    assert f"`{other.id}`" in ended.stderr
    assert paramedic("incidents", "show", "b").returncode == 64


def test_show_gives_the_hint_and_the_next_command(paramedic: Run, tell: Callable[..., None]) -> None:
    """Of what nobody heals the hint is all that helps; what is over needs none."""
    tell(CALLED)
    said = paramedic("incidents", "show", CALLED.id).stdout
    assert "  hint      read its log, then correct the cause\n" in said
    assert f"  next      paramedic acknowledge {CALLED.id}\n" in said
    tell(replace(CALLED, state=IncidentState.RESOLVED, resolved_at=NOW))
    assert "hint" not in paramedic("incidents", "show", CALLED.id).stdout


def test_show_labels_evidence_once(paramedic: Run, tell: Callable[..., None]) -> None:
    """One line stands behind its label, several beneath it, as deep as they were printed."""
    tell(WAITING)
    said = paramedic("incidents", "show", WAITING.id).stdout
    assert "    end: code 1\n" in said
    assert said.count("last log lines") == 1
    assert '    last log lines:\n      Traceback (most recent call last):\n        File "app.py"' in said
    assert "\n      ValueError: no such model\n" in said


def test_a_secret_that_was_recorded_is_not_shown(
    paramedic: Run, tell: Callable[..., None], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither one that the service knows by now nor what looks like one, wherever it stands and however it is asked."""
    known, looks = "cormorant winter", "sk-proj-4fj3Kd82mQpZx7Lw9TnB1vYc6RsH0aEu"
    evidence = Evidence(label="last log lines", text=f"login as {known}\nAPI_KEY={looks}")
    symptom = replace(SEEN, observed=f"`{known}` was refused", evidence=(evidence,))
    suspect = Suspect(component="uvicorn", code="x.y", score=1.0, votes=(Vote(kind="k", weight=1.0, reason=known),))
    tell(replace(CALLED, symptoms=(symptom,), why=f"API_KEY={looks}", suspects=(suspect,), ruled_out=(known,)))
    service = load(home / "paramedic.yaml", load_packs(), os.environ)
    store = open_store(service.settings.store, node=service.settings.node, clock=SystemClock())
    entry = TimelineEntry(incident=CALLED.id, at=NOW, what="asked", text=f"with {known}", details={"reason": known})
    with store.begin() as tx:
        tx.timeline.append(entry)
    store.close()
    monkeypatch.setenv("SHOP_PASSWORD", known)
    for arguments in (("show", CALLED.id), ("show", CALLED.id, "--json"), ("list", "--json")):
        ended = paramedic("incidents", *arguments)
        assert ended.returncode == 0, ended.stderr
        assert looks not in ended.stdout, arguments
        assert "cormorant" not in words(ended.stdout), arguments


def test_of_addresses_that_were_told_only_the_scheme_is_shown(paramedic: Run, tell: Callable[..., Any]) -> None:
    """Also of one that the service file no longer names, so that nobody knows where in it the key stands."""
    tell(replace(CALLED, told=("opsgenie://swordfish", "json://log")))
    for arguments in (("incidents", "show", CALLED.id), ("incidents", "list"), ("status",)):
        told = json.loads(paramedic(*arguments, "--json").stdout)
        (incident,) = told["incidents"] if arguments == ("status",) else told if "list" in arguments else [told]
        assert incident["told"] == ["opsgenie://…", "json://…"], arguments


def test_json_is_short_for_format_json_and_so_are_errors(paramedic: Run, tell: Callable[..., Any]) -> None:
    """What a program cannot have is told to it as JSON, too."""
    tell(WAITING)
    ended = paramedic("incidents", "show", "inc-of-nobody", "--json")
    told = json.loads(ended.stdout)
    assert (ended.returncode, told["exit_code"]) == (64, 64)
    assert told["error"] == "there is no incident `inc-of-nobody`"
    for arguments in (("check", "nobody", "--json"), ("plan", "x", "--json")):
        assert json.loads(paramedic(*arguments).stdout)["exit_code"] == 64


@pytest.mark.parametrize("style", [(), ("--json",)])
def test_a_list_that_is_cut_says_so(paramedic: Run, tell: Callable[..., None], style: tuple[str, ...]) -> None:
    """Beside the list, so that JSON stays JSON; whoever asks for what is open gets all of it."""
    tell(WAITING, CALLED)
    told = "only the newest 1 are listed; `--limit` lists more\n"
    cut, whole = paramedic("incidents", "--limit", "1", *style), paramedic("incidents", "--limit", "2", *style)
    still_open = paramedic("incidents", "--open", "--limit", "1", *style)
    assert (cut.stderr, whole.stderr, still_open.stderr) == (told, "", "")
    assert WAITING.id in cut.stdout
    assert CALLED.id not in cut.stdout
    assert still_open.stdout == whole.stdout
    assert CALLED.id in whole.stdout


def test_what_ended_today_stays_on_the_public_page(paramedic: Run, tell: Callable[..., None]) -> None:
    """However many are open that began later."""
    over = replace(CALLED, state=IncidentState.RESOLVED, resolved_at=NOW)
    tell(over, *(replace(WAITING, id=IncidentId(f"inc-1m80ppfvs-{n:04}")) for n in range(60)))
    with Path("paramedic.yaml").open("a") as file:
        file.write("status_page: {components: {Chat: [uvicorn]}}\n")
    told = json.loads(paramedic("status", "--public", "--json").stdout)["disruptions"]
    assert [each["is_over"] for each in told].count(True) == 1, told


def test_a_report_is_a_file_for_its_owner_only(paramedic: Run, tell: Callable[..., None], home: Path) -> None:
    """By the end of the id; as a page, as Markdown and as JSON; the file has mode 0600, and twice the same bytes."""
    tell(WAITING, CALLED)
    for style in ("html", "markdown", "json"):
        place = home / f"report.{style}"
        ended = paramedic("incidents", "report", "778b", "--format", style, "--output", str(place))
        assert ended.returncode == 0
        assert place.stat().st_mode & 0o777 == 0o600
        assert "process.exited" in place.read_text()
        assert str(place) in ended.stderr
    assert json.loads((home / "report.json").read_text())["incident"]["id"] == WAITING.id
    assert paramedic("incidents", "report", "778b").stdout.startswith("# process.exited on uvicorn: waiting")


def test_a_report_of_nothing(paramedic: Run, tell: Callable[..., None], home: Path) -> None:
    """An incident that is not there, and a folder that is not there, are mistakes in usage."""
    tell(WAITING)
    assert paramedic("incidents", "report", "inc-none").returncode == 64
    assert paramedic("incidents", "report", "778b", "--output", str(home / "no" / "such")).returncode == 64


def test_alone_it_lists(paramedic: Run, tell: Callable[..., None]) -> None:
    """`paramedic incidents` without a second word."""
    tell(WAITING)
    assert paramedic("incidents").stdout.splitlines()[0].startswith("opened")
