"""How much may be done at once, in which order, and when everything stops: rules over values."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from math import floor

from paramedic.model.playbook import Plan, PlanState
from paramedic.model.service import Service, Settings
from paramedic.recovery.guides import STEP


def why_later(plan: Plan, service: Service, running: Iterable[Plan]) -> str | None:
    """Why this plan has to wait for those that run; ``None`` where it has not to."""
    others = tuple(running)
    mine = worked_on(plan)
    if any(mine & worked_on(each) for each in others):
        return "another plan works on the same component"
    needed = set(service.needs(plan.suspect))
    if first := next((name for each in others for name in sorted(worked_on(each) & needed)), None):
        return f"`{first}`, which it needs, is seen to first"
    if why := _too_many_instances(mine, service, others):
        return why
    if len(others) >= service.settings.recoveries_at_once:
        return f"{len(others)} recoveries are running"
    return None


def worked_on(plan: Plan) -> set[str]:
    """The components that the steps of a plan touch."""
    return {step.component for step in plan.steps} or {plan.suspect}


def _too_many_instances(mine: set[str], service: Service, others: Iterable[Plan]) -> str | None:
    busy = {name for each in others for name in worked_on(each)}
    for group in sorted({group for name in mine if (group := _group(service, name))}):
        instances = set(service.instances(group))
        most = instances_at_once(service, group)
        if busy & instances and len((busy | mine) & instances) > most:
            return f"{len(busy & instances)} of the {len(instances)} instances of `{group}` are worked on"
    return None


def instances_at_once(service: Service, group: str) -> int:
    """How many instances of a group may be worked on at the same time."""
    return max(1, floor(service.settings.instance_share * len(service.instances(group))))


def _group(service: Service, name: str) -> str | None:
    known = service.components.get(name)
    return known.group if known else None


def why_halt(settings: Settings, failed: Iterable[Plan], now: datetime, since: datetime | None) -> str | None:
    """Why all automation has to stop until a person has looked, if so.

    ``failed`` are plans in any state, ``since`` is when a person last said that it may go on. Where that is ahead, the
    clock was set back, and it says nothing about what came before or after.
    """
    window_s, most = settings.recovery_breaker_window_s, settings.recovery_breaker_failures
    begin = now - timedelta(seconds=window_s)
    if since and begin < since <= now:
        begin = since
    count = sum(1 for each in failed if is_failure(each) and each.ended_at and each.ended_at >= begin)
    if count < most:
        return None
    return f"{count} recoveries did not help within {window_s / 60:.0f} min"


def is_failure(plan: Plan) -> bool:
    """Whether it is a recovery that was run and did not help; what an operator or a guide did is none."""
    is_ours = plan.incident is not None and any(step.action != STEP for step in plan.steps)
    return is_ours and plan.state in (PlanState.ROLLED_BACK, PlanState.FAILED)
