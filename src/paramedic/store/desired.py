"""What operators want of processes."""

from datetime import datetime

from sqlalchemy import Connection, select

from paramedic.model.component import Desired
from paramedic.store.insertion import upsert
from paramedic.store.instant import micros
from paramedic.store.schema import desired


class DesiredStates:
    """Running or stopped, by component; it holds until somebody says otherwise."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def set(self, component: str, state: Desired, *, by: str, at: datetime) -> None:
        """What is wanted from now on, and by whom."""
        self._connection.execute(
            upsert(self._connection, desired),
            {"component": component, "state": state.value, "by_whom": by, "at_us": micros(at)},
        )

    def get(self, component: str) -> Desired | None:
        """What is wanted; ``None`` when nobody ever said."""
        found = self._connection.scalar(select(desired.c.state).where(desired.c.component == component))
        return Desired(found) if found is not None else None

    def all(self) -> dict[str, Desired]:
        """What is wanted of every component somebody spoke of."""
        rows = self._connection.execute(select(desired.c.component, desired.c.state))
        return {component: Desired(state) for component, state in rows}
