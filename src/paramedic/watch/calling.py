"""Calls people at their time: reads the moments from the incidents, so that a restart changes nothing."""

from datetime import datetime

from paramedic.incident import Chapter, call, due_at, set_back
from paramedic.model.ids import IncidentId
from paramedic.model.incident import Incident
from paramedic.model.service import Service
from paramedic.watch.maintenance import take_up_again
from paramedic.watch.node import Node

_POLL_S = 0.25


class Calling:
    """Follows every unresolved incident."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._known: dict[IncidentId, tuple[Incident, Service, datetime | None]] = {}
        """What was worked out already; an incident that changes is another value."""

    async def run(self) -> None:
        """For ever."""
        while True:
            await self.call_due()
            await self._node.clock.sleep(_POLL_S)

    def moments(self) -> dict[IncidentId, datetime]:
        """When somebody is called next, by incident."""
        service, before = self._node.service, self._known
        self._known = {}
        for name, incident in self._node.triage.incidents.items():
            known = before.get(name)
            if known is None or known[0] is not incident or known[1] is not service:
                known = (incident, service, due_at(service, incident))
            self._known[name] = known
        return {name: due for name, (_, _, due) in self._known.items() if due is not None}

    async def call_due(self) -> int:
        """Call about every incident whose time has come; how many these were."""
        service, triage = self._node.service, self._node.triage
        now, called = self._node.clock.now(), 0
        await take_up_again(self._node, now)
        for name, due in self.moments().items():
            incident = triage.incidents.get(name)
            if incident is None:
                continue
            if (mended := set_back(incident, now)) is not incident:
                await triage.save(Chapter(at=now, incident=mended))
            elif due <= now:
                chapter = Chapter(at=now, incident=incident)
                call(chapter, service)
                await triage.save(chapter)
                called += 1
        return called
