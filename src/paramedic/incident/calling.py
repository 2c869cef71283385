"""Who is called when: a pure function of an incident as it is recorded, so that no restart loses or doubles a call."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from paramedic.incident.chapter import Chapter
from paramedic.incident.messages import announce, planned, silence
from paramedic.model.incident import Incident, IncidentState
from paramedic.model.service import Ladder, Service

_LEVELS = ("L2", "L3", "L4")
_STILL = (("escalated", IncidentState.ESCALATED), ("waiting", IncidentState.WAITING))
"""What was kept back, and the state in which it still holds."""


def levels(service: Service) -> list[str]:
    """The levels that somebody can be called at, lowest first. L1 is automation, unless nobody else is named."""
    people = [level for level in _LEVELS if service.escalation.get(level)]
    return people or [level for level in ("L1",) if service.escalation.get(level)]


def due_at(service: Service, incident: Incident) -> datetime | None:
    """When somebody is to be called or reminded next; ``None`` where nobody is, as things are."""
    is_over = incident.state is IncidentState.RESOLVED or incident.acknowledged_at is not None
    if is_over or silence(service, incident):
        return None
    if incident.withheld_at:
        return _told_from(service, incident, incident.withheld_at)
    if incident.is_settled:
        return None
    moments = [moment for level in _above(service, incident) if (moment := _called_at(service, incident, level))]
    if incident.level and incident.called_at:
        moments.append(incident.called_at + timedelta(seconds=_ladder(service, incident).remind_s))
    return _told_from(service, incident, min(moments)) if moments else None


def set_back(incident: Incident, now: datetime) -> Incident:
    """The incident, so that nobody is called later because the clock was set back: what lies ahead counts from now."""
    if incident.called_at and incident.called_at > now:
        incident = replace(incident, called_at=now)
    if incident.withheld_at and incident.withheld_at > now:
        incident = replace(incident, withheld_at=now)
    return replace(incident, quiet_until=now) if _began(incident) > now else incident


def call(chapter: Chapter, service: Service) -> None:
    """Call or remind everybody whose time has come at the chapter's moment."""
    incident = chapter.incident
    assert incident is not None, "a call is about an incident"
    if incident.withheld:
        _tell_withheld(chapter, service, incident.withheld)
        return
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
    if kind == "damaged":
        incident = chapter.incident = replace(incident, damages=True)
    first = levels(service)[: _ladder(service, incident).at_once]
    _announce(chapter, service, kind, max(first, _reached(service, incident), key=len))


def _announce(chapter: Chapter, service: Service, kind: str, called: Sequence[str]) -> None:
    assert chapter.incident is not None
    if not planned(service, chapter.incident, chapter.at):
        highest = max((*called, chapter.incident.level or ""), default="") or None
        chapter.incident = replace(chapter.incident, level=highest, called_at=chapter.at)
    announce(chapter, service, kind, called)


def _tell_withheld(chapter: Chapter, service: Service, kind: str) -> None:
    """Planned work is over: tell once what still holds of what was kept back. The levels count from now."""
    incident = chapter.incident
    assert incident is not None, "a call is about an incident"
    chapter.incident = incident = replace(incident, withheld=None, withheld_at=None, quiet_until=chapter.at)
    if kind == "advised" and incident.is_settled:
        announce(chapter, service, kind, levels(service)[:1])
    elif (kind, incident.state) in _STILL:
        call_first(chapter, service, kind)
    else:
        announce(chapter, service, "opened")


def _told_from(service: Service, incident: Incident, moment: datetime) -> datetime:
    """The moment, or the end of the planned work that lies upon it."""
    while window := planned(service, incident, moment):
        moment = window.ends
    return moment


def _reached(service: Service, incident: Incident) -> list[str]:
    """The levels that were called already."""
    return [level for level in levels(service) if level <= (incident.level or "")]


def _above(service: Service, incident: Incident) -> list[str]:
    """The levels that were not called yet."""
    return [level for level in levels(service) if level > (incident.level or "")]


def _called_at(service: Service, incident: Incident, level: str) -> datetime | None:
    after_s = _ladder(service, incident).after_s(level)
    return None if after_s is None else _began(incident) + timedelta(seconds=after_s)


def _began(incident: Incident) -> datetime:
    """From when the levels count."""
    return incident.quiet_until or incident.opened_at


def _ladder(service: Service, incident: Incident) -> Ladder:
    return service.ladders.get(incident.severity, Ladder())
