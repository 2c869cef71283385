"""Small real indexes of every sort, their sources, and ways to damage a file."""

import random
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import pytest

faiss = pytest.importorskip("faiss", reason="the extra `vector` is not installed")
np = pytest.importorskip("numpy", reason="the extra `vector` is not installed")

DIMENSION = 16
FACTORIES = {"flat": "Flat", "ivf": "IVF16,Flat", "hnsw": "HNSW16,Flat", "idmap": "IDMap2,Flat"}


def some(count: int, seed: int = 1, dimension: int = DIMENSION):
    """Vectors in a few clouds, as embeddings are."""
    chance = np.random.default_rng(seed)
    middles = chance.standard_normal((12, dimension)) * 2
    return (middles[chance.integers(0, 12, count)] + chance.standard_normal((count, dimension))).astype(np.float32)


def make(path: Path, factory: str, vectors, first: int = 0, metric: str = "l2", **search: int) -> None:
    """An index in a file; ids count from ``first`` where it has ids."""
    path.parent.mkdir(parents=True, exist_ok=True)
    number = faiss.METRIC_L2 if metric == "l2" else faiss.METRIC_INNER_PRODUCT
    index = faiss.index_factory(vectors.shape[1], factory, number)
    index.train(vectors)
    if "IDMap" in factory or "IVF" in factory:
        index.add_with_ids(vectors, np.arange(first, first + len(vectors)))
    else:
        index.add(vectors)
    for name, value in search.items():
        setattr(index, name, value)
    faiss.write_index(index, str(path))


def table(path: Path, vectors, first: int = 0) -> None:
    """A SQLite database with a table ``chunks`` of the vectors."""
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE IF NOT EXISTS chunks (id INTEGER PRIMARY KEY, text TEXT, embedding BLOB)")
        database.executemany(
            "INSERT INTO chunks VALUES (?, ?, ?)",
            ((first + n, f"text {n}", each.tobytes()) for n, each in enumerate(vectors)),
        )


def _page(chance: random.Random, content: bytearray) -> None:
    size = min(4096, len(content) // 2)
    at = chance.randrange(0, len(content) - size + 1)
    content[at : at + size] = chance.randbytes(size)


def _flip(chance: random.Random, content: bytearray) -> None:
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)


def _truncate(chance: random.Random, content: bytearray) -> None:
    del content[chance.randrange(len(content)) :]


def _zero_header(chance: random.Random, content: bytearray) -> None:
    size = chance.choice((4, 8, 33, 64, 512))
    content[:size] = bytes(size)


def _append(chance: random.Random, content: bytearray) -> None:
    content += chance.randbytes(chance.choice((1, 7, 64, 4096)))


DAMAGES: Mapping[str, Callable[[random.Random, bytearray], None]] = {
    "page overwrite": _page,
    "bit flip": _flip,
    "truncation": _truncate,
    "zeroed header": _zero_header,
    "appended bytes": _append,
}


def damage(path: Path, kind: str, seed: int) -> None:
    """Damage a file in one of these ways."""
    content = bytearray(path.read_bytes())
    DAMAGES[kind](random.Random(seed), content)
    path.write_bytes(content)
