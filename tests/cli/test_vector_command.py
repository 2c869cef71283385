"""``paramedic vector`` from a first index to a restored one, run as users run it."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from packs.vector.indexes import DIMENSION, faiss, make, some, table

SERVICE = f"""
service: shop
components:
  memory:
    kind: vector
    index: memory.faiss
    dimension: {DIMENSION}
    metric: l2
    type: IDMap2,Flat
    cold: true
    source: {{sqlite: docs.db, table: chunks}}
"""


@pytest.fixture
def vector(home: Path, paramedic):
    """Runs ``paramedic vector …`` in a folder with an index and its source."""
    (home / "paramedic.yaml").write_text(SERVICE)
    table(home / "docs.db", some(400))
    make(home / "memory.faiss", "IDMap2,Flat", some(400))
    return lambda *arguments: paramedic("vector", *arguments)


def count(home: Path) -> int:
    return int(faiss.read_index(str(home / "memory.faiss")).ntotal)


def test_an_index_is_described_kept_damaged_and_restored(home: Path, vector) -> None:
    """The way that a person goes; what came after the copy is taken from the source."""
    ran = vector("manifest", "memory", "--yes")
    assert ran.returncode == 0, ran.stderr
    assert "20 golden queries" in ran.stdout
    assert vector("backup").returncode == 0
    assert vector("check").returncode == 0
    table(home / "docs.db", some(30, seed=9), first=400)
    content = bytearray((home / "memory.faiss").read_bytes())
    content[9000] ^= 1
    (home / "memory.faiss").write_bytes(content)
    ran = vector("check", "--format", "json")
    assert ran.returncode == 2
    assert "vector.checksum-mismatch" in ran.stdout
    ran = vector("restore", "--yes")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "30 newer vectors" in ran.stdout
    assert count(home) == 430
    assert vector("check").returncode == 0


def test_a_backup_of_an_index_is_one_like_every_other(home: Path, vector, paramedic) -> None:
    """`vector backup` makes what `backup create` makes; both files come back from it, and the checks judge them."""
    assert vector("manifest", "--yes").returncode == 0
    ran = vector("backup", "memory")
    assert ran.returncode == 0, ran.stderr
    assert "golden queries are found" in ran.stdout
    (home / "memory.faiss").write_bytes(b"")
    (home / "memory.faiss.manifest.json").write_text("{}")
    ran = paramedic("backup", "restore", "latest", "memory", "--yes")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "2 of 2 files were exchanged" in ran.stdout
    assert count(home) == 400
    assert json.loads((home / "memory.faiss.manifest.json").read_text())["ntotal"] == 400


def test_a_person_is_asked_before_anything_is_lost(home: Path, vector) -> None:
    """Where nobody can answer, nothing is done."""
    ran = vector("initialize", "memory")
    assert ran.returncode != 0
    assert "--force" in ran.stderr
    ran = vector("initialize", "--force")
    assert ran.returncode == 64
    assert "lost for good: all 400 vectors" in ran.stderr
    assert count(home) == 400
    ran = vector("initialize", "--force", "--yes")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert count(home) == 0
    assert list((home / ".paramedic" / "last-good").glob("memory.faiss-*/aside/*/memory.faiss"))
    ran = vector("rebuild", "--missing", "--yes", "--format", "json")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert json.loads(ran.stdout)["verified"] is True
    assert count(home) == 400


def test_an_index_becomes_smaller(home: Path, vector) -> None:
    """Without what the source lost, and in fewer bytes."""
    with closing(sqlite3.connect(home / "docs.db")) as database, database:
        database.execute("DELETE FROM chunks WHERE id < 20")
    assert vector("compact", "--yes").returncode == 0
    assert count(home) == 380
    size = (home / "memory.faiss").stat().st_size
    ran = vector("compact", "--to", "sq8", "--yes")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (home / "memory.faiss").stat().st_size < size * 0.5
    assert vector("check").returncode == 0
    assert vector("rebuild", "--yes").returncode == 0
    ran = vector("compact")
    assert ran.returncode != 0
    assert "nothing to take out" in ran.stderr


def test_names_are_understood(home: Path, vector, paramedic) -> None:
    """A wrong one is told with those that there are."""
    ran = vector("check", "memroy")
    assert ran.returncode == 64
    assert "memory" in ran.stderr
    (home / "paramedic.yaml").write_text("service: a\ncomponents: {b: {kind: tcp, host: 127.0.0.1, port: 1}}\n")
    assert "declares no vector index" in paramedic("vector", "check").stderr
