"""Small facts under a name: paused, cool-downs."""

import json

from sqlalchemy import Connection, delete, select

from paramedic.model.wire import Json
from paramedic.store import body as bodies
from paramedic.store.insertion import upsert
from paramedic.store.schema import notes

PAUSED = "paused"
"""Whether somebody stopped all automatic healing."""
HALTED = "halted"
"""Why automatic healing has stopped itself, and since when it is counted whether it has to."""
MAINTENANCE = "maintenance"
"""Planned work that people began or ended by hand."""
EMERGENCY = "emergency"
"""What an order of an emergency did, and ``emergency resume`` takes back; nothing where that is over."""


class Notes:
    """Facts that need no table of their own."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, key: str) -> Json | None:
        """The fact; ``None`` when there is none."""
        found = self._connection.scalar(select(notes.c.body).where(notes.c.key == key))
        fact: Json | None = json.loads(found) if found is not None else None
        return fact

    def set(self, key: str, value: Json) -> None:
        """Keep it in place of what was kept; ``None`` forgets it."""
        if value is None:
            self._connection.execute(delete(notes).where(notes.c.key == key))
        else:
            self._connection.execute(upsert(self._connection, notes), {"key": key, "body": bodies.text(value)})
