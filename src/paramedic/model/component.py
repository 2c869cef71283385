"""A part of the patient."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from annotated_types import Ge

from paramedic.model.secret import Secret


class Need(StrEnum):
    """How much the service needs a component; softens what its checks find."""

    REQUIRED = "required"
    RECOMMENDED = "recommended"
    """Its absence is at worst a warning."""
    OPTIONAL = "optional"
    """Its absence is at worst worth knowing."""


class Criticality(StrEnum):
    """How bad it is for the service when the component is down."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Desired(StrEnum):
    """What an operator wants of a process. A stop stays a stop until somebody says start."""

    RUNNING = "running"
    STOPPED = "stopped"


class Autonomy(StrEnum):
    """How far Paramedic may go by itself, each step including the one before it."""

    OBSERVE = "observe"
    SUGGEST = "suggest"
    APPROVE = "approve"
    AUTO = "auto"


class Risk(StrEnum):
    """What an action may cost."""

    SAFE = "safe"
    REVERSIBLE = "reversible"
    DISRUPTIVE = "disruptive"
    MANUAL = "manual"

    @property
    def rank(self) -> int:
        return list(Risk).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSpec:
    """How a component's process is started, or how one that somebody else starts is recognised."""

    command: tuple[str, ...] = ()
    cwd: Path = Path()
    env: Mapping[str, str | Secret] = field(default_factory=dict)
    pidfile: Path | None = None
    match: str | None = None
    """A regular expression over the command line."""
    port: int | None = None
    """The port it must be able to listen on; taken from the component's address where not given."""
    stop_signal: str = "SIGTERM"
    stop_timeout_s: float = 10.0
    """How long it may take to stop before it is killed."""
    ready_within_s: float = 30.0
    """How long it may take from start until its component's checks pass."""
    reset_pools: tuple[str, ...] = ()
    """A command that makes it drop its connections and open new ones; without it, it is restarted instead."""
    free_memory: tuple[str, ...] = ()
    """A command that makes it collect garbage and clear its caches; tried before a restart when memory is short."""

    @property
    def is_managed(self) -> bool:
        """Whether Paramedic may start it (it knows the command)."""
        return bool(self.command)


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Who starts and stops a component that Paramedic does not start itself."""

    manager: str
    """``systemd``, ``docker``, ``compose``, ``kubernetes``, ``supervisord``, ``runit``, or ``command``: its own."""
    unit: str = ""
    """What the manager calls it."""
    options: tuple[str, ...] = ()
    """What the manager's program needs before its verb, such as ``-c supervisord.conf`` or ``--context shop``."""
    commands: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Of the manager ``command``: verb (``start``, ``stop``, ``restart``, ``status``) to what is run for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupPolicy:
    """How a component is backed up while watching."""

    every_s: Annotated[float, Ge(1)] = 86_400.0
    """How old the newest good backup may become before the next one is made."""
    keep: Annotated[int, Ge(1)] | None = None
    """How many of the newest are kept; without it, those of the last ``retention_days``."""
    drill_s: Annotated[float, Ge(1)] = 604_800.0
    """How often the newest one is restored into a scratch place, to see that it can be and how long it takes."""
    limit_s: Annotated[float, Ge(1)] = 1800.0
    """How long it may take to make one, and to verify it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One part of the service, as the service file names it."""

    name: str
    kind: str
    target: object
    """The address in the shape of its kind: a frozen dataclass declared by the pack."""
    depends_on: tuple[str, ...] = ()
    criticality: Criticality = Criticality.MEDIUM
    need: Need = Need.REQUIRED
    process: ProcessSpec | None = None
    owner: Owner | None = None
    interval_s: float | None = None
    timeout_s: float | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict)
    autonomy: Autonomy | None = None
    node: str | None = None
    backup: BackupPolicy | None = None
    group: str | None = None
    """What it is one of several instances of, such as the workers behind one balancer."""
    line: int | None = None
    """Where it stands in the service file."""
