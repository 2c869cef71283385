"""Findings that belong together, as one story."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from paramedic.model.change import Change
from paramedic.model.code import IssueType
from paramedic.model.finding import Evidence
from paramedic.model.ids import IncidentId, PlanId
from paramedic.model.status import Severity


class IncidentState(StrEnum):
    """Where an incident is in its life."""

    OPEN = "open"
    RECOVERING = "recovering"
    WAITING = "waiting"
    """A plan waits for an approval."""
    ESCALATED = "escalated"
    """People were called."""
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """One piece of evidence for a suspect."""

    kind: str
    """``own-failure``, ``depth``, ``gravity``, ``order``, ``change``, ``pressure``."""
    weight: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A possible cause."""

    component: str
    code: str
    score: float
    """0 to 1 after fusion of its votes."""
    votes: tuple[Vote, ...] = ()
    is_symptom_of: str | None = None
    """The component whose trouble explains this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Symptom:
    """One failing check that belongs to an incident."""

    component: str
    check: str
    code: str
    status: str
    since: datetime
    observed: str
    hint: str | None = None
    evidence: tuple[Evidence, ...] = ()


def outward(address: str) -> str:
    """As much of an address of escalation as anybody may see."""
    return f"{address.partition('://')[0]}://…"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One trouble of the service from its first sign to its end."""

    id: IncidentId
    state: IncidentState
    severity: Severity
    type: IssueType
    code: str
    """Of the first suspect."""
    component: str
    """The first suspect."""
    opened_at: datetime
    symptoms: tuple[Symptom, ...]
    suspects: tuple[Suspect, ...] = ()
    ruled_out: tuple[str, ...] = ()
    """Components that are not the cause, each with the reason."""
    not_looked_at: tuple[str, ...] = ()
    """Components of which not everything is known, each with what could not be looked at."""
    abstained: str = ""
    """Why the first suspect is only the best guess; empty where it is more."""
    changes: tuple[Change, ...] = ()
    """What was changed shortly before the onset, newest first."""
    linked: tuple[IncidentId, ...] = ()
    """Incidents that began at the same time for no reason that they share."""
    path: tuple[str, ...] = ()
    """The branches of the decision tree that were taken."""
    plan: PlanId | None = None
    """The newest plan."""
    attempts: int = 0
    tried: tuple[str, ...] = ()
    """Playbooks that were run, oldest first."""
    resolved_at: datetime | None = None
    escalated_at: datetime | None = None
    why: str = ""
    """Why it is in its state."""
    is_settled: bool = False
    """Open, but nothing more is tried until something changes: people were told the remedy."""
    told: tuple[str, ...] = ()
    """Addresses that were told and must hear of its end."""
    level: str | None = None
    """The highest level that was called."""
    called_at: datetime | None = None
    """When somebody was last called or reminded."""
    acknowledged_by: str | None = None
    """Who has it in hand; nobody else is called meanwhile."""
    acknowledged_at: datetime | None = None
    hands_off: bool = False
    """Nobody can tell what an act of ours did, so that nothing more is done before a person has looked."""
    raised_to: Severity | None = None
    """As urgent as this at least, because a person said so."""
    damages: bool = False
    """Primary data is damaged: people are called whatever is planned."""
    withheld: str | None = None
    """The announcement that planned work kept back; told when that is over, if it still holds."""
    withheld_at: datetime | None = None
    quiet_until: datetime | None = None
    """Until then planned work kept it quiet, or the clock was set back: the times of the levels count from there."""

    @property
    def outward(self) -> "Incident":
        """The same as it may be shown: of addresses only the schemes, because the rest is often a key by itself."""
        return replace(self, told=tuple(outward(each) for each in self.told))


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """One line of an incident's history. Append-only."""

    incident: IncidentId
    at: datetime
    what: str
    """``detected``, ``symptom``, ``classified``, ``suspects``, ``planned``, ``approved``, ``step``, ``verified``,
    ``undone``, ``escalated``, ``notified``, ``acknowledged``, ``resolved``."""
    text: str
    details: dict[str, str] = field(default_factory=dict)
