"""A fault: how a drill's patient is really broken, and what must be put right afterwards."""

import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

Step = Callable[[Any], Awaitable[None]]  # Any: a `Patient`, or more than that for those who know the patient's parts


class Patient(Protocol):
    """What a fault may do with a drill's patient: a small shop assistant in a folder of its own."""

    @property
    def folder(self) -> Path:
        """Where it lives."""
        ...

    def edit(self, change: Callable[[dict[str, Any]], None]) -> None:  # Any: YAML of every shape
        """Change its service file; ``change`` is given the whole document."""
        ...

    def mark(self) -> None:
        """The fault takes effect now: times are counted from here."""
        ...

    def component(self, name: str) -> Mapping[str, Any]:  # Any: YAML of every shape
        """One component as the service file has it."""
        ...

    async def send(self, name: str, what: signal.Signals) -> None:
        """Send a signal to a component's process, and mark."""
        ...

    async def until(self, condition: Callable[[], bool], what: str, *, within_s: float = 10) -> None:
        """Wait for something that the drill itself needs; the drill fails where it does not come."""
        ...


async def _nothing(_patient: Patient) -> None:
    """Most faults need no more than the breaking."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What a drill does to a patient."""

    id: str
    """The drill."""
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


class DrillFailed(Exception):
    """The drill could not be carried out; says nothing yet about Paramedic."""
