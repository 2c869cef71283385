"""Which messages nobody needs any more: their incident was resolved before they could be delivered."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from paramedic.model.ids import IncidentId
from paramedic.model.incident import IncidentState, TimelineEntry
from paramedic.model.receipt import Message
from paramedic.store import Transaction

_END = "resolved"


def may_be_moot(message: Message) -> bool:
    """Whether it is worth a look into the store: each message is tried once, whatever became of its incident."""
    return message.incident is not None and (message.attempts > 0 or message.kind == _END)


def drop(tx: Transaction, due: Iterable[Message], now: datetime) -> set[str]:
    """Take out what nobody needs any more, with a line in the timelines; returns the ids.

    Whoever was told that something is wrong is told that it is over. Who never heard of it is told neither.
    """
    by_incident: dict[IncidentId, list[Message]] = defaultdict(list)
    for each in filter(may_be_moot, due):
        assert each.incident is not None
        by_incident[each.incident].append(each)
    dropped: set[str] = set()
    for name, messages in by_incident.items():
        incident = tx.incidents.get(name)
        if incident is None or incident.state is not IncidentState.RESOLVED:
            continue
        all_of_it = tx.outbox.of(name)
        moot = [each for each in messages if not _is_for_somebody_who_knows(each, all_of_it)]
        for each in moot:
            tx.outbox.save(replace(each, next_at=None, dropped_at=now))
        if moot:
            kinds = ", ".join(sorted({each.kind for each in moot}))
            text = f"{kinds}: {len(moot)} never arrived and not tried any more: the incident is resolved"
            tx.timeline.append(TimelineEntry(incident=name, at=now, what="untold", text=text))
        dropped |= {each.id for each in moot}
    return dropped


def _is_for_somebody_who_knows(message: Message, all_of_it: Sequence[Message]) -> bool:
    """Only the end, and only to who heard of the beginning or is about to."""
    others = [each for each in all_of_it if each.address == message.address and each.kind != _END]
    return message.kind == _END and any(
        each.delivered_at or (each.attempts == 0 and not each.dropped_at) for each in others
    )
