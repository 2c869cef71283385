"""The sidecar manifest: what an index was when all was well with it."""

import base64
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

SCHEMA_VERSION = 1


class Broken(Exception):
    """The manifest makes no sense."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Golden:
    """A query with the answer that it must get."""

    query: bytes
    """32-bit numbers, little endian."""
    ids: tuple[int, ...]
    """The nearest vectors by exact search, nearest first."""
    farthest: float
    """The distance of the last of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What an index was."""

    sha256: str
    size: int
    ntotal: int
    dimension: int
    metric: str
    """``l2`` or ``ip``, as the file says."""
    type: str
    """FAISS's class, such as ``IndexIVFFlat``."""
    factory: str
    """How such an index is built; empty where nobody knows."""
    search: dict[str, int] = field(default_factory=dict)
    """Settings of its search: ``nprobe``, ``efSearch``."""
    embedding: str = ""
    """The model that made the vectors, as the service file names it."""
    norm_mean: float = 0.0
    norm_deviation: float = 0.0
    """Mean length of the vectors and its standard deviation: they change with the embedding model."""
    made_at: str = ""
    made_at_ns: int = 0
    """The same as nanoseconds, to be held against the time of the file."""
    golden: tuple[Golden, ...] = ()

    def text(self) -> str:
        """As it is written."""
        data = asdict(self)
        data["golden"] = [{**each, "query": base64.b64encode(each["query"]).decode()} for each in data["golden"]]
        return json.dumps({"schema_version": SCHEMA_VERSION, **data}, indent=1) + "\n"


def read(path: Path) -> Manifest | None:
    """The manifest in a file; ``None`` where there is none.

    Raises:
        Broken: it makes no sense.
    """
    try:
        data = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Broken(f"`{path.name}` cannot be read: {error.strerror}") from None
    except ValueError:
        raise Broken(f"`{path.name}` is no JSON") from None
    try:
        return _understood(data)
    except (KeyError, TypeError, ValueError) as error:
        raise Broken(f"`{path.name}` is no manifest: {error}") from None


def _understood(data: Any) -> Manifest:  # Any: what stands in the file
    if data["schema_version"] != SCHEMA_VERSION:
        raise ValueError(f"schema_version {data['schema_version']}")
    dimension = int(data["dimension"])
    golden = tuple(
        Golden(
            query=base64.b64decode(each["query"], validate=True),
            ids=tuple(int(one) for one in each["ids"]),
            farthest=float(each["farthest"]),
        )
        for each in data["golden"]
    )
    if any(len(each.query) != 4 * dimension for each in golden):
        raise ValueError("a golden query has another dimension")
    return Manifest(
        sha256=str(data["sha256"]),
        size=int(data["size"]),
        ntotal=int(data["ntotal"]),
        dimension=dimension,
        metric=str(data["metric"]),
        type=str(data["type"]),
        factory=str(data["factory"]),
        search={str(name): int(value) for name, value in data["search"].items()},
        embedding=str(data["embedding"]),
        norm_mean=float(data["norm_mean"]),
        norm_deviation=float(data["norm_deviation"]),
        made_at=str(data["made_at"]),
        made_at_ns=int(data["made_at_ns"]),
        golden=golden,
    )
