"""What the shop reads of its files: ``config/shop.yaml`` and ``.env``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

SHOP = Path("config/shop.yaml")
ENVIRONMENT = Path(".env")


class BadSettings(Exception):
    """A file of the shop is missing or makes no sense."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The shop's settings, understood."""

    database: Path
    vector_dimension: int
    mcp_servers: tuple[str, ...]
    queue: tuple[str, int]
    greeting: str


def read_settings(path: Path = SHOP) -> Settings:
    """The settings in a file.

    Raises:
        BadSettings: it is missing, is no YAML, or a field is missing or impossible.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        data: Any = YAML(typ="safe", pure=True).load(path)  # Any: whatever a person wrote
    except (OSError, YAMLError, UnicodeDecodeError) as error:
        raise BadSettings(f"cannot read {path}: {error}") from error
    if not isinstance(data, dict):
        raise BadSettings(f"{path} holds no settings")
    missing = {"database_url", "vector_dimension", "mcp_servers"} - data.keys()
    if missing:
        raise BadSettings(f"{path} lacks {', '.join(sorted(missing))}")
    url, dimension, servers = data["database_url"], data["vector_dimension"], data["mcp_servers"]
    if not str(url).startswith("sqlite:///"):
        raise BadSettings(f"database_url must start with sqlite:///, not {url}")
    if not isinstance(dimension, int) or dimension < 1:
        raise BadSettings(f"vector_dimension must be positive, not {dimension}")
    if not isinstance(servers, list) or not servers:
        raise BadSettings("mcp_servers must name one server at least")
    return Settings(
        database=Path(str(url).removeprefix("sqlite:///")),
        vector_dimension=dimension,
        mcp_servers=tuple(map(str, servers)),
        queue=_address(str(data.get("queue", "127.0.0.1:80"))),
        greeting=str(data.get("greeting", "Hello")),
    )


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not port.isdecimal():
        raise BadSettings(f"queue must be HOST:PORT, not {text}")
    return host, int(port)


def read_environment(path: Path = ENVIRONMENT) -> dict[str, str]:
    """The variables in a ``.env`` file; none where there is no such file."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.lstrip().startswith("#"))
    return {name.strip(): value.strip().strip("\"'") for name, value in pairs}
