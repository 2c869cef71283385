"""Calls people at their time: reads the moments from the incidents, so that a restart changes nothing."""

from dataclasses import replace

from paramedic.incident import Chapter, call, due_at
from paramedic.watch.node import Node

_POLL_S = 0.25


class Calling:
    """Follows every unresolved incident."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def run(self) -> None:
        """For ever."""
        while True:
            await self.call_due()
            await self._node.clock.sleep(_POLL_S)

    async def call_due(self) -> int:
        """Call about every incident whose time has come; how many these were."""
        service, triage = self._node.service, self._node.triage
        now, called = self._node.clock.now(), 0
        for incident in list(triage.incidents.values()):
            if incident.called_at and incident.called_at > now:  # the clock was set back
                await triage.save(Chapter(at=now, incident=replace(incident, called_at=now)))
                continue
            due = due_at(service, incident)
            if due is None or due > now:
                continue
            chapter = Chapter(at=now, incident=incident)
            call(chapter, service)
            await triage.save(chapter)
            called += 1
        return called
