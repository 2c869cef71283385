"""Messages arrive whatever the wall clock does."""

from datetime import UTC, datetime, timedelta

from paramedic.model.receipt import Message
from paramedic.watch.delivery import _is_due

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_a_message_is_due_by_its_time_and_after_any_jump_of_the_clock() -> None:
    """A clock that was set back by a year does not keep people from being called for a year."""
    message = Message(id="m", incident=None, kind="k", address="a", subject="s", body={}, at=NOON, next_at=NOON)
    for seconds, due in ((0, True), (1, True), (1e9, True), (-1, False), (-299, False), (-301, True), (-3e7, True)):
        assert _is_due(message, NOON + timedelta(seconds=seconds)) is due, seconds
