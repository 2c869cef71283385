"""What was changed about the service, chained."""

from datetime import datetime

from sqlalchemy import Connection, select

from paramedic.model.change import Change
from paramedic.store.body import read_all
from paramedic.store.chain import Chains
from paramedic.store.instant import micros
from paramedic.store.schema import changes
from paramedic.store.streams import CHANGES


class Changes:
    """Changes that somebody told or the watch noticed. What its own receipts prove is not repeated here."""

    def __init__(self, connection: Connection, chains: Chains) -> None:
        self._connection = connection
        self._chains = chains

    def append(self, change: Change) -> None:
        """Record one."""
        self._chains.append(CHANGES, change)

    def recent(
        self, component: str | None = None, since: datetime | None = None, limit: int = 100
    ) -> tuple[Change, ...]:
        """Newest first; of a component, those of the service as a whole included."""
        wanted = select(changes.c.body).order_by(changes.c.at_us.desc(), changes.c.seq.desc())
        if component is not None:
            wanted = wanted.where(changes.c.component.in_([component, ""]))
        if since is not None:
            wanted = wanted.where(changes.c.at_us >= micros(since))
        return read_all(Change, self._connection.scalars(wanted.limit(limit)))
