"""Several components that do not need each other fail at once: no playbook of one of them is the answer."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from paramedic.diagnosis import shipped
from paramedic.model.code import IssueType
from paramedic.model.finding import Finding
from paramedic.model.incident import Incident, IncidentState
from paramedic.model.status import Status

SYSTEM = "system"
"""The component of what concerns no single one."""
MULTIPLE = "system.multiple-failures"
CHECK = "paramedic.together"
_UNHEALED = (IncidentState.ESCALATED, IncidentState.WAITING)


def at_once(incidents: Sequence[Incident], fails: Callable[[Incident], bool]) -> tuple[Incident, ...]:
    """Incidents that began together and that automation could not end; none where they are too few.

    What is being healed is left out: a burst that heals itself within seconds is nobody's emergency.
    """
    weighing = shipped()
    open_ = sorted(
        (
            each
            for each in incidents
            if each.state in _UNHEALED
            and each.component != SYSTEM
            and any(symptom.status == Status.CRITICAL for symptom in each.symptoms)
            and fails(each)
        ),
        key=lambda each: each.opened_at,
    )
    near = timedelta(seconds=weighing.at_once_s)
    first, largest = 0, (0, 0)
    for end, last in enumerate(open_, 1):  # both ends of the window only ever move on
        while last.opened_at - open_[first].opened_at > near:
            first += 1
        if end - first > largest[1] - largest[0]:
            largest = (first, end)
    together = open_[slice(*largest)]
    return tuple(together) if len(together) >= weighing.at_once else ()


def as_finding(together: Sequence[Incident], at: datetime) -> Finding:
    """What is said of them, or that it is over."""
    names = ", ".join(f"`{each.component}` ({each.code})" for each in together)
    first = together[0].opened_at if together else at
    span_s = max(((each.opened_at - first).total_seconds() for each in together), default=0.0)
    return Finding(
        component=SYSTEM,
        kind=SYSTEM,
        check=CHECK,
        status=Status.CRITICAL if together else Status.OK,
        code=MULTIPLE if together else None,
        type=IssueType.OUTAGE if together else None,
        observed=f"{len(together)} components failed within {span_s:.0f} s: {names}"
        if together
        else "no more than single components fail",
        because="none of them needs another, and no playbook has healed them" if together else "",
        hint="look for what they share: a network, a machine, an account, a change" if together else None,
        at=at,
    )
