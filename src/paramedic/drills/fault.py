"""A fault: how a patient is really broken, and what the drill must put right afterwards by itself."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from paramedic.drills.patient import Patient

Step = Callable[[Patient], Awaitable[None]]


async def _nothing(_patient: Patient) -> None:
    """Most faults need no more than the breaking."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What a drill does to a patient."""

    id: str
    """The scenario."""
    inject: Step
    prepare: Step = _nothing
    """Before ``watch`` starts: what the service file must say for this drill."""
    afterwards: Step = _nothing
    """What else must hold once the drill's ending was reached; raises ``DrillFailed``."""
    restore: Step = _nothing
    """After the drill, come what may: what would outlive the patient, such as a mount."""
    impossible: Callable[[], str | None] = lambda: None
    """Why it cannot be done on this machine, where it cannot."""


def fault(
    id: str,
    *,
    prepare: Step = _nothing,
    afterwards: Step = _nothing,
    restore: Step = _nothing,
    impossible: Callable[[], str | None] = lambda: None,
) -> Callable[[Step], Fault]:
    """Declare a function as the way to break a patient: ``@fault("process-killed")``."""

    def declare(inject: Step) -> Fault:
        return Fault(
            id=id, inject=inject, prepare=prepare, afterwards=afterwards, restore=restore, impossible=impossible
        )

    return declare
