"""Records for the tests of the store."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import create_engine

from paramedic.model.clock import SystemClock
from paramedic.model.code import IssueType
from paramedic.model.component import Risk
from paramedic.model.finding import Evidence, Finding, Transition
from paramedic.model.ids import IncidentId, PlanId
from paramedic.model.incident import Incident, IncidentState, Suspect, Symptom, TimelineEntry, Vote
from paramedic.model.playbook import FailedCheck, Plan, PlanState, PlanStep, Preview
from paramedic.model.receipt import Command, Launch, Message, Phase, Receipt, Sample
from paramedic.model.status import Severity, Status

CLOCK = SystemClock()
NOON = datetime(2026, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


def at(seconds: float) -> datetime:
    """So many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def transition(number: int = 0, **changes: Any) -> Transition:
    """The number-th change of one check's mind."""
    made = Transition(
        component="api",
        check="http.answers",
        old=Status.OK,
        new=Status.CRITICAL,
        old_code=None,
        new_code="http.refused",
        reason=f"look {number}: nobody listens \u2013 \ud83d \x00 at port 8000",
        at=at(number),
        node="here",
    )
    return replace(made, **changes)


def finding(**changes: Any) -> Finding:
    """A finding with every field filled."""
    made = Finding(
        component="api",
        kind="http",
        check="http.answers",
        status=Status.CRITICAL,
        code="http.refused",
        observed="connection refused",
        expected="an answer",
        because="nobody listens",
        hint="start it",
        type=IssueType.CONNECTIVITY,
        evidence=(Evidence(label="log", text="bye\nbye"),),
        measures={"latency_ms": 1.5},
        at=NOON,
        duration_ms=3.25,
        path="/etc/api.yaml",
        line=3,
    )
    return replace(made, **changes)


def incident(name: str = "i-1", **changes: Any) -> Incident:
    """An open incident with every part filled."""
    made = Incident(
        id=IncidentId(name),
        state=IncidentState.OPEN,
        severity=Severity.P1,
        type=IssueType.OUTAGE,
        code="process.exited",
        component="api",
        opened_at=NOON,
        symptoms=(
            Symptom(
                component="api",
                check="http.answers",
                code="http.refused",
                status="critical",
                since=NOON - SECOND,
                observed="refused",
            ),
        ),
        suspects=(
            Suspect(
                component="api",
                code="process.exited",
                score=0.9,
                votes=(Vote(kind="depth", weight=1.0, reason="it is gone"),),
            ),
        ),
        ruled_out=("db",),
        path=("outage", "process"),
    )
    return replace(made, **changes)


def resolved(name: str, when: datetime) -> Incident:
    """An incident that is over."""
    return incident(name, state=IncidentState.RESOLVED, opened_at=when, resolved_at=when, symptoms=())


def entry(number: int = 0, incident_id: str = "i-1", **changes: Any) -> TimelineEntry:
    """The number-th line of an incident's history."""
    made = TimelineEntry(
        incident=IncidentId(incident_id), at=at(number), what="symptom", text=f"line {number}", details={"n": "1"}
    )
    return replace(made, **changes)


def plan(name: str = "p-1", incident_id: str | None = "i-1", **changes: Any) -> Plan:
    """A committed plan with every part filled."""
    made = Plan(
        id=PlanId(name),
        incident=IncidentId(incident_id) if incident_id else None,
        playbook="restart-component",
        suspect="api",
        fingerprint="api process.exited",
        state=PlanState.COMMITTED,
        steps=(
            PlanStep(
                action="process.restart",
                component="api",
                params={"within_s": 60, "ports": [8000, None], "deep": {"a": [True]}},
                risk=Risk.DISRUPTIVE,
                preview=Preview(summary="restart `api`", downtime_s=2.0),
                undoable=False,
            ),
        ),
        verify=(FailedCheck(component="api", check="http.answers", code="http.refused"),),
        verify_times=2,
        verify_within_s=60,
        risk=Risk.DISRUPTIVE,
        blast_radius=("api", "web"),
        needs_approval=None,
        attempt=1,
        created_at=NOON,
        baseline={"web": "ok"},
    )
    return replace(made, **changes)


def receipt(number: int = 0, plan_id: str = "p-1", **changes: Any) -> Receipt:
    """The receipt of the number-th step of a plan."""
    made = Receipt(
        plan=PlanId(plan_id),
        step=number,
        attempt=1,
        phase=Phase.DONE,
        action="process.restart",
        component="api",
        token=f"t-{number}",
        at=at(number),
        node="here",
        output={"pid": 4711, "files": ["a", "b"]},
    )
    return replace(made, **changes)


def command(name: str = "c-1", **changes: Any) -> Command:
    """A command somebody gave."""
    return replace(Command(id=name, verb="stop", args={"component": "api"}, by="uid 0 (root)", at=NOON), **changes)


def message(name: str = "m-1", **changes: Any) -> Message:
    """A message nobody got yet."""
    made = Message(
        id=name,
        incident=IncidentId("i-1"),
        kind="opened",
        address="json://localhost",
        subject="`api` is down",
        body={"incident": "i-1"},
        at=NOON,
    )
    return replace(made, **changes)


def launch(token: str = "l-1", **changes: Any) -> Launch:
    """A process that was started and lives."""
    made = Launch(
        token=token,
        component="api",
        node="here",
        at=NOON,
        command=("python", "-m", "api"),
        log="/tmp/api.log",
        boot_id="b",
        pid=1,
        start_ticks=2,
    )
    return replace(made, **changes)


def sample(seconds: float, value: float = 1.0, name: str = "latency_ms") -> Sample:
    """A measurement so many seconds after noon."""
    return Sample(component="api", name=name, at=at(seconds), value=value)


def tamper(url: str, *statements: str) -> None:
    """Change rows behind the store's back."""
    engine = create_engine(
        url, connect_args={"options": "-c search_path=paramedic"} if url.startswith("postgres") else {}
    )
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()
