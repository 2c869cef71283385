"""A process that somebody else starts, and how it is recognised."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process. One that Paramedic starts has ``process: {command: …}`` instead of these."""

    pidfile: Path | None = None
    """The file that its pid stands in."""
    match: str | None = None
    """A regular expression that its command line fits, and no other."""
