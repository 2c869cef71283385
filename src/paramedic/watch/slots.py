"""What the supervisor remembers of each component: its living process, and how earlier ones ended."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from paramedic.model.receipt import Launch
from paramedic.sdk import Exit, proc
from paramedic.watch.pidfd import DeathWatch


@dataclass(slots=True)
class Run:
    """One living process of a component."""

    component: str
    who: proc.Identity | None
    """``None``: it had ended before we could ask."""
    began: float
    """On the monotonic clock."""
    launch: Launch | None
    """``None``: somebody else started it."""
    death: DeathWatch
    is_ready: bool = False
    is_expected_to_end: bool = False
    is_over: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """An end that nobody asked for."""

    at: datetime
    monotonic: float
    uptime_s: float
    code: int | None
    was_ready: bool

    def exit(self, now: float) -> Exit:
        """As checks see it."""
        return Exit(
            at=self.at,
            age_s=max(0.0, now - self.monotonic),
            uptime_s=self.uptime_s,
            code=self.code,
            was_ready=self.was_ready,
        )


@dataclass(slots=True)
class Slot:
    """One component."""

    run: Run | None = None
    ends: deque[Ended] = field(default_factory=lambda: deque(maxlen=64))
    """Newest first."""
    ended_by_itself: bool = False
    """Its newest process did, as far as it ended at all."""
    token: str | None = None
    """Of its newest launch."""
    log_from: int = 0
    """Where in its log the newest launch begins."""
    searched: float = float("-inf")
    """When all processes were last searched for it."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while it is started or stopped."""

    def exits(self, now: float, window_s: float) -> tuple[Exit, ...]:
        """Unwanted ends within the window, newest first.

        While it is down by itself the window ends at its last end, so that waiting alone makes nothing healthier.
        """
        until = self.ends[0].monotonic if self.ends and self.run is None and self.ended_by_itself else now
        return tuple(each.exit(now) for each in self.ends if until - each.monotonic <= window_s)

    def remember(self, launch: Launch, *, now: datetime, monotonic: float) -> None:
        """Take up a launch from before we began; called oldest first."""
        self.token, self.log_from = launch.token, launch.log_from
        if launch.ended_at is None or launch.pid is None or launch.boot_id != proc.boot_id():
            return  # it lives, or never lived, or went down with the machine
        self.ended_by_itself = not launch.expected
        if launch.expected:
            return
        age_s = max(0.0, (now - launch.ended_at).total_seconds())
        self.ends.appendleft(
            Ended(
                at=launch.ended_at,
                monotonic=monotonic - age_s,
                uptime_s=max(0.0, (launch.ended_at - launch.at).total_seconds()),
                code=launch.exit_code,
                was_ready=launch.was_ready,
            )
        )
