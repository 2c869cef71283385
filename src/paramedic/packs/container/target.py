"""A unit that somebody else runs, as a service file names it."""

from dataclasses import dataclass

from paramedic.sdk import Owner

_MANAGERS = ("systemd", "docker", "compose", "kubernetes", "supervisord", "runit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One unit of one manager."""

    systemd: str | None = None
    """A unit of systemd, such as ``redis-server``."""
    docker: str | None = None
    """The name or id of a container."""
    compose: str | None = None
    """A service of the compose project; ``options`` such as ``[--file, compose.yaml]`` say which project."""
    kubernetes: str | None = None
    """A workload such as ``deployment/api``; ``options`` such as ``[--namespace, shop]`` say where."""
    supervisord: str | None = None
    """A program of supervisord, or ``group:*``."""
    runit: str | None = None
    """A service of runit: its name, or the path of its folder."""
    options: tuple[str, ...] = ()
    """What the manager's program needs before its verb."""

    def __post_init__(self) -> None:
        """Refuse what names no unit, or more than one."""
        if len(self._named()) != 1:
            raise ValueError(f"it names {len(self._named())} units, and must name one: {', '.join(_MANAGERS)}")
        ((manager, unit),) = self._named()
        if not unit or unit.startswith("-"):
            raise ValueError(f"`{manager}` names no unit")

    def owner(self) -> Owner:
        """Who runs it, as other kinds of component say with ``owner``."""
        ((manager, unit),) = self._named()
        return Owner(manager=manager, unit=unit, options=self.options)

    def _named(self) -> list[tuple[str, str]]:
        return [(each, str(getattr(self, each))) for each in _MANAGERS if getattr(self, each) is not None]
