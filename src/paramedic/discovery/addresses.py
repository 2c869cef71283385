"""Addresses in the variables of programs: where they look for what they need. Passwords are dropped at once."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from paramedic.discovery.table import Table

_SETTING = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*=\s*(.*?)\s*")
_COMMENT = re.compile(r"\s#.*$")
_WEB_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_HERE = ("localhost", "127.0.0.1", "::1", "0.0.0.0", "host.docker.internal")  # noqa: S104  # told apart, not bound
_NAMED = re.compile(r"(?:\blocalhost|\b127\.0\.0\.1|\[::1\]|\b0\.0\.0\.0):(\d{2,5})\b")
_LONGEST = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a program finds something, without user and password."""

    variable: str
    scheme: str
    host: str
    port: int
    has_password: bool
    is_bare: bool = False
    """Whether host and port say all of it: no user, no password, no database of its own."""

    @property
    def is_here(self) -> bool:
        """Whether it names this machine."""
        return self.host in _HERE or self.host.startswith("127.")


def ports_named(text: str) -> set[int]:
    """Ports of this machine that stand in a text with its name: ``localhost:6379``."""
    return {int(port) for port in _NAMED.findall(text)}


def read_settings(path: Path) -> dict[str, str]:
    """The variables of an ``.env`` file; empty where it is none. They hold secrets: never to be shown."""
    try:
        with path.open("rb") as file:
            text = file.read(_LONGEST).decode("utf-8", "replace")
    except OSError:
        return {}
    found = {}
    for line in text.splitlines():
        if not line.lstrip().startswith("#") and (setting := _SETTING.fullmatch(line)):
            value = setting[2]
            is_quoted = value[:1] in ('"', "'")
            found[setting[1]] = value[1:].partition(value[0])[0] if is_quoted else _COMMENT.sub("", value)
    return found


def addresses_in(variables: Mapping[str, str], table: Table) -> tuple[Address, ...]:
    """Every address among the values."""
    return tuple(dict.fromkeys(_addresses(variables, table)))


def databases_in(variables: Mapping[str, str], folder: Path) -> tuple[Path, ...]:
    """SQLite files that the values name: ``sqlite:///shop.db``, ``sqlite+aiosqlite:////srv/shop.db``."""
    found = []
    for value in variables.values():
        scheme, is_one, rest = value.partition("://")
        if is_one and scheme.partition("+")[0] == "sqlite" and rest.startswith("/") and ":memory:" not in rest:
            found.append(folder / unquote(rest[1:].partition("?")[0]))
    return tuple(dict.fromkeys(found))


def _addresses(variables: Mapping[str, str], table: Table) -> Iterator[Address]:
    for name, value in variables.items():
        if "://" not in value or any(char.isspace() for char in value):
            continue
        try:
            parts = urlsplit(value)
            host, port, password = parts.hostname, parts.port, parts.password
            is_bare = not (parts.username or password or parts.query) and parts.path in ("", "/", "/0")
        except ValueError:
            continue
        scheme = parts.scheme.lower()
        known = table.by_scheme(scheme)
        port = port or (known.ports[0] if known and known.ports else _WEB_PORTS.get(scheme))
        if host and port:
            yield Address(
                variable=name, scheme=scheme, host=host, port=port, has_password=bool(password), is_bare=is_bare
            )
