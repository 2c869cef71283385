"""What the looks at one model have seen so far: when it was last proved to be alive, and since when it was not."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from paramedic.packs.llm.machine import Machine
from paramedic.sdk import Context, Finding

if TYPE_CHECKING:
    from paramedic.packs.llm.activity import Activity  # which needs aiohttp, and that takes long to import

_KEY = "pulse"


@dataclass(kw_only=True)
class Pulse:
    """Kept between looks while the program lives. Times are monotonic."""

    pid: int | None = None
    """The process that all of this is about."""
    activity: "Activity | None" = None
    machine: Machine | None = None
    """When the activity was read."""
    absent: frozenset[str] = frozenset()
    """Pages that the server does not have."""
    proved_at: float | None = None
    proof: str = ""
    asked_at: float | None = None
    """When the last canary was sent."""
    still_since: float | None = None
    """Since when it should have moved and did not."""
    still_machine: Machine | None = None
    """Its processes at that time."""
    verdict: Finding | None = None
    """What the last canary said, where that was no good news."""
    measures: dict[str, float] = field(default_factory=dict)
    """Of the last canary."""

    def prove(self, now: float, proof: str) -> None:
        """It is alive."""
        self.proved_at, self.proof = now, proof
        self.still_since, self.still_machine = None, None

    def is_still(self, now: float, machine: Machine) -> float:
        """It should have moved and did not; for how many seconds."""
        if self.still_since is None:
            self.still_since, self.still_machine = now, machine
        return now - self.still_since


def pulse_of(context: Context) -> Pulse:
    """What is kept of this component; nothing of an earlier process."""
    pid = context.processes.facts(context.component).pid
    found = context.memory.get(_KEY)
    if not isinstance(found, Pulse) or (found.pid is not None and pid is not None and found.pid != pid):
        found = Pulse()
        context.memory[_KEY] = found
    found.pid = pid if pid is not None else found.pid
    return found
