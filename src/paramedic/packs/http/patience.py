"""A server that asks to be left alone for a while is left alone."""

from dataclasses import replace
from datetime import datetime
from email.utils import parsedate_to_datetime

from paramedic.sdk import Context, Finding

_NOT_SAID_S = 60.0
_LONGEST_S = 86_400.0
_UNTIL, _ASKED = "ask again at", "asked to wait"


def asked_to_wait_s(retry_after: str, now: datetime) -> float:
    """The seconds that a ``Retry-After`` asks for: a number or a date (RFC 9110, 10.2.3), at most a day."""
    if retry_after.isdecimal() and len(retry_after) < 10:
        return min(float(retry_after), _LONGEST_S)
    try:
        wait_s = (parsedate_to_datetime(retry_after) - now).total_seconds()
    except (ValueError, TypeError, OverflowError):  # no date, or one without a zone
        return _NOT_SAID_S
    return min(max(1.0, wait_s), _LONGEST_S)


def keep_away(found: Finding, context: Context) -> None:
    """Remember what a rate-limited finding asked for."""
    now = context.clock.monotonic()
    context.memory[_UNTIL] = (now, now + found.measures["retry_after_s"])
    context.memory[_ASKED] = found


def still_waiting(context: Context) -> Finding | None:
    """The earlier finding, while the time that the server asked for is not over; a new process knows nothing of it."""
    times, found = context.memory.get(_UNTIL), context.memory.get(_ASKED)
    if not isinstance(times, tuple) or not isinstance(found, Finding):
        return None
    asked_at, until = times
    now = context.clock.monotonic()
    uptime_s = context.processes.facts(context.component).uptime_s
    if now >= until or (uptime_s is not None and now - uptime_s > asked_at):
        context.memory.pop(_UNTIL)
        return None
    left = f"not asked again for another {until - now:.0f} s, as the server asked"
    return replace(found, observed=f"{found.observed}; {left}", measures={"retry_after_s": until - now})
