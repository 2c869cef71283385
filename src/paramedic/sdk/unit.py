"""A unit of somebody who starts programs, as that owner tells of it."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """What a unit is doing, whatever its owner calls it."""

    RUNNING = "running"
    STARTING = "starting"
    RESTARTING = "restarting"
    """It ended, and its owner waits before it tries again."""
    STOPPED = "stopped"
    """It does not run, and its owner does not mind."""
    EXITED = "exited"
    """It ended by a failure of its own, and its owner leaves it at that."""
    GIVEN_UP = "given-up"
    """It ended again and again, until its owner stopped trying."""
    MISSING = "missing"
    """Its owner knows nothing of that name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One unit at one moment."""

    state: State
    said: str
    """In its owner's words, such as ``exited with 137``."""
    run: str = ""
    """Names one run of it: another one after every start. Empty where its owner cannot tell runs apart."""
    restarts: int | None = None
    """How often its owner has brought it back by itself, where it counts."""
    is_healthy: bool | None = None
    """By the owner's own probe; ``None`` where it has none, or has not looked yet."""
    was_short_of_memory: bool = False
    """Its last end was a kill for want of memory."""
    lacks_image: str = ""
    """Why its image cannot be had, if so."""
    replicas: int | None = None
    """How many instances are wanted, where there may be several."""
    memory_bytes: int | None = None
    """How much memory its owner grants it; ``None`` without a limit."""
    box: str = ""
    """Whose memory that is, where a unit runs several containers side by side."""

    @property
    def is_up(self) -> bool:
        """Whether it runs."""
        return self.state is State.RUNNING
