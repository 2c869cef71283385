"""Who is called when: a pure function of an incident as it is recorded, so that no restart loses or doubles a call."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from paramedic.incident.chapter import Chapter
from paramedic.incident.messages import announce, silence
from paramedic.model.incident import Incident, IncidentState
from paramedic.model.service import Ladder, Service

_LEVELS = ("L2", "L3", "L4")


def levels(service: Service) -> list[str]:
    """The levels that somebody can be called at, lowest first. L1 is automation, unless nobody else is named."""
    people = [level for level in _LEVELS if service.escalation.get(level)]
    return people or [level for level in ("L1",) if service.escalation.get(level)]


def due_at(service: Service, incident: Incident) -> datetime | None:
    """When somebody is to be called or reminded next; ``None`` where nobody is, as things are."""
    is_over = incident.state is IncidentState.RESOLVED or incident.is_settled or incident.acknowledged_at is not None
    if is_over or silence(service, incident):
        return None
    moments = [moment for level in _above(service, incident) if (moment := _called_at(service, incident, level))]
    if incident.level and incident.called_at:
        moments.append(incident.called_at + timedelta(seconds=_ladder(service, incident).remind_s))
    return min(moments, default=None)


def call(chapter: Chapter, service: Service) -> None:
    """Call or remind everybody whose time has come at the chapter's moment."""
    incident = chapter.incident
    assert incident is not None, "a call is about an incident"
    now = [
        level
        for level in _above(service, incident)
        if (moment := _called_at(service, incident, level)) and moment <= chapter.at
    ]
    if now:
        _announce(chapter, service, "escalated" if incident.escalated_at else "unresolved", now)
    else:
        _announce(chapter, service, "reminder", _reached(service, incident))


def call_first(chapter: Chapter, service: Service, kind: str) -> None:
    """Call the first levels at once, whatever the age of the incident, and those again that were called before.

    ``kind`` is ``escalated`` or ``waiting``, where automation can do no more by itself, or ``damaged``.
    """
    incident = chapter.incident
    assert incident is not None, "a call is about an incident"
    first = levels(service)[: _ladder(service, incident).at_once]
    _announce(chapter, service, kind, max(first, _reached(service, incident), key=len))


def _announce(chapter: Chapter, service: Service, kind: str, called: Sequence[str]) -> None:
    assert chapter.incident is not None
    highest = max((*called, chapter.incident.level or ""), default="") or None
    chapter.incident = replace(chapter.incident, level=highest, called_at=chapter.at)
    announce(chapter, service, kind, called)


def _reached(service: Service, incident: Incident) -> list[str]:
    """The levels that were called already."""
    return [level for level in levels(service) if level <= (incident.level or "")]


def _above(service: Service, incident: Incident) -> list[str]:
    """The levels that were not called yet."""
    return [level for level in levels(service) if level > (incident.level or "")]


def _called_at(service: Service, incident: Incident, level: str) -> datetime | None:
    after_s = _ladder(service, incident).after_s(level)
    return None if after_s is None else incident.opened_at + timedelta(seconds=after_s)


def _ladder(service: Service, incident: Incident) -> Ladder:
    return service.ladders.get(incident.severity, Ladder())
