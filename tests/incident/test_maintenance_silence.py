"""Planned work keeps people undisturbed, loses nothing, and never hides damage."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from paramedic.incident import Chapter, announce, call, call_first, due_at
from paramedic.model.code import IssueType
from paramedic.model.ids import IncidentId
from paramedic.model.incident import Incident, IncidentState, Symptom
from paramedic.model.maintenance import Maintenance, Window
from paramedic.model.service import Service
from paramedic.model.status import Severity
from scenery import make_service, part

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
END = BEGIN + timedelta(hours=2)
WINDOW = Window(id="win-1", begins=BEGIN, ends=END, components=("db",), reason="new disks")
AT = BEGIN + timedelta(minutes=30)


@pytest.fixture
def service(tmp_path: Path) -> Service:
    """The window is of the database; ``api`` needs it, ``bot`` does not."""
    return make_service(
        tmp_path, part("api", "db"), part("db"), part("bot"), escalation={"L2": ("json://two",), "L3": ("json://three",)},
        maintenance=Maintenance(windows=(WINDOW,)),
    )  # fmt: skip


def trouble(component: str = "db", state: IncidentState = IncidentState.ESCALATED) -> Incident:
    seen = Symptom(component=component, check="seen", code="it.dead", status="critical", since=AT, observed="dead")
    return Incident(
        id=IncidentId("inc-1"), state=state, severity=Severity.P1, type=IssueType.OUTAGE, code="it.dead",
        component=component, opened_at=AT, symptoms=(seen,),
    )  # fmt: skip


def escalated(service: Service, incident: Incident, at: datetime = AT, kind: str = "escalated") -> Chapter:
    chapter = Chapter(at=at, incident=incident)
    call_first(chapter, service, kind)
    return chapter


def the(chapter: Chapter) -> Incident:
    assert chapter.incident is not None
    return chapter.incident


@pytest.mark.parametrize(("component", "told"), [("db", 0), ("api", 0), ("bot", 1)])
def test_nobody_is_told_meanwhile(service: Service, component: str, told: int) -> None:
    """Of the component and of what needs it; the timeline says what was kept back, and the rest is told as ever."""
    chapter = escalated(service, trouble(component))
    assert len(chapter.messages) == told
    assert [each.what for each in chapter.timeline] == (["notified"] if told else ["silenced"])
    assert bool(the(chapter).level) is bool(told)


def test_what_still_holds_is_told_once_at_the_end(service: Service) -> None:
    """Due exactly at the end; the levels count from then, so that nobody higher is woken for the hours before."""
    incident = the(escalated(service, trouble()))
    assert due_at(service, incident) == END
    chapter = Chapter(at=END, incident=incident)
    call(chapter, service)
    assert [(each.kind, each.address) for each in chapter.messages] == [("escalated", "json://two")]
    after = the(chapter)
    assert (after.withheld, after.level) == (None, "L2")
    assert due_at(service, after) == END + timedelta(minutes=30), "L3, half an hour after the end"


def test_what_is_over_before_the_end_is_never_told(service: Service) -> None:
    """Neither the trouble nor its end."""
    incident = the(escalated(service, trouble()))
    chapter = Chapter(at=AT, incident=replace(incident, state=IncidentState.RESOLVED, resolved_at=AT))
    announce(chapter, service, "resolved")
    assert chapter.messages == []
    assert due_at(service, the(chapter)) is None


def test_who_was_told_before_hears_of_the_end(service: Service) -> None:
    """Reminders wait, good news does not."""
    before = BEGIN - timedelta(minutes=20)
    incident = the(escalated(service, replace(trouble(), opened_at=before), at=before))
    assert incident.told
    assert due_at(service, incident) == END, "the next level waits for the end"
    chapter = Chapter(at=AT, incident=replace(incident, state=IncidentState.RESOLVED, resolved_at=AT))
    announce(chapter, service, "resolved")
    assert [each.kind for each in chapter.messages] == ["resolved"]


def test_damage_and_calls_by_hand_are_told_all_the_same(service: Service) -> None:
    """Data that is being damaged cannot wait, also later levels; and a person who calls is heard."""
    damaged = escalated(service, trouble(), kind="damaged")
    assert len(damaged.messages) == 1
    assert due_at(service, the(damaged)) == AT + timedelta(minutes=30)
    by_hand = escalated(service, replace(trouble(), raised_to=Severity.P1))
    assert len(by_hand.messages) == 1


@pytest.mark.parametrize(
    ("kind", "state", "said"),
    [
        ("waiting", IncidentState.WAITING, "waiting"),
        ("waiting", IncidentState.OPEN, "opened"),
        ("escalated", IncidentState.RECOVERING, "opened"),
    ],
)
def test_only_what_is_still_so_is_said(
    tmp_path: Path, service: Service, kind: str, state: IncidentState, said: str
) -> None:
    """An approval that is not needed any more is not asked for."""
    settings = replace(service.settings, error_report_webhook="json://hook", critical_error_notifications=True)
    service = replace(service, settings=settings)
    incident = replace(the(escalated(service, trouble(), kind=kind)), state=state)
    chapter = Chapter(at=END, incident=incident)
    call(chapter, service)
    assert {each.kind for each in chapter.messages} == {said}


def test_advice_is_told_at_the_end(service: Service) -> None:
    """Though nothing more is tried about it."""
    chapter = Chapter(at=AT, incident=replace(trouble(state=IncidentState.OPEN), is_settled=True))
    announce(chapter, service, "advised", ("L2",))
    assert due_at(service, the(chapter)) == END
    later = Chapter(at=END, incident=the(chapter))
    call(later, service)
    assert [each.kind for each in later.messages] == ["advised"]
    assert due_at(service, the(later)) is None


def test_windows_that_follow_each_other_are_one(service: Service) -> None:
    """Told at the end of the last; and at once where somebody ended it early."""
    incident = the(escalated(service, trouble()))
    more = replace(WINDOW, id="win-2", begins=END - timedelta(minutes=5), ends=END + timedelta(hours=1))
    longer = replace(service, maintenance=Maintenance(windows=(WINDOW, more)))
    assert due_at(longer, incident) == END + timedelta(hours=1)
    assert due_at(replace(service, maintenance=Maintenance()), incident) == AT


def test_who_was_told_hears_of_the_end(service: Service) -> None:
    """Also where it has become something by now that nobody wants to hear of."""
    quiet = replace(service, settings=replace(service.settings, performance_alerts=False))
    slow = replace(trouble("bot"), type=IssueType.PERFORMANCE, told=("json://two",), state=IncidentState.RESOLVED)
    chapter = Chapter(at=AT, incident=slow)
    announce(chapter, quiet, "resolved")
    assert [each.address for each in chapter.messages] == ["json://two"]
    announce(fresh := Chapter(at=AT, incident=replace(slow, told=())), quiet, "opened")
    assert not fresh.messages
