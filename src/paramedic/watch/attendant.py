"""Sees every incident to its end: diagnose, choose, ask the gate, run, verify, try the next, or call people."""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

from paramedic.diagnosis import explained_by_a_stop
from paramedic.incident import Chapter, announce, call_first, levels
from paramedic.model.code import Ending
from paramedic.model.errors import ConfigurationError
from paramedic.model.ids import IncidentId, PlanId
from paramedic.model.incident import Incident, IncidentState
from paramedic.model.playbook import Plan, PlanState, Playbook
from paramedic.model.status import Severity, Status, worst
from paramedic.recovery.engine import Engine
from paramedic.recovery.executor import Ended
from paramedic.recovery.gate import WHILE_PAUSED, Answer, Traffic, rule
from paramedic.recovery.planning import Bench, blocked, blocked_for_s, draw_up, fingerprint, may_come_from_elsewhere
from paramedic.store import Store, insist
from paramedic.watch.jobs import said
from paramedic.watch.triage import EXHAUSTED, Triage

_log = logging.getLogger("paramedic.watch")
_SWEEP_S = 3.0
_SECOND_THOUGHT_S = 1.0
_PATIENCE = timedelta(minutes=2)
"""So long after the beginning of an incident may pass until something can be done; then people are called."""
_ASK_AGAIN_S, _LONGEST_PAUSE_S = 5.0, 60.0
"""How long after people were called it is asked whether something can be done by now, at first and later."""
_SETTLE_S = 5.0
"""How long dependants may take to notice that what they need is back."""


class Attendant:
    """One task per unresolved incident."""

    def __init__(
        self, bench: Bench, triage: Triage, store: Store, playbooks: Mapping[str, Playbook], paused: bool
    ) -> None:
        self.bench = bench
        self.playbooks = playbooks
        self.paused = paused
        self.is_idle = False
        """Incidents are kept, but nothing is done about them (a face only wants to see a plan)."""
        self.engine: Engine | None = None
        self.running: dict[PlanId, Plan] = {}
        self._triage = triage
        self._store = store
        self._events: dict[IncidentId, asyncio.Event] = {}
        self._tasks: dict[IncidentId, asyncio.Task[None]] = {}
        self._handed: set[PlanId] = set()
        """Running plans that the engine has by now."""
        self._given_up: dict[IncidentId, dict[tuple[str, str], tuple[Incident, Status]]] = {}
        """Causes with which people were called already, the incident as it was then, and how bad the cause was."""
        self._over: dict[PlanId, asyncio.Event] = {}
        self._cooling: dict[tuple[str, str], float] = {}
        self._released = asyncio.Event()

    async def load(self) -> None:
        """Take up running plans, cool-downs and unresolved incidents after a start."""
        committed, recent = await self._store.run(lambda tx: (tx.plans.committed(), tx.plans.recent(200)))
        self.running = {plan.id: plan for plan in committed}
        now, wall = self.bench.clock.monotonic(), self.bench.clock.now()
        cooldown = self.bench.service.settings.recovery_cooldown_s
        for plan in recent:
            if plan.state in (PlanState.ROLLED_BACK, PlanState.FAILED) and plan.ended_at:
                left = min(cooldown, cooldown - (wall - plan.ended_at).total_seconds())
                self._cooling[plan.playbook, plan.fingerprint] = now + left
        for incident in list(self._triage.incidents.values()):
            if incident.is_settled or incident.state is IncidentState.ESCALATED:
                self._remember(incident, (incident.component, incident.code))
            self.wake(incident.id)

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
        self.running[plan.id] = plan
        self._over.setdefault(plan.id, asyncio.Event())
        if plan.id not in self._handed:
            self._handed.add(plan.id)
            await self.engine.submit(plan.id, len(plan.steps))

    async def over(self, plan: PlanId) -> None:
        """Return when the plan has ended."""
        if plan in self.running:
            await self._over.setdefault(plan, asyncio.Event()).wait()

    async def plan_over(self, ended: Ended) -> None:
        """The engine brought a plan to its end. Told twice, it changes nothing."""
        plan = await insist(self._store, lambda tx: tx.plans.get(ended.plan), self.bench.clock.sleep)
        if plan is None or plan.state.is_over:
            self._release(ended.plan)
            return
        now = self.bench.clock.now()
        is_back = ended.undone and plan.incident is not None  # what an operator ordered stays
        state = PlanState.VERIFIED if ended.verified else PlanState.ROLLED_BACK if is_back else PlanState.FAILED
        plan = replace(plan, state=state, ended_at=now, why_ended=ended.why)
        incident = self._triage.incidents.get(plan.incident) if plan.incident else None
        chapter = Chapter(at=now, plan=plan)
        if incident:
            if ended.verified:
                self._triage.forgive(plan.blast_radius)
                await self._settle(incident)
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
        if not ended.verified:
            cooldown = self.bench.service.settings.recovery_cooldown_s
            self._cooling[plan.playbook, plan.fingerprint] = self.bench.clock.monotonic() + cooldown
        # Only when the end is recorded is the engine told so: before that a crash must find the plan running.
        await self._triage.save(chapter, must=True)
        self._release(plan.id)
        if incident:
            self.wake(incident.id)

    async def propose(self, incident: Incident) -> tuple[Plan | None, str]:
        """A plan for the incident that runs only if somebody asks for it; else why there is none."""
        incident = self._triage.diagnose(incident)
        choice = await self._choose(incident)
        plan, playbook = choice.plan, choice.playbook
        if plan is None or playbook is None:
            return None, "; ".join(choice.reasons) or f"nothing heals `{incident.code}` automatically"
        ruling = rule(plan, playbook, self.bench.service, Traffic(is_paused=self.paused, running=()))
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

    async def approve(self, plan: Plan, by: str) -> str | None:
        """Commit a proposed plan that somebody agreed to; returns why not, if so."""
        incident = self._triage.incidents.get(plan.incident) if plan.incident else None
        if incident is None or plan.state is not PlanState.PROPOSED:
            return f"plan `{plan.id}` is {plan.state} and cannot be approved"
        if self._triage.is_over(incident):
            await self._gone(incident)
            return f"plan `{plan.id}` is stale: the trouble went by itself"
        incident = self._triage.diagnose(incident)
        fresh = await self._draw(incident, self.playbooks[plan.playbook]) if plan.playbook in self.playbooks else None
        now = self._triage.incidents.get(incident.id)
        if now is None or now.state is IncidentState.RECOVERING:
            return f"plan `{plan.id}` cannot be approved: another one {'is running' if now else 'has healed it'}"
        if fresh is None or fresh.fingerprint != plan.fingerprint or fresh.steps != plan.steps:
            chapter = Chapter(at=self.bench.clock.now(), plan=replace(plan, state=PlanState.STALE))
            if now.plan == plan.id:
                chapter.incident = replace(now, state=IncidentState.OPEN, why=f"plan `{plan.id}` went stale")
            await self._triage.save(chapter)
            self.wake(incident.id)
            return f"plan `{plan.id}` is stale: what it assumed has changed"
        await self._commit(self._triage.diagnose(now), replace(plan, approved_by=by), f"approved by {by}")
        return None

    async def reject(self, plan: Plan, by: str, reason: str) -> str | None:
        """Drop a proposed plan; people take over. Returns why not, if so."""
        incident = self._triage.incidents.get(plan.incident) if plan.incident else None
        if incident is None or plan.state is not PlanState.PROPOSED:
            return f"plan `{plan.id}` is {plan.state} and cannot be rejected"
        now = self.bench.clock.now()
        chapter = Chapter(at=now, plan=replace(plan, state=PlanState.REJECTED, ended_at=now, why_ended=reason))
        if incident.state is not IncidentState.RECOVERING:
            chapter.incident = replace(incident, tried=(*incident.tried, plan.playbook))
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
        for each in [each for each in self._cooling if each[1].partition(":")[0] in _components(incident)]:
            del self._cooling[each]
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
        """A pause is over: what only it held back is taken up again."""
        waiting = [each.plan for each in self._triage.incidents.values() if each.plan]
        plans = await insist(
            self._store, lambda tx: [plan for each in waiting if (plan := tx.plans.get(each))], self.bench.clock.sleep
        )
        for plan in plans:
            incident = self._triage.incidents.get(plan.incident) if plan.incident else None
            if incident is None or incident.plan != plan.id or incident.state is not IncidentState.WAITING:
                continue
            if plan.needs_approval == WHILE_PAUSED:
                chapter = Chapter(at=self.bench.clock.now())
                chapter.plan = replace(plan, state=PlanState.STALE, why_ended="the pause is over")
                chapter.incident = replace(incident, state=IncidentState.OPEN, why="the pause is over")
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
                    await self._act(incident)
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
            if self._triage.is_over(incident):
                await self._gone(incident)
                continue
            try:
                await asyncio.wait_for(event.wait(), pause_s)
                await self._look_deeper(incident_id)
            except TimeoutError:
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
                await self._think_again(incident)

    async def _act(self, incident: Incident) -> None:
        # First the record, then the act: while the store takes nothing nothing can be proven, so nothing is done.
        await self._triage.recorded()
        if self._needs_a_look_around(incident):
            await self._sweep(incident)
        incident = self._triage.diagnose(self._triage.incidents.get(incident.id, incident))
        if self._triage.is_over(incident):
            await self._gone(incident)
            return
        if not self._triage.still_failing(incident):
            await self._released_or(_SETTLE_S)  # we are blind: nothing is certain enough to act upon
            return
        if other := self._triage.elsewhere(incident):
            await self._triage.move(incident, other)
            return
        if known := self._is_given_up(incident):
            await self._hand_back(incident, known)
            return
        choice = await self._choose(incident)
        plan, playbook = choice.plan, choice.playbook
        now = self._triage.incidents.get(incident.id)
        if now is None or now.state is not IncidentState.OPEN:
            return  # somebody else decided meanwhile
        cause = (incident.component, incident.code)
        incident = self._triage.diagnose(now)
        is_same = (incident.component, incident.code) == cause and self._triage.still_failing(incident)
        if not is_same or (plan and not plan.verify):
            return  # it looks different by now
        if incident.component in {*self._triage.stopped, *self._triage.quiet}:
            await self._released_or(_SECOND_THOUGHT_S)  # somebody's order came first
            return
        if choice.again_in_s is not None and self.bench.clock.now() - incident.opened_at < _PATIENCE:
            await self._released_or(min(choice.again_in_s + _SECOND_THOUGHT_S, _SETTLE_S))
            return
        chapter = Chapter(at=self.bench.clock.now(), incident=incident)
        chapter.tell("suspects", "; ".join(f"{s.component} {s.code} {s.score:.2f}" for s in incident.suspects[:3]))
        if plan is None or playbook is None:
            await self._give_up(chapter, incident, choice.reasons)
            return
        traffic = Traffic(is_paused=self.paused, running=tuple(self.running.values()))
        ruling = rule(plan, playbook, self.bench.service, traffic)
        match ruling.answer:
            case Answer.GO:
                await self._commit(incident, plan, ruling.reason)
            case Answer.LATER:
                await self._released_or(_SETTLE_S)
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

    async def _choose(self, incident: Incident) -> "_Choice":
        """The first playbook for the first suspect that may and can be carried out; else why there is none."""
        if incident.attempts >= self.bench.service.settings.max_recovery_attempts:
            return _Choice([f"{incident.attempts} attempts did not help"])
        reasons: list[str] = []
        choice = _Choice(reasons)
        tried = await self._tried(incident)
        code, is_cause_gone = incident.code, self._is_cause_gone(incident)
        fitting = [
            each
            for each in self.playbooks.values()
            if code in each.heals or (is_cause_gone and code in each.after_cause)
        ]
        for playbook in sorted(fitting, key=lambda each: (each.attended, each.name)):
            if playbook.name in tried:
                reasons.append(f"`{playbook.name}` was tried")
                continue
            until = self._cooling.get((playbook.name, fingerprint(incident.component, incident.code)), 0.0)
            if until > self.bench.clock.monotonic():
                left = until - self.bench.clock.monotonic()
                reasons.append(f"`{playbook.name}` did not help before and cools down for {left:.0f} s")
                continue
            plan = await self._draw(incident, playbook)
            if plan is None:
                reasons.append(f"`{playbook.name}` needs an action that is not installed")
            elif why := blocked(plan):
                reasons.append(f"`{playbook.name}`: {why}")
                choice.again_in_s = blocked_for_s(plan) if choice.again_in_s is None else choice.again_in_s
            else:
                return _Choice(reasons, plan, playbook)
        return choice

    async def _tried(self, incident: Incident) -> set[str]:
        """Playbooks that were run on this suspect since the incident began, or since a person asked to try again."""
        plans = await insist(self._store, lambda tx: tx.plans.of(incident.id), self.bench.clock.sleep)
        runs = [each for each in plans if each.state.is_over and each.state is not PlanState.STALE]
        return {each.playbook for each in runs[: len(incident.tried)] if each.suspect == incident.component}

    async def _draw(self, incident: Incident, playbook: Playbook) -> Plan | None:
        try:
            return await draw_up(
                self.bench,
                playbook,
                incident.component,
                incident.code,
                self._triage.failed_checks(incident),
                incident=incident.id,
                attempt=len(incident.tried) + 1,
                baseline=self._baseline(incident),
                severity=incident.severity,
            )
        except ConfigurationError:
            return None

    def _baseline(self, incident: Incident) -> dict[str, str]:
        found = {}
        for name in self.bench.service.needed_by(incident.component):
            statuses = [v.finding.status for (c, _), v in self._triage.verdicts.items() if c == name]
            is_excused = explained_by_a_stop(self.bench.service, name, self._triage.stopped)
            if statuses and name not in self._triage.stopped and not is_excused:
                found[name] = str(worst(statuses))
        return found

    async def _commit(self, incident: Incident, plan: Plan, why: str) -> None:
        plan = replace(plan, state=PlanState.COMMITTED)
        chapter = Chapter(at=self.bench.clock.now(), plan=plan)
        chapter.incident = replace(
            incident, state=IncidentState.RECOVERING, plan=plan.id, why=f"`{plan.playbook}` is running"
        )
        if plan.approved_by:
            chapter.tell("approved", why, {"plan": plan.id})
        chapter.tell("planned", f"{plan.playbook} on {plan.suspect}: {why}", {"plan": plan.id})
        self.running[plan.id] = plan
        await self._triage.save(chapter, must=True)
        await self.submit(plan)

    async def _give_up(self, chapter: Chapter, incident: Incident, reasons: list[str]) -> None:
        code = self._triage.code(incident.code)
        if not incident.tried and not self._is_cooling(incident) and code.ending is Ending.ADVISE:
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

    def _is_cooling(self, incident: Incident) -> bool:
        cause, now = fingerprint(incident.component, incident.code), self.bench.clock.monotonic()
        return any(each == cause and until > now for (_, each), until in self._cooling.items())

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
        await self._triage.resolve(incident, why, by_itself=not healed)

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
        choice = await self._choose(again)
        if choice.plan is None or choice.playbook is None:
            return
        traffic = Traffic(is_paused=self.paused, running=())
        may_run = rule(choice.plan, choice.playbook, self.bench.service, traffic).answer is Answer.GO
        if not may_run or self._triage.incidents.get(incident.id) is not incident:
            return
        self._given_up.pop(incident.id, None)
        chapter = Chapter(at=self.bench.clock.now())
        why = f"`{choice.playbook.name}` can be done now"
        chapter.incident = replace(again, state=IncidentState.OPEN, is_settled=False, why=why)
        chapter.tell("suspects", why)
        await self._triage.save(chapter)

    def _is_cause_gone(self, incident: Incident) -> bool:
        """Whether something that the suspect needs was a part of the incident and is well again."""
        needed = self.bench.service.needs(incident.component)
        causes = [each for each in incident.symptoms if each.component in needed]
        return bool(causes) and all(map(self._triage.is_well, causes))

    def _needs_a_look_around(self, incident: Incident) -> bool:
        """A symptom by nature may come from elsewhere; where an attempt was not the end, something was overlooked."""
        if not self.bench.service.settings.auto_diagnostic_on_error:
            return False
        code = self._triage.code(incident.code)
        return bool(incident.tried) or may_come_from_elsewhere(self.bench, incident.component, code)

    async def _sweep(self, incident: Incident) -> None:
        service = self.bench.service
        hosts = [each.name for each in service.components.values() if each.kind == "host"]
        names = dict.fromkeys((incident.component, *service.needs(incident.component), *hosts))
        await self._look_at(names, _SWEEP_S)

    async def _settle(self, incident: Incident) -> None:
        clock = self.bench.clock
        deadline = clock.monotonic() + _SETTLE_S
        while True:
            incident = self._triage.incidents.get(incident.id, incident)
            if self._triage.is_over(incident):
                return
            await self._look_at({each.component: None for each in incident.symptoms}, _SETTLE_S)
            if clock.monotonic() >= deadline or self._triage.is_over(incident):
                return
            await clock.sleep(0.1)

    async def _look_at(self, names: Mapping[str, None], within_s: float) -> None:
        """Look at components now; what does not answer in time is looked at later by its timer."""
        looks = [
            asyncio.ensure_future(self.bench.look(name)) for name in names if name in self.bench.service.components
        ]
        if looks:
            _, late = await asyncio.wait(looks, timeout=within_s)
            for each in late:
                each.cancel()

    async def _released_or(self, within_s: float) -> None:
        """Wait until some plan ends, at most so long."""
        self._released.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._released.wait(), within_s)

    def _release(self, plan: PlanId) -> None:
        self.running.pop(plan, None)
        self._handed.discard(plan)
        self._released.set()
        self._over.setdefault(plan, asyncio.Event()).set()
        self._over.pop(plan)

    def _left(self, incident: IncidentId, task: asyncio.Task[None]) -> None:
        self._tasks.pop(incident, None)
        self._events.pop(incident, None)
        if not task.cancelled() and (error := task.exception()):
            # Our own fault must not lose an incident: say so and attend to it again.
            _log.error("attending to %s failed and is tried again: %s", incident, said(error), exc_info=error)
            asyncio.get_running_loop().call_later(1.0, self.wake, incident)
        elif incident in self._triage.incidents:
            self.wake(incident)  # it was opened again at the very moment when it had ended
        else:
            self._given_up.pop(incident, None)


@dataclass(slots=True)
class _Choice:
    """What may be done about an incident."""

    reasons: list[str]
    """Why there is no plan, or none with a better playbook."""
    plan: Plan | None = None
    playbook: Playbook | None = None
    again_in_s: float | None = None
    """Where there is none: when there may be one."""


def _is_busy(incident: Incident | None) -> bool:
    busy = (IncidentState.OPEN, IncidentState.RECOVERING)
    return incident is not None and incident.state in busy and not incident.is_settled


def _components(incident: Incident) -> set[str]:
    return {incident.component, *(each.component for each in incident.symptoms)}
