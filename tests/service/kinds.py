"""Small kinds for trying the service file, in the shapes that real packs have."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from annotated_types import Ge

from paramedic.sdk import Kind, Pack, Registry, Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Http:
    """An HTTP service."""

    url: str
    """Where it answers."""
    method: Literal["GET", "HEAD"] = "GET"
    """How it is asked."""
    headers: dict[str, str | Secret] | None = None
    """Sent with each request."""
    redirects: bool = False
    expect: tuple[int, ...] = (200,)
    """Accepted status codes."""
    warm_up_s: float = 0.0
    """How long it may be slow."""

    def __post_init__(self) -> None:
        if "://" not in self.url:
            raise ValueError(f"`url` is `{self.url}`, expected an address such as `http://127.0.0.1:8000`")


class Metric(StrEnum):
    """How near two vectors are."""

    L2 = "l2"
    COSINE = "cosine"


@dataclass(frozen=True, slots=True, kw_only=True)
class SqliteSource:
    """Rows of a SQLite table."""

    sqlite: Path
    table: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSource:
    """Whatever a command prints."""

    command: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector:
    """A vector index."""

    index: Path
    """The file."""
    dimension: Annotated[int, Ge(1)] | None = None
    metric: Metric = Metric.L2
    source: SqliteSource | CommandSource | None = None
    """From what it can be built again."""
    max_size_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres:
    """A PostgreSQL database."""

    dsn: Secret
    """How to reach it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tcp:
    """A TCP port."""

    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process without an address."""

    pidfile: Path | None = None
    """Holds its pid."""
    match: str | None = None
    """A regular expression over its command line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Files."""

    paths: Sequence[Path]
    rules: dict[str, object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sqlite:
    """A SQLite database."""

    path: Path
    tables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mcp:
    """An MCP server."""

    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Llm:
    """A model server."""

    base_url: str
    model: str
    api_key: Secret | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grumpy:
    """Refuses in a way no pack should."""

    mood: str

    def __post_init__(self) -> None:
        raise RuntimeError(f"no {self.mood} today")


def _of_url(target: Http) -> tuple[str, int] | None:
    parts = urlsplit(target.url)
    return (parts.hostname or "", parts.port or 80)


REGISTRY = Registry(
    (
        Pack(
            name="trial",
            kinds=(
                Kind(name="http", summary="answers HTTP", target=Http, address=_of_url),
                Kind(name="vector", summary="a vector index", target=Vector),
                Kind(name="postgres", summary="a PostgreSQL database", target=Postgres),
                Kind(name="tcp", summary="a TCP port", target=Tcp, address=lambda target: (target.host, target.port)),
                Kind(name="process", summary="a process", target=Process),
                Kind(name="files", summary="files", target=Files),
                Kind(name="sqlite", summary="a SQLite database", target=Sqlite),
                Kind(name="mcp", summary="an MCP server", target=Mcp),
                Kind(name="llm", summary="a model server", target=Llm),
                Kind(name="grumpy", summary="never works", target=Grumpy),
            ),
        ),
    ),
    {"speech": "ModuleNotFoundError: No module named 'whisper'"},
)
