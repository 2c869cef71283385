"""Messages arrive whatever the wall clock does, and as long as somebody needs them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from incident_told import INCIDENT
from paramedic.model.clock import SystemClock
from paramedic.model.incident import IncidentState
from paramedic.model.receipt import Message
from paramedic.store import open_store
from paramedic.watch.delivery import _is_due
from paramedic.watch.moot import drop, may_be_moot

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def message(name: str, kind: str, address: str, attempts: int, *, arrived: bool = False) -> Message:
    return Message(
        id=name, incident=INCIDENT.id, kind=kind, address=address, subject="s", body={}, at=NOON, next_at=NOON,
        attempts=attempts, delivered_at=NOON if arrived else None,
    )  # fmt: skip


def test_what_never_arrived_is_dropped_when_its_incident_is_over(tmp_path: Path) -> None:
    """Whoever was told hears that it is over, who never heard of it hears nothing; everything is tried once."""
    messages = (
        message("told", "escalated", "json://anna", 1, arrived=True),
        message("told again", "reminder", "json://anna", 2),
        message("its end", "resolved", "json://anna", 3),
        message("never told", "escalated", "json://berta", 2),
        message("the end of what was not told", "resolved", "json://berta", 0),
        message("not tried yet", "escalated", "json://carla", 0),
        message("perhaps its end", "resolved", "json://carla", 0),
    )
    assert not any(may_be_moot(replace(each, incident=None)) for each in messages), "what is about no incident is kept"
    store = open_store(f"sqlite:///{tmp_path}/paramedic.db", node="bench", clock=SystemClock())
    with store.begin() as tx:
        for each in messages:
            tx.outbox.add(each)
        tx.incidents.save(replace(INCIDENT, state=IncidentState.ESCALATED))
        assert drop(tx, tx.outbox.due(NOON), NOON) == set(), "as long as it goes on, people are called"
        tx.incidents.save(INCIDENT)
        assert drop(tx, tx.outbox.due(NOON), NOON) == {"told again", "never told", "the end of what was not told"}
        assert {each.id for each in tx.outbox.undelivered()} == {"its end", "not tried yet", "perhaps its end"}
        (line,) = tx.timeline.of(INCIDENT.id)
        said = "escalated, reminder, resolved: 3 never arrived and not tried any more: the incident is resolved"
        assert (line.what, line.text) == ("untold", said)
        tx.outbox.save(replace(messages[5], attempts=1))
        assert drop(tx, tx.outbox.due(NOON), NOON) == {"not tried yet", "perhaps its end"}
        assert drop(tx, tx.outbox.due(NOON), NOON) == set()
    store.close()


def test_a_message_is_due_by_its_time_and_after_any_jump_of_the_clock() -> None:
    """A clock that was set back by a year does not keep people from being called for a year."""
    message = Message(id="m", incident=None, kind="k", address="a", subject="s", body={}, at=NOON, next_at=NOON)
    for seconds, due in ((0, True), (1, True), (1e9, True), (-1, False), (-299, False), (-301, True), (-3e7, True)):
        assert _is_due(message, NOON + timedelta(seconds=seconds)) is due, seconds
