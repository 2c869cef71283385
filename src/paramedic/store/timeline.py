"""The history of incidents, chained."""

from sqlalchemy import Connection, select

from paramedic.model.incident import TimelineEntry
from paramedic.store.body import read_all
from paramedic.store.chain import Chains
from paramedic.store.schema import timeline
from paramedic.store.streams import TIMELINE


class Timeline:
    """What happened to each incident, line by line."""

    def __init__(self, connection: Connection, chains: Chains) -> None:
        self._connection = connection
        self._chains = chains

    def append(self, entry: TimelineEntry) -> None:
        """Record one line."""
        self._chains.append(TIMELINE, entry)

    def of(self, incident: str) -> tuple[TimelineEntry, ...]:
        """The incident's lines, oldest first."""
        wanted = (
            select(timeline.c.body)
            .where(timeline.c.incident == incident)
            .order_by(timeline.c.order_us, timeline.c.node, timeline.c.seq)
        )
        return read_all(TimelineEntry, self._connection.scalars(wanted))
