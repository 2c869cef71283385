"""Records that outlive a crash: receipts, commands, messages, launches."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from paramedic.model.ids import IncidentId, PlanId
from paramedic.model.wire import Json


class Phase(StrEnum):
    """What a receipt proves."""

    INTENT = "intent"
    """Committed before the act: it may have happened."""
    DONE = "done"
    FAILED = "failed"
    UNDO_INTENT = "undo-intent"
    UNDONE = "undone"
    UNDO_FAILED = "undo-failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Proof of one moment of one step. The authority on what happened."""

    plan: PlanId
    step: int
    attempt: int
    phase: Phase
    action: str
    component: str
    token: str
    """Unique to this step and attempt; what the act leaves behind carries it, so that it can be recognised."""
    at: datetime
    node: str
    detail: str = ""
    output: Mapping[str, Json] = field(default_factory=dict)
    reconciled: bool = False
    """Written after a crash, from what was found rather than from what was watched."""


class CommandState(StrEnum):
    """Where a command is in its life."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What a face asks of the process that holds the engine."""

    id: str
    verb: str
    args: Mapping[str, Json]
    by: str
    """Who asked, such as ``uid 1000 (anna)``."""
    at: datetime
    state: CommandState = CommandState.PENDING
    result: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """An announcement in the outbox; written in the transaction that made it true."""

    id: str
    incident: IncidentId | None
    kind: str
    """``opened``, ``waiting``, ``escalated``, ``advised``, ``resolved``."""
    address: str
    subject: str
    body: Mapping[str, Json]
    at: datetime
    attempts: int = 0
    next_at: datetime | None = None
    delivered_at: datetime | None = None
    error: str = ""
    dropped_at: datetime | None = None
    """Never delivered, and not tried any more: nobody needs it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """One start of a managed process. Committed before the spawn; the token is in the child's environment."""

    token: str
    component: str
    node: str
    at: datetime
    command: tuple[str, ...]
    log: str
    boot_id: str
    pid: int | None = None
    start_ticks: int | None = None
    """Start time in clock ticks since boot: with boot id and pid, an identity that is never reused."""
    ended_at: datetime | None = None
    exit_code: int | None = None
    """``None`` after the end: unknown, because it was adopted. Negative: killed by that signal."""
    expected: bool = False
    """We asked it to stop."""
    was_ready: bool = False
    """Its component's checks passed at least once."""
    log_from: int = 0
    """Where in its log its own output begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One measurement of one check."""

    component: str
    name: str
    at: datetime
    value: float
