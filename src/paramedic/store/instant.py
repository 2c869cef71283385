"""Times as whole microseconds since 1970, so that every database orders and compares them alike."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(at: datetime) -> int:
    """Microseconds since 1970 of a time that knows its zone."""
    return (at - _EPOCH) // _MICROSECOND


def moment(at_us: int) -> datetime:
    """The time in UTC."""
    return _EPOCH + at_us * _MICROSECOND
