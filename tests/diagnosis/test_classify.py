"""Types, severities and the way to them."""

from dataclasses import replace

import pytest
from stories import trouble

from paramedic.diagnosis import classify, severity_of
from paramedic.model.code import Code, IssueType
from paramedic.model.component import Criticality
from paramedic.model.incident import Suspect
from paramedic.model.status import Severity, Status
from scenery import part


def code(id: str, type_: IssueType) -> Code:
    return Code(id=id, type=type_, summary="")


@pytest.mark.parametrize("type_", IssueType)
def test_the_path_ends_at_the_type(type_: IssueType) -> None:
    """Every type is reached, and the last branch names the finding that decided."""
    found, path = classify(code("some.trouble", type_), "it")
    assert found is type_
    assert "some.trouble" in path[-1]
    assert not any("some.trouble" in step for step in path[:-1])


def test_an_outage_stops_at_the_first_question() -> None:
    """Whether the system responds is asked first."""
    assert classify(code("process.exited", IssueType.OUTAGE), "api")[1] == (
        "does the system respond? no: `process.exited` of `api`",
    )


def test_a_branch_that_is_left_says_why() -> None:
    """What fails that way and is not the cause is told with what it comes from."""
    troubles = [trouble("api", "http.refused", type=IssueType.OUTAGE), trouble("db", "sqlite.corrupt")]
    suspects = [
        Suspect(component="db", code="sqlite.corrupt", score=1.0),
        Suspect(component="api", code="http.refused", score=0.2, is_symptom_of="db"),
    ]
    _, path = classify(code("sqlite.corrupt", IssueType.DATABASE), "db", suspects, troubles)
    assert path[0] == "does the system respond? yes; `http.refused` of `api` comes from `db`"
    assert path[-1] == "which part is it? a data store or its integrity (database): `sqlite.corrupt` of `db`"


@pytest.mark.parametrize(
    ("type_", "id_", "status", "criticality", "wanted"),
    [
        (IssueType.OUTAGE, "process.exited", Status.CRITICAL, Criticality.HIGH, Severity.P0),
        (IssueType.OUTAGE, "process.exited", Status.CRITICAL, Criticality.MEDIUM, Severity.P1),
        (IssueType.OUTAGE, "process.exited", Status.CRITICAL, Criticality.LOW, Severity.P2),
        (IssueType.DATABASE, "sqlite.corrupt", Status.CRITICAL, Criticality.LOW, Severity.P0),
        (IssueType.DATABASE, "data.checksum-mismatch", Status.CRITICAL, Criticality.LOW, Severity.P0),
        (
            IssueType.DATABASE,
            "vector.index-corrupt",
            Status.CRITICAL,
            Criticality.MEDIUM,
            Severity.P1,
        ),  # can be rebuilt
        (IssueType.SECURITY, "security.secret-exposed", Status.CRITICAL, Criticality.LOW, Severity.P0),
        (IssueType.PERFORMANCE, "http.slow", Status.WARNING, Criticality.HIGH, Severity.P2),
        (IssueType.RESOURCE, "disk.full", Status.WARNING, Criticality.HIGH, Severity.P3),
        (IssueType.CONFIG, "config.unparseable", Status.CRITICAL, Criticality.MEDIUM, Severity.P2),
        (IssueType.CONFIG, "config.unparseable", Status.CRITICAL, Criticality.HIGH, Severity.P1),
    ],
)
def test_severity(type_: IssueType, id_: str, status: Status, criticality: Criticality, wanted: Severity) -> None:
    """Outages of what matters, damaged data and breaches are P0; a warning is never above P2."""
    is_damage = id_ in ("sqlite.corrupt", "data.checksum-mismatch")
    assert (
        severity_of(replace(code(id_, type_), is_damage=is_damage), status, part("it", criticality=criticality))
        is wanted
    )
