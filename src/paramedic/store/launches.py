"""Starts of managed processes."""

from datetime import datetime

from sqlalchemy import Connection, select

from paramedic.model.receipt import Launch
from paramedic.store import body as bodies
from paramedic.store.insertion import upsert
from paramedic.store.instant import micros
from paramedic.store.schema import launches


class Launches:
    """Which process was started when, with which token, and how it ended."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def save(self, launch: Launch) -> None:
        """Keep it as it stands now."""
        self._connection.execute(
            upsert(self._connection, launches),
            {
                "token": launch.token,
                "component": launch.component,
                "node": launch.node,
                "at_us": micros(launch.at),
                "ended_us": micros(launch.ended_at) if launch.ended_at else None,
                "body": bodies.text(launch),
            },
        )

    def get(self, token: str) -> Launch | None:
        """The launch, if there is one of this token."""
        found = self._connection.scalar(select(launches.c.body).where(launches.c.token == token))
        return bodies.read(Launch, found) if found is not None else None

    def living(self, node: str) -> tuple[Launch, ...]:
        """Those of a node whose end nobody saw, oldest first."""
        wanted = (
            select(launches.c.body)
            .where(launches.c.node == node, launches.c.ended_us.is_(None))
            .order_by(launches.c.at_us, launches.c.token)
        )
        return bodies.read_all(Launch, self._connection.scalars(wanted))

    def recent(self, component: str, since: datetime) -> tuple[Launch, ...]:
        """Those of a component since then, newest first."""
        wanted = (
            select(launches.c.body)
            .where(launches.c.component == component, launches.c.at_us >= micros(since))
            .order_by(launches.c.at_us.desc(), launches.c.token.desc())
        )
        return bodies.read_all(Launch, self._connection.scalars(wanted))
