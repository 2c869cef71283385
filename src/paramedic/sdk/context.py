"""What a check or an action is given beside its target."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from paramedic.model.clock import Clock
from paramedic.model.code import Code
from paramedic.model.component import Component
from paramedic.model.finding import Evidence, Finding
from paramedic.model.service import Service
from paramedic.model.status import Status
from paramedic.model.wire import Json
from paramedic.sdk.ports import LastGood, Look, ProcessControl

if TYPE_CHECKING:
    from paramedic.sdk.shelf import BackupDesk

CANNOT_LOOK = "paramedic.cannot-look"


@dataclass(kw_only=True)
class Context:
    """One look at one component."""

    service: Service
    component: Component
    check: str
    clock: Clock
    deadline: float
    """On the monotonic clock; the runner gives up then."""
    processes: ProcessControl
    memory: dict[str, object] = field(default_factory=dict)
    """Kept between looks of the same check at the same component while the program lives."""
    looks_again: bool = False
    """Whether the program goes on looking: what a lone look must find out at once may then be learned over several."""
    found: Callable[[str], tuple[Finding, ...]] = lambda _component: ()
    """What each check of a component found when this program last looked; nothing of those that it never looked at."""
    failing_since: Callable[[str], datetime | None] = lambda _component: None
    """Since when some check of a component has found it broken at every look of this program."""

    @property
    def remaining_s(self) -> float:
        """Seconds until the deadline, never negative."""
        return max(0.0, self.deadline - self.clock.monotonic())

    def threshold(self, name: str, default: float) -> float:
        """The component's own threshold, or the default."""
        return self.component.thresholds.get(name, default)

    def ok(self, observed: str, **measures: float) -> Finding:
        """All is well."""
        return self._finding(Status.OK, None, observed, measures=measures)

    def info(self, observed: str, code: Code | None = None, **measures: float) -> Finding:
        """Worth knowing, nothing wrong."""
        return self._finding(Status.INFO, code, observed, measures=measures)

    def warning(
        self,
        code: Code,
        *,
        observed: str,
        expected: str,
        because: str = "",
        hint: str,
        evidence: tuple[Evidence, ...] = (),
        path: Path | None = None,
        line: int | None = None,
        **measures: float,
    ) -> Finding:
        """Wrong, but the component still serves."""
        return self._finding(
            Status.WARNING,
            code,
            observed,
            expected=expected,
            because=because,
            hint=hint,
            evidence=evidence,
            path=path,
            line=line,
            measures=measures,
        )

    def critical(
        self,
        code: Code,
        *,
        observed: str,
        expected: str,
        because: str = "",
        hint: str,
        evidence: tuple[Evidence, ...] = (),
        path: Path | None = None,
        line: int | None = None,
        **measures: float,
    ) -> Finding:
        """Broken."""
        return self._finding(
            Status.CRITICAL,
            code,
            observed,
            expected=expected,
            because=because,
            hint=hint,
            evidence=evidence,
            path=path,
            line=line,
            measures=measures,
        )

    def unknown(self, observed: str, *, hint: str | None = None) -> Finding:
        """Could not look, for a reason that says nothing about the patient."""
        return Finding(
            component=self.component.name,
            kind=self.component.kind,
            check=self.check,
            status=Status.UNKNOWN,
            code=CANNOT_LOOK,
            observed=observed,
            expected="to be able to look",
            hint=hint,
        )

    def _finding(
        self,
        status: Status,
        code: Code | None,
        observed: str,
        *,
        expected: str = "",
        because: str = "",
        hint: str | None = None,
        evidence: tuple[Evidence, ...] = (),
        path: Path | None = None,
        line: int | None = None,
        measures: Mapping[str, float],
    ) -> Finding:
        return Finding(
            component=self.component.name,
            kind=self.component.kind,
            check=self.check,
            status=status,
            code=code.id if code else None,
            type=code.type if code else None,
            observed=observed,
            expected=expected,
            because=because,
            hint=hint,
            evidence=evidence,
            measures=measures,
            path=str(path) if path else None,
            line=line,
        )


@dataclass(kw_only=True)
class ActContext:
    """One step of a plan, about to be previewed, done, reconciled or undone."""

    service: Service
    component: Component
    params: Mapping[str, Json]
    clock: Clock
    processes: ProcessControl
    look: Look
    last_good: LastGood
    workspace: Path
    """A directory of this plan for copies and scratch files; kept until its retention ends. Whoever writes there first
    makes it."""
    token: str = ""
    """Unique to this step and attempt, committed with the intent. What the act leaves behind should carry it."""
    limit_s: float = 30.0
    """Time-out of this try, by the incident's severity."""
    backups: "BackupDesk | None" = None
    """Where backups of the component are found and made."""
    stopped: list[str] = field(default_factory=list)
    """Components that were stopped for the act; its receipt names them."""
    on_stop: Callable[[str], None] = lambda _name: None
    """Told of each of them before it is stopped, so that nobody takes it for a fault."""
    checkpoint: Callable[[str], None] = lambda _name: None
    """Marks a place in the middle of an act where a crash is tried out by tests: ``checkpoint("mid-act")``."""


ActFunction = Callable[[ActContext], Awaitable[object]]
