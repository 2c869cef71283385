"""What the files of a folder tell: environment, compose, Procfile, configuration, databases, the project's name."""

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from paramedic.discovery.addresses import Address, addresses_in, databases_in, read_settings
from paramedic.discovery.table import Table
from paramedic.report.secret_names import is_secret_key
from paramedic.service.hidden import Hidden

_SQLITE = b"SQLite format 3\0"
_LONGEST = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A folder, as its files describe it."""

    folder: Path
    name: str | None = None
    environment: tuple[Path, ...] = ()
    addresses: tuple[Address, ...] = ()
    databases: tuple[Path, ...] = ()
    configuration: tuple[Path, ...] = ()
    compose: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Services of a compose file with the ports they publish."""
    procfile: Mapping[str, str] = field(default_factory=dict)
    """Names of processes with their command lines."""
    python: tuple[Path, ...] = ()
    """What declares the packages of a Python project."""
    secrets: tuple[str, ...] = ()

    @property
    def tells_something(self) -> bool:
        """Whether anything of a project lies in the folder."""
        files = (*self.environment, *self.databases, *self.configuration, *self.python)
        return bool(files or self.compose or self.procfile or self.name)


def read_project(folder: Path, table: Table) -> Project:
    """What a folder's own files tell; what cannot be read tells nothing."""
    hidden = Hidden()
    environment = [path for path in _there(folder, table.files.environment, 4) if path.is_file()]
    addresses: list[Address] = []
    databases = list(_there(folder, table.files.databases, table.files.at_most))
    for path in environment:
        variables = read_settings(path)
        addresses += addresses_in(variables, table)
        databases += databases_in(variables, folder)
        for name, value in variables.items():
            (hidden.add if is_secret_key(name) else hidden.inside)(value)
    return Project(
        folder=folder,
        name=_name(folder),
        environment=tuple(environment),
        addresses=tuple(dict.fromkeys(addresses)),
        databases=tuple(dict.fromkeys(path for path in databases if is_sqlite(path))),
        configuration=tuple(_there(folder, table.files.configuration, table.files.at_most)),
        compose=_compose(folder, table),
        procfile=_procfile(folder),
        python=tuple(_there(folder, ("pyproject.toml", "requirements.txt"), 2)),
        secrets=hidden.values,
    )


def is_sqlite(path: Path) -> bool:
    """Whether a file is a SQLite database."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(len(_SQLITE)) == _SQLITE
    except OSError:
        return False


def relative(path: Path, folder: Path) -> str:
    """As a service file in the folder names it."""
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)


def _there(folder: Path, patterns: tuple[str, ...], at_most: int) -> Iterator[Path]:
    found = 0
    for pattern in patterns:
        try:
            matching = sorted(each for each in folder.glob(pattern) if each.is_file())
        except OSError:
            continue
        for path in matching:
            if found < at_most:
                yield path
            found += 1


def _name(folder: Path) -> str | None:
    """As the project calls itself."""
    try:
        project = tomllib.loads(_text(folder / "pyproject.toml")).get("project", {})
        package = json.loads(_text(folder / "package.json") or "{}")
        name = project.get("name") or package.get("name")
    except (ValueError, AttributeError, RecursionError):
        return None
    return name if isinstance(name, str) and name else None


def _compose(folder: Path, table: Table) -> dict[str, tuple[int, ...]]:
    from ruamel.yaml import YAML

    for path in _there(folder, table.files.compose, 1):
        try:
            data = YAML(typ="safe", pure=True).load(_text(path))
            return {str(name): tuple(_published(each)) for name, each in data["services"].items()}
        except Exception:  # noqa: S112  # a boundary: a hostile file tells nothing
            continue
    return {}


def _published(service: object) -> Iterator[int]:
    """``"8080:80"``, ``"127.0.0.1:8080:80/tcp"``, ``{published: 8080}``."""
    ports = service.get("ports") if isinstance(service, Mapping) else None
    for each in ports if isinstance(ports, list) else ():
        text = str(each.get("published", "")) if isinstance(each, Mapping) else str(each).partition("/")[0]
        parts = text.split(":")
        number = parts[0] if isinstance(each, Mapping) else parts[-2] if len(parts) > 1 else ""
        if number.isdecimal():
            yield int(number)


def _procfile(folder: Path) -> dict[str, str]:
    found = {}
    for line in _text(folder / "Procfile").splitlines():
        name, is_one, command = line.partition(":")
        if is_one and name.strip() and not line.startswith("#"):
            found[name.strip()] = command.strip()
    return found


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_LONGEST).decode("utf-8", "replace")
    except OSError:
        return ""
