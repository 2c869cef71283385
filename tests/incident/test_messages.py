"""What people read who were just woken."""

from dataclasses import replace
from pathlib import Path

from incident_told import AT, INCIDENT, service
from paramedic.incident.messages import body


def test_the_message_tells_what_the_incident_is_about_by_now(tmp_path: Path) -> None:
    """Where a component shows several troubles, the one that counts is told, with its remedy."""
    symptom = next(each for each in INCIDENT.symptoms if each.component == INCIDENT.component)
    later = replace(symptom, code="http.refused", observed="nobody listens", hint="look at its log")
    told = body(service(tmp_path), replace(INCIDENT, symptoms=(symptom, later), code="http.refused"), "escalated", AT)
    assert (told["observed"], told["next_step"]) == ("nobody listens", "look at its log")
    told = body(service(tmp_path), replace(INCIDENT, symptoms=(symptom,), code="recovery.exhausted"), "escalated", AT)
    assert told["observed"] == symptom.observed, "else the first"
