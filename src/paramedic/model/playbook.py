"""Playbooks, and the plans they become when bound to an incident."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from paramedic.model.component import Risk
from paramedic.model.ids import IncidentId, PlanId
from paramedic.model.wire import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybookStep:
    """One action of a playbook, its parameters possibly holding ``{suspect}`` and the like."""

    action: str
    params: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What must hold before a plan counts as a success."""

    checks: str = "failed"
    """``failed``: the checks that failed must pass. Nothing else is accepted in place of them."""
    times: int | None = None
    """How often running; the service's setting where not given."""
    within_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Playbook:
    """Which actions, in which order, heal which codes."""

    name: str
    title: str
    heals: tuple[str, ...]
    steps: tuple[PlaybookStep, ...]
    verify: Verification
    is_restart: bool = False
    """Of the restart family: may run by itself on components that we or a declared owner start."""
    attended: bool = False
    """Always waits for approval, whatever its risk."""
    attended_for: tuple[str, ...] = ()
    """Codes for which it waits for approval, though it runs by itself for others."""
    goes_on: bool = False
    """Whether a step that fails is listed and the next one is taken all the same."""
    after_cause: tuple[str, ...] = ()
    """Codes that it heals, too, once the cause of them on another component is gone; before, it would not help."""


class PlanState(StrEnum):
    """Where a plan is in its life."""

    PROPOSED = "proposed"
    """Waits for an approval, or was only asked for."""
    COMMITTED = "committed"
    """The gate let it through; the engine will run it, whatever crashes."""
    VERIFIED = "verified"
    ROLLED_BACK = "rolled-back"
    """It did not help and what it did was undone."""
    FAILED = "failed"
    """It did not help and something of it could not be undone, or nobody can tell whether a step happened."""
    REJECTED = "rejected"
    STALE = "stale"
    """The world moved on before it was run."""

    @property
    def is_over(self) -> bool:
        return self not in (PlanState.PROPOSED, PlanState.COMMITTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What an action would do, found out without doing it."""

    summary: str
    diff: str = ""
    downtime_s: float = 0.0
    loss: tuple[str, ...] = ()
    """Each thing that would be lost for good, such as ``table messages: rowids 12-19``. Any loss needs an approval."""
    blocked: str | None = None
    """Why it cannot be done at all, such as no last good version to restore."""
    blocked_for_s: float | None = None
    """After so long it may be possible; ``None`` where waiting alone changes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanStep:
    """One action, bound."""

    action: str
    component: str
    params: Mapping[str, Json]
    risk: Risk
    preview: Preview
    undoable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedCheck:
    """A check that must pass again for a plan to count."""

    component: str
    check: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A playbook bound to an incident: exactly what will be done, and what proves that it helped."""

    id: PlanId
    incident: IncidentId | None
    """``None`` for what an operator ordered (start, stop, restart)."""
    playbook: str
    suspect: str
    fingerprint: str
    """Equal for equal troubles: suspect and code. Cool-downs and learning go by it."""
    state: PlanState
    steps: tuple[PlanStep, ...]
    verify: tuple[FailedCheck, ...]
    verify_times: int
    verify_within_s: float
    risk: Risk
    blast_radius: tuple[str, ...]
    """Components that will notice."""
    needs_approval: str | None
    """Why a person must agree first; ``None`` when nobody has to."""
    attempt: int
    """Which run for its incident, from 1."""
    created_at: datetime
    ended_at: datetime | None = None
    approved_by: str | None = None
    approved_until: datetime | None = None
    """What has not begun by then does not begin; ``None`` where nobody had to agree."""
    approved_because: str = ""
    """The reason that was given with the approval."""
    why_ended: str = ""
    step_limit_s: float = 120.0
    """Time-out of one try of a step, by the incident's severity."""
    step_tries: int = 3
    """How often one attempt tries a step that may repeat, by the incident's severity."""
    goes_on: bool = False
    """Whether a step that fails is listed and the next one is taken all the same."""
    baseline: Mapping[str, str] = field(default_factory=dict)
    """Status of each dependant when the plan was made: none may be worse afterwards."""
