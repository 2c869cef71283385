"""Incidents that began together are found, however many there are."""

import time
from datetime import UTC, datetime, timedelta

from paramedic.diagnosis import shipped
from paramedic.model.code import IssueType
from paramedic.model.ids import IncidentId
from paramedic.model.incident import Incident, IncidentState, Symptom
from paramedic.model.status import Severity, Status
from paramedic.watch.together import at_once

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def incident(number: int, after_s: float) -> Incident:
    """One that people were called for."""
    at = BEGIN + timedelta(seconds=after_s)
    symptom = Symptom(
        component=f"part-{number}", check="x.y", code="x.z", status=Status.CRITICAL, since=at, observed="", evidence=()
    )
    return Incident(
        id=IncidentId(f"inc-{number}"),
        state=IncidentState.ESCALATED,
        severity=Severity.P1,
        type=IssueType.OUTAGE,
        code="x.z",
        component=f"part-{number}",
        opened_at=at,
        symptoms=(symptom,),
    )


def test_the_largest_group_is_the_one_that_is_told() -> None:
    """The first of equals, both ends counted; whatever began much before or after is left out."""
    least, near = shipped().at_once, shipped().at_once_s
    early = [incident(number, number) for number in range(least - 1)]
    burst = [incident(100 + number, 10 * near + number * near / least) for number in range(least + 1)]
    late = [incident(200, 11 * near + 1)]
    found = at_once([*late, *burst[::-1], *early], lambda _: True)
    assert [each.id for each in found] == [each.id for each in burst]
    assert at_once([*early, *late], lambda _: True) == ()


def test_thousands_of_incidents_hold_up_nobody() -> None:
    """What runs after every look takes no more than a moment."""
    many = [incident(number, number % 7) for number in range(3000)]
    begin = time.process_time()
    found = at_once(many, lambda _: True)
    assert time.process_time() - begin < 0.2
    assert len(found) == 3000
