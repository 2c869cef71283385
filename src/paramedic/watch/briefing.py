"""What a message says of the moment it is sent: how all is now, and what was tried and what came of it."""

from collections.abc import Iterable, Mapping

from paramedic.model.errors import StoreError
from paramedic.model.ids import IncidentId
from paramedic.model.playbook import Plan, PlanState
from paramedic.model.status import Status, overall
from paramedic.model.wire import Json
from paramedic.watch.guiding import is_guide
from paramedic.watch.node import Node
from paramedic.watch.verdict import Verdict

_NEVER_RAN = (PlanState.PROPOSED, PlanState.STALE, PlanState.REJECTED)


async def briefing(node: Node, incident: IncidentId | None) -> dict[str, Json]:
    """Beside what stood fast when the message was written. What the store does not tell now is left out."""
    told: dict[str, Json] = {"health": health(node.service.components, node.triage.verdicts)}
    if incident is None:
        return told
    try:
        plans = await node.store.run(lambda tx: tx.plans.of(incident))
    except StoreError:
        return told
    return {**told, "outcomes": [*outcomes(plans)]}


def health(names: Iterable[str], verdicts: Mapping[tuple[str, str], Verdict]) -> dict[str, Json]:
    """How the service stands by what its checks said last, and what fails."""
    known = set(names)
    found = [each.finding for (name, _), each in verdicts.items() if name in known]
    bad = [each for each in found if each.status.is_failing or each.status is Status.UNKNOWN]
    bad.sort(key=lambda each: (-each.status.rank, each.component, each.check))
    failing = {each.component: f"{each.status}: {each.code or each.check}" for each in reversed(bad)}
    return {"overall": overall(each.status for each in found).value, **dict(reversed(failing.items()))}


def outcomes(plans: Iterable[Plan]) -> list[str]:
    """What was tried, oldest first: what worked, what failed and why, and what is running."""
    ran = [each for each in plans if each.state not in _NEVER_RAN and not is_guide(each)]
    return [
        f"{each.playbook} on {each.suspect}: {'running' if each.state is PlanState.COMMITTED else each.state}"
        + (f": {each.why_ended}" if each.why_ended else "")
        for each in sorted(ran, key=lambda each: each.created_at)
    ]
