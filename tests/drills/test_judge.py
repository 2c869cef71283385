"""The judge lets nothing pass that did not happen, and nothing that must not."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from paramedic.drills.catalogue import Drill, Ends
from paramedic.drills.judge import ending_of, judge, waits_for_approval
from paramedic.drills.records import Record
from paramedic.model.code import IssueType
from paramedic.model.component import Risk
from paramedic.model.finding import Transition
from paramedic.model.ids import IncidentId, PlanId
from paramedic.model.incident import Incident, IncidentState, Suspect, TimelineEntry
from paramedic.model.playbook import Plan, PlanState
from paramedic.model.status import Severity, Status

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HEAL = Drill(id="x", ends=Ends.HEAL, code="process.exited", component="model", playbook="restart-component")
INCIDENT = Incident(
    id=IncidentId("inc-1"),
    state=IncidentState.RESOLVED,
    severity=Severity.P1,
    type=IssueType.OUTAGE,
    code="process.exited",
    component="model",
    opened_at=NOW,
    symptoms=(),
)
PLAN = Plan(
    id=PlanId("plan-1"),
    incident=INCIDENT.id,
    playbook="restart-component",
    suspect="model",
    fingerprint="model:process.exited",
    state=PlanState.VERIFIED,
    steps=(),
    verify=(),
    verify_times=2,
    verify_within_s=1,
    risk=Risk.DISRUPTIVE,
    blast_radius=("model",),
    needs_approval=None,
    attempt=1,
    created_at=NOW,
)
HEALED = Record(incidents=(INCIDENT,), plans=(PLAN,), acted=frozenset({PLAN.id}))


def drill(ends: Ends, **changes) -> Drill:
    return replace(HEAL, ends=ends, playbook=None, **changes)


def test_healed():
    """The right incident, resolved, with the right plan verified: passed."""
    verdict = judge(HEAL, HEALED)

    assert (verdict.is_over, verdict.broken, verdict.missing) == (True, None, "")
    assert ending_of(verdict, approved=False) == Ends.HEAL


@pytest.mark.parametrize(
    ("record", "missing"),
    [
        (Record(), "no incident"),
        (replace(HEALED, incidents=(replace(INCIDENT, state=IncidentState.OPEN),)), "the incident is open"),
        (replace(HEALED, incidents=(replace(INCIDENT, code="http.refused"),)), "the first suspect is `http.refused`"),
        (replace(HEALED, plans=()), "resolved without a verified"),
        (replace(HEALED, plans=(replace(PLAN, state=PlanState.ROLLED_BACK),)), "resolved without a verified"),
    ],
)
def test_not_yet(record: Record, missing: str):
    """While something is missing the drill goes on, and says what it waits for."""
    verdict = judge(HEAL, record)

    assert not verdict.is_over
    assert missing in verdict.missing


@pytest.mark.parametrize(
    ("which", "record", "broken"),
    [
        (HEAL, replace(HEALED, plans=(replace(PLAN, playbook="free-disk"),)), "not what the fault needs"),
        (HEAL, replace(HEALED, plans=(replace(PLAN, suspect="api"),)), "not what the fault needs"),
        (HEAL, replace(HEALED, incidents=(INCIDENT, replace(INCIDENT, id="inc-2", code="other"))), "a second incident"),
        (drill(Ends.ESCALATE), HEALED, "where nothing may be touched"),
        (drill(Ends.ADVISE), HEALED, "where nothing may be touched"),
        (drill(Ends.CONTROL), HEALED, "where nothing may be touched"),
        (drill(Ends.CONTROL), Record(incidents=(INCIDENT,)), "an incident was opened"),
        (replace(HEAL, ends=Ends.APPROVE), HEALED, "without an approval"),
    ],
)
def test_must_not_happen(which: Drill, record: Record, broken: str):
    """What must not happen ends the drill at once, whatever else is well."""
    verdict = judge(which, record)

    assert verdict.is_over
    assert broken in (verdict.broken or "")


def test_a_control_allows_no_warning():
    """A single look that says more than info breaks a control, even if it went by."""
    said = Transition(
        component="api", check="http.answers", old=Status.OK, new=Status.WARNING, old_code=None, new_code="http.slow",
        reason="slow", at=NOW, node="here",
    )  # fmt: skip

    assert "http.slow" in (judge(drill(Ends.CONTROL), Record(transitions=(said,))).broken or "")
    assert judge(drill(Ends.CONTROL), Record(transitions=(replace(said, new=Status.INFO),))).broken is None


def test_attempts_before_escalation():
    """Where attempts are allowed they may only be made on the part that is sick."""
    which = drill(Ends.ESCALATE, acts=True)
    escalated = replace(INCIDENT, state=IncidentState.ESCALATED)
    failed = replace(PLAN, state=PlanState.FAILED)

    assert judge(which, Record(incidents=(escalated,), plans=(failed,))).broken is None
    assert judge(which, Record(incidents=(escalated,), plans=(replace(failed, suspect="api"),))).broken


def test_approval_is_asked_for_once_and_rightly():
    """Only a proposed plan of the right incident waits for a person."""
    which = replace(HEAL, ends=Ends.APPROVE)
    waiting = replace(INCIDENT, state=IncidentState.WAITING)
    proposed = replace(PLAN, state=PlanState.PROPOSED)
    record = Record(incidents=(waiting,), plans=(proposed,))

    assert waits_for_approval(which, judge(which, record)) == proposed
    assert waits_for_approval(which, judge(which, replace(record, plans=(PLAN,)))) is None
    healed = replace(PLAN, approved_by="anna")
    verdict = judge(which, replace(HEALED, plans=(healed,)))
    assert verdict.is_over
    assert ending_of(verdict, approved=True) == Ends.APPROVE


def test_advice_is_told():
    """Advice counts when it was told and nothing is planned."""
    which = drill(Ends.ADVISE)
    open_ = replace(INCIDENT, state=IncidentState.OPEN)
    told = {open_.id: (TimelineEntry(incident=open_.id, at=NOW, what="advised", text="model"),)}

    assert not judge(which, Record(incidents=(open_,))).is_over
    assert judge(which, Record(incidents=(open_,), timelines=told)).is_over
    proposed = replace(PLAN, state=PlanState.PROPOSED)
    assert "there is a plan" in judge(which, Record(incidents=(open_,), timelines=told, plans=(proposed,))).missing


def test_red_herrings():
    """Noise must be told, as a symptom of the cause or as another story; what is taken for a cause, too, is not."""
    which = replace(HEAL, herrings=("http.status",))
    entry = TimelineEntry(incident=INCIDENT.id, at=NOW, what="symptom", text="api: http.status: answered 500")
    symptom = Suspect(component="api", code="http.status", score=0.2, is_symptom_of="model")
    told = replace(HEALED, timelines={INCIDENT.id: (entry,)})

    assert "was not told" in judge(which, HEALED).missing
    assert judge(which, told).is_over
    for suspect, missing in ((symptom, ""), (replace(symptom, is_symptom_of=None), "taken for a cause")):
        record = replace(told, incidents=(replace(INCIDENT, suspects=(suspect,)),))
        assert missing in judge(which, record).missing
        assert judge(which, record).is_over is not bool(missing)
    other = replace(INCIDENT, id=IncidentId("inc-2"), code="http.status", component="api", state=IncidentState.OPEN)
    assert judge(which, replace(HEALED, incidents=(INCIDENT, other))).is_over
    assert "a second incident" in (judge(HEAL, replace(HEALED, incidents=(INCIDENT, other))).broken or "")


def test_only_what_is_new_counts():
    """Incidents and plans from before the fault are none of the drill's business."""
    assert judge(HEAL, HEALED.since(HEALED)).missing == "no incident"
