"""The patient as a whole: the service file, understood."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path

from paramedic.model.component import Autonomy, Component, Risk


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """What users may expect of a component."""

    availability: float | None = None
    """Percent, such as 99.9."""
    latency_p95_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Numbers and places. The defaults stand in ``defaults/settings.yaml``; see ``paramedic config schema``."""

    state_dir: Path
    store: str
    """SQLAlchemy URL of the store, ``sqlite:///…`` or ``postgresql+psycopg://…``."""
    node: str
    auto_recovery: bool
    max_recovery_attempts: int
    recovery_cooldown_s: float
    recoveries_at_once: int
    crash_loop_exits: int
    crash_loop_window_s: float
    flapping_changes: int
    flapping_window_s: float
    confirm_looks: int
    """How many looks in a row must agree before a trouble that is not instant counts."""
    verify_times: int
    verify_within_s: float
    checks_at_once: int
    health_check_interval_s: float
    retention_days: float
    backup_interval_s: float
    reports_path: Path
    log_max_bytes: int
    log_keep: int
    heartbeat_url: str | None
    heartbeat_interval_s: float
    error_report_webhook: str | None
    critical_error_notifications: bool
    diagnostic_enabled: bool
    state_backup_enabled: bool
    debug: bool
    verbose: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service: its components, how they depend on each other, and what may be done to them."""

    name: str
    path: Path
    """The service file."""
    components: Mapping[str, Component]
    settings: Settings
    autonomy: Autonomy = Autonomy.AUTO
    max_risk: Risk = Risk.REVERSIBLE
    objectives: Mapping[str, Objective] = field(default_factory=dict)
    escalation: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Level (``L2``) to the addresses that are told."""
    playbook_dirs: tuple[Path, ...] = ()
    secrets: tuple[str, ...] = ()
    """Values that came from secret places and are scrubbed from every output."""

    def needs(self, name: str) -> tuple[str, ...]:
        """Everything the component depends on, directly or not, nearest first."""
        return self._reach(name, {each.name: each.depends_on for each in self.components.values()})

    def needed_by(self, name: str) -> tuple[str, ...]:
        """Everything that depends on the component, directly or not, nearest first."""
        callers: dict[str, tuple[str, ...]] = {}
        for each in self.components.values():
            for dependency in each.depends_on:
                callers[dependency] = (*callers.get(dependency, ()), each.name)
        return self._reach(name, callers)

    def start_order(self) -> tuple[str, ...]:
        """Every component after all that it depends on."""
        return tuple(
            TopologicalSorter({each.name: each.depends_on for each in self.components.values()}).static_order()
        )

    @staticmethod
    def _reach(start: str, edges: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
        found: list[str] = []
        frontier = list(edges.get(start, ()))
        while frontier:
            name = frontier.pop(0)
            if name != start and name not in found:
                found.append(name)
                frontier.extend(edges.get(name, ()))
        return tuple(found)
