"""The patient as a whole: the service file, understood."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from graphlib import TopologicalSorter
from pathlib import Path

from paramedic.model.component import Autonomy, Component, Risk
from paramedic.model.maintenance import Maintenance
from paramedic.model.status import Severity


class Permit(StrEnum):
    """What a look may do beyond looking, where the service file permits it."""

    WRITES = "writes"
    SPENDS = "spends"


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """What users may expect of a component."""

    availability: float | None = None
    """Percent, such as 99.9."""
    latency_p95_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusPage:
    """What customers may know of the service."""

    components: Mapping[str, tuple[str, ...]]
    """What they call a feature, and the components that it is made of."""
    title: str | None = None
    """The heading of the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """When which level is called about an incident that nobody has acknowledged."""

    L2_s: float | None = None
    """The age of the incident at which this level is called; never, where nothing stands."""
    L3_s: float | None = None
    """The same for the next level."""
    L4_s: float | None = None
    """The same for the last level."""
    remind_s: float = 3600.0
    """How often whoever was called is reminded."""
    at_once: int = 1
    """How many levels are called at once when automation gives up."""

    def after_s(self, level: str) -> float | None:
        """The age at which a level is called."""
        found: float | None = getattr(self, f"{level}_s", None)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Numbers and places. The defaults stand in ``defaults/settings.yaml``; see ``paramedic config schema``."""

    state_dir: Path
    """Where the store, logs, copies of good files and the node's lock live."""
    store: str
    """SQLAlchemy URL of the store, ``sqlite:///…`` or ``postgresql+psycopg://…``."""
    node: str
    """The name of this machine among those that share a store."""
    auto_recovery: bool
    """Whether plans may run by themselves at all."""
    max_recovery_attempts: int
    """How many playbooks may be tried for one incident before people are called."""
    recovery_cooldown_s: float
    """How long a playbook that did not help is not tried again for the same trouble."""
    recoveries_at_once: int
    """How many plans may run at the same time."""
    crash_loop_exits: int
    """So many unwanted ends of a process within the window are a crash loop."""
    crash_loop_window_s: float
    """The window in which ends of a process are counted."""
    flapping_changes: int
    """So many changes of a status within the window are flapping."""
    flapping_window_s: float
    """The window in which changes of a status are counted."""
    confirm_looks: int
    """How many looks in a row must agree before a trouble that is not instant counts."""
    verify_times: int
    """How many times running the failed checks must pass before a plan counts as a success."""
    verify_within_s: float
    """How long a plan may take to be verified."""
    checks_at_once: int
    """How many checks may look at the same time."""
    health_check_interval_s: float
    """How often the full sweep runs; single checks have their own, shorter intervals."""
    retention_days: float
    """How long reports, plans, copies and observations are kept."""
    backup_interval_s: float
    """How often copies of good files are made."""
    reports_path: Path
    """Where ``check --save`` writes."""
    log_max_bytes: int
    """The size at which a started process's log file is rotated."""
    log_keep: int
    """How many rotated log files are kept."""
    heartbeat_url: str | None
    """An address that expects a sign of life, so that the watcher is watched."""
    heartbeat_interval_s: float
    """How often it is given."""
    error_report_webhook: str | None
    """An address to which escalations are posted beside those of the service file."""
    critical_error_notifications: bool
    """Whether people are told of what is critical."""
    diagnostic_enabled: bool
    """Whether checks run while watching."""
    state_backup_enabled: bool
    """Whether copies of good files are made."""
    debug: bool
    """Whether Paramedic says how it came to do what it does."""
    verbose: bool
    """Whether healthy parts are listed in the log too."""
    auto_diagnostic_on_error: bool = True
    """Whether an incident makes what it may come from be looked at at once."""
    error_reporting: bool = True
    """Whether anything is sent to addresses outside at all."""
    resource_monitoring: bool = True
    """Whether memory, processor and disk of the machine are looked at while watching."""
    performance_alerts: bool = True
    """Whether slowness alone is told to people."""
    performance_profiling: bool = False
    """Whether processor profiles are taken all the time."""
    memory_profiling: bool = False
    """Whether memory profiles are taken all the time."""
    incident_profile: bool = True
    """Whether a short profile is attached to an incident."""
    quick_check_limit_s: float = 120.0
    """How long ``check --quick`` may take as a whole; what has not ended then is unknown."""
    full_check_limit_s: float = 600.0
    """How long any other ``check`` may take as a whole."""
    instance_share: float = 0.34
    """The share of the instances of a group that may be worked on at the same time; one always may."""
    recovery_breaker_failures: int = 10
    """So many recoveries without success within the window stop all automation until a person says `resume`."""
    recovery_breaker_window_s: float = 3600.0
    """The window in which recoveries without success are counted."""
    approval_valid_s: float = 3600.0
    """How long an approval holds: what has not begun by then does not begin."""
    step_limit_p0_s: float = 30.0
    """How long one try of a step may take for an incident of severity P0."""
    step_limit_p1_s: float = 60.0
    """The same for P1."""
    step_limit_s: float = 120.0
    """The same for everything less urgent."""
    step_tries_p0: int = 3
    """How often one attempt tries a step that may be repeated, for an incident of severity P0."""
    step_tries_p1: int = 5
    """The same for P1."""
    step_tries: int = 3
    """The same for everything less urgent."""
    auto_backup_on_error: bool = False
    """Whether an incident makes copies of the files of its components at once."""


WITHOUT_EFFECT = frozenset({"performance_profiling", "memory_profiling", "incident_profile", "auto_backup_on_error"})
"""Settings that are read and do nothing in this version; `paramedic config show` says so."""


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
    on_call: Mapping[str, str] = field(default_factory=dict)
    """Level or route to who is on call there, as messages tell it."""
    dashboards: Mapping[str, str] = field(default_factory=dict)
    """Pages that help whoever is called, by name."""
    ladders: Mapping[Severity, Ladder] = field(default_factory=dict)
    """When each level is called, by severity."""
    permits: frozenset[Permit] = frozenset()
    """What checks may do beyond looking."""
    maintenance: Maintenance = field(default_factory=Maintenance)
    """Planned work."""
    status_page: StatusPage | None = None
    """What customers may know."""
    playbook_dirs: tuple[Path, ...] = ()
    secrets: tuple[str, ...] = ()
    """Values that came from secret places and are scrubbed from every output."""

    def needs(self, name: str) -> tuple[str, ...]:
        """Everything the component depends on, directly or not, nearest first."""
        known = self.components
        return _reach(name, lambda each: known[each].depends_on if each in known else ())

    def needed_by(self, name: str) -> tuple[str, ...]:
        """Everything that depends on the component, directly or not, nearest first."""
        callers: dict[str, list[str]] = {}
        for each in self.components.values():
            for dependency in each.depends_on:
                callers.setdefault(dependency, []).append(each.name)
        return _reach(name, lambda each: callers.get(each, ()))

    def hosts(self) -> tuple[str, ...]:
        """The machines: everything else runs on them."""
        return tuple([each.name for each in self.components.values() if each.kind == "host"])

    def instances(self, group: str) -> tuple[str, ...]:
        """The components of a group; none where there is no such group."""
        return tuple(each.name for each in self.components.values() if each.group == group)

    def start_order(self) -> tuple[str, ...]:
        """Every component after all that it depends on."""
        return tuple(
            TopologicalSorter({each.name: each.depends_on for each in self.components.values()}).static_order()
        )


def _reach(start: str, edges: Callable[[str], Iterable[str]]) -> tuple[str, ...]:
    """Whatever the edges lead to from here, nearest first."""
    found: dict[str, None] = {}
    frontier = deque(edges(start))
    while frontier:
        name = frontier.popleft()
        if name != start and name not in found:
            found[name] = None
            frontier.extend(edges(name))
    return tuple(found)
