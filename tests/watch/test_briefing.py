"""What is told to whoever was woken holds for the moment in which it is sent."""

from incident_told import plan
from paramedic.model.finding import Finding
from paramedic.model.playbook import PlanState
from paramedic.model.status import Status
from paramedic.watch.briefing import health, outcomes
from paramedic.watch.verdict import Verdict


def verdict(component: str, status: Status, code: str | None = None) -> Verdict:
    found = Finding(component=component, kind="http", check="http.answers", status=status, code=code, observed="it")
    return Verdict(found, 0.0)


def test_health_names_what_fails_worst_first() -> None:
    """What is well is not named, what is gone from the service neither; unknown is not well."""
    verdicts = {
        ("db", "http.answers"): verdict("db", Status.OK),
        ("web", "http.slow"): verdict("web", Status.WARNING, "http.slow"),
        ("api", "http.answers"): verdict("api", Status.CRITICAL, "http.refused"),
        ("llm", "http.answers"): verdict("llm", Status.UNKNOWN),
        ("old", "http.answers"): verdict("old", Status.CRITICAL, "http.refused"),
    }
    found = health(["db", "web", "api", "llm"], verdicts)
    assert found == {
        "overall": "critical",
        "api": "critical: http.refused",
        "llm": "unknown: http.answers",
        "web": "warning: http.slow",
    }
    assert [*found] == ["overall", "api", "llm", "web"]


def test_outcomes_tell_what_worked_and_what_did_not() -> None:
    """Oldest first, with the reason; what never ran is not told."""
    plans = [
        plan(3, PlanState.COMMITTED, 5, 0, ""),
        plan(1, PlanState.ROLLED_BACK, 1, 2, "`api`: http.refused"),
        plan(2, PlanState.STALE, 3, 4, "it is another one now"),
    ]
    assert [each.split(": ", 1)[1] for each in outcomes(plans)] == ["rolled-back: `api`: http.refused", "running"]
