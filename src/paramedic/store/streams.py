"""The streams whose rows are chained, and what their extra columns repeat of the body."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Table

from paramedic.store import schema
from paramedic.store.instant import micros

Body = Mapping[str, Any]  # Any: JSON, whose shape the stream's own columns function knows


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """An append-only stream of records. Every node writes a chain of its own."""

    name: str
    table: Table
    columns: Callable[[Body], dict[str, object]]
    """The extra columns of a row, from its body; used to write them and to find out whether they were altered."""
    once: tuple[str, ...] = ()
    """Columns whose values together occur once only."""

    def at_us(self, body: Body) -> int:
        """When the record says that it happened."""
        return micros(datetime.fromisoformat(body["at"]))


TRANSITIONS = Stream(
    name="transitions", table=schema.transitions, columns=lambda body: {"component": body["component"]}
)
TIMELINE = Stream(name="timeline", table=schema.timeline, columns=lambda body: {"incident": body["incident"]})
_MOMENT = ("plan", "step", "attempt", "phase")
RECEIPTS = Stream(
    name="receipts",
    table=schema.receipts,
    columns=lambda body: {name: body[name] for name in _MOMENT},
    once=_MOMENT,
)
CHANGES = Stream(name="changes", table=schema.changes, columns=lambda body: {"component": body["component"] or ""})
STREAMS = (TRANSITIONS, TIMELINE, RECEIPTS, CHANGES)
