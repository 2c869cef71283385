"""For how long something holds, and how it changed: what a single look cannot tell."""

import math
from collections import deque
from typing import Generic, TypeVar

from paramedic.sdk import Context

Reading = TypeVar("Reading")
_KEPT = 30
"""So many readings of a window are enough, however often one looks."""


def lasting(context: Context, what: str, *, holds: bool) -> float | None:
    """Seconds for which something has held in every look, ``None`` where it does not hold now.

    Where the very first look finds it, there is nothing to compare with: it counts as having held for ever, so that
    a single `paramedic check` says what it sees.
    """
    now = context.clock.monotonic()
    is_first = f"{what} was seen" not in context.memory
    context.memory[f"{what} was seen"] = True
    since = context.memory.get(f"{what} since")
    if not holds:
        context.memory.pop(f"{what} since", None)
        return None
    if is_first:
        return math.inf
    if not isinstance(since, float):
        context.memory[f"{what} since"] = since = now
    return now - since


class Window(Generic[Reading]):
    """Readings of a counter, as far back as a window reaches."""

    def __init__(self, over_s: float) -> None:
        self.over_s = over_s
        self._readings: deque[tuple[float, Reading]] = deque()

    def note(self, now: float, reading: Reading) -> tuple[float, Reading] | None:
        """Note a reading; the one from a whole window ago with its age, ``None`` while none is that old."""
        if not self._readings or now - self._readings[-1][0] >= self.over_s / _KEPT:
            self._readings.append((now, reading))
        while len(self._readings) > 1 and now - self._readings[1][0] >= self.over_s:
            self._readings.popleft()
        at, earlier = self._readings[0]
        return (now - at, earlier) if now - at >= self.over_s else None

    def oldest(self, now: float) -> tuple[float, Reading] | None:
        """The oldest reading within reach and its age."""
        return (now - self._readings[0][0], self._readings[0][1]) if self._readings else None
