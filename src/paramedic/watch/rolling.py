"""Orders to several components: each after what it needs, and the instances of a group a share at a time."""

from asyncio import gather
from collections.abc import Awaitable, Callable, Iterator, Sequence

from paramedic.model.playbook import Plan, PlanState
from paramedic.model.service import Service
from paramedic.recovery.limits import instances_at_once


def members(service: Service, names: Sequence[str]) -> tuple[str, ...]:
    """The components that are meant by names of components and of groups."""
    found = (each for name in names for each in (service.instances(name) or (name,)))
    return tuple(dict.fromkeys(found))


async def in_turn(
    service: Service, names: Sequence[str], give: Callable[[str], Awaitable[Plan]]
) -> tuple[list[Plan], dict[str, str]]:
    """Restart one after the other; of a group the next share only when the one before is well again.

    Returns the plans, and which instances were left alone, each with the reason.
    """
    plans: list[Plan] = []
    left: dict[str, str] = {}
    for batch in _batches(service, names):
        group = service.components[batch[0]].group
        ill = next((each.suspect for each in plans if _is_ill(each) and _is_of(service, each.suspect, group)), None)
        if ill is not None:
            left |= dict.fromkeys(batch, f"`{ill}` of the same group did not come up again")
        else:
            plans += await gather(*map(give, batch))
    return plans, left


def _batches(service: Service, names: Sequence[str]) -> Iterator[list[str]]:
    """The names in their order, those of one group together where the first of them stands."""
    seen: set[str] = set()
    for name in names:
        group = service.components[name].group
        if group is None:
            yield [name]
        elif group not in seen:
            seen.add(group)
            mine = [each for each in names if service.components[each].group == group]
            size = instances_at_once(service, group)
            yield from (mine[start : start + size] for start in range(0, len(mine), size))


def _is_of(service: Service, name: str, group: str | None) -> bool:
    return group is not None and service.components[name].group == group


def _is_ill(plan: Plan) -> bool:
    return plan.state is not PlanState.VERIFIED
