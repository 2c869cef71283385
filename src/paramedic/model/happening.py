"""What a component tells of itself and nobody judges: a line in the story of an incident."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One thing that happened in a component, such as a breaker that opened."""

    at: datetime
    what: str
    """One word for it, such as ``breaker``."""
    text: str
    about: tuple[str, ...] = ()
    """Other components that it concerns."""
