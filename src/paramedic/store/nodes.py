"""Who may act for each node, and until when."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, or_, select

from paramedic.store.insertion import Excluded, upsert
from paramedic.store.instant import micros, moment
from paramedic.store.schema import nodes


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """One process may act for a node until a time."""

    node: str
    holder: str
    renewed_at: datetime
    until: datetime


class Nodes:
    """The leases of all nodes that share the store."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def renew(self, node: str, *, holder: str, now: datetime, until: datetime) -> bool:
        """Take or keep the lease; ``False`` when another holder's is still valid."""
        statement = upsert(self._connection, nodes, only_if=_it_is_free_or_ours)
        row = {"node": node, "holder": holder, "renewed_us": micros(now), "until_us": micros(until)}
        return self._connection.execute(statement, row).rowcount == 1

    def release(self, node: str, *, holder: str) -> None:
        """Give the lease back, if the holder has it."""
        self._connection.execute(delete(nodes).where(nodes.c.node == node, nodes.c.holder == holder))

    def all(self) -> tuple[Lease, ...]:
        """Every lease, valid or not, by node."""
        rows = self._connection.execute(select(nodes).order_by(nodes.c.node))
        return tuple(
            Lease(node=row.node, holder=row.holder, renewed_at=moment(row.renewed_us), until=moment(row.until_us))
            for row in rows
        )


def _it_is_free_or_ours(new: Excluded) -> ColumnElement[bool]:
    return or_(nodes.c.holder == new.holder, nodes.c.until_us <= new.renewed_us)
