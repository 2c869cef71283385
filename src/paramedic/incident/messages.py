"""Who is told what. Messages go to the outbox in the transaction that made them true."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from paramedic.incident.chapter import Chapter
from paramedic.model.code import IssueType
from paramedic.model.ids import new_id
from paramedic.model.incident import Incident, IncidentState
from paramedic.model.maintenance import Window
from paramedic.model.receipt import Message
from paramedic.model.service import Service
from paramedic.model.status import Severity
from paramedic.model.wire import Json

_CALLS = ("escalated", "unresolved", "damaged")

_VERBS = {
    "resolved": "resolved",
    "waiting": "waits for approval",
    "opened": "found",
    "unresolved": "is not healed yet",
    "damaged": "damages data",
    "reminder": "still waits for somebody",
}


def announce(chapter: Chapter, service: Service, kind: str, levels: Sequence[str] = ()) -> None:
    """Put a message of this kind for everybody concerned into the chapter, and remember whom the end must reach.

    ``resolved`` goes to exactly those who were told before; every other kind to these levels, and a call also to the
    routes that the type and severity ask for. What planned work explains is kept back until that is over.
    """
    incident = chapter.incident
    assert incident is not None, "an announcement is about an incident"
    if kind != "resolved" and (window := planned(service, incident, chapter.at)):
        _withhold(chapter, kind, window)
        return
    quiet = "" if kind == "resolved" else silence(service, incident)  # who was told must hear of the end
    if quiet:
        addresses: tuple[str, ...] = ()
    else:
        addresses = incident.told if kind == "resolved" else _addresses(service, incident, kind, levels)
    for address in addresses:
        chapter.messages.append(
            Message(
                id=new_id("msg", chapter.at),
                incident=incident.id,
                kind=kind,
                address=address,
                subject=subject(service, incident, kind),
                body=body(service, incident, kind, chapter.at),
                at=chapter.at,
                next_at=chapter.at,
            )
        )
    if addresses and kind != "resolved":
        chapter.incident = replace(incident, told=tuple(dict.fromkeys((*incident.told, *addresses))))
        who = f"{', '.join(levels)}: " if levels else ""
        chapter.tell("notified", f"{kind}: {who}{len(addresses)} told")
    elif not addresses and kind == "escalated":
        why = quiet or "the service file names no `escalation` address"
        chapter.tell("notified", f"nobody could be told: {why}")


def subject(service: Service, incident: Incident, kind: str) -> str:
    """One line: severity, type, what and where."""
    verb = _VERBS.get(kind, kind)
    return f"[{incident.severity}] {service.name}: {incident.code} on {incident.component} {verb} ({incident.type})"


def body(service: Service, incident: Incident, kind: str, at: datetime) -> dict[str, Json]:
    """Everything a person needs who was just woken."""
    own = [each for each in incident.symptoms if each.component == incident.component]
    first = next((each for each in own if each.code == incident.code), own[0] if own else None)
    return {
        "event": kind,
        "service": service.name,
        "incident": incident.id,
        "severity": str(incident.severity),
        "type": str(incident.type),
        "code": incident.code,
        "component": incident.component,
        "state": str(incident.state),
        "why": incident.why,
        "duration_s": round(((incident.resolved_at or at) - incident.opened_at).total_seconds(), 1),
        "observed": first.observed if first else "",
        "evidence": {each.label: each.text for each in first.evidence} if first else {},
        "next_step": (first.hint if first else None) or "look at the evidence: `paramedic incidents show`",
        "tried": list(incident.tried),
        "plan": incident.plan,
        "running": incident.plan if incident.state is IncidentState.RECOVERING else None,
        "acknowledge": f"paramedic acknowledge {incident.id}",
        "called": incident.level,
        "on_call": dict(service.on_call),
        "dashboards": dict(service.dashboards),
        "objective": _objective(service, incident.component),
        "impact": list(service.needed_by(incident.component)),
        "symptoms": [f"{each.component}: {each.code}: {each.observed}" for each in incident.symptoms],
        "opened_at": incident.opened_at.isoformat(),
        "resolved_at": incident.resolved_at.isoformat() if incident.resolved_at else None,
    }


def planned(service: Service, incident: Incident, at: datetime) -> Window | None:
    """The planned work by which nobody is to be told now: on the component, or on something that it needs.

    Damage of primary data is told whatever is planned, and so is what a person called for.
    """
    if incident.damages or incident.raised_to is not None:
        return None
    return service.maintenance.over((incident.component, *service.needs(incident.component)), at)


def _withhold(chapter: Chapter, kind: str, window: Window) -> None:
    """Remember what is to be told when the window ends, once; where it began is less than what came of it."""
    incident = chapter.incident
    assert incident is not None, "an announcement is about an incident"
    if incident.withheld == kind or (incident.withheld and kind == "opened"):
        return
    chapter.incident = replace(incident, withheld=kind, withheld_at=incident.withheld_at or chapter.at)
    chapter.tell("silenced", f"{kind}: told when the maintenance window ends, if it still holds; {window.said}")


def _objective(service: Service, component: str) -> Json:
    found = service.objectives.get(component)
    return {"availability": found.availability, "latency_p95_ms": found.latency_p95_ms} if found else None


def silence(service: Service, incident: Incident) -> str | None:
    """The setting by which nobody is to be told, if so."""
    if not service.settings.error_reporting:
        return "`error_reporting` is off"
    if incident.type is IssueType.PERFORMANCE and not service.settings.performance_alerts:
        return "`performance_alerts` is off"
    return None


def _addresses(service: Service, incident: Incident, kind: str, levels: Sequence[str]) -> tuple[str, ...]:
    settings = service.settings
    routes = [*levels, *_routes(service, incident)] if kind in _CALLS else list(levels)
    found = [address for route in routes for address in service.escalation.get(route, ())]
    if settings.error_report_webhook and settings.critical_error_notifications and kind != "reminder":
        found.append(settings.error_report_webhook)
    return tuple(dict.fromkeys(found))


def _routes(service: Service, incident: Incident) -> list[str]:
    """Who is told beside the levels."""
    known = service.components.get(incident.component)
    routes = {
        "security": incident.type is IssueType.SECURITY,
        "infrastructure": incident.type is IssueType.RESOURCE,
        "vendor": incident.type in (IssueType.AI, IssueType.CONNECTIVITY)
        and known is not None
        and known.process is None
        and known.owner is None,
        "stakeholders": incident.severity in (Severity.P0, Severity.P1),
    }
    return [route for route, is_concerned in routes.items() if is_concerned]
