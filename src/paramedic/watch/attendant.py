"""Sees every incident to its end: diagnose, choose, ask the gate, run, verify, try the next, or call people."""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from paramedic.incident import Chapter, announce, call_first, levels
from paramedic.model.code import Ending
from paramedic.model.ids import IncidentId, PlanId
from paramedic.model.incident import Incident, IncidentState
from paramedic.model.playbook import Plan, PlanState, Playbook
from paramedic.model.status import Severity, Status
from paramedic.recovery.engine import Engine
from paramedic.recovery.executor import Ended
from paramedic.recovery.gate import Answer, Approval, rule
from paramedic.recovery.limits import why_later
from paramedic.recovery.planning import Bench, what_changed
from paramedic.store import Store, insist
from paramedic.watch.choosing import Choosing
from paramedic.watch.jobs import said
from paramedic.watch.limits import HALT_CHECK, Limits, halt
from paramedic.watch.looking import look_around, settle
from paramedic.watch.triage import EXHAUSTED, OURSELVES, Triage

_log = logging.getLogger("paramedic.watch")
_SECOND_THOUGHT_S = 1.0
_PATIENCE = timedelta(minutes=2)
"""So long after the beginning of an incident may pass until something can be done; then people are called."""
_ASK_AGAIN_S, _LONGEST_PAUSE_S = 5.0, 60.0
"""How soon it is asked again whether something can be done by now; the latter once people were called."""


class Attendant:
    """One task per unresolved incident."""

    def __init__(
        self, bench: Bench, triage: Triage, store: Store, playbooks: Mapping[str, Playbook], paused: bool
    ) -> None:
        self.choosing = Choosing(bench, triage, store, playbooks)
        self.limits = Limits(store, bench.clock, paused)
        self.is_idle = False
        """Incidents are kept, but nothing is done about them (a face only wants to see a plan)."""
        self.engine: Engine | None = None
        self._triage = triage
        self._store = store
        self._events: dict[IncidentId, asyncio.Event] = {}
        self._tasks: dict[IncidentId, asyncio.Task[None]] = {}
        self._handed: set[PlanId] = set()
        """Running plans that the engine has by now."""
        self._rejected: set[PlanId] = set()
        self._given_up: dict[IncidentId, dict[tuple[str, str], tuple[Incident, Status]]] = {}
        """Causes with which people were called already, the incident as it was then, and how bad the cause was."""

    @property
    def bench(self) -> Bench:
        """What acts work with."""
        return self.choosing.bench

    @property
    def running(self) -> Mapping[PlanId, Plan]:
        """Plans that are not over."""
        return self.limits.running

    def adopt(self, bench: Bench, playbooks: Mapping[str, Playbook]) -> None:
        """Go on with a changed service file."""
        self.choosing.bench, self.choosing.playbooks = bench, playbooks

    async def load(self) -> None:
        """Take up running plans, cool-downs and unresolved incidents after a start."""
        committed, recent = await self._store.run(lambda tx: (tx.plans.committed(), tx.plans.recent(200)))
        await self.limits.load(committed, recent)
        self.choosing.load(recent)
        for incident in list(self._triage.incidents.values()):
            if incident.is_settled or incident.state is IncidentState.ESCALATED:
                self._remember(incident, (incident.component, incident.code))
            self.wake(incident.id)
        if self.limits.halted and not self._triage.told_in(OURSELVES, HALT_CHECK):
            await self.tell_halt(is_over=False)  # we died before we could say so

    async def resume(self) -> None:
        """Hand every committed plan to the engine: what a crash interrupted goes on first."""
        for plan in list(self.running.values()):
            await self.submit(plan)

    def wake(self, incident: IncidentId) -> None:
        """Something about the incident changed."""
        if not self.is_idle or incident in self._tasks:
            self.take_up(incident)

    def take_up(self, incident: IncidentId) -> None:
        """See to this incident, also where nothing is begun by itself."""
        self._events.setdefault(incident, asyncio.Event()).set()
        if incident not in self._tasks:
            task = asyncio.create_task(self._attend(incident), name=f"attend {incident}")
            self._tasks[incident] = task
            task.add_done_callback(lambda done: self._left(incident, done))

    async def submit(self, plan: Plan) -> None:
        """Run a committed plan to its end, in the background."""
        assert self.engine is not None, "the engine is launched first"
        self.limits.begin(plan)
        if plan.id not in self._handed:
            self._handed.add(plan.id)
            await self.engine.submit(plan.id, len(plan.steps))

    async def over(self, plan: PlanId) -> None:
        """Return when the plan has ended."""
        await self.limits.over(plan)

    async def plan_over(self, ended: Ended) -> None:
        """The engine brought a plan to its end. Told twice, it changes nothing."""
        plan = await insist(self._store, lambda tx: tx.plans.get(ended.plan), self.bench.clock.sleep)
        incident = self._triage.incidents.get(plan.incident) if plan and plan.incident else None
        if plan and ended.too_late and not plan.state.is_over:  # nothing was tried, so nothing counts
            await self._stale(plan, incident, ended.why)
        if plan is None or plan.state.is_over or ended.too_late:
            self._release(ended.plan)
            return
        now = self.bench.clock.now()
        is_back = ended.undone and plan.incident is not None  # what an operator ordered stays
        state = PlanState.VERIFIED if ended.verified else PlanState.ROLLED_BACK if is_back else PlanState.FAILED
        plan = replace(plan, state=state, ended_at=now, why_ended=ended.why)
        chapter = Chapter(at=now, plan=plan)
        if incident:
            if ended.verified:
                self._triage.forgive(plan.blast_radius)
                await settle(self.bench, self._triage, incident)
                incident = self._triage.incidents.get(incident.id, incident)
            chapter.at = self.bench.clock.now()
            chapter.incident = replace(
                incident,
                state=IncidentState.OPEN,
                attempts=incident.attempts + (not ended.verified),
                tried=(*incident.tried, plan.playbook),
                why=f"`{plan.playbook}` {state}: {ended.why}",
            )
            chapter.tell("verified" if ended.verified else "undone", f"{plan.playbook}: {state}: {ended.why}")
            if ended.untold:
                chapter.incident = replace(chapter.incident, hands_off=True)
                self._escalate(chapter, f"nobody can tell whether a step of `{plan.playbook}` happened: look, then act")
            elif ended.verified and self._triage.is_over(chapter.incident):
                chapter.incident = replace(
                    chapter.incident,
                    state=IncidentState.RESOLVED,
                    resolved_at=chapter.at,
                    why=f"healed by `{plan.playbook}`",
                )
                chapter.tell("resolved", f"healed by `{plan.playbook}`: {ended.why}")
                announce(chapter, self.bench.service, "resolved")
        halted = None
        if not ended.verified:
            self.choosing.cool(plan)
            # before the end is recorded: a crash in between must not lose the count
            halted = await self.limits.note_failure(plan, self.bench.service) if plan.incident else None
        # Only when the end is recorded is the engine told so: before that a crash must find the plan running.
        await self._triage.save(chapter, must=True)
        self._release(plan.id)
        if halted:
            await self.tell_halt(is_over=False)
        if incident:
            self.wake(incident.id)

    async def tell_halt(self, *, is_over: bool) -> None:
        """People hear that automation has stopped itself, and that it goes on."""
        why, clock = self.limits.halted or "", self.bench.clock
        found = halt(why, clock.now(), is_over=is_over)
        told = self._triage.told_in(OURSELVES, found.check)
        await self._triage.judge((found,), "recovery")
        if is_over and told and self._triage.is_over(told):
            await self._triage.resolve(told, "a person says that automation may go on", by_itself=False)
        elif not is_over and (now := self._triage.told_in(OURSELVES, found.check)) and now != told:
            await self.call_people(now, Severity.P0, found.observed)

    async def propose(self, incident: Incident) -> tuple[Plan | None, str]:
        """A plan for the incident that runs only if somebody asks for it; else why there is none."""
        incident = self._triage.diagnose(incident)
        choice = await self.choosing.choose(incident)
        plan, playbook = choice.plan, choice.playbook
        if plan is None or playbook is None:
            return None, "; ".join(choice.reasons) or f"nothing heals `{incident.code}` automatically"
        ruling = rule(plan, playbook, self.bench.service, self.limits.alone())
        plan = replace(plan, needs_approval=None if ruling.answer is Answer.GO else ruling.reason)
        await self._triage.save(Chapter(at=self.bench.clock.now(), plan=plan))
        return plan, ""

    async def settled(self, incident_id: IncidentId) -> Incident | None:
        """The incident as it is recorded, once nothing more happens to it by itself."""
        while True:
            # Memory is ahead of the store, and what is told to somebody must be recorded.
            if not _is_busy(self._triage.incidents.get(incident_id)):
                incident = await insist(self._store, lambda tx: tx.incidents.get(incident_id), self.bench.clock.sleep)
                if not _is_busy(incident):
                    return incident
            await self.bench.clock.sleep(0.05)

    async def approve(self, plan: Plan, approval: Approval) -> str | None:
        """Commit a proposed plan that somebody agreed to, as soon as there is room; returns why not, if so."""
        while True:
            incident = self._triage.incidents.get(plan.incident) if plan.incident else None
            if incident is None or plan.state is not PlanState.PROPOSED:
                return f"plan `{plan.id}` is {plan.state} and cannot be approved"
            if self._triage.is_over(incident):
                await self._gone(incident)
                return f"plan `{plan.id}` is stale: the trouble went by itself"
            incident = self._triage.diagnose(incident)
            playbook = self.choosing.playbooks.get(plan.playbook)
            fresh = await self.choosing.draw(incident, playbook) if playbook else None
            if plan.id in self._rejected:  # nothing is awaited between this look and the commitment
                return f"plan `{plan.id}` was rejected meanwhile and cannot be approved"
            now = self._triage.incidents.get(incident.id)
            if now is None or now.state is IncidentState.RECOVERING:
                return f"plan `{plan.id}` cannot be approved: another one {'is running' if now else 'has healed it'}"
            if why := what_changed(plan, fresh):
                return await self._stale(plan, now, why)
            if self.bench.clock.now() > approval.until:
                return await self._expired(plan, now, approval)
            if why_later(plan, self.bench.service, self.running.values()) is None:
                break
            left_s = (approval.until - self.bench.clock.now()).total_seconds()
            await self.limits.released_or(max(0.0, min(_ASK_AGAIN_S, left_s)))
        approved = replace(
            plan, approved_by=approval.by, approved_until=approval.until, approved_because=approval.reason
        )
        await self._commit(self._triage.diagnose(now), approved, approval.said)
        return None

    async def _stale(self, plan: Plan, incident: Incident | None, why: str) -> str:
        chapter = Chapter(at=self.bench.clock.now())
        chapter.plan = replace(plan, state=PlanState.STALE, ended_at=chapter.at, why_ended=why)
        if incident and incident.plan == plan.id:
            chapter.incident = replace(incident, state=IncidentState.OPEN, why=f"plan `{plan.id}` went stale: {why}")
            chapter.tell("stale", f"{plan.playbook}: {why}", {"plan": plan.id})
        await self._triage.save(chapter, must=True)
        if incident:
            self.wake(incident.id)
        return f"plan `{plan.id}` is stale: {why}"

    async def _expired(self, plan: Plan, incident: Incident, approval: Approval) -> str:
        why = f"the approval of {approval.by} ended at {approval.until:%Y-%m-%d %H:%M:%S} UTC, before it could begin"
        chapter = Chapter(at=self.bench.clock.now(), incident=incident)
        chapter.tell("expired", f"{plan.playbook}: {why}", {"plan": plan.id, "by": approval.by})
        await self._triage.save(chapter)
        return f"plan `{plan.id}` was not run: {why}"

    async def reject(self, plan: Plan, by: str, reason: str) -> str | None:
        """Drop a proposed plan; people take over. Returns why not, if so."""
        plan = self.running.get(plan.id, plan)
        incident = self._triage.incidents.get(plan.incident) if plan.incident else None
        if incident is None or plan.state is not PlanState.PROPOSED:
            return f"plan `{plan.id}` is {plan.state} and cannot be rejected"
        self._rejected.add(plan.id)
        now = self.bench.clock.now()
        chapter = Chapter(at=now, plan=replace(plan, state=PlanState.REJECTED, ended_at=now, why_ended=reason))
        if incident.state is not IncidentState.RECOVERING:
            chapter.incident = replace(incident, tried=(*incident.tried, plan.playbook))
            chapter.tell("rejected", f"{plan.playbook} by {by}: {reason}", {"plan": plan.id, "by": by})
            self._escalate(chapter, f"`{plan.playbook}` was rejected by {by}: {reason}")
        await self._triage.save(chapter)
        return None

    async def reopen(self, incident: Incident) -> None:
        """A person asks to try again: earlier attempts no longer count."""
        fresh = replace(
            incident,
            state=IncidentState.OPEN,
            is_settled=False,
            hands_off=False,
            attempts=0,
            tried=(),
            why="tried again on request",
        )
        self.choosing.warm({incident.component, *(each.component for each in incident.symptoms)})
        self._given_up.pop(incident.id, None)
        await self._triage.save(Chapter(at=self.bench.clock.now(), incident=fresh))
        self.wake(incident.id)

    async def acknowledge(self, incident: Incident, by: str, note: str) -> None:
        """Somebody has it in hand: nobody else is called, and nobody is reminded."""
        chapter = Chapter(at=self.bench.clock.now())
        chapter.incident = replace(incident, acknowledged_by=by, acknowledged_at=chapter.at)
        chapter.tell("acknowledged", f"by {by}: {note}" if note else f"by {by}")
        await self._triage.save(chapter)

    async def call_people(self, incident: Incident, severity: Severity | None, why: str) -> None:
        """A person wants people called about an incident, at this severity at least."""
        severity = min(incident.severity, severity or Severity.P3)
        chapter = Chapter(at=self.bench.clock.now())
        chapter.incident = replace(incident, severity=severity, raised_to=severity, acknowledged_at=None)
        self._escalate(chapter, why)
        if incident.state is IncidentState.RECOVERING:  # what runs goes on and has its end
            chapter.incident = replace(chapter.incident, state=incident.state)
        await self._triage.save(chapter)

    async def go_on(self) -> None:
        """Automation may go on: what only its stop held back is taken up again."""
        await self.tell_halt(is_over=True)
        waiting = [each.plan for each in self._triage.incidents.values() if each.plan]
        plans = await insist(
            self._store, lambda tx: [plan for each in waiting if (plan := tx.plans.get(each))], self.bench.clock.sleep
        )
        for plan in plans:
            incident = self._triage.incidents.get(plan.incident) if plan.incident else None
            if incident is None or incident.plan != plan.id or incident.state is not IncidentState.WAITING:
                continue
            if self.limits.is_of_a_switch(plan.needs_approval):
                chapter = Chapter(at=self.bench.clock.now())
                chapter.plan = replace(plan, state=PlanState.STALE, why_ended="automation goes on")
                chapter.incident = replace(incident, state=IncidentState.OPEN, why="automation goes on")
                await self._triage.save(chapter)
                self.wake(incident.id)

    async def retire(self, within_s: float) -> None:
        """Begin nothing new, and give running plans time to end."""
        await self.close()
        handed = [plan for plan in self.running if plan in self._handed]
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*(self.over(plan) for plan in handed)), within_s)

    async def close(self) -> None:
        """Stop attending; the store knows where to go on."""
        self.is_idle = True
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _attend(self, incident_id: IncidentId) -> None:
        event, pause_s = self._events[incident_id], _ASK_AGAIN_S
        while incident := self._triage.incidents.get(incident_id):
            event.clear()
            match incident.state:
                case IncidentState.OPEN if not incident.is_settled:
                    if not await self._act(incident):
                        self.limits.call_next(incident_id)
                    continue
                case IncidentState.RECOVERING if incident.plan and incident.plan in self.running:
                    await self.over(incident.plan)
                    continue
                case IncidentState.RECOVERING:
                    # The plan's end was recorded by a process that died before it could go on.
                    await self._triage.save(
                        Chapter(at=self.bench.clock.now(), incident=replace(incident, state=IncidentState.OPEN))
                    )
                    continue
            self.limits.leave(incident_id)
            if self._triage.is_over(incident):
                await self._gone(incident)
                continue
            try:
                await asyncio.wait_for(event.wait(), pause_s)
                await self._look_deeper(incident_id)
            except TimeoutError:
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
                await self._think_again(incident)

    async def _act(self, incident: Incident) -> bool:
        """The next thing to be done about an incident; whether it stays in line for its turn."""
        # First the record, then the act: while the store takes nothing nothing can be proven, so nothing is done.
        await self._triage.recorded()
        await look_around(self.bench, self._triage, incident)
        incident = self._triage.diagnose(self._triage.incidents.get(incident.id, incident))
        if self._triage.is_over(incident):
            await self._gone(incident)
            return False
        if not self._triage.still_failing(incident):
            await self.limits.released_or(_ASK_AGAIN_S)  # we are blind: nothing is certain enough to act upon
            return False
        if other := self._triage.elsewhere(incident):
            await self._triage.move(incident, other)
            return False
        if known := self._is_given_up(incident):
            await self._hand_back(incident, known)
            return False
        choice = await self.choosing.choose(incident)
        plan, playbook = choice.plan, choice.playbook
        now = self._triage.incidents.get(incident.id)
        if now is None or now.state is not IncidentState.OPEN:
            return False  # somebody else decided meanwhile
        cause = (incident.component, incident.code)
        incident = self._triage.diagnose(now)
        is_same = (incident.component, incident.code) == cause and self._triage.still_failing(incident)
        if not is_same:
            return False  # it looks different by now
        if plan and not plan.verify:
            await self.limits.released_or(_SECOND_THOUGHT_S)  # what it was drawn up for went meanwhile
            return False
        if incident.component in {*self._triage.stopped, *self._triage.quiet}:
            await self.limits.released_or(_SECOND_THOUGHT_S)  # somebody's order came first
            return False
        if choice.again_in_s is not None and abs(self.bench.clock.now() - incident.opened_at) < _PATIENCE:
            await self.limits.released_or(min(choice.again_in_s + _SECOND_THOUGHT_S, _ASK_AGAIN_S))
            return False
        chapter = Chapter(at=self.bench.clock.now(), incident=incident)
        chapter.tell("suspects", "; ".join(f"{s.component} {s.code} {s.score:.2f}" for s in incident.suspects[:3]))
        if plan is None or playbook is None:
            if not await self._triage.excuse(incident, "; ".join(choice.reasons)):
                await self._give_up(chapter, incident, choice.reasons)
            return False
        service = self.bench.service
        traffic = self.limits.traffic(service, incident, self._needed(incident))
        ruling = rule(plan, playbook, service, traffic)
        match ruling.answer:
            case Answer.GO:
                await self._commit(incident, plan, ruling.reason)
            case Answer.LATER:
                await self.limits.turn_or(service, incident, _ASK_AGAIN_S)
                return True
            case Answer.APPROVAL:
                chapter.plan = replace(plan, needs_approval=ruling.reason)
                chapter.incident = replace(
                    incident, state=IncidentState.WAITING, plan=plan.id, why=f"`{playbook.name}` waits: {ruling.reason}"
                )
                chapter.tell(
                    "planned",
                    f"{playbook.name} waits for approval (`paramedic approve {plan.id}`): {ruling.reason}",
                    {"plan": plan.id},
                )
                call_first(chapter, self.bench.service, "waiting")
                await self._triage.save(chapter)
                await self._triage.set_free(incident)
            case Answer.NEVER:
                self._escalate(chapter, ruling.reason)
                await self._triage.save(chapter)
                await self._triage.set_free(incident)
        return False

    def _needed(self, incident: Incident) -> list[Incident]:
        """Other incidents of what this one's suspect needs, as far as they still fail and are seen to."""
        needed = set(self.bench.service.needs(incident.component))
        found = [
            each for each in self._triage.incidents.values() if each.component in needed and each.id in self._tasks
        ]
        return [each for each in found if self._triage.still_failing(each)]

    async def _commit(self, incident: Incident, plan: Plan, why: str) -> None:
        plan = replace(plan, state=PlanState.COMMITTED)
        chapter = Chapter(at=self.bench.clock.now(), plan=plan)
        chapter.incident = replace(
            incident, state=IncidentState.RECOVERING, plan=plan.id, why=f"`{plan.playbook}` is running"
        )
        if plan.approved_by and plan.approved_until:
            details = {"by": plan.approved_by, "until": plan.approved_until.isoformat()}
            chapter.tell("approved", why, {"plan": plan.id, "reason": plan.approved_because, **details})
        chapter.tell("planned", f"{plan.playbook} on {plan.suspect}: {why}", {"plan": plan.id})
        self.limits.begin(plan)
        await self._triage.save(chapter, must=True)
        await self.submit(plan)

    async def _give_up(self, chapter: Chapter, incident: Incident, reasons: list[str]) -> None:
        code = self._triage.code(incident.code)
        if not incident.tried and not self.choosing.is_cooling(incident) and code.ending is Ending.ADVISE:
            chapter.incident = replace(incident, is_settled=True, why="told; the remedy is in the hint")
            chapter.tell("advised", f"{incident.component}: {incident.code}")
            announce(chapter, self.bench.service, "advised", levels(self.bench.service)[:1])
            self._remember(chapter.incident, (incident.component, incident.code))
        else:
            why = "; ".join(reasons) or f"nothing heals `{incident.code}` automatically"
            self._escalate(chapter, why)
        await self._triage.save(chapter)
        await self._triage.set_free(incident)

    async def _hand_back(self, incident: Incident, known: Incident) -> None:
        """What else failed is healed; what is left is what people were called with, and they need no second call."""
        chapter = Chapter(at=self.bench.clock.now())
        chapter.incident = replace(
            incident, state=known.state, is_settled=known.is_settled, escalated_at=known.escalated_at, why=known.why
        )
        chapter.tell("suspects", f"what is left is {incident.code} on {incident.component}, which people know of")
        await self._triage.save(chapter)

    def _remember(self, incident: Incident, cause: tuple[str, str]) -> None:
        self._given_up.setdefault(incident.id, {})[cause] = (incident, self._triage.gravity(incident, cause[0]))

    def _is_given_up(self, incident: Incident) -> Incident | None:
        """The incident as it was when people were called with what is its cause now, unless that has become worse."""
        known = self._given_up.get(incident.id, {}).get((incident.component, incident.code))
        if known and self._triage.gravity(incident, incident.component).rank <= known[1].rank:
            return known[0]
        return None

    def _escalate(self, chapter: Chapter, why: str) -> None:
        incident = chapter.incident
        assert incident is not None, "only incidents are escalated"
        cause = (incident.component, incident.code)
        if incident.attempts >= self.bench.service.settings.max_recovery_attempts:
            # What somebody took in hand is not what it has become.
            incident = replace(incident, code=EXHAUSTED, severity=Severity.P0, acknowledged_at=None)
        chapter.incident = replace(incident, state=IncidentState.ESCALATED, escalated_at=chapter.at, why=why)
        chapter.tell("escalated", why)
        call_first(chapter, self.bench.service, "escalated")
        self._remember(chapter.incident, cause)

    async def _gone(self, incident: Incident) -> None:
        healed = bool(incident.tried) and incident.state is IncidentState.OPEN
        why = f"healed by `{incident.tried[-1]}`" if healed else "the trouble went by itself"
        if is_unseen := not any(map(self._triage.is_seen, incident.symptoms)):
            why = "nothing looks at it any more: the service file or the installed packs have changed"
        await self._triage.resolve(incident, why, by_itself=not (healed or is_unseen))

    async def _look_deeper(self, incident_id: IncidentId) -> None:
        """A new symptom may show another cause than the one that was given up on; what went may make it less urgent."""
        incident = self._triage.incidents.get(incident_id)
        if incident is None or incident.state is IncidentState.RECOVERING or not self._triage.still_failing(incident):
            return
        again = self._triage.diagnose(incident)
        is_exhausted = incident.code == EXHAUSTED
        if is_exhausted and again.component == incident.component:
            return
        is_same = (again.component, again.code) == (incident.component, incident.code)
        known = self._given_up.get(incident_id, {})
        is_new = not is_same and (again.component, again.code) not in known
        is_other = is_new or (self._is_given_up(again) is None and (again.component, again.code) in known)
        if self._triage.elsewhere(again):
            again = replace(again, component=incident.component, code=incident.code, type=incident.type)
        elif is_other:
            again = replace(
                again,
                state=IncidentState.OPEN,
                is_settled=False,
                attempts=0 if is_exhausted else incident.attempts,
                why=f"looks like {again.code} on {again.component} now",
            )
        if replace(again, suspects=incident.suspects) != incident:
            await self._triage.save(Chapter(at=self.bench.clock.now(), incident=again))

    async def _think_again(self, incident: Incident) -> None:
        """What could not be done when people were called may be possible by now: the port is free, say."""
        is_ours = incident.acknowledged_at is None and not incident.hands_off and not self.is_idle
        if not is_ours or incident.state not in (IncidentState.ESCALATED, IncidentState.OPEN):
            return
        again = self._triage.diagnose(incident)
        if not self._triage.still_failing(incident) or self._triage.elsewhere(again):
            return
        choice = await self.choosing.choose(again)
        if choice.plan is None or choice.playbook is None:
            return
        ruling = rule(choice.plan, choice.playbook, self.bench.service, self.limits.alone())
        if ruling.answer is not Answer.GO or self._triage.incidents.get(incident.id) is not incident:
            return
        self._given_up.pop(incident.id, None)
        chapter = Chapter(at=self.bench.clock.now())
        why = f"`{choice.playbook.name}` can be done now"
        chapter.incident = replace(again, state=IncidentState.OPEN, is_settled=False, why=why)
        chapter.tell("suspects", why)
        await self._triage.save(chapter)

    def _release(self, plan: PlanId) -> None:
        self._handed.discard(plan)
        self.limits.end(plan)

    def _left(self, incident: IncidentId, task: asyncio.Task[None]) -> None:
        self._tasks.pop(incident, None)
        self._events.pop(incident, None)
        self.limits.call_next(incident)
        if not task.cancelled() and (error := task.exception()):
            # Our own fault must not lose an incident: say so and attend to it again.
            _log.error("attending to %s failed and is tried again: %s", incident, said(error), exc_info=error)
            asyncio.get_running_loop().call_later(1.0, self.wake, incident)
        elif incident in self._triage.incidents:
            self.wake(incident)  # it was opened again at the very moment when it had ended
        else:
            self._given_up.pop(incident, None)
            self.choosing.urgency.pop(incident, None)


def _is_busy(incident: Incident | None) -> bool:
    busy = (IncidentState.OPEN, IncidentState.RECOVERING)
    return incident is not None and incident.state in busy and not incident.is_settled
