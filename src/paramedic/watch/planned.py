"""What was planned because somebody asked for a plan, and how recovery differs from it later, in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from paramedic.incident import Chapter
from paramedic.model.ids import IncidentId
from paramedic.model.incident import Incident, IncidentState, TimelineEntry
from paramedic.model.playbook import Plan, PlanState
from paramedic.model.wire import Json
from paramedic.recovery.planning import what_changed
from paramedic.watch.guiding import is_guide
from paramedic.watch.node import Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """A plan that was shown, and why it would be another one now."""

    plan: Plan
    passed_over: str
    """Why playbooks are passed over now; empty where none is."""


async def note(node: Node, incident: Incident, plan: Plan | None, why_none: str) -> None:
    """Keep with the incident what it is thought to be and what was planned; a watch does this by itself."""
    now = node.triage.incidents.get(incident.id)
    if not node.is_idle or now is None or now.state is not IncidentState.OPEN:
        return
    now = node.triage.diagnose(now)
    why = f"`{plan.playbook}` is planned, and runs when somebody asks for it" if plan else f"no plan: {why_none}"
    chapter = Chapter(at=node.clock.now(), incident=replace(now, why=why))
    if plan:
        asked = f"{plan.playbook} on {plan.suspect}: only asked for (`paramedic recover --plan {plan.id}` runs it)"
        chapter.tell("planned", asked, {"plan": plan.id})
    await node.triage.save(chapter)


async def promised(node: Node, incidents: Sequence[Incident]) -> Mapping[IncidentId, Promise]:
    """What was planned last for each of them and waits for somebody to ask for it."""
    found = {}
    for incident in incidents:
        plans = await node.store.run(lambda tx, of=incident.id: tx.plans.of(of))  # type: ignore[misc]  # bound now
        open_ = [each for each in plans if each.state is PlanState.PROPOSED and each.id != incident.plan]
        shown = max((each for each in open_ if not is_guide(each)), key=lambda each: each.created_at, default=None)
        if shown:
            choice = await node.attendant.choosing.choose(node.triage.diagnose(incident))
            found[incident.id] = Promise(plan=shown, passed_over="; ".join(choice.reasons))
    return found


async def overtaken(
    node: Node, promises: Mapping[IncidentId, Promise], ended: Sequence[Incident], done: Sequence[Plan]
) -> list[dict[str, Json]]:
    """Which plans were shown and what was done is not that, each with the reason; the timelines tell it, too."""
    told: list[dict[str, Json]] = []
    for incident in ended:
        promise = promises.get(incident.id)
        why = _difference(promise, incident, await _instead(node, incident, done)) if promise else ""
        if not promise or not why:
            continue
        plan, now = promise.plan, node.clock.now()
        chapter = Chapter(at=now)
        if incident.state is not IncidentState.RESOLVED:  # else it went stale with its incident
            chapter.plan = replace(plan, state=PlanState.STALE, ended_at=now, why_ended=why)
        text = f"{plan.playbook} on {plan.suspect} was planned before, and is not what was done: {why}"
        details = {"plan": str(plan.id)}
        chapter.timeline.append(
            TimelineEntry(incident=incident.id, at=now, what="replanned", text=text, details=details)
        )
        await node.triage.save(chapter)
        told.append({"plan": plan.id, "playbook": plan.playbook, "suspect": plan.suspect, "why": why})
    return told


async def _instead(node: Node, incident: Incident, done: Sequence[Plan]) -> Plan | None:
    first = next((each for each in done if each.incident == incident.id), None)
    if first or incident.state is not IncidentState.WAITING or not incident.plan:
        return first
    waiting = incident.plan
    return await node.store.run(lambda tx: tx.plans.get(waiting))


def _difference(promise: Promise, incident: Incident, instead: Plan | None) -> str:
    plan = promise.plan
    if instead is None:
        return "" if incident.state is IncidentState.RESOLVED else f"nothing was done: {incident.why}"
    if plan.fingerprint == instead.fingerprint and plan.playbook != instead.playbook:
        because = f": {promise.passed_over}" if promise.passed_over else ""
        return f"`{instead.playbook}` comes first now{because}"
    return what_changed(plan, instead)
