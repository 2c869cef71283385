"""Which troubles are one story."""

from collections.abc import Iterable, Sequence

from paramedic.diagnosis.trouble import Trouble
from paramedic.model.code import IssueType
from paramedic.model.incident import Incident, IncidentState
from paramedic.model.service import Service
from paramedic.model.status import Status

FLAPPING = "component.flapping"


def explains(service: Service, cause: Trouble, effect: Trouble) -> bool:
    """Whether the one can be why another component has the other. What only warns explains no hard failure.

    A machine explains what runs on it by what it has run out of, and slowness by being slow itself.
    """
    if cause.status.rank < effect.status.rank or cause.component == effect.component:
        return False
    if cause.code == FLAPPING and effect.depth:
        return False  # nothing dies of what comes and goes
    if cause.component in service.needs(effect.component):
        return True
    if not is_host(service, cause.component) or effect.component not in service.components:
        return False
    if IssueType.PERFORMANCE in (cause.type, effect.type):
        return cause.type is effect.type
    return cause.status is Status.CRITICAL and effect.depth < cause.depth


def is_one_story(service: Service, one: Trouble, other: Trouble) -> bool:
    """Whether the two are to be seen as one: of one component, or one explains the other.

    Each trouble of a machine is a story of its own: a busy processor has nothing to do with a full disk.
    """
    if one.component == other.component:
        return one.check == other.check or not is_host(service, one.component)
    return explains(service, one, other) or explains(service, other, one)


def takes(service: Service, incident: Incident, failing: Sequence[Trouble], new: Trouble) -> bool:
    """Whether a new trouble belongs to an incident, of which ``failing`` is what still fails."""
    if any((each.component, each.check) == (new.component, new.check) for each in incident.symptoms):
        return True
    if not failing:  # it still owns what its own recovery stirs up
        return not is_with_people(incident) and _is_near(service, incident.component, new.component)
    if not any(is_one_story(service, each, new) for each in failing):
        return False
    if not is_with_people(incident):
        return True
    # People have it, and nothing is healed in it any more, unless it looks different by the new trouble.
    is_worse = new.status.rank > max(each.status.rank for each in failing)
    if any(each.component == new.component for each in failing):
        return not (incident.is_settled and is_worse)
    if new.depth == 0 and any(explains(service, each, new) for each in failing):
        return True
    is_open_to_more = incident.attempts < service.settings.max_recovery_attempts
    return is_open_to_more and any(each.depth == 0 and explains(service, new, each) for each in failing)


def is_with_people(incident: Incident) -> bool:
    """Whether nothing more is done about it until somebody says so, or until it looks different."""
    return incident.is_settled or incident.state in (IncidentState.ESCALATED, IncidentState.WAITING)


def is_host(service: Service, component: str) -> bool:
    """Whether everything else runs on this component."""
    known = service.components.get(component)
    return known is not None and known.kind == "host"


def explained_by_a_stop(service: Service, component: str, stopped: Iterable[str]) -> str | None:
    """The component that an operator stopped and that this one cannot work without."""
    needed = service.needs(component)
    return next((name for name in stopped if name in needed), None)


def _is_near(service: Service, one: str, other: str) -> bool:
    if is_host(service, one) or is_host(service, other):
        return False
    return other in (one, *service.needs(one), *service.needed_by(one))


def stories(service: Service, troubles: Sequence[Trouble]) -> tuple[tuple[Trouble, ...], ...]:
    """Troubles grouped into those that are one story, the gravest story first."""
    groups: list[list[Trouble]] = []
    for each in troubles:
        near = [group for group in groups if any(is_one_story(service, each, other) for other in group)]
        groups = [group for group in groups if group not in near]
        groups.append([each, *(other for group in near for other in group)])
    groups.sort(key=lambda group: max((each.status.rank, each.depth) for each in group), reverse=True)
    return tuple(map(tuple, groups))
