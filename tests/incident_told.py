"""One incident with everything that can be told of it: a model that was killed, restarted in vain, then healed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from paramedic.incident.account import Dossier
from paramedic.model.change import Change, ChangeKind
from paramedic.model.code import IssueType
from paramedic.model.component import Risk
from paramedic.model.finding import Evidence
from paramedic.model.ids import IncidentId, PlanId
from paramedic.model.incident import Incident, IncidentState, Suspect, Symptom, TimelineEntry, Vote
from paramedic.model.playbook import FailedCheck, Plan, PlanState, PlanStep, Preview
from paramedic.model.receipt import Message, Phase, Receipt
from paramedic.model.service import Service
from paramedic.model.status import Severity
from scenery import make_service, part

AT = datetime(2026, 11, 22, 3, 4, 5, tzinfo=UTC)
ID = IncidentId("inc-1m80ppfvs-778b")
SECRET = "hunter2-but-longer"


def at(seconds: float) -> datetime:
    return AT + timedelta(seconds=seconds)


def service(folder: Path) -> Service:
    return make_service(folder, part("api", "model"), part("model"), secrets=(SECRET,))


def plan(number: int, state: PlanState, begun: float, ended: float, why: str) -> Plan:
    diff = "--- a\n+++ b\n-size: 1\n+size: 2 <b>"
    step = PlanStep(
        action="process.restart", component="model", params={}, risk=Risk.DISRUPTIVE, undoable=False,
        preview=Preview(summary="restart it", diff=diff if number == 1 else ""),
    )  # fmt: skip
    return Plan(
        id=PlanId(f"plan-1m80ppfx{number}-gkwk"), incident=ID, playbook="restart-component", suspect="model",
        fingerprint="model:process.exited", state=state, steps=(step,), risk=Risk.DISRUPTIVE,
        verify=(FailedCheck(component="model", check="process.alive", code="process.exited"),), verify_times=2,
        verify_within_s=60, blast_radius=("model", "api"), needs_approval=None if number == 1 else "a second attempt",
        attempt=number, created_at=at(begun), ended_at=at(ended), why_ended=why,
        approved_by=None if number == 1 else "anna (uid 1000)",
    )  # fmt: skip


def receipt(number: int, phase: Phase, moment: float, detail: str = "", **fields: Any) -> Receipt:
    return Receipt(
        plan=PlanId(f"plan-1m80ppfx{number}-gkwk"), step=0, attempt=1, phase=phase, action="process.restart",
        component="model", token="t", at=at(moment), node="here", detail=detail, **fields,
    )  # fmt: skip


def entry(moment: float, what: str, text: str, **details: str) -> TimelineEntry:
    return TimelineEntry(incident=ID, at=at(moment), what=what, text=text, details=details)


def message(moment: float, kind: str, *, arrived: bool) -> Message:
    return Message(
        id=f"msg-{moment:g}", incident=ID, kind=kind, address=f"slack://{SECRET}/channel", subject="…", body={},
        at=at(moment), attempts=2 if arrived else 1, delivered_at=at(moment + 3) if arrived else None,
        error="" if arrived else "the address answered 503",
    )  # fmt: skip


INCIDENT = Incident(
    id=ID, state=IncidentState.RESOLVED, severity=Severity.P0, type=IssueType.OUTAGE, code="process.exited",
    component="model", opened_at=AT, resolved_at=at(3905), why="healed by `restart-component`",
    symptoms=(
        Symptom(
            component="model", check="process.alive", code="process.exited", status="critical", since=AT,
            observed="the process ended: killed by SIGKILL", hint="see who killed it",
            evidence=(
                Evidence(label="last log lines", text=f"loading <b>weights</b>\npassword={SECRET}\n```\nkilled"),
            ),
        ),
        Symptom(
            component="api", check="http.answers", code="http.status", status="warning", since=at(0.6),
            observed="`GET /health` answered 503 | *degraded*",
        ),
    ),
    suspects=(
        Suspect(
            component="model", code="process.exited", score=0.98,
            votes=(Vote(kind="own-failure", weight=1.0, reason="it fails by itself"),),
        ),
        Suspect(component="api", code="http.status", score=0.2, is_symptom_of="model"),
    ),
    ruled_out=("cache: it answers",), not_looked_at=("gpu",), abstained="two suspects are alike",
    changes=(Change(at=at(-60), kind=ChangeKind.CONFIG, component="model", what="model.yaml was written", by="anna"),),
    path=("is the system responding? no", "outage"),
    tried=("restart-component", "restart-component"), attempts=1, level="L2", told=("slack://…",),
    acknowledged_by="anna (uid 1000)", acknowledged_at=at(300),
)  # fmt: skip
DOSSIER = Dossier(
    incident=INCIDENT,
    timeline=(
        entry(0, "detected", "model: process.exited: the process ended: killed by SIGKILL"),
        entry(0.6, "symptom", "api: http.status: `GET /health` answered 503"),
        entry(0.7, "suspects", "model process.exited 0.98; api http.status 0.20"),
        entry(0.7, "planned", "restart-component on model: the restart family", plan="plan-1m80ppfx1-gkwk"),
        entry(62, "undone", "restart-component: failed: not well within 60 s"),
        entry(62.1, "escalated", "`restart-component` was tried"),
        entry(62.1, "notified", "escalated: L2: 1 told"),
        entry(300, "acknowledged", f"by anna (uid 1000): token: {SECRET}"),
        entry(3900, "approved", "approved by anna (uid 1000)", plan="plan-1m80ppfx2-gkwk"),
        entry(3900, "planned", "restart-component on model: approved by anna", plan="plan-1m80ppfx2-gkwk"),
        entry(3904.9, "verified", "restart-component: verified: 2 times"),
        entry(3905, "resolved", "healed by `restart-component`: 2 times"),
        entry(3905, "notified", "resolved: 1 told"),
    ),
    plans=(
        plan(1, PlanState.FAILED, 0.7, 62, "not well within 60 s"),
        plan(2, PlanState.VERIFIED, 3900, 3904.9, "the failed checks passed 2 times"),
    ),
    receipts=(
        receipt(1, Phase.INTENT, 0.8),
        receipt(1, Phase.DONE, 1.5, "pid 4711"),
        receipt(2, Phase.INTENT, 3900.1),
        receipt(2, Phase.DONE, 3901.2, "pid 4712", output={"pid": 4712}, reconciled=True),
    ),
    messages=(message(62.1, "escalated", arrived=True), message(3905, "resolved", arrived=False)),
    summaries={"process.exited": "the process ended although it should run"},
)
