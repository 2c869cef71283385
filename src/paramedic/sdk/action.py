"""What changes the patient: only ever as a step of a plan."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, runtime_checkable

from paramedic.model.component import Risk
from paramedic.model.playbook import Preview
from paramedic.model.wire import Json
from paramedic.sdk.context import ActContext


class DidIt(StrEnum):
    """Whether an act that a crash interrupted has happened."""

    YES = "yes"
    NO = "no"
    CANNOT_TELL = "cannot-tell"
    """Then it is handed to people and never repeated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an act did. ``output`` is stored in its receipt and given to ``undo``."""

    summary: str
    output: Mapping[str, Json] = field(default_factory=dict)


class Action(Protocol):
    """One way to change a component. Raises ``ActionFailed`` where it does not work."""

    async def preview(self, context: ActContext) -> Preview:
        """What would happen; changes nothing outside the workspace."""
        ...

    async def apply(self, context: ActContext) -> Outcome:
        """Check the precondition again, then act. The engine has committed the intent."""
        ...

    async def reconcile(self, context: ActContext) -> DidIt:
        """After a crash between intent and done: did it happen?"""
        ...


@runtime_checkable
class Undoable(Protocol):
    """An action that can be taken back."""

    async def undo(self, context: ActContext, output: Mapping[str, Json]) -> str:
        """Take it back, more than once if asked; returns what was done.

        ``output`` is that of ``apply``; empty where a crash interrupted it.
        """
        ...


@runtime_checkable
class Verifiable(Protocol):
    """An action that can prove its own effect, before the plan's checks do."""

    async def verify(self, context: ActContext, output: Mapping[str, Json]) -> None:
        """Raises ``ActionFailed`` if the effect is not there."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSpec:
    """An action as its pack declares it."""

    id: str
    """``kind.verb``, such as ``process.restart``."""
    risk: Risk
    action: Action
    manual: str
    """Its docstring."""
    tries: int = 1
    """How often one attempt may try it, with 1, 2, 4 s between; more than once only for what may repeat."""


def action(id: str, *, risk: Risk, tries: int = 1) -> Callable[[type[Action]], ActionSpec]:
    """Declare a class as an action: ``@action("process.restart", risk=Risk.DISRUPTIVE)``."""

    def declare(cls: type[Action]) -> ActionSpec:
        return ActionSpec(id=id, risk=risk, action=cls(), manual=inspect.getdoc(cls) or "", tries=tries)

    return declare
