"""What a pack may ask of the program that runs it. Each port has at most three members."""

import signal
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol, runtime_checkable

from paramedic.model.component import Component, Desired
from paramedic.model.finding import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """One end of a process that nobody asked for."""

    at: datetime
    age_s: float
    """Seconds since it ended, by the monotonic clock where we watched."""
    uptime_s: float
    code: int | None
    """``None``: unknown, because the process was adopted. Negative: the signal."""
    was_ready: bool = False
    """Its component's checks had passed since its start."""

    @property
    def in_words(self) -> str:
        """Such as ``exited with code 1`` or ``was killed by SIGKILL``."""
        if self.code is None:
            return "ended, its exit code unknown"
        if self.code >= 0:
            return f"exited with code {self.code}"
        try:
            return f"was killed by {signal.Signals(-self.code).name}"
        except ValueError:
            return f"was killed by signal {-self.code}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessFacts:
    """What is known of a component's process."""

    desired: Desired | None
    """``None`` when nobody ever said (no ``watch`` has run)."""
    pid: int | None = None
    """The living process, never a zombie."""
    ours: bool = False
    """Started by Paramedic: it carries the launch token."""
    uptime_s: float | None = None
    exits: tuple[Exit, ...] = ()
    """Unwanted ends, newest first, within the crash-loop window."""
    is_starting: bool = False
    """Started, and its time to become ready is not over."""
    log_tail: str = ""
    """The last lines of what it printed since its start; raw, so redact before showing."""
    token: str | None = None
    """Of its newest launch, living or ended: whatever carries it is a part of this component."""


class ProcessControl(Protocol):
    """The processes of components."""

    def facts(self, component: Component) -> ProcessFacts:
        """What is known now; never blocks for long."""
        ...

    async def start(self, component: Component, token: str) -> int:
        """Start it with a launch token that is already committed; returns the pid.

        Raises:
            ActionFailed: it could not be started; the message says why.
        """
        ...

    async def stop(self, component: Component) -> None:
        """Stop it and return when it is confirmed gone. Nothing running is a success.

        Raises:
            ActionFailed: it survived being killed.
        """
        ...


@runtime_checkable
class Readiness(Protocol):
    """A process control that keeps in mind which processes became ready: their early end is no failed start."""

    def mark_ready(self, component: str) -> None:
        """The component's checks passed. Free to call after every look."""
        ...


class Look(Protocol):
    """Runs checks now."""

    async def __call__(self, component: str, checks: Sequence[str] = ()) -> tuple[Finding, ...]:
        """Findings of the component's checks, or of those named."""
        ...


class LastGood(Protocol):
    """Copies of files made while their checks passed."""

    def newest(self, path: Path) -> tuple[Path, ...]:
        """Copies of the file, newest first, each verified against its digest; empty when there are none."""
        ...

    def set_aside(self, path: Path, reason: str) -> Path | None:
        """Copy a file (and, for SQLite, its WAL) to safety before it is changed; ``None`` when there is no file."""
        ...


class ActionFailed(Exception):
    """An act did not work; an ordinary outcome, not a crash."""
