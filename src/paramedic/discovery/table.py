"""What is known of services beforehand; data in ``defaults/discovery.yaml``."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A service that can be recognised."""

    name: str
    programs: tuple[str, ...] = ()
    """Names of an executable, a script or a Python module."""
    ports: tuple[int, ...] = ()
    """Where it usually listens."""
    http: tuple[str, ...] | None = None
    """Paths that tell whether it is well; ``None`` where it does not speak HTTP."""
    kind: str | None = None
    """The kind of component that knows it best."""
    url: str | None = None
    """How such a kind is addressed, with ``{host}`` and ``{port}``."""
    keys: Mapping[str, object] = field(default_factory=dict)
    """What else such a kind is told at first."""
    schemes: tuple[str, ...] = ()
    """Schemes of the addresses under which programs name it."""
    data: tuple[str, ...] = ()
    """Options that name the folder it writes to."""
    config: tuple[str, ...] = ()
    """Options that name its configuration file."""
    criticality: str | None = None
    runs_apps: bool = False
    """It serves somebody's program, which gives the component its name."""
    is_worker: bool = False
    """It is a part of the service although it listens nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectFiles:
    """Patterns of the files that projects keep."""

    environment: tuple[str, ...]
    compose: tuple[str, ...]
    configuration: tuple[str, ...]
    databases: tuple[str, ...]
    at_most: int
    """So many files of one sort are taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Everything that is known."""

    services: tuple[Known, ...]
    health_paths: tuple[str, ...]
    noise_programs: frozenset[str]
    noise_ports: frozenset[int]
    files: ProjectFiles

    def by_program(self, names: Iterable[str]) -> Known | None:
        """The service of the first name that belongs to one."""
        return next((known for name in names for known in self.services if name in known.programs), None)

    def by_port(self, port: int) -> Known | None:
        """The service that usually listens on a port."""
        return next((known for known in self.services if port in known.ports), None)

    def by_scheme(self, scheme: str) -> Known | None:
        """The service that an address such as ``redis://…`` or ``postgresql+asyncpg://…`` names."""
        first = scheme.lower().partition("+")[0]
        return next((known for known in self.services if first in known.schemes), None)


@lru_cache(maxsize=1)
def load_table() -> Table:
    """The table that is shipped."""
    from ruamel.yaml import YAML

    text = files("paramedic").joinpath("defaults", "discovery.yaml").read_text(encoding="utf-8")
    data = YAML(typ="safe", pure=True).load(text)
    return Table(
        services=tuple(Known(name=name, **_tuples(each)) for name, each in data["services"].items()),
        health_paths=tuple(data["health_paths"]),
        noise_programs=frozenset(data["noise"]["programs"]),
        noise_ports=frozenset(data["noise"]["ports"]),
        files=ProjectFiles(**_tuples(data["files"])),
    )


def _tuples(data: Mapping[str, Any]) -> dict[str, Any]:  # Any: the shipped file holds what the classes above say
    return {key: tuple(each) if isinstance(each, list) else each for key, each in data.items()}
