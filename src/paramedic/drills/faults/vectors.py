"""A vector index that is damaged, gone, empty, unfit, behind its source, or too large. The files are FAISS's own."""

import random
import sqlite3
import struct
import sys
from collections.abc import Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from paramedic.drills.fault import Step, fault
from paramedic.drills.patient import DrillFailed, Patient
from paramedic.packs.vector.asking import NoAnswer, ask

_DIMENSION, _COUNT = 24, 800
_INDEX, _SOURCE = Path("data/memory.faiss"), Path("data/documents.db")
_EMPTY = """
import faiss, sys
faiss.write_index(faiss.index_factory(int(sys.argv[2]), sys.argv[3]), sys.argv[1])
"""
_LOWER = """
import faiss, sys
index = faiss.read_index(sys.argv[1])
index.nprobe = 1
faiss.write_index(index, sys.argv[1])
"""


def _impossible() -> str | None:
    absent = [name for name in ("faiss", "numpy") if find_spec(name) is None]
    return f"the extra `vector` is not installed: no {' and no '.join(absent)}" if absent else None


def _vectors(count: int, seed: int) -> Iterator[bytes]:
    chance = random.Random(seed)
    for _ in range(count):
        yield struct.pack(f"<{_DIMENSION}f", *(chance.gauss(0, 1) for _ in range(_DIMENSION)))


def _embed(patient: Patient, first: int, count: int) -> None:
    """Add documents with their vectors to the source."""
    with closing(sqlite3.connect(patient.folder / _SOURCE, timeout=10)) as database, database:
        database.execute("CREATE TABLE IF NOT EXISTS chunks (id INTEGER PRIMARY KEY, text TEXT, embedding BLOB)")
        rows = enumerate(_vectors(count, first), first)
        database.executemany("INSERT INTO chunks VALUES (?, ?, ?)", ((n, f"document {n}", each) for n, each in rows))


def _with_a_memory(factory: str = "IDMap2,Flat", *, cold: bool = True, **search: int) -> Step:
    """Give the patient a vector memory with its source and its manifest; the worker depends on it."""

    async def prepare(patient: Patient) -> None:
        folder = patient.folder
        _embed(patient, 1, _COUNT)
        source = {
            "kind": "sqlite",
            "place": str(folder / _SOURCE),
            "table": "chunks",
            "id": "id",
            "vector": "embedding",
        }
        index = folder / _INDEX
        try:
            await ask(
                "build",
                60,
                source=source,
                out_path=index,
                work_path=folder / "building",
                base_path=None,
                factory=factory,
                dimension=_DIMENSION,
                metric="l2",
                search=search,
            )
            manifest = index.with_name(index.name + ".manifest.json")
            await ask("describe", 60, path=index, out_path=manifest, embedding="", factory=factory, keep_search={})
        except NoAnswer as error:
            raise DrillFailed(f"the patient's vector memory could not be made: {error}") from None
        memory: dict[str, Any] = {  # Any: as in a service file
            "kind": "vector",
            "interval": "500ms",
            "index": str(_INDEX),
            "dimension": _DIMENSION,
            "metric": "l2",
            "cold": cold,
            "source": {"sqlite": str(_SOURCE), "table": "chunks"},
        }

        def change(document: dict[str, Any]) -> None:  # Any: see above
            document["components"]["memory"] = memory
            document["components"]["worker"]["depends_on"].append("memory")

        patient.edit(change)

    return prepare


async def _replace(patient: Patient, program: str, *words: str) -> None:
    """Write the index as its service would, in a process of its own."""
    guest = patient.invite((sys.executable, "-c", program, str(_INDEX), *words))
    patient.mark()
    await patient.until(lambda: guest.poll() is not None, "the index to be written", within_s=30)
    if guest.returncode:
        raise DrillFailed(f"the index could not be written: exit code {guest.returncode}")
    patient.guests.remove(guest)


async def _holds_every_vector(patient: Patient) -> None:
    """Nothing that the source has is missing, and the file that was in place was set aside."""
    with closing(sqlite3.connect(patient.folder / _SOURCE)) as database:
        count = database.execute("SELECT count(*) FROM chunks").fetchone()[0]
    facts = await ask("facts", 60, path=patient.folder / _INDEX, manifest_path=None)
    if facts["vectors"] != count:
        raise DrillFailed(f"the index holds {facts['vectors']} of {count} vectors")


async def _holds_every_vector_and_the_old_file(patient: Patient) -> None:
    await _holds_every_vector(patient)
    if not list((patient.folder / ".paramedic" / "last-good").glob(f"{_INDEX.name}-*/aside/*/{_INDEX.name}")):
        raise DrillFailed("the damaged index was not set aside")


@fault(
    "vector-index-truncated",
    prepare=_with_a_memory(),
    afterwards=_holds_every_vector_and_the_old_file,
    impossible=_impossible,
)
async def cut_the_index(patient: Patient) -> None:
    """Cut the index off in the middle."""
    path = patient.folder / _INDEX
    patient.mark()
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size * 2 // 3)


@fault(
    "vector-index-bit-flip",
    prepare=_with_a_memory(),
    afterwards=_holds_every_vector_and_the_old_file,
    impossible=_impossible,
)
async def flip_bytes(patient: Patient) -> None:
    """Flip some bytes among the vectors, which FAISS loads without a word."""
    path = patient.folder / _INDEX
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        some = file.read(3)
        file.seek(path.stat().st_size // 2)
        patient.mark()
        file.write(bytes(each ^ 0x10 for each in some))


@fault("vector-index-missing", prepare=_with_a_memory(), afterwards=_holds_every_vector, impossible=_impossible)
async def delete_the_index(patient: Patient) -> None:
    """Delete the index file."""
    patient.mark()
    (patient.folder / _INDEX).unlink()


@fault(
    "vector-index-empty",
    prepare=_with_a_memory(),
    afterwards=_holds_every_vector_and_the_old_file,
    impossible=_impossible,
)
async def empty_the_index(patient: Patient) -> None:
    """Put an index without vectors in its place."""
    await _replace(patient, _EMPTY, str(_DIMENSION), "IDMap2,Flat")


@fault(
    "vector-not-trained",
    prepare=_with_a_memory("IVF8,Flat", cold=False, nprobe=8),
    afterwards=_holds_every_vector,
    impossible=_impossible,
)
async def forget_the_training(patient: Patient) -> None:
    """Put an index in its place that was never trained."""
    await _replace(patient, _EMPTY, str(_DIMENSION), "IVF8,Flat")


@fault("vector-dimension-mismatch", prepare=_with_a_memory(), impossible=_impossible)
async def declare_another_dimension(patient: Patient) -> None:
    """Configure a model with longer vectors than the index has."""
    patient.mark()
    patient.edit(lambda document: document["components"]["memory"].update(dimension=768))


@fault("vector-stale", prepare=_with_a_memory(), afterwards=_holds_every_vector, impossible=_impossible)
async def embed_without_indexing(patient: Patient) -> None:
    """Add documents to the source and not to the index."""
    patient.mark()
    _embed(patient, _COUNT + 1, 60)


@fault(
    "vector-recall-drop",
    prepare=_with_a_memory("IVF16,Flat", cold=False, nprobe=16),
    afterwards=_holds_every_vector,
    impossible=_impossible,
)
async def search_too_little(patient: Patient) -> None:
    """Let the service write its index with a search that looks at one cell of sixteen."""
    await _replace(patient, _LOWER)


@fault("vector-memory-pressure", prepare=_with_a_memory(), impossible=_impossible)
async def take_memory_away(patient: Patient) -> None:
    """Lower the memory that the process may use below the size of the index."""
    patient.mark()
    patient.edit(lambda document: document["components"]["memory"].update(memory_limit="50kB"))


@fault("vector-orphans", prepare=_with_a_memory(cold=False), afterwards=_holds_every_vector, impossible=_impossible)
async def delete_documents(patient: Patient) -> None:
    """Delete documents from the source and leave their vectors in the index."""
    patient.mark()
    with closing(sqlite3.connect(patient.folder / _SOURCE, timeout=10)) as database, database:
        database.execute("DELETE FROM chunks WHERE id % 20 = 3")
