"""Changes of verdicts, chained."""

from datetime import datetime

from sqlalchemy import Connection, select

from paramedic.model.finding import Transition
from paramedic.store.body import read_all
from paramedic.store.chain import Chains
from paramedic.store.instant import micros
from paramedic.store.schema import transitions
from paramedic.store.streams import TRANSITIONS


class Transitions:
    """When which check changed its mind about which component."""

    def __init__(self, connection: Connection, chains: Chains) -> None:
        self._connection = connection
        self._chains = chains

    def append(self, transition: Transition) -> None:
        """Record one."""
        self._chains.append(TRANSITIONS, transition)

    def recent(
        self, component: str | None = None, since: datetime | None = None, limit: int = 100
    ) -> tuple[Transition, ...]:
        """Newest first."""
        wanted = select(transitions.c.body).order_by(transitions.c.order_us.desc(), transitions.c.seq.desc())
        if component is not None:
            wanted = wanted.where(transitions.c.component == component)
        if since is not None:
            wanted = wanted.where(transitions.c.at_us >= micros(since))
        return read_all(Transition, self._connection.scalars(wanted.limit(limit)))
