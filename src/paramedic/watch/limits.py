"""What runs on this node, whose turn is next, and whether automation has stopped itself."""

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta

from paramedic.model.clock import Clock
from paramedic.model.code import IssueType
from paramedic.model.finding import Finding
from paramedic.model.ids import IncidentId, PlanId
from paramedic.model.incident import Incident, IncidentState
from paramedic.model.playbook import Plan
from paramedic.model.service import Service
from paramedic.model.status import Severity, Status
from paramedic.model.wire import Json
from paramedic.recovery.gate import WHILE_HALTED, WHILE_PAUSED, Traffic
from paramedic.recovery.limits import is_failure, why_halt
from paramedic.store import Store, Transaction, insist
from paramedic.store.notes import HALTED, PAUSED
from paramedic.watch.triage import OURSELVES

_log = logging.getLogger("paramedic.watch")
HALT, HALT_CHECK = "recovery.halted", "paramedic.recovery"
_ORDER_HOLDS = timedelta(minutes=2)
"""So long after its beginning an incident lets those go first that it needs; they may never be healed."""
_PLACES_ASIDE = 10
"""Of those that wait for a place, so many ask as often as anybody who waits; the others more rarely."""


class Limits:
    """The traffic of one node. All of it is memory but the two switches that people turn: paused and halted."""

    def __init__(self, store: Store, clock: Clock, paused: bool) -> None:
        self.paused = paused
        self.halted: str | None = None
        self.running: dict[PlanId, Plan] = {}
        self._store = store
        self._clock = clock
        self._since: datetime | None = None
        self._failed: list[Plan] = []
        self._over: dict[PlanId, asyncio.Event] = {}
        self._released = asyncio.Event()
        self._queue: dict[IncidentId, tuple[tuple[Severity, int, datetime], asyncio.Event]] = {}
        """Who waits for a place, by who is next."""

    async def load(self, committed: Iterable[Plan], recent: Iterable[Plan]) -> None:
        """Go on where the last life of the watch ended."""
        self.running = {plan.id: plan for plan in committed}
        self._failed = [each for each in recent if is_failure(each)]
        note = await self._store.run(lambda tx: tx.notes.get(HALTED))
        if isinstance(note, dict):
            self.halted = str(note["why"]) if note["why"] else None
            self._since = datetime.fromisoformat(str(note["since"]))

    def traffic(self, service: Service, incident: Incident, others: Iterable[Incident]) -> Traffic:
        """What the gate has to know beside a plan for this incident; ``others`` are unresolved and still fail."""
        first = self._needed_first(service, incident, others) or self._more_urgent(service, incident)
        return Traffic(is_paused=self.paused, running=tuple(self.running.values()), halted=self.halted, first=first)

    def alone(self) -> Traffic:
        """The same for whoever only asks what the gate would say if nothing else ran."""
        return Traffic(is_paused=self.paused, running=(), halted=self.halted)

    def begin(self, plan: Plan) -> None:
        """The plan takes its place."""
        self.running[plan.id] = plan
        self._over.setdefault(plan.id, asyncio.Event())
        if plan.incident:
            self.call_next(plan.incident)  # there may be room for one more

    def end(self, plan: PlanId) -> None:
        """The plan gives its place to the next."""
        self.running.pop(plan, None)
        self._released.set()
        self._over.setdefault(plan, asyncio.Event()).set()
        self._over.pop(plan)
        self.call_next(None)

    async def over(self, plan: PlanId) -> None:
        """Return when the plan has ended."""
        if plan in self.running:
            await self._over.setdefault(plan, asyncio.Event()).wait()

    async def released_or(self, within_s: float) -> None:
        """Wait until some plan ends, at most so long."""
        self._released.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._released.wait(), within_s)

    async def turn_or(self, service: Service, incident: Incident, within_s: float) -> None:
        """Wait until it may be this incident's turn: in line where all places are taken, else till a plan ends."""
        if self._places(service) <= 0 or self._more_urgent(service, incident):
            event = asyncio.Event()
            self._queue[incident.id] = (self._rank(service, incident), event)
            within_s *= max(1.0, len(self._queue) / _PLACES_ASIDE)
            with suppress(TimeoutError):
                await asyncio.wait_for(event.wait(), within_s)
        else:
            self._queue.pop(incident.id, None)
            await self.released_or(within_s)

    def leave(self, incident: IncidentId) -> None:
        """It waits for no place any more: people were called, say."""
        if self._queue.pop(incident, None):
            self.call_next(None)

    def call_next(self, leaving: IncidentId | None) -> None:
        """Whoever is next in line may look whether there is a place; ``leaving`` waits no longer."""
        if leaving is not None:
            self._queue.pop(leaving, None)
        line = sorted(self._queue.values(), key=lambda each: each[0])
        for _, event in line[:2]:
            event.set()

    async def note_failure(self, plan: Plan, service: Service) -> str | None:
        """A recovery did not help: why automation stops itself because of that, if so. It is stopped then."""
        self._failed = [*self._failed[-2 * service.settings.recovery_breaker_failures :], plan]
        why = why_halt(service.settings, self._failed, self._clock.now(), self._since)
        if self.halted or not why:
            return None
        _log.error("automation has stopped itself: %s; `paramedic resume` goes on", why)
        self.halted = why
        note: dict[str, Json] = {"why": why, "since": self._clock.now().isoformat()}
        await insist(self._store, lambda tx: tx.notes.set(HALTED, note), self._clock.sleep)
        return why

    async def switch(self, *, paused: bool) -> None:
        """A person stops everything, or says that it may go on; the latter ends a halt, too."""
        since = self._clock.now()
        halted = self.halted if paused else None
        note: dict[str, Json] = {"why": halted, "since": (self._since or since if paused else since).isoformat()}

        if not paused:
            self._failed = []  # forgotten, not only older: the clock may be set back

        def write(tx: Transaction) -> None:
            tx.notes.set(PAUSED, paused)
            tx.notes.set(HALTED, note)

        await insist(self._store, write, self._clock.sleep)
        self.paused, self.halted = paused, halted
        if not paused:
            self._since = since

    @staticmethod
    def is_of_a_switch(reason: str | None) -> bool:
        """Whether a plan waits only because everything was stopped."""
        return reason is not None and (reason == WHILE_PAUSED or reason.startswith(WHILE_HALTED))

    def _places(self, service: Service) -> int:
        return service.settings.recoveries_at_once - len(self.running)

    def _needed_first(self, service: Service, incident: Incident, others: Iterable[Incident]) -> str | None:
        """What it needs is seen to first, where that has an incident of its own which is not with people."""
        if abs(self._clock.now() - incident.opened_at) > _ORDER_HOLDS:  # ahead, where the clock was set back
            return None
        needed = set(service.needs(incident.component))
        for each in others:
            is_ours = each.state is IncidentState.OPEN and not each.is_settled
            if is_ours and each.id != incident.id and each.component in needed:
                return f"`{each.component}`, which it needs, is seen to first"
        return None

    def _more_urgent(self, service: Service, incident: Incident) -> str | None:
        mine = self._rank(service, incident)
        ahead = sum(rank < mine for id, (rank, _) in self._queue.items() if id != incident.id)
        return f"{ahead} more urgent recoveries wait, too" if ahead >= max(1, self._places(service)) else None

    @staticmethod
    def _rank(service: Service, incident: Incident) -> tuple[Severity, int, datetime]:
        """The most urgent first, then what others need, then who came first."""
        return incident.severity, -len(service.needed_by(incident.component)), incident.opened_at


def halt(why: str, at: datetime, *, is_over: bool) -> Finding:
    """What is told when automation has stopped itself, and when it goes on."""
    return Finding(
        component=OURSELVES,
        kind=OURSELVES,
        check=HALT_CHECK,
        status=Status.OK if is_over else Status.CRITICAL,
        code=None if is_over else HALT,
        type=None if is_over else IssueType.UNKNOWN,
        observed="automation goes on" if is_over else f"automation has stopped itself: {why}",
        because="" if is_over else "whatever it tries may do more harm than good by now",
        hint=None if is_over else "see why they did not help: `paramedic incidents`; `paramedic resume` goes on",
        at=at,
    )
