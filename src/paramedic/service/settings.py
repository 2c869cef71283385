"""Settings: environment over service file over user file over the defaults, and what follows from these."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from socket import gethostname
from typing import Any
from urllib.parse import urlsplit

from paramedic.model.service import Settings
from paramedic.service.annotations import hints, keys_of, known_keys
from paramedic.service.hidden import Hidden
from paramedic.service.problems import Problems, quoted
from paramedic.service.reading import read_text
from paramedic.service.shape import INVALID, Shaper
from paramedic.service.tree import Scalar, Table, kind_of, parse
from paramedic.service.variables import Variables

ALIASES: Mapping[str, str] = {
    "DIAGNOSTIC_ENABLED": "diagnostic_enabled",
    "DIAGNOSTIC_REPORTS_PATH": "reports_path",
    "AUTO_DIAGNOSTIC_ON_ERROR": "auto_diagnostic_on_error",
    "AUTO_RECOVERY_ENABLED": "auto_recovery",
    "MAX_RECOVERY_ATTEMPTS": "max_recovery_attempts",
    "RECOVERY_COOLDOWN": "recovery_cooldown_s",
    "DEBUG_MODE": "debug",
    "VERBOSE_LOGGING": "verbose",
    "PERFORMANCE_PROFILING": "performance_profiling",
    "MEMORY_PROFILING": "memory_profiling",
    "ERROR_REPORTING_ENABLED": "error_reporting",
    "ERROR_REPORT_WEBHOOK": "error_report_webhook",
    "CRITICAL_ERROR_NOTIFICATIONS": "critical_error_notifications",
    "HEALTH_CHECK_INTERVAL": "health_check_interval_s",
    "RESOURCE_MONITORING_ENABLED": "resource_monitoring",
    "PERFORMANCE_ALERTS": "performance_alerts",
    "AUTO_BACKUP_ON_ERROR": "auto_backup_on_error",
    "STATE_BACKUP_ENABLED": "state_backup_enabled",
    "RECOVERY_STATE_RETENTION": "retention_days",
}
"""Names from earlier deployments that are honoured too; ``PARAMEDIC_…`` wins over them."""

SHORTCUTS: Mapping[str, str] = {
    "store": "store",
    "state_dir": "state_dir",
    "node": "node",
    "heartbeat": "heartbeat_url",
}
"""Keys at the top of a service file to the settings they stand for."""

_MAY_BE_ZERO = frozenset(("max_recovery_attempts", "recovery_cooldown_s", "log_keep"))
_ADDRESSES = ("heartbeat_url", "error_report_webhook")
_DEFAULT_PATHS = ("defaults", "settings.yaml")
_POSTGRES = ("postgres", "postgresql", "postgresql+psycopg")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcedSetting:
    """One setting, and where its value comes from."""

    name: str
    value: object
    source: str
    """``default``, ``~/…/settings.yaml:3``, ``paramedic.yaml:12``, the name of a variable, or ``derived``."""


@dataclass(frozen=True, slots=True)
class _Given:
    """A value that somebody gave."""

    value: Any  # Any: each setting's own type
    source: str


def variables_of(field_name: str) -> tuple[str, ...]:
    """The environment variables of a setting, the strongest first."""
    own = [f"PARAMEDIC_{key.upper()}" for key in keys_of(field_name)]
    return (*own, *(alias for alias, name in ALIASES.items() if name == field_name))


class SettingsReader:
    """Gathers settings layer by layer, weakest first."""

    def __init__(self, folder: Path, environ: Mapping[str, str], hidden: Hidden, problems: Problems) -> None:
        self._folder = folder
        self._environ = environ
        self._hidden = hidden
        self._problems = problems
        self._given: dict[str, _Given] = {}
        self._add_file(Path(str(files("paramedic").joinpath(*_DEFAULT_PATHS))), "default")
        user = self._user_file()
        if user:
            self._add_file(user, "")

    def add_table(self, table: Table, file: Path, shaper: Shaper, label: str = "settings", source: str = "") -> None:
        """Settings as a mapping in a file."""
        known = known_keys(Settings)
        shaper.unknown_keys(table, label, known)
        seen: dict[str, str] = {}
        for key, node in table.nodes.items():
            field = known.get(key)
            if field is None:
                continue
            if field.name in seen:
                both = f"{quoted(key)} says the same as {quoted(seen[field.name])}"
                shaper.problems.add(both, line=table.lines[key], hint="keep one")
            seen[field.name] = key
            self._add(
                field.name, node, shaper, f"{label}.{key}" if label else key, source or f"{file}:{table.lines[key]}"
            )

    def add_shortcuts(self, table: Table, file: Path, shaper: Shaper) -> None:
        """Settings at the top level of a service file."""
        for key, name in SHORTCUTS.items():
            if key in table.nodes:
                self._add(name, table.nodes[key], shaper, key, f"{file}:{table.lines[key]}")

    def finish(self) -> tuple[SourcedSetting, ...]:
        """Add the environment and what follows from the rest, and judge everything."""
        problems = Problems(None)
        shaper = self._shaper(self._folder, problems)
        for name in hints(Settings):
            # The strongest comes last and wins; every wrong one is told.
            for variable in reversed(variables_of(name)):
                text = self._environ.get(variable)
                if text:
                    self._add(name, Scalar(None, text, text), shaper, variable, variable)
        self._problems.include(problems)
        return tuple(self._settled())

    def _settled(self) -> Iterator[SourcedSetting]:
        for name in hints(Settings):
            given = self._given.get(name)
            value = given.value if given else None
            if name == "store":
                value = self._store(given)
            elif value is None and name == "node":
                value = gethostname()
            missing = given is None or (given.value is None and value is not None)
            yield SourcedSetting(name=name, value=value, source="derived" if missing or given is None else given.source)

    def _store(self, given: _Given | None) -> str:
        if given and given.value:
            return _absolute(given.value, self._folder) or given.value
        state_dir = self._given.get("state_dir")
        folder = state_dir.value if state_dir else self._folder
        return f"sqlite:///{folder / 'paramedic.db'}"

    def _add(self, name: str, node: Any, shaper: Shaper, label: str, source: str) -> None:  # Any: a node of any sort
        annotation = hints(Settings)[name]
        if name in ("store", "node"):  # may be left to us
            annotation |= None
        value = shaper.read(node, annotation, label, name)
        if value is INVALID:
            return
        if wrong := _wrong(name, value):
            # An address that cannot be understood may hold a password anywhere, so it is not repeated.
            is_unsafe = name in ("store", *_ADDRESSES) and "@" in value
            what = "no address that can be used" if is_unsafe else kind_of(node)
            shaper.problems.add(f"{quoted(label)} is {what}", line=node.line, expected=wrong)
            return
        if name in _ADDRESSES and value:
            self._hidden.address(value)
        self._given[name] = _Given(value, source)

    def _add_file(self, path: Path, source: str) -> None:
        problems = Problems(path)
        text = read_text(path, problems)
        node = None if text is None else parse(text, problems)
        if node is not None:
            shaper = self._shaper(self._folder, problems)
            table = shaper.table(node, "")
            if table is not None:
                filled = Variables(self._environ, self._hidden, problems).fill(table)
                self.add_table(filled if isinstance(filled, Table) else table, path, shaper, "", source)
        self._problems.include(problems)

    def _user_file(self) -> Path | None:
        base = self._environ.get("XDG_CONFIG_HOME")
        home = self._environ.get("HOME")
        folder = Path(base) if base else Path(home) / ".config" if home else None
        path = folder / "paramedic" / "settings.yaml" if folder else None
        try:
            return path if path and path.exists() else None
        except (OSError, ValueError):  # a folder that may not be entered holds nothing for us
            return None

    def _shaper(self, folder: Path, problems: Problems) -> Shaper:
        return Shaper(folder, Variables(self._environ, self._hidden, problems), self._hidden, problems)


def _wrong(name: str, value: Any) -> str | None:  # Any: each setting's own type
    """What was expected, where the value makes no sense for this setting."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        least = 0 if name in _MAY_BE_ZERO else 1
        if value < 0 or (least and value == 0):
            return f"at least {least}" if isinstance(value, int) else "more than no time"
    if name in _ADDRESSES and value and not is_address(value, ("http", "https")):
        return "an address such as `https://example.org/…`"
    if name == "store" and value and _absolute(value, Path()) is None:
        return "`sqlite:///FILE` or `postgresql+psycopg://USER@HOST/DATABASE`"
    if name == "node" and value is not None and not value.strip():
        return "a name"
    return None


def is_address(text: str, schemes: tuple[str, ...] = ()) -> bool:
    """Whether the text is ``scheme://something`` without blanks."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    scheme, separator, rest = text.partition("://")
    known = not schemes or scheme.lower() in schemes
    return bool(separator and rest.strip("/") and parts.scheme and known and not set(text) & set(" \t\r\n"))


def _absolute(store: str, folder: Path) -> str | None:
    """The store's URL as SQLAlchemy takes it, whatever folder the program runs in; ``None`` for no such URL."""
    scheme, _, rest = store.partition("://")
    if scheme == "sqlite" and rest.startswith("/") and rest[1:2] not in ("", ":"):
        return f"sqlite:///{folder / rest[1:]}"
    return f"postgresql+psycopg://{rest}" if scheme in _POSTGRES and is_address(store) else None
