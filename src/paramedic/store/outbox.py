"""Announcements on their way out."""

from datetime import datetime

from sqlalchemy import Connection, select

from paramedic.model.receipt import Message
from paramedic.store import body as bodies
from paramedic.store.failure import AlreadyRecorded
from paramedic.store.insertion import insert_new, upsert
from paramedic.store.instant import micros
from paramedic.store.schema import outbox

_OLDEST_FIRST = select(outbox.c.body).order_by(outbox.c.at_us, outbox.c.id)


class Outbox:
    """What must be told, written in the transaction that made it true."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, message: Message) -> None:
        """Put one in.

        Raises:
            AlreadyRecorded: a message of this id was put in before.
        """
        if self._connection.execute(insert_new(self._connection, outbox), _row(message)).rowcount != 1:
            raise AlreadyRecorded(f"there is a message `{message.id}` already")

    def save(self, message: Message) -> None:
        """Keep it as it stands now."""
        self._connection.execute(upsert(self._connection, outbox), _row(message))

    def due(self, now: datetime, limit: int = 50) -> tuple[Message, ...]:
        """Those to be tried now, oldest first."""
        wanted = _OLDEST_FIRST.where(outbox.c.due_us.is_not(None), outbox.c.due_us <= micros(now)).limit(limit)
        return bodies.read_all(Message, self._connection.scalars(wanted))

    def undelivered(self) -> tuple[Message, ...]:
        """Everything that did not arrive yet, oldest first."""
        return bodies.read_all(Message, self._connection.scalars(_OLDEST_FIRST.where(outbox.c.due_us.is_not(None))))

    def of(self, incident: str) -> tuple[Message, ...]:
        """What was announced about an incident, oldest first."""
        return bodies.read_all(Message, self._connection.scalars(_OLDEST_FIRST.where(outbox.c.incident == incident)))


def _row(message: Message) -> dict[str, object]:
    due_us = None if message.delivered_at or message.dropped_at else micros(message.next_at) if message.next_at else 0
    return {
        "id": message.id,
        "incident": message.incident,
        "at_us": micros(message.at),
        "due_us": due_us,  # no `next_at` is due at once, whatever the clock says
        "body": bodies.text(message),
    }
