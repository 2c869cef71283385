"""What people and programs ask of recovery: plans, healing, approvals and refusals."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from weakref import WeakValueDictionary

from paramedic.incident import Chapter
from paramedic.model.code import IssueType
from paramedic.model.errors import PlanStale, UsageError
from paramedic.model.ids import IncidentId, PlanId
from paramedic.model.incident import Incident, IncidentState
from paramedic.model.playbook import Plan, PlanState
from paramedic.model.receipt import Command
from paramedic.model.status import Severity
from paramedic.model.wire import Json, dump
from paramedic.recovery.gate import Approval
from paramedic.sdk.check import Depth
from paramedic.watch.guiding import is_guide
from paramedic.watch.node import Node
from paramedic.watch.planned import note, overtaken, promised

Result = dict[str, Json]

_ANEW = "`paramedic plan` makes a new one"
_AGAIN = "the plan is as it was and may be asked for again; `--valid` says for how long an approval holds"


class Recovering:
    """Carries out `plan`, `recover`, `approve` and `reject`."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._deciding: WeakValueDictionary[PlanId, asyncio.Lock] = WeakValueDictionary()
        """One decision on a plan at a time; it may wait for room for as long as its approval holds."""

    async def plan(self, command: Command) -> Result:
        """What would be done about what is wrong now; the plans are kept and run only if somebody asks for them."""
        names = texts(command, "components")
        await self._look_round(names)
        plans: list[Json] = []
        none: list[Json] = []
        for incident in self._concerned(names, texts(command, "types"), is_open_to_all=_is_unattended(command)):
            if incident.plan and incident.state in (IncidentState.WAITING, IncidentState.RECOVERING):
                plan = await self._get(incident.plan)
                if plan:
                    plans.append(dump(plan))
                continue
            if not self._node.triage.still_failing(incident):
                continue
            plan, why = await self._propose(incident, command)
            await note(self._node, incident, plan, why)
            if plan:
                plans.append(dump(plan))
            else:
                none.append(
                    {"incident": incident.id, "component": incident.component, "code": incident.code, "why": why}
                )
        return {"plans": plans, "without": none}

    async def _propose(self, incident: Incident, command: Command) -> tuple[Plan | None, str]:
        """As urgent as somebody says, while it is only thought over; what recovery takes for urgent stays."""
        urgency = self._node.attendant.choosing.urgency
        before = urgency.get(incident.id)
        if severity := command.args.get("severity"):
            urgency[incident.id] = Severity(str(severity))
        try:
            return await self._node.attendant.propose(incident)
        finally:
            urgency.pop(incident.id, None)
            if before is not None:
                urgency[incident.id] = before

    async def recover(self, command: Command) -> Result:
        """Look, heal what may be healed of what was asked for, verify."""
        if wanted := command.args.get("plan"):
            return await self._run(PlanId(str(wanted)), command)
        before = set(self._node.triage.incidents)
        names = texts(command, "components")
        await self._node.attendant.resume()
        await self._look_round(names)
        is_unattended = _is_unattended(command)
        concerned = self._concerned(names, texts(command, "types"), is_open_to_all=is_unattended)
        promises = await promised(self._node, concerned)
        begun = self._node.clock.now()
        for each in concerned:
            await self._ask(each.id, command, is_again=each.id in before and not is_unattended)
        ended = [found for each in concerned if (found := await self._node.attendant.settled(each.id))]
        settings = self._node.service.settings
        plans = await self._run_since(ended, begun)
        return {
            "incidents": [dump(each.outward) for each in ended],
            "plans": [dump(each) for each in plans],
            "replanned": dump(await overtaken(self._node, promises, ended, plans)),
            "verified": all(each.state is IncidentState.RESOLVED for each in ended),
            "limits": {"attempts": settings.max_recovery_attempts, "cooldown_s": settings.recovery_cooldown_s},
        }

    async def approve(self, command: Command) -> Result:
        """Run a plan that waits, because somebody agrees to it."""
        return await self._run(PlanId(str(command.args["plan"])), command)

    async def reject(self, command: Command) -> Result:
        """Drop a plan that waits."""
        plan = await self.named(str(command.args["plan"]))
        why = await self._node.attendant.reject(plan, command.by, self._reason(command) or "no reason given")
        if why:
            raise PlanStale(why)
        return {"plan": plan.id, "state": PlanState.REJECTED}

    async def named(self, plan_id: str) -> Plan:
        """The plan of this id.

        Raises:
            UsageError: there is none.
        """
        plan = await self._get(PlanId(plan_id))
        if plan is None:
            raise UsageError(f"there is no plan `{plan_id}`", hint="`paramedic plan` makes one")
        return plan

    def _approval(self, command: Command) -> Approval:
        """What a person agrees to holds from when it was said, not from when it is taken up."""
        given = command.args.get("valid_s")
        valid_s = float(given) if isinstance(given, int | float) else self._node.service.settings.approval_valid_s
        until = command.at + timedelta(seconds=valid_s)
        return Approval(by=command.by, until=until, reason=self._reason(command))

    def _reason(self, command: Command) -> str:
        return self._node.redactor.text(str(command.args.get("reason") or ""))

    async def _run(self, plan_id: PlanId, command: Command) -> Result:
        plan, approval = await self.named(plan_id), self._approval(command)
        if is_guide(plan):
            raise PlanStale(f"`{plan_id}` is for people", hint=f"`paramedic guide tick {plan_id}` ticks off its steps")
        await self._node.attendant.resume()
        if plan.state is PlanState.PROPOSED:
            incident = self._node.triage.incidents.get(plan.incident) if plan.incident else None
            await self._look_round(tuple({each.component for each in incident.symptoms}) if incident else ())
            async with self._deciding.setdefault(plan_id, asyncio.Lock()):
                plan = await self.named(plan_id)
                is_open = plan.state is PlanState.PROPOSED
                if is_open and (why := await self._node.attendant.approve(plan, approval)):
                    is_open = (await self.named(plan_id)).state is PlanState.PROPOSED
                    raise PlanStale(why, hint=_AGAIN if is_open else _ANEW)
        elif plan.state is PlanState.VERIFIED and plan.ended_at and plan.ended_at < command.at:  # else it just ran
            when = f"{plan.ended_at:%Y-%m-%d %H:%M:%S} UTC"
            raise PlanStale(f"plan `{plan_id}` was carried out and verified at {when}; a plan runs once", hint=_ANEW)
        elif plan.state is not PlanState.COMMITTED and plan.state is not PlanState.VERIFIED:
            why = f": {plan.why_ended}" if plan.why_ended else ""
            raise PlanStale(f"plan `{plan_id}` is {plan.state}{why}", hint=_ANEW)
        await self._node.attendant.over(plan_id)
        plan = await self.named(plan_id)
        left = self._node.triage.incidents.get(plan.incident) if plan.incident else None
        return {
            "plans": [dump(plan)],
            "verified": is_verified(plan),
            "incident": dump(left.outward) if left else None,
            "watched": not self._node.is_idle,
        }

    async def _ask(self, name: IncidentId, command: Command, *, is_again: bool) -> None:
        """See to an incident as it is by now: while we asked, a watch may have gone on with it or ended it."""
        known = self._node.triage.incidents
        if incident := known.get(name):
            if severity := command.args.get("severity"):
                self._node.attendant.choosing.urgency[name] = Severity(str(severity))
            await self._note(incident, command)
        if incident := known.get(name):
            if is_again and (incident.state is IncidentState.ESCALATED or incident.is_settled):
                await self._node.attendant.reopen(incident)
            self._node.attendant.take_up(name)

    async def _note(self, incident: Incident, command: Command) -> None:
        """Why somebody asks stands in the incident's timeline."""
        if reason := self._reason(command):
            chapter = Chapter(at=self._node.clock.now(), incident=incident)
            chapter.tell("asked", f"{command.by} asks for recovery: {reason}", {"by": command.by})
            await self._node.triage.save(chapter)

    async def _run_since(self, incidents: Sequence[Incident], begun: datetime) -> list[Plan]:
        """What was done about them since then, oldest first."""
        found = await self._node.store.run(lambda tx: [plan for each in incidents for plan in tx.plans.of(each.id)])
        over = [each for each in found if each.ended_at and each.ended_at >= begun and not is_guide(each)]
        return sorted((each for each in over if each.state is not PlanState.STALE), key=lambda each: each.created_at)

    async def _look_round(self, names: tuple[str, ...]) -> None:
        """Look at everything asked for, twice where the first look leaves a doubt."""
        known = tuple(each for each in names if each in self._node.service.components)
        due = self._node.runner.due(known, depth=Depth.FULL) if known or not names else ()
        await asyncio.gather(*(self._node.look_once(each.name, spec, "command") for each, spec in due))

    def _concerned(
        self, names: tuple[str, ...], types: tuple[str, ...], *, is_open_to_all: bool = False
    ) -> list[Incident]:
        """Unresolved incidents, of all or of these components, and of all or of these types.

        An incident is of the type of what it shows, too: who asks for what is slow means also what has died behind it.
        With ``is_open_to_all``, where there is none of the types, every other one is meant.
        """
        found = [
            each
            for each in self._node.triage.incidents.values()
            if not names or {each.component, *(symptom.component for symptom in each.symptoms)} & set(names)
        ]
        fitting = [each for each in found if not types or self._types(each) & set(types)]
        return fitting or (found if is_open_to_all else [])

    def _types(self, incident: Incident) -> set[IssueType]:
        triage = self._node.triage
        shown = {triage.code(each.code).type for each in incident.symptoms if triage.is_failing(each)}
        return {incident.type, triage.diagnose(incident).type, *shown}

    async def _get(self, plan: PlanId) -> Plan | None:
        return await self._node.store.run(lambda tx: tx.plans.get(plan))


def _is_unattended(command: Command) -> bool:
    """Whether a program asks: what was tried before counts, and its word for what is wrong is only a guess."""
    return bool(command.args.get("unattended"))


def texts(command: Command, name: str) -> tuple[str, ...]:
    """A list among the arguments of a command; nothing where there is none."""
    found = command.args.get(name)
    return tuple(str(each) for each in found) if isinstance(found, list) else ()


def is_verified(plan: Plan) -> bool:
    """Whether it helped."""
    return plan.state is PlanState.VERIFIED
