"""What one check says of one component by now."""

from collections import deque
from dataclasses import dataclass, field

from paramedic.model.finding import Finding
from paramedic.model.status import Status


@dataclass(slots=True)
class Verdict:
    """What one check last said of one component, and since when."""

    finding: Finding
    since_s: float
    """Monotonic."""
    doubt: tuple[Status, str | None] | None = None
    """A different verdict that still has to be confirmed."""
    looks: int = 0
    """How often running the doubt was seen."""
    is_new: bool = True
    """Nothing was ever recorded of this check."""
    flips: deque[float] = field(default_factory=lambda: deque(maxlen=50))
    worst: Status = Status.OK
    """How bad it was when it last failed."""
    blind: int = 0
    """How many looks running could not look."""

    @property
    def is_failing(self) -> bool:
        return self.finding.status.is_failing
