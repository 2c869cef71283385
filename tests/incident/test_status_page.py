"""What customers are told: plain words, nothing of the inside, and never more health than is known."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from incident_told import DOSSIER, INCIDENT, SECRET
from paramedic.incident.status_page import Inside, Level, data, document, public_status, shipped_wording
from paramedic.model.code import IssueType
from paramedic.model.incident import Incident, IncidentState
from paramedic.model.maintenance import Maintenance, Window
from paramedic.model.service import Service, StatusPage
from paramedic.model.status import Severity, Status
from paramedic.report import render_document
from scenery import make_service, part

NOW = datetime(2026, 11, 22, 4, 30, tzinfo=UTC)
PAGE = StatusPage(title="Shop", components={"Chat": ("api", "bot"), "Search": ("index",)})
OK, SICK, DEAD, BLIND = Status.OK, Status.WARNING, Status.CRITICAL, Status.UNKNOWN
INSIDE = ("api", "bot", "index", "model", "process.exited", "http.status", "restart-component", "SIGKILL", "anna",
          "inc-", "plan-", "/health", "127.0.0.1", "scene", "P0", SECRET)  # fmt: skip


@pytest.fixture
def service(tmp_path: Path) -> Service:
    """``api`` needs ``model``."""
    made: Service = make_service(
        tmp_path, part("api", "model"), part("bot"), part("index"), part("model"), status_page=PAGE
    )
    return made


def levels(service: Service, **statuses: Status) -> tuple[Level, Level, Level]:
    known = dict.fromkeys(("api", "bot", "index", "model"), OK) | statuses
    found = public_status(service, PAGE, Inside(statuses=known), NOW)
    return found.components["Chat"], found.components["Search"], found.overall


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ({}, ("operational", "operational", "operational")),
        ({"bot": SICK}, ("degraded", "operational", "degraded")),
        ({"bot": DEAD}, ("partial outage", "operational", "partial outage")),
        ({"index": DEAD}, ("operational", "major outage", "partial outage")),
        ({"api": DEAD, "bot": DEAD}, ("major outage", "operational", "partial outage")),
        ({"api": DEAD, "bot": DEAD, "index": DEAD}, ("major outage", "major outage", "major outage")),
        ({"model": DEAD}, ("degraded", "operational", "degraded")),
        ({"index": BLIND}, ("operational", "unknown", "unknown")),
        ({"model": BLIND}, ("unknown", "operational", "unknown")),
        ({"index": BLIND, "bot": SICK}, ("degraded", "unknown", "degraded")),
    ],
)
def test_levels(service: Service, statuses: dict[str, Status], expected: tuple[str, str, str]) -> None:
    """A feature is as its parts are; what it needs can degrade it; what nobody knows is never operational."""
    assert levels(service, **statuses) == expected


def test_maintenance(service: Service) -> None:
    """Planned work is no outage, also of what needs the part that is worked on; what comes is announced."""
    window = Window(
        id="w", begins=NOW, ends=NOW + timedelta(hours=1), components=("model",), reason="swap the disks of api"
    )
    coming = replace(
        window, id="x", begins=NOW + timedelta(days=2), ends=NOW + timedelta(days=2, hours=1), components=()
    )
    service = replace(service, maintenance=Maintenance(windows=(window, coming)))
    assert levels(service) == ("maintenance", "operational", "maintenance")
    assert levels(service, api=DEAD, model=DEAD) == ("maintenance", "operational", "maintenance")
    text = shown(service, (), "text")
    assert "planned maintenance of Chat" in text
    assert "planned maintenance of Chat, Search" in text
    assert "disks" not in text


def test_maintenance_excuses_only_what_it_explains(service: Service) -> None:
    """A part that does not need what is worked on, or fails though that is well, is as it is, and so are its words."""
    window = Window(id="w", begins=NOW, ends=NOW + timedelta(hours=1), components=("model",))
    service = replace(service, maintenance=Maintenance(windows=(window,)))
    assert levels(service, model=DEAD, api=DEAD, bot=DEAD)[0] == "partial outage"
    assert levels(service, model=DEAD, bot=BLIND)[0] == "unknown"
    assert levels(service, api=DEAD)[0] == "partial outage"
    unsolved = replace(INCIDENT, state=IncidentState.OPEN, resolved_at=None)
    assert "Chat: disruption" in shown(service, (unsolved,), "text", model=OK)


def test_what_was_stopped_on_purpose_is_an_outage(service: Service) -> None:
    """Customers do not care why."""
    inside = Inside(statuses=dict.fromkeys(("api", "bot", "index"), OK), stopped=("index",))
    assert public_status(service, PAGE, inside, NOW).components["Search"] == Level.MAJOR_OUTAGE


def shown(service: Service, incidents: tuple[Incident, ...], style: str, **more: Status) -> str:
    inside = Inside(
        statuses={"api": DEAD, "bot": OK, "index": OK} | more,
        incidents=[(each, DOSSIER.timeline) for each in incidents],
    )
    found = public_status(service, PAGE, inside, NOW)
    return json.dumps(data(found)) if style == "json" else render_document(document(found), style)


@pytest.mark.parametrize("style", ["text", "markdown", "html", "json"])
def test_nothing_of_the_inside_goes_out(service: Service, style: str) -> None:
    """No component, code, address, person, severity or id; whatever the incident holds."""
    text = shown(service, (INCIDENT, replace(INCIDENT, state=IncidentState.OPEN, resolved_at=None)), style)
    body = text[text.index("</style>") :] if style == "html" else text
    assert "Chat: disruption" in text
    assert [each for each in INSIDE if each in body] == []


def test_updates_in_plain_language(service: Service) -> None:
    """Newest first, one for each thing that matters."""
    text = shown(service, (INCIDENT,), "markdown")
    said = shipped_wording().updates
    places = [
        text.index(said[each]) for each in ("resolved", "planned", "acknowledged", "escalated", "undone", "detected")
    ]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("changes", "is_shown"),
    [
        ({}, True),
        ({"severity": Severity.P2}, False),
        ({"resolved_at": NOW - timedelta(days=2)}, False),
        ({"state": IncidentState.OPEN, "resolved_at": None, "severity": Severity.P3}, True),
        ({"component": "host", "symptoms": ()}, False),
    ],
)
def test_which_incidents_are_told(service: Service, changes: dict[str, object], is_shown: bool) -> None:
    """Those that customers feel now, and the serious ones of the last day; none of parts that no feature needs."""
    text = shown(service, (replace(INCIDENT, **changes),), "text")
    assert ("disruption" in text) is is_shown


def test_every_type_has_words() -> None:
    """And every level."""
    said = shipped_wording()
    assert set(said.titles) <= {*IssueType, "other"}
    assert list(said.levels) == list(said.overall) == list(Level)
