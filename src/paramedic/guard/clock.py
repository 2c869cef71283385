"""Where the guards get their time from: one clock for deadlines, one for people to read."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Clock:
    """Two sources of seconds. Tests pass their own; see ``paramedic.guard.testing.ManualClock``."""

    monotonic: Callable[[], float]
    """For deadlines and durations: no step of the wall clock moves it."""
    wall: Callable[[], float]
    """Seconds since 1970, for what people read and for what must outlive the machine's uptime."""


SYSTEM = Clock(time.monotonic, time.time)


def iso(seconds: float | None) -> str | None:
    """A moment of the wall clock as ISO 8601 UTC; ``None`` stays ``None``."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()
