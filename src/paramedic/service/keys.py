"""The keys of a service file that do not depend on a kind, each with what an editor shows for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from paramedic.model.component import Autonomy, BackupPolicy, Criticality, Need, ProcessSpec, Risk
from paramedic.model.service import Ladder, Objective, Permit, StatusPage
from paramedic.model.status import Severity
from paramedic.service.upkeep import MaintenanceKeys


class Manager(StrEnum):
    """Who starts and stops a component that Paramedic does not start."""

    SYSTEMD = "systemd"
    DOCKER = "docker"
    COMPOSE = "compose"
    KUBERNETES = "kubernetes"
    SUPERVISORD = "supervisord"
    RUNIT = "runit"
    COMMAND = "command"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerCommands:
    """How a component is started and stopped by commands of its own. Each is run in the folder of the service file."""

    start: str | tuple[str, ...]
    """Starts it and returns."""
    stop: str | tuple[str, ...]
    """Stops it and returns when it is gone."""
    restart: str | tuple[str, ...] = ()
    """Restarts it; without it, it is stopped and started."""
    status: str | tuple[str, ...] = ()
    """Exits with 0 while it runs, and with anything else while it does not; without it only its checks can tell."""


class Route(StrEnum):
    """Who is told: the levels of escalation and the routes beside them."""

    L1 = "L1"
    L2 = "L2"
    L3 = "L3"
    L4 = "L4"
    SECURITY = "security"
    INFRASTRUCTURE = "infrastructure"
    VENDOR = "vendor"
    STAKEHOLDERS = "stakeholders"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessKeys(ProcessSpec):
    """How a component's process is started, or how one that somebody else starts is recognised."""

    command: str | tuple[str, ...] = ()  # type: ignore[assignment]  # a file may hold one line of text
    """The program and its arguments, as a list or as one line. There is no shell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentKeys:
    """One part of the service. What else it takes depends on its kind."""

    kind: str
    """What it is; decides which checks look at it and which other keys it takes."""
    depends_on: tuple[str, ...] = ()
    """Components that it cannot work without."""
    criticality: Criticality = Criticality.MEDIUM
    """How bad it is for the service when it is down."""
    need: Need = Need.REQUIRED
    """How much the service needs it; softens what its checks find."""
    process: ProcessKeys | None = None
    """How Paramedic starts it, or how a process that somebody else starts is recognised."""
    owner: Mapping[Manager, str] | None = None
    """Who starts it if not Paramedic, and under which name: ``{systemd: postgresql}``, beside it ``options`` for its
    program; or ``{command: {start: […], stop: […]}}``."""
    interval_s: float | None = None
    """How often to look while watching."""
    timeout_s: float | None = None
    """How long one look may take."""
    thresholds: Mapping[str, float] = field(default_factory=dict)
    """Numbers from which on its checks complain."""
    autonomy: Autonomy | None = None
    """How far Paramedic may go by itself with this component."""
    node: str | None = None
    """The machine it lives on, where there are several."""
    backup: BackupPolicy | None = None
    """How it is backed up while watching: how often, how many are kept, how often a restore is tried."""
    group: str | None = None
    """What it is one of several instances of: only a share of these is worked on at the same time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AutonomyKeys:
    """How far Paramedic may go by itself."""

    default: Autonomy = Autonomy.AUTO
    """The step of the ladder: observe, suggest, approve, auto."""
    max_risk: Risk = Risk.REVERSIBLE
    """The riskiest action that may run without approval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileKeys:
    """A service: its components, how they depend on each other, and what may be done to them."""

    service: str
    """The name of the service."""
    components: Mapping[str, ComponentKeys]
    """Its parts, by name."""
    objectives: Mapping[str, Objective] = field(default_factory=dict)
    """What users may expect, by component."""
    autonomy: Autonomy | AutonomyKeys = Autonomy.AUTO
    """How far Paramedic may go by itself."""
    escalation: Mapping[Route, tuple[str, ...]] = field(default_factory=dict)
    """Who is told what cannot be healed: addresses such as ``https://…``, ``mailto://…`` or ``slack://…``."""
    on_call: Mapping[Route, str] = field(default_factory=dict)
    """Who is on call, by level or route: a name, a rota or a number, as messages tell it."""
    dashboards: Mapping[str, str] = field(default_factory=dict)
    """Pages that help whoever is called, by name: messages link to them."""
    ladders: Mapping[Severity, Ladder] = field(default_factory=dict)
    """When each level is called about what nobody has acknowledged, by severity."""
    permits: tuple[Permit, ...] = ()
    """What checks may do beyond looking: ``writes`` for those that change something, ``spends`` for what costs."""
    maintenance: tuple[MaintenanceKeys, ...] = ()
    """Planned work: nobody is woken by what fails of it, and nothing disruptive begins by itself."""
    status_page: StatusPage | None = None
    """What `paramedic status --public` tells customers: features by the names that they know."""
    playbooks: tuple[Path, ...] | None = None
    """Folders with playbooks of your own; without it ``playbooks`` beside this file, where there is one."""
    settings: Mapping[str, object] = field(default_factory=dict)
    """Numbers and places that differ from the defaults."""
    store: str | None = None
    """Short for the setting ``store``."""
    state_dir: Path | None = None
    """Short for the setting ``state_dir``."""
    node: str | None = None
    """Short for the setting ``node``."""
    heartbeat: str | None = None
    """Short for the setting ``heartbeat_url``."""
