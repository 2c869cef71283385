"""Which FAISS index, what it has to be, and where its vectors come from."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from annotated_types import Ge, Gt

from paramedic.sdk import Secret


class Metric(StrEnum):
    """How near two vectors are."""

    L2 = "l2"
    INNER_PRODUCT = "ip"
    COSINE = "cosine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where the vectors come from: exactly one of the first five keys."""

    sqlite: Path | None = None
    """A SQLite database with the vectors in ``table``."""
    postgres: Secret | None = None
    """The address of a PostgreSQL with the vectors in ``table``, such as ``postgresql://user@host/database``."""
    parquet: Path | None = None
    """A Parquet file with a column of ids and one of vectors."""
    numpy: Path | None = None
    """A ``.npy`` file whose rows are the vectors, or a ``.npz`` with an array of ids and one of vectors."""
    command: tuple[str, ...] = ()
    """A command that prints every vector as a line of JSON, such as ``{"id": 7, "embedding": [0.1, …]}``."""
    table: str | None = None
    """The table, of ``sqlite`` and ``postgres``."""
    id: str = "id"
    """What the ids are called."""
    vector: str = "embedding"
    """What the vectors are called: a blob of 32-bit numbers, a JSON list, an array, or a `vector` of pgvector. A row
    without one is not expected in the index."""

    def __post_init__(self) -> None:
        given = [name for name in ("sqlite", "postgres", "parquet", "numpy", "command") if getattr(self, name)]
        if len(given) != 1:
            raise ValueError(f"one of sqlite, postgres, parquet, numpy and command is needed, not {len(given)}")
        if given[0] in ("sqlite", "postgres") and not self.table:
            raise ValueError(f"`{given[0]}` needs a `table`")

    @property
    def order(self) -> Mapping[str, object]:
        """As the child that reads it is told."""
        kind = next(name for name in ("sqlite", "postgres", "parquet", "numpy", "command") if getattr(self, name))
        place = getattr(self, kind)
        return {
            "kind": kind,
            "place": place.reveal() if isinstance(place, Secret) else list(place) if kind == "command" else str(place),
            "table": self.table or "",
            "id": self.id,
            "vector": self.vector,
        }

    @property
    def file(self) -> Path | None:
        """The file that it is, where it is one."""
        return self.sqlite or self.parquet or self.numpy


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector:
    """A FAISS index in a file."""

    index: Path
    """The file, relative to the service file."""
    dimension: Annotated[int, Ge(1)] | None = None
    """How many numbers each vector has."""
    metric: Metric | None = None
    """How near two vectors are: ``l2``, ``ip`` (inner product), or ``cosine`` (the same, of vectors of length 1)."""
    manifest: Path | None = None
    """What the index must be, as ``paramedic vector manifest`` writes it; by default beside the index, with
    ``.manifest.json`` at the end of its name."""
    source: Source | None = None
    """Where the vectors come from, so that the index can be held against it and be built again."""
    embedding: str | None = None
    """The embedding model that made the vectors, as the manifest has to name it."""
    cold: bool = False
    """Whether nobody writes the file between two manifests. Then every byte that differs from the manifest is damage;
    otherwise only where the file is older than its manifest."""
    type: str | None = None
    """How a new index is built, in FAISS's own words, such as ``IVF256,Flat``; by default as the manifest says, or as
    the file in place is."""
    memory_limit_bytes: Annotated[float, Gt(0)] | None = None
    """How much memory the process that loads the index may use, such as ``500MB``; by default the lowest ``memory_mb``
    among the thresholds of the components that depend on it."""

    @property
    def manifest_path(self) -> Path:
        """Where its manifest is."""
        return self.manifest or self.index.with_name(self.index.name + ".manifest.json")
