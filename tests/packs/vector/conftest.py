"""A vector index in a folder of its own."""

from pathlib import Path
from typing import Any

import pytest

from packs.vector.indexes import DIMENSION
from paramedic.packs.vector.asking import ask
from paramedic.packs.vector.target import Vector


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the index of a test stands."""
    return tmp_path / "data" / "memory.faiss"


@pytest.fixture
def target(path: Path):
    """``target(cold=True)``: the index as a service file describes it."""
    return lambda **fields: Vector(**{"index": path, "dimension": DIMENSION, "metric": "l2", **fields})


@pytest.fixture
def describe(path: Path):
    """Write the manifest of the index as it is now."""

    async def write(**changes: Any) -> None:
        order = {"embedding": "", "factory": "", "keep_search": {}, **changes}
        await ask("describe", 30, path=path, out_path=path.with_name(path.name + ".manifest.json"), **order)

    return write
