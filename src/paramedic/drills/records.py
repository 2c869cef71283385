"""What Paramedic wrote down about a patient, read from its store while it works."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Self

from paramedic.drills.patient import DrillFailed, Patient
from paramedic.model.finding import Finding, Transition
from paramedic.model.ids import IncidentId
from paramedic.model.incident import Incident, TimelineEntry
from paramedic.model.playbook import Plan, PlanState
from paramedic.sdk.pack import load_packs
from paramedic.service import load
from paramedic.store import Store, Transaction, read_store

_NOT_RUN = (PlanState.PROPOSED, PlanState.STALE, PlanState.REJECTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One moment of the store."""

    findings: tuple[Finding, ...] = ()
    incidents: tuple[Incident, ...] = ()
    """Newest first."""
    plans: tuple[Plan, ...] = ()
    """Newest first; those of incidents and those that operators ordered."""
    timelines: Mapping[IncidentId, tuple[TimelineEntry, ...]] = field(default_factory=dict)
    transitions: tuple[Transition, ...] = ()
    """Newest first."""
    acted: frozenset[str] = frozenset()
    """Plans that left a receipt."""

    def since(self, before: Self) -> Self:
        """Only what is new; findings stay, because they say how things are now."""
        known = {each.id for each in before.incidents} | {each.id for each in before.plans}
        old = set(before.transitions)
        return type(self)(
            findings=self.findings,
            incidents=tuple(each for each in self.incidents if each.id not in known),
            plans=tuple(each for each in self.plans if each.id not in known),
            timelines=self.timelines,
            transitions=tuple(each for each in self.transitions if each not in old),
            acted=self.acted,
        )

    def run_for_incidents(self) -> tuple[Plan, ...]:
        """Plans that Paramedic made by itself and that touched something."""
        return tuple(
            each
            for each in self.plans
            if each.incident is not None and (each.state not in _NOT_RUN or each.id in self.acted)
        )


class Records:
    """The store of one patient, opened for reading only."""

    def __init__(self, patient: Patient) -> None:
        self.service = load(patient.service_file, load_packs(), patient.environment())
        self._settings = self.service.settings
        self._clock = patient.clock
        self._store: Store | None = None

    async def __aenter__(self) -> Self:
        self._store = await asyncio.to_thread(
            read_store, self._settings.store, node=self._settings.node, clock=self._clock
        )
        if self._store is None:
            raise DrillFailed("`watch` came up without a store")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._store is not None:
            self._store.close()

    async def read(self) -> Record:
        """Everything as it is now."""
        assert self._store is not None, "the records are open"
        return await self._store.run(_read)

    async def proof(self) -> tuple[int, tuple[str, ...]]:
        """How many receipts there are, and every break of the chains that they hang on."""
        assert self._store is not None, "the records are open"
        receipts = await self._store.run(lambda tx: len(tx.receipts.recent(10_000)))
        return receipts, await asyncio.to_thread(self._store.verify)


def _read(tx: Transaction) -> Record:
    incidents = tx.incidents.list(limit=50)
    return Record(
        findings=tx.findings.latest(),
        incidents=incidents,
        plans=tx.plans.recent(100),
        timelines={each.id: tx.timeline.of(each.id) for each in incidents},
        transitions=tuple(tx.transitions.recent(limit=200)),
        acted=frozenset(each.plan for each in tx.receipts.recent(200)),
    )


async def just_looked_at(patient: Patient, component: str, check: str, *, within_s: float = 60) -> None:
    """Wait until a check has just ended, so that what breaks now is seen by others first.

    Raises:
        DrillFailed: it does not run.
    """

    async def last() -> datetime | None:
        found = (await records.read()).findings
        return next((each.at for each in found if (each.component, each.check) == (component, check)), None)

    async with Records(patient) as records:
        before = await last()
        deadline = patient.clock.monotonic() + within_s
        while await last() == before:
            if patient.clock.monotonic() > deadline:
                raise DrillFailed(f"`{check}` of `{component}` is not asked")
            await patient.clock.sleep(0.1)
