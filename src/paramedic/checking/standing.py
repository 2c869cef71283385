"""How the service stands by what was seen last, without looking again."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from paramedic.checking.selection import select, why_not
from paramedic.model.component import Component, Desired
from paramedic.model.finding import Finding
from paramedic.model.service import Service
from paramedic.model.status import Overall, Status, overall
from paramedic.sdk.check import CheckSpec, Depth
from paramedic.sdk.pack import Registry

_LOOKS_MISSED = 3
_SHORTEST_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is known of one component."""

    name: str
    kind: str
    status: Status
    desired: Desired | None
    code: str | None
    observed: str
    as_of: datetime | None
    """When it was last looked at; ``None``: never."""


def standings(
    service: Service,
    registry: Registry,
    findings: Iterable[Finding],
    desired: Mapping[str, Desired],
    now: datetime,
    *,
    watched_until: Mapping[str, datetime],
) -> tuple[Standing, ...]:
    """Every component by the worst of its latest findings. What is too old to be believed is ``unknown``.

    ``watched_until``: node to the moment up to which somebody watches it, or watched it. Of what was seen by a watch
    that is over nobody knows what became, least of all when its end stopped what it had started.
    """
    latest: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        latest.setdefault((finding.component, finding.check), []).append(finding)
    concerned: dict[str, list[Finding]] = {name: [] for name in service.components}
    late: dict[str, bool] = dict.fromkeys(service.components, False)
    for component, spec in select(service, registry, (), (), Depth.FULL):
        found = latest.get((component.name, spec.id), [])
        if found and why_not(service, component, spec) is None:
            concerned[component.name] += found
            late[component.name] |= any(_is_old(each, component, spec, service, now) for each in found)
    return tuple(
        _standing(
            component,
            concerned[name],
            desired.get(name),
            is_late=late[name],
            unwatched=_unwatched(concerned[name], watched_until.get(component.node or service.settings.node), now),
        )
        for name, component in service.components.items()
    )


def overall_of(standing: Iterable[Standing]) -> Overall:
    """The state of the service for the standings of its components."""
    return overall(each.status for each in standing)


def _unwatched(found: list[Finding], until: datetime | None, now: datetime) -> datetime | None:
    """Since when nobody watches, where nobody has looked since."""
    if until is None or until > now:
        return None
    return until if any(each.at is None or each.at <= until for each in found) else None


def _standing(
    component: Component, found: list[Finding], desired: Desired | None, *, is_late: bool, unwatched: datetime | None
) -> Standing:
    worst = max(found, key=lambda each: each.status.rank, default=None)
    as_of = min((each.at for each in found if each.at is not None), default=None)
    status, code = (worst.status, worst.code) if worst else (Status.UNKNOWN, None)
    observed = worst.observed if worst else "never looked at"
    if unwatched and worst:
        status = Status.UNKNOWN
        observed = f"nobody watches since {unwatched:%H:%M:%S} UTC; last seen {worst.status.value}: {observed}"
    elif is_late and status is not Status.UNKNOWN:
        status, observed = Status.UNKNOWN, f"not looked at for long; last seen {status.value}: {observed}"
    return Standing(
        name=component.name,
        kind=component.kind,
        status=status,
        desired=desired,
        code=code,
        observed=observed,
        as_of=as_of,
    )


def _is_old(finding: Finding, component: Component, spec: CheckSpec, service: Service, now: datetime) -> bool:
    every_s = component.interval_s or spec.every_s
    if spec.depth is Depth.FULL:
        every_s = max(every_s, service.settings.health_check_interval_s)
    limit_s = max(_SHORTEST_S, _LOOKS_MISSED * every_s)
    return finding.at is None or (now - finding.at).total_seconds() > limit_s
