"""What a check saw."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from paramedic.model.code import IssueType
from paramedic.model.status import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One thing that can be looked at again: log lines, a holder of a port, a list of rows."""

    label: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One judged fact about one component."""

    component: str
    kind: str
    check: str
    """The check that looked, such as ``http.answers``."""
    status: Status
    code: str | None
    """What is wrong, such as ``postgres.auth-failed``; ``None`` when nothing is."""
    observed: str
    expected: str = ""
    because: str = ""
    """Why we think so, with how sure we are."""
    hint: str | None = None
    """The only sentence that may propose a fix."""
    type: IssueType | None = None
    evidence: tuple[Evidence, ...] = ()
    measures: Mapping[str, float] = field(default_factory=dict)
    """Numbers worth keeping over time, with the unit in the name: ``latency_ms``."""
    at: datetime | None = None
    """When the look ended (UTC). Set by the runner."""
    duration_ms: float = 0.0
    path: str | None = None
    """The file the finding is about, where it is about one."""
    line: int | None = None

    @property
    def began(self) -> datetime | None:
        """When the look began (UTC): what happened while it looked, it may have seen or not."""
        return self.at and self.at - timedelta(milliseconds=self.duration_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A check changed its verdict about a component."""

    component: str
    check: str
    old: Status | None
    new: Status
    old_code: str | None
    new_code: str | None
    reason: str
    at: datetime
    node: str
    cause: str = "timer"
    """The event that woke the check: timer, exit, file, command, sweep."""
