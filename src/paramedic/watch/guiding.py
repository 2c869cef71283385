"""Guides under way: plans whose steps people tick off. Receipts say who did, checks say whether it helped."""

import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial

from paramedic.incident import Chapter
from paramedic.model.component import Component, Risk
from paramedic.model.errors import PlanStale, UsageError
from paramedic.model.guide import Guide
from paramedic.model.ids import PlanId, new_id
from paramedic.model.incident import Incident, IncidentState
from paramedic.model.playbook import FailedCheck, Plan, PlanState, PlanStep, Preview
from paramedic.model.receipt import Command, Phase, Receipt
from paramedic.model.status import Status
from paramedic.model.wire import Json, dump
from paramedic.recovery.guides import STEP, helping, load_guides
from paramedic.recovery.planning import fingerprint
from paramedic.sdk.blocking import in_thread
from paramedic.sdk.complaints import Complaint, complain, complaint, withdraw
from paramedic.store import AlreadyRecorded, Transaction
from paramedic.watch.node import Node

Result = Mapping[str, Json]


class Guiding:
    """Carries out what people ask about guides."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def carry_out(self, command: Command) -> Result:
        """One command; what is to be done stands in its argument ``do``."""
        match command.args["do"]:
            case "complain":
                return await self.complain(command)
            case "withdraw":
                return await self.withdraw(command)
            case "start":
                return await self.start(command)
            case "tick":
                return await self.tick(command)
            case "stop":
                return await self.stop(command)
        raise UsageError(f"`{command.args['do']}` is nothing that can be done with a guide")

    async def complain(self, command: Command) -> Result:
        """A person says that something does not work which no check can see."""
        component = self._component(str(command.args["component"]))
        what = str(command.args["what"])
        state_dir = self._node.service.settings.state_dir
        told = Complaint(what=what, by=command.by, at=self._node.clock.now())
        await in_thread(partial(complain, state_dir, component.name, told))
        found = await self._node.look(component.name)
        incident = self._incident(component.name)
        if incident is None or not any((each.code or "").startswith("guidance.") for each in found):
            await in_thread(partial(withdraw, state_dir, component.name))
            raise UsageError(
                f"`{component.name}` is a component of the kind `{component.kind}`, which is looked at by checks alone",
                hint=f"`paramedic guide start {component.name} --guide NAME`, or `paramedic escalate`",
            )
        await self._node.triage.recorded()
        return {"incident": incident.id, "code": incident.code, "component": component.name}

    async def withdraw(self, command: Command) -> Result:
        """A complaint was a mistake, or is over."""
        component = self._component(str(command.args["component"]))
        if not await in_thread(partial(withdraw, self._node.service.settings.state_dir, component.name)):
            raise UsageError(f"nobody complains about `{component.name}`")
        await self._node.look(component.name)
        if incident := self._incident(component.name):
            self._node.attendant.take_up(incident.id)
            await self._node.attendant.settled(incident.id)
        return {"component": component.name}

    async def start(self, command: Command) -> Result:
        """Bind a guide to a component and its incident; where one is under way, that goes on."""
        component = self._component(str(command.args["component"]))
        await self._node.look(component.name)
        incident = self._incident(component.name)
        guide = self._guide(component, incident, command.args.get("guide"))
        if (plan := await self._under_way(component.name, guide.name)) is None:
            plan = self._bound(guide, component, incident)
            chapter = Chapter(at=plan.created_at, plan=plan)
            if incident:
                chapter.incident = replace(incident, plan=plan.id)
                chapter.tell("guided", f"{command.by} begins `{guide.name}`: {len(plan.steps)} steps for people")
            await self._node.triage.save(chapter, must=True)
        return await self._shown(plan.id)

    async def tick(self, command: Command) -> Result:
        """A person did a step. Where a check can tell, it must agree; after the last one all that failed must pass."""
        plan = await self._open(str(command.args["plan"]))
        done = _ticked(await self._receipts(plan.id))
        index = self._index(plan, done, command.args.get("step"))
        if why := await self._disagrees(plan, plan.steps[index]):
            raise PlanStale(f"step {index + 1} is not done yet: {why}", hint="do it, then tick it off again")
        note = str(command.args.get("note") or "")
        receipt = Receipt(
            plan=plan.id,
            step=index,
            attempt=1,
            phase=Phase.DONE,
            action=STEP,
            component=plan.suspect,
            token=secrets.token_hex(8),
            at=self._node.clock.now(),
            node=self._node.service.settings.node,
            detail=self._node.redactor.text(f"ticked off by {command.by}" + (f": {note}" if note else "")),
            output={"by": command.by, "note": self._node.redactor.text(note)},
        )
        if index not in done:
            with suppress(AlreadyRecorded):  # two people at the same moment; one receipt is enough
                await self._node.store.run(lambda tx: tx.receipts.append(receipt))
        if {*done, index} == set(range(len(plan.steps))):
            await self._finish(plan, command.by)
        return await self._shown(plan.id)

    async def stop(self, command: Command) -> Result:
        """The guide does not help, or is not wanted any more."""
        plan = await self._open(str(command.args["plan"]))
        why = str(command.args.get("reason") or "no reason given")
        await self._end(plan, PlanState.REJECTED, f"stopped by {command.by}: {why}")
        return await self._shown(plan.id)

    async def _finish(self, plan: Plan, by: str) -> None:
        """Every step is done: what people told counts as seen to, and the checks have the last word."""
        state_dir = self._node.service.settings.state_dir
        told = await in_thread(partial(complaint, state_dir, plan.suspect))
        if told:
            await in_thread(partial(withdraw, state_dir, plan.suspect))
        why = ""
        for each in plan.verify:
            for finding in await self._node.look(each.component, [each.check]):
                if finding.status not in (Status.OK, Status.INFO):
                    why = why or f"`{each.check}` says: {finding.observed}"
        if why:
            if told:
                await in_thread(partial(complain, state_dir, plan.suspect, told))
                await self._node.look(plan.suspect)
            await self._end(plan, PlanState.FAILED, f"every step was done, and still {why}")
        elif plan.verify:
            passed = (
                f"the {len(plan.verify)} checks pass" if len(plan.verify) > 1 else f"`{plan.verify[0].check}` passes"
            )
            await self._end(plan, PlanState.VERIFIED, f"every step was done, the last by {by}, and {passed}")
        else:
            await self._end(plan, PlanState.VERIFIED, f"every step was done, the last by {by}; no check can see more")

    async def _end(self, plan: Plan, state: PlanState, why: str) -> None:
        now = self._node.clock.now()
        chapter = Chapter(at=now, plan=replace(plan, state=state, ended_at=now, why_ended=why))
        incident = self._node.triage.incidents.get(plan.incident) if plan.incident else None
        if incident:
            chapter.incident = replace(incident, tried=(*incident.tried, plan.playbook))
            if state is PlanState.VERIFIED and incident.state is not IncidentState.RECOVERING:
                chapter.incident = replace(chapter.incident, state=IncidentState.OPEN, is_settled=True)
            chapter.tell("verified" if state is PlanState.VERIFIED else "guided", f"{plan.playbook}: {state}: {why}")
        await self._node.triage.save(chapter, must=True)
        if incident:
            self._node.attendant.take_up(incident.id)
            if state is PlanState.VERIFIED and self._node.triage.is_over(incident):
                await self._node.attendant.settled(incident.id)

    async def _disagrees(self, plan: Plan, step: PlanStep) -> str:
        """What the step's own check has against it; empty where it has none, or sees nothing wrong."""
        check = step.params.get("check")
        for finding in await self._node.look(plan.suspect, [str(check)]) if check else ():
            if finding.status not in (Status.OK, Status.INFO):
                return f"`{check}` says: {finding.observed}"
        return ""

    def _bound(self, guide: Guide, component: Component, incident: Incident | None) -> Plan:
        now = self._node.clock.now()
        failing = self._node.triage.failed_checks(incident) if incident else ()
        mine = tuple(each for each in failing if each.component == component.name)
        steps = tuple(
            PlanStep(
                action=STEP,
                component=component.name,
                params={"see": each.see, **({"check": each.check} if each.check else {})},
                risk=Risk.MANUAL,
                preview=Preview(summary=each.do),
                undoable=False,
            )
            for each in guide.steps
        )
        code = incident.code if incident else guide.helps[0]
        return Plan(
            id=PlanId(new_id("plan", now)),
            incident=incident.id if incident else None,
            playbook=guide.name,
            suspect=component.name,
            fingerprint=fingerprint(component.name, code),
            state=PlanState.PROPOSED,
            steps=steps,
            verify=mine or self._proof(component, code),
            verify_times=1,
            verify_within_s=self._node.service.settings.verify_within_s,
            risk=Risk.MANUAL,
            blast_radius=(component.name,),
            needs_approval="its steps are for people, who tick them off",
            attempt=len(incident.tried) + 1 if incident else 1,
            created_at=now,
        )

    def _proof(self, component: Component, code: str) -> tuple[FailedCheck, ...]:
        """Where nothing is known to fail: every check of the component itself."""
        checks = self._node.registry.checks
        mine = [each.id for each in checks if each.target(component) is component.target]
        return tuple(FailedCheck(component=component.name, check=each, code=code) for each in mine)

    def _guide(self, component: Component, incident: Incident | None, wanted: Json) -> Guide:
        guides = load_guides(self._node.registry, self._node.service.path)
        if wanted:
            if str(wanted) not in guides:
                raise UsageError(f"there is no guide `{wanted}`", hint=f"known: {', '.join(guides)}")
            return guides[str(wanted)]
        symptoms = [each.code for each in incident.symptoms if each.component == component.name] if incident else []
        found = helping(guides.values(), [incident.code, *symptoms]) if incident else None
        if found is None:
            what = f"`{incident.code}` on it" if incident else f"`{component.name}`, of which nothing is known to fail"
            raise UsageError(
                f"no guide is made for {what}",
                hint=f"name one: `paramedic guide start {component.name} --guide NAME`; known: {', '.join(guides)}",
            )
        return found

    async def _under_way(self, component: str, guide: str) -> Plan | None:
        plans = await self._node.store.run(lambda tx: tx.plans.recent(200))
        return next(
            (
                each
                for each in plans
                if is_guide(each)
                and each.state is PlanState.PROPOSED
                and (each.suspect, each.playbook) == (component, guide)
            ),
            None,
        )

    def _incident(self, component: str) -> Incident | None:
        """The unresolved incident that is about this component, or has it among its symptoms."""
        found = list(self._node.triage.incidents.values())
        mine = [each for each in found if component in (symptom.component for symptom in each.symptoms)]
        return min(mine, key=lambda each: (each.component != component, each.opened_at), default=None)

    def _component(self, name: str) -> Component:
        component = self._node.service.components.get(name)
        if component is None:
            raise UsageError(f"there is no component `{name}` in the service file that is watched")
        return component

    async def _open(self, name: str) -> Plan:
        plan = await self._node.store.run(lambda tx: tx.plans.get(name))
        if plan is None or not is_guide(plan):
            raise UsageError(f"there is no guide under way as `{name}`", hint="`paramedic guide status` lists them")
        if plan.state is not PlanState.PROPOSED:
            raise PlanStale(f"`{name}` is {plan.state}: {plan.why_ended}", hint="`paramedic guide start` begins anew")
        return plan

    def _index(self, plan: Plan, done: set[int], wanted: Json) -> int:
        if wanted is None:
            return min(set(range(len(plan.steps))) - done, default=0)
        if not isinstance(wanted, int) or not 1 <= wanted <= len(plan.steps):
            raise UsageError(f"`{plan.playbook}` has no step {wanted}", hint=f"it has 1 to {len(plan.steps)}")
        return wanted - 1

    async def _receipts(self, plan: PlanId) -> tuple[Receipt, ...]:
        return await self._node.store.run(lambda tx: tx.receipts.of(plan))

    async def _shown(self, plan_id: PlanId) -> Result:
        def read(tx: Transaction) -> tuple[Plan | None, tuple[Receipt, ...]]:
            return tx.plans.get(plan_id), tx.receipts.of(plan_id)

        plan, receipts = await self._node.store.run(read)
        return {"plan": dump(plan), "receipts": dump(receipts)}


def is_guide(plan: Plan) -> bool:
    """Whether its steps are for people."""
    return all(each.action == STEP for each in plan.steps)


def _ticked(receipts: tuple[Receipt, ...]) -> set[int]:
    return {each.step for each in receipts if each.phase is Phase.DONE}
