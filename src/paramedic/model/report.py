"""What one run of the checks saw, as a whole."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from paramedic.model.finding import Finding
from paramedic.model.status import Overall, Status, overall

SCHEMA_VERSION = 1
SAVED_AS = "check-*-????????T??????.??????Z.*"
"""How `paramedic check --save` names them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A check that was not run, and why; told so that nobody takes silence for health."""

    component: str
    check: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A component as far as a picture of the service needs it."""

    name: str
    kind: str
    depends_on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenIncident:
    """A trouble that is not over, though perhaps nothing fails right now."""

    id: str
    severity: str
    state: str
    component: str
    code: str
    why: str
    """Why it is in its state."""
    next_step: str | None = None
    """The command for the person who is waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The findings of one run, worst first."""

    service: str
    version: str
    """Of Paramedic."""
    started_at: datetime
    duration_ms: float
    findings: tuple[Finding, ...]
    skipped: tuple[Skipped, ...] = ()
    broken_packs: Mapping[str, str] = field(default_factory=dict)
    """Entry point to the reason why the pack could not be loaded."""
    parts: tuple[Part, ...] = ()
    """Every component of the service, looked at or not."""
    summaries: Mapping[str, str] = field(default_factory=dict)
    """What the codes of the findings mean, in one line each."""
    incidents: tuple[OpenIncident, ...] = ()
    """What the store says is not over yet."""
    maintenance: tuple[str, ...] = ()
    """Planned work that lasts now, each in one sentence."""
    interrupted: bool = False
    """It was stopped before every check had ended, so that it cannot say that all is well."""
    schema_version: int = SCHEMA_VERSION

    @property
    def checks(self) -> int:
        """How many checks looked; one of them may find several things."""
        return len({(finding.component, finding.check) for finding in self.findings})

    @property
    def overall(self) -> Overall:
        """The state of the service; no finding at all is ``unknown``, because nobody looked."""
        statuses = [finding.status for finding in self.findings]
        return overall([*statuses, Status.UNKNOWN] if self.interrupted else statuses)

    @property
    def exit_code(self) -> int:
        """0 healthy, 1 degraded, 2 critical, 3 unknown; 130 when interrupted."""
        return 130 if self.interrupted else self.overall.exit_code


def worst_first(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """The findings in the order in which a person should read them; the order of equals is kept."""
    return tuple(sorted(findings, key=lambda finding: -finding.status.rank))
