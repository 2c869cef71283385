"""Who is told what. Messages go to the outbox in the transaction that made them true."""

from dataclasses import replace

from paramedic.incident.chapter import Chapter
from paramedic.model.code import IssueType
from paramedic.model.ids import new_id
from paramedic.model.incident import Incident
from paramedic.model.receipt import Message
from paramedic.model.service import Service
from paramedic.model.status import Severity
from paramedic.model.wire import Json

_LEVELS = ("L2", "L3", "L4")


def announce(chapter: Chapter, service: Service, kind: str) -> None:
    """Put a message of this kind for everybody concerned into the chapter, and remember whom the end must reach.

    ``resolved`` goes to exactly those who were told before.
    """
    incident = chapter.incident
    assert incident is not None, "an announcement is about an incident"
    silence = _silence(service, incident)
    if silence:
        addresses: tuple[str, ...] = ()
    else:
        addresses = incident.told if kind == "resolved" else _addresses(service, incident, kind)
    for address in addresses:
        chapter.messages.append(
            Message(
                id=new_id("msg", chapter.at),
                incident=incident.id,
                kind=kind,
                address=address,
                subject=subject(service, incident, kind),
                body=body(service, incident, kind),
                at=chapter.at,
                next_at=chapter.at,
            )
        )
    if addresses and kind != "resolved":
        chapter.incident = replace(incident, told=tuple(dict.fromkeys((*incident.told, *addresses))))
        chapter.tell("notified", f"{kind}: {len(addresses)} told")
    elif not addresses and kind == "escalated":
        why = silence or "the service file names no `escalation` address"
        chapter.tell("notified", f"nobody could be told: {why}")


def subject(service: Service, incident: Incident, kind: str) -> str:
    """One line: severity, type, what and where."""
    verb = {"resolved": "resolved", "waiting": "waits for approval", "opened": "found"}.get(kind, kind)
    return f"[{incident.severity}] {service.name}: {incident.code} on {incident.component} {verb} ({incident.type})"


def body(service: Service, incident: Incident, kind: str) -> dict[str, Json]:
    """Everything a person needs who was just woken."""
    first = next((each for each in incident.symptoms if each.component == incident.component), None)
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
        "observed": first.observed if first else "",
        "evidence": {each.label: each.text for each in first.evidence} if first else {},
        "next_step": (first.hint if first else None) or "look at the evidence: `paramedic incidents show`",
        "tried": list(incident.tried),
        "plan": incident.plan,
        "impact": list(service.needed_by(incident.component)),
        "symptoms": [f"{each.component}: {each.code}: {each.observed}" for each in incident.symptoms],
        "opened_at": incident.opened_at.isoformat(),
        "resolved_at": incident.resolved_at.isoformat() if incident.resolved_at else None,
    }


def _silence(service: Service, incident: Incident) -> str | None:
    """The setting by which nobody is to be told."""
    if not service.settings.error_reporting:
        return "`error_reporting` is off"
    if incident.type is IssueType.PERFORMANCE and not service.settings.performance_alerts:
        return "`performance_alerts` is off"
    return None


def _addresses(service: Service, incident: Incident, kind: str) -> tuple[str, ...]:
    settings = service.settings
    found: list[str] = []
    if kind != "opened":
        declared = [level for level in ("L1", *_LEVELS) if service.escalation.get(level)]
        people = [level for level in declared if level != "L1"] or declared
        wanted = people[:2] if incident.severity is Severity.P0 else people[:1]
        found = [address for level in wanted for address in service.escalation[level]]
    if settings.error_report_webhook and settings.critical_error_notifications:
        found.append(settings.error_report_webhook)
    return tuple(dict.fromkeys(found))
