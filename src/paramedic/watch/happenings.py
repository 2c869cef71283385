"""What components tell of themselves, put into the timelines of the incidents that they are part of."""

import logging
from dataclasses import replace
from datetime import datetime, timedelta

from paramedic.incident import Chapter
from paramedic.model.component import Component
from paramedic.model.happening import Happening
from paramedic.model.ids import IncidentId
from paramedic.model.incident import Incident, TimelineEntry
from paramedic.sdk import Context
from paramedic.watch.jobs import said
from paramedic.watch.node import Node

_log = logging.getLogger("paramedic.watch")
_POLL_S = 1.0
_BEFORE_S = 30.0
"""What happened shortly before an incident was noticed belongs to it: breakers are quicker than checks."""
_MOST = 100
"""Lines in one incident; a breaker that flaps for a day says nothing new."""
_LOOK_S = 5.0

Line = tuple[datetime, str]


class Happenings:
    """Asks while there are incidents, and once more when one has ended."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._followed: dict[IncidentId, Incident] = {}
        self._told: dict[IncidentId, set[Line]] = {}

    async def run(self) -> None:
        """For ever."""
        while True:
            await self.take_down()
            await self._node.clock.sleep(_POLL_S)

    async def take_down(self) -> None:
        """Ask every component that tells something, and record what is new."""
        stories = self._followed | self._node.triage.incidents
        self._followed = dict(self._node.triage.incidents)
        tellers = self._tellers() if stories else []
        if tellers:
            since = min(each.opened_at for each in stories.values()) - timedelta(seconds=_BEFORE_S)
            told = [(each.name, found) for each in tellers for found in await self._ask(each, since)]
            for incident in stories.values():
                await self._record(incident, told)
        self._told = {name: lines for name, lines in self._told.items() if name in self._followed}

    def _tellers(self) -> list[Component]:
        kinds = self._node.registry.kinds
        return [
            each for each in self._node.service.components.values() if each.kind in kinds and kinds[each.kind].tells
        ]

    async def _ask(self, component: Component, since: datetime) -> tuple[Happening, ...]:
        node = self._node
        tells = node.registry.kinds[component.kind].tells
        assert tells is not None
        context = Context(
            service=node.service,
            component=component,
            check="happenings",
            clock=node.clock,
            deadline=node.clock.monotonic() + _LOOK_S,
            processes=node.supervisor,
        )
        try:
            found = await tells(context, since)
            return tuple(replace(each, text=node.redactor.text(each.text)) for each in found)
        except Exception as error:  # a boundary: a stranger's code; what the others tell is taken down all the same
            _log.warning("what %s tells is not known: %s", component.name, said(error))
            return ()

    async def _record(self, incident: Incident, told: list[tuple[str, Happening]]) -> None:
        parts = {incident.component, *(each.component for each in incident.symptoms)}
        parts |= {each.component for each in incident.suspects}
        begin = incident.opened_at - timedelta(seconds=_BEFORE_S)
        mine = [each for name, each in told if each.at >= begin and not parts.isdisjoint((name, *each.about))]
        if mine and incident.id not in self._told:
            lines = await self._node.store.run(lambda tx: tx.timeline.of(incident.id))
            self._told[incident.id] = {(each.at, each.text) for each in lines}
        known = self._told.get(incident.id, set())
        fresh = [each for each in mine if (each.at, each.text) not in known][: max(0, _MOST - len(known))]
        if fresh:
            known |= {(each.at, each.text) for each in fresh}
            entries = [
                TimelineEntry(incident=incident.id, at=each.at, what=each.what, text=each.text) for each in fresh
            ]
            await self._node.journal.write(Chapter(at=self._node.clock.now(), timeline=entries))
