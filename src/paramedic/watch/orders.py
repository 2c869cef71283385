"""What an operator orders: start, stop, restart. Orders are plans too, with receipts and verification."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import TypeVar

from paramedic.checking.selection import why_not
from paramedic.incident import Chapter
from paramedic.model.component import BackupPolicy, Component, Desired
from paramedic.model.ids import PlanId
from paramedic.model.playbook import FailedCheck, Plan, PlanState, Playbook, PlaybookStep, Verification
from paramedic.model.service import Service
from paramedic.model.status import Severity
from paramedic.model.wire import Json
from paramedic.recovery.limits import worked_on
from paramedic.recovery.planning import Bench, blocked, draw_up
from paramedic.store import Store, Transaction, insist
from paramedic.watch.attendant import Attendant
from paramedic.watch.supervisor import Supervisor
from paramedic.watch.triage import Triage

Result = TypeVar("Result")
_START = (PlaybookStep(action="process.start"), PlaybookStep(action="wait.answers"))
ROLLBACK = (
    PlaybookStep(action="release.switch"),
    PlaybookStep(action="process.restart", params={"components": "{runs}"}),
)
_STEPS = {
    "start": _START,
    "restart": (PlaybookStep(action="process.restart"),),
    "roll-back": ROLLBACK,
    "stop": (PlaybookStep(action="process.stop"),),
    "shut-down": (PlaybookStep(action="process.stop"),),
    "restore-backup": (PlaybookStep(action="backup.restore"),),
    "configure": (PlaybookStep(action="config.put"), PlaybookStep(action="config.reload-dependants")),
}
_WISHES = ("start", "stop", "restart")
_ALIVE = ("process.alive", "container.state")


class Orders:
    """Turns orders into plans and waits for their end."""

    def __init__(
        self, bench: Bench, triage: Triage, attendant: Attendant, store: Store, supervisor: Supervisor
    ) -> None:
        self.bench = bench
        self._triage = triage
        self._attendant = attendant
        self._store = store
        self._supervisor = supervisor

    async def give(self, verb: str, name: str, by: str, order: str, params: Mapping[str, Json] | None = None) -> Plan:
        """Carry out one order on one component; asking again under the same order id does it once.

        ``shut-down`` stops without changing what is desired, so that the next ``watch`` brings it up again.
        ``configure`` takes the params of the action ``config.put``, ``restore-backup`` those of ``backup.restore``,
        ``roll-back`` those of ``release.switch``; ``act`` takes any ``action``, what it is done ``with``, and the
        ``checks`` that prove it.
        """
        plan_id = PlanId(f"plan-{order}-{name}")
        plan = await self._insist(lambda tx: tx.plans.get(plan_id))
        touched = {name: None}
        self._triage.quiet[name] = f"under the order `{verb}` of {by}"
        try:
            if plan is None:
                if verb in _WISHES:
                    await self.wish(name, Desired.STOPPED if verb == "stop" else Desired.RUNNING, by)
                plan = await self._draw(verb, name, by, plan_id, params or {})
            if plan.state is PlanState.COMMITTED:
                touched |= {step.component: None for step in plan.steps}
                self._triage.quiet.update(dict.fromkeys(touched, f"under the order `{verb}` of {by}"))
                await self._attendant.submit(plan)
                await self._attendant.over(plan_id)
        finally:
            if verb != "shut-down":
                for each in touched:
                    self._triage.quiet.pop(each, None)
                for each in touched:
                    await self.bench.look(each)
        return await self._insist(lambda tx: tx.plans.get(plan_id)) or plan

    async def foresee(self, verb: str, name: str, params: Mapping[str, Json]) -> Plan:
        """What an order would do; nothing is kept and nothing is done."""
        return await self._bind(verb, name, params)

    async def wish(self, name: str, desired: Desired, by: str) -> None:
        """Note what is desired of a component from now on; nothing is done."""
        await self._insist(lambda tx: tx.desired.set(name, desired, by=by, at=self.bench.clock.now()))
        self._supervisor.set_desired(name, desired, by)
        if desired is Desired.STOPPED:
            self._triage.stopped.add(name)
        else:
            self._triage.stopped.discard(name)

    async def _insist(self, fn: Callable[[Transaction], Result]) -> Result:
        """An order is kept, however long the store takes to be there again."""
        return await insist(self._store, fn, self.bench.clock.sleep)

    async def _draw(self, verb: str, name: str, by: str, plan_id: PlanId, params: Mapping[str, Json]) -> Plan:
        """Drawn up when nothing else works on what it touches: two hands on one process undo each other's work."""
        while True:
            plan = await self._bind(verb, name, params)
            mine = {name, *worked_on(plan)}
            running = self._attendant.running.items()
            others = [other for other, each in running if other != plan_id and mine & worked_on(each)]
            if verb == "shut-down" or not others:
                break
            for each in others:
                await self._attendant.over(each)
        why = blocked(plan)
        plan = replace(
            plan,
            id=plan_id,
            state=PlanState.FAILED if why else PlanState.COMMITTED,
            why_ended=why or "",
            ended_at=plan.created_at if why else None,
            approved_by=by,
        )
        if not why:
            self._attendant.limits.begin(plan)  # its place is taken before anything is awaited: others wait for it
        await self._triage.save(Chapter(at=plan.created_at, plan=plan), must=True)
        return plan

    async def _bind(self, verb: str, name: str, params: Mapping[str, Json]) -> Plan:
        steps = _steps(verb, params)
        playbook = Playbook(
            name=f"operator-{verb}", title=f"{verb} {name}", heals=(), steps=steps, verify=Verification(times=1)
        )
        wanted = params.get("checks")
        checks = [str(each) for each in wanted] if isinstance(wanted, list) else self._proof(verb, name)
        proof = tuple(FailedCheck(component=name, check=each, code=verb) for each in checks)
        severity = Severity.P2 if verb == "act" else Severity.P0  # what a person asks for may take its time
        plan = await draw_up(
            self.bench, playbook, name, verb, proof, incident=None, attempt=1, baseline={}, severity=severity
        )
        if verb != "restore-backup":
            return plan
        policy = self.bench.service.components[name].backup or BackupPolicy()
        # what is restored is verified before and set aside as it is, each of which may take its time
        return replace(plan, step_limit_s=3 * policy.limit_s)

    def _proof(self, verb: str, name: str) -> list[str]:
        """The checks that look at it and must pass afterwards."""
        service, component = self.bench.service, self.bench.service.components[name]
        looks = [
            each
            for each in self.bench.registry.checks
            if each.target(component) is not None and why_not(service, component, each) is None
        ]
        alive = [] if verb in ("stop", "shut-down") else [each.id for each in looks if each.id in _ALIVE]
        is_one_of_several = verb == "restart" and component.group is not None
        if verb not in ("configure", "restore-backup", "act", "roll-back") and not is_one_of_several:
            return alive
        own = [each.id for each in looks if each.target(component) is component.target]
        return [*own, *alive] if is_one_of_several else own


def _steps(verb: str, params: Mapping[str, Json]) -> tuple[PlaybookStep, ...]:
    if verb == "act":
        given = params.get("with")
        return (PlaybookStep(action=str(params["action"]), params=given if isinstance(given, dict) else {}),)
    first, *rest = _STEPS[verb]
    return replace(first, params=params), *rest


def missing(bench: Bench, name: str) -> dict[str, str]:
    """What a component needs of what this node starts and what does not run, each with how that is called."""
    service = bench.service
    needed = {each: service.components[each] for each in service.needs(name) if each in service.components}
    found = {
        each.name: bench.processes.facts(each)
        for each in managed(needed, service.start_order(), service.settings.node)
        if each.owner is None
    }
    return {
        each: "is stopped" if facts.desired is Desired.STOPPED else "does not run"
        for each, facts in found.items()
        if facts.pid is None
    }


def running(bench: Bench, names: Collection[str]) -> dict[str, str]:
    """Which of these components this node starts and has started already, each with what runs."""
    mine = {name: bench.service.components[name] for name in names}
    ours = managed(mine, tuple(names), bench.service.settings.node)
    found = {each.name: bench.processes.facts(each) for each in ours if each.owner is None}
    return {name: f"pid {facts.pid}" for name, facts in found.items() if facts.pid is not None}


def managed(components: Mapping[str, Component], order: tuple[str, ...], node: str) -> tuple[Component, ...]:
    """Components whose process this node starts, each after what it needs."""
    found = (components[name] for name in order if name in components)
    return tuple(each for each in found if each.process and each.process.is_managed and each.node in (None, node))


def concerned(service: Service, names: Collection[str]) -> list[str]:
    """Components that an order means: those named, whoever starts them; without names those that this node starts."""
    order = service.start_order()
    ours = [each.name for each in managed(service.components, order, service.settings.node)]
    if not names:
        return ours
    owned = (
        name for name, each in service.components.items() if each.owner and each.node in (None, service.settings.node)
    )
    able = {*ours, *owned}
    return [name for name in order if name in names and name in able]
