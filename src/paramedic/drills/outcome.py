"""How a drill went."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one drill: what was named, how it ended, and how long that took."""

    id: str
    passed: bool | None
    """``None`` when the drill cannot be carried out on this machine."""
    code: str | None = None
    """The trouble that ranked first."""
    component: str | None = None
    """The part that ranked first."""
    ending: str | None = None
    """What really happened: heal, approve, escalate, advise, or control."""
    detect_s: float | None = None
    """From the fault to the first sign of it in the records."""
    diagnose_s: float | None = None
    """From the fault to its ranked suspects."""
    recover_s: float | None = None
    """From the fault to its verified end."""
    why: str = ""
    """What is missing where the drill did not pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remains:
    """What is kept of a drill that did not pass."""

    folder: Path
    log_tail: str
