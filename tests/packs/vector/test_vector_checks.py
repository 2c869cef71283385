"""Whether a vector index is there, whole, and finds what it should: on real FAISS files."""

import json
import os
import struct
from pathlib import Path

import pytest

from packs.vector.indexes import DIMENSION, FACTORIES, damage, faiss, make, np, some, table
from paramedic.packs.vector.checks import is_current, is_sound
from paramedic.packs.vector.target import Source
from paramedic.sdk import Component, Secret, Status


async def only(look, spec, target, **fields):
    found = await look(spec, target, **fields)
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize("sort", FACTORIES)
async def test_a_sound_index_is_well(look, path: Path, target, describe, sort: str) -> None:
    """Of every sort, with and without a manifest."""
    make(path, FACTORIES[sort], some(1500), **({"nprobe": 16} if sort == "ivf" else {}))
    assert (await only(look, is_sound, target())).status is Status.OK
    await describe()
    found = await only(look, is_sound, target(cold=True))
    assert found.status is Status.OK
    assert found.measures["vectors"] == 1500
    assert found.measures["recall_percent"] >= 95


async def test_a_missing_index_is_missing(look, path: Path, target) -> None:
    """With its folder, where that is missing too."""
    found = await only(look, is_sound, target())
    assert found.code == "vector.index-missing"
    assert "folder" in found.observed


@pytest.mark.parametrize("content", [b"", b"not an index at all", bytes(4096)])
async def test_what_faiss_cannot_load_is_corrupt(look, path: Path, target, content: bytes) -> None:
    """Also without any manifest."""
    path.parent.mkdir()
    path.write_bytes(content)
    assert (await only(look, is_sound, target())).code == "vector.index-corrupt"


async def test_a_folder_in_its_place_is_corrupt(look, path: Path, target) -> None:
    """It is no index either."""
    path.mkdir(parents=True)
    assert (await only(look, is_sound, target())).code == "vector.index-corrupt"


async def test_a_truncated_index_is_corrupt(look, path: Path, target, describe) -> None:
    """Even where the manifest, too, knows that it is another file."""
    make(path, "Flat", some(500))
    await describe()
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)
    assert (await only(look, is_sound, target(cold=True))).code == "vector.index-corrupt"


async def test_a_file_that_asks_for_all_memory_is_corrupt(look, path: Path, target) -> None:
    """The child's memory is limited, so that only it suffers."""
    make(path, "Flat", some(500))
    content = bytearray(path.read_bytes())
    place = content.index(struct.pack("<q", 500), 8)
    content[place : place + 8] = struct.pack("<q", 1 << 44)
    path.write_bytes(content)
    found = await only(look, is_sound, target())
    assert found.code == "vector.index-corrupt"


async def test_numbers_that_are_none_are_corrupt(look, path: Path, target) -> None:
    """FAISS loads them, and every distance to them is nonsense."""
    vectors = some(300)
    vectors[17, 3] = np.nan
    make(path, "IDMap2,Flat", vectors)
    found = await only(look, is_sound, target())
    assert found.code == "vector.index-corrupt"
    assert "1 vectors" in found.observed


async def test_a_flipped_bit_in_a_cold_index_is_found(look, path: Path, target, describe) -> None:
    """FAISS loads it without a word; only the manifest tells."""
    make(path, "Flat", some(500))
    await describe()
    with path.open("r+b") as file:
        file.seek(20_000)
        file.write(b"\x42")
    found = await only(look, is_sound, target(cold=True))
    assert found.code == "vector.checksum-mismatch"
    assert "only its digest" in found.evidence[0].text


async def test_damage_behind_the_back_of_the_clock_is_found(look, path: Path, target, describe) -> None:
    """Where the file is older than its manifest, nobody has written it, and a difference is damage, cold or not."""
    make(path, "Flat", some(500))
    await describe()
    looks = (look, is_sound, target())
    assert (await only(*looks)).status is Status.OK
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(20_000)
        file.write(b"\x42")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (await only(*looks)).code == "vector.checksum-mismatch"


async def test_an_index_that_its_service_writes_raises_no_alarm(look, path: Path, target, describe) -> None:
    """Written after its manifest was made, it may be larger, smaller, and answer otherwise."""
    vectors = some(1700)
    make(path, "IDMap2,Flat", vectors[:800])
    await describe()
    make(path, "IDMap2,Flat", vectors)
    found = await only(look, is_sound, target())
    assert found.status is Status.OK
    assert "after its manifest" in found.observed
    make(path, "IDMap2,Flat", vectors[:300])
    assert (await only(look, is_sound, target())).status is Status.OK


async def test_an_empty_index_is_empty(look, path: Path, target, describe) -> None:
    """Unless its manifest or its source says that it is meant to be."""
    make(path, "IDMap2,Flat", some(100))
    await describe()
    make(path, "IDMap2,Flat", some(0))
    assert (await only(look, is_sound, target(cold=True))).code == "vector.index-empty"
    assert (await only(look, is_sound, target())).code == "vector.index-empty"
    await describe()
    assert (await only(look, is_sound, target(cold=True))).status is Status.OK


async def test_an_empty_index_of_an_empty_source_is_well(look, path: Path, target, tmp_path: Path, describe) -> None:
    """A service on its first day."""
    make(path, "IDMap2,Flat", some(0))
    table(tmp_path / "docs.db", some(0))
    source = Source(sqlite=tmp_path / "docs.db", table="chunks")
    assert (await only(look, is_sound, target(source=source))).status is Status.OK
    await describe()
    table(tmp_path / "docs.db", some(3))
    assert (await only(look, is_sound, target(source=source))).status is Status.OK
    assert (await only(look, is_current, target(source=source))).code == "vector.stale"


async def test_an_untrained_index_is_not_trained(look, path: Path, target) -> None:
    """It would refuse every vector."""
    path.parent.mkdir()
    faiss.write_index(faiss.index_factory(DIMENSION, "IVF8,Flat"), str(path))
    assert (await only(look, is_sound, target())).code == "vector.not-trained"


async def test_what_does_not_fit_the_service_file_is_named(look, path: Path, target, describe) -> None:
    """Dimension, metric, and the embedding model of the manifest."""
    make(path, "Flat", some(300))
    found = await only(look, is_sound, target(dimension=768))
    assert (found.code, found.measures["dimension"]) == ("vector.dimension-mismatch", DIMENSION)
    assert (await only(look, is_sound, target(metric="cosine"))).code == "vector.metric-mismatch"
    await describe(embedding="minilm")
    assert (await only(look, is_sound, target(embedding="minilm"))).status is Status.OK
    assert (await only(look, is_sound, target(embedding="gte"))).code == "vector.embedding-mismatch"


@pytest.mark.parametrize("text", ["{", "[]", '{"schema_version": 1}', '{"schema_version": 2}'])
async def test_a_manifest_that_makes_no_sense_is_told(look, path: Path, target, text: str) -> None:
    """And the index is looked at all the same."""
    make(path, "Flat", some(300))
    path.with_name("memory.faiss.manifest.json").write_text(text)
    assert (await only(look, is_sound, target())).code == "vector.manifest-broken"
    damage(path, "truncation", 1)
    assert [each.code for each in await look(is_sound, target())] == ["vector.manifest-broken", "vector.index-corrupt"]


async def test_a_search_that_finds_too_little_is_told(look, path: Path, target, describe) -> None:
    """Lowered settings, and vectors of another model."""
    vectors = np.random.default_rng(5).standard_normal((2000, DIMENSION)).astype(np.float32)
    make(path, "IVF16,Flat", vectors, nprobe=16)
    await describe()
    make(path, "IVF16,Flat", vectors, nprobe=1)
    found = await only(look, is_sound, target())
    assert found.code == "vector.recall-low"
    assert "nprobe 1" in found.evidence[0].text
    found = await only(look, is_sound, target(), thresholds={"recall_percent": 5})
    assert found.status is Status.OK
    mixed = vectors.copy()
    mixed[::2] = np.roll(vectors[::2], 5, axis=1) * 3
    make(path, "IVF16,Flat", mixed, nprobe=16)
    assert (await only(look, is_sound, target())).code == "vector.recall-low"


async def test_an_index_beyond_the_memory_of_its_process_is_told(look, path: Path, target, bench) -> None:
    """With the size it would have in fewer bytes; the limit is declared, or that of a component that depends on it."""
    make(path, "IDMap2,Flat", some(2000))
    found = await only(look, is_sound, target(memory_limit_bytes=100_000))
    assert found.code == "vector.memory"
    assert found.status is Status.CRITICAL
    assert found.measures["sq8_mb"] == pytest.approx(0.048, rel=0.05)
    assert found.hint is not None
    assert "--to sq8" in found.hint
    near = await only(look, is_sound, target(memory_limit_bytes=160_000))
    assert (near.code, near.status) == ("vector.memory", Status.WARNING)
    bench.others["bot"] = Component(
        name="bot", kind="http", target=None, depends_on=("it",), thresholds={"memory_mb": 0.1}
    )
    found = await only(look, is_sound, target())
    assert found.code == "vector.memory"
    assert "`bot`" in found.observed


async def test_nothing_is_looked_at_twice(look, path: Path, target, describe, monkeypatch) -> None:
    """A sound index that did not change costs a few calls of stat."""
    make(path, "Flat", some(500))
    await describe()
    first = await only(look, is_sound, target())

    async def never(*_: object, **__: object) -> None:
        raise AssertionError("a child was started")

    monkeypatch.setattr("paramedic.packs.vector.checks.ask", never)
    assert await only(look, is_sound, target()) == first
    path.touch()
    with pytest.raises(AssertionError, match="a child was started"):
        await only(look, is_sound, target())


async def test_what_cannot_be_looked_at_is_unknown(look, path: Path, target, tmp_path: Path) -> None:
    """Too little time, and a source that is away, say nothing about the index."""
    make(path, "Flat", some(500))
    found = await only(look, is_sound, target(), timeout_s=1.05)
    assert found.status is Status.UNKNOWN
    source = Source(sqlite=tmp_path / "gone.db", table="chunks")
    found = await only(look, is_current, target(source=source))
    assert found.status is Status.UNKNOWN


async def test_without_faiss_nothing_is_known(look, path: Path, target, monkeypatch) -> None:
    """And the message names the extra."""
    path.parent.mkdir()
    path.write_bytes(b"IxF2")
    from paramedic.packs.vector import asking
    from paramedic.sdk.child import Child

    bare = Child(module=asking.CHILD.module, called="FAISS", borrows=asking.CHILD.borrows)
    monkeypatch.setattr("paramedic.packs.vector.checks.ask", bare.ask)
    found = await only(look, is_sound, target())
    assert found.status is Status.UNKNOWN
    assert "extra `vector`" in found.observed


@pytest.mark.parametrize("sort", FACTORIES)
async def test_an_index_is_held_against_its_source(look, path: Path, target, tmp_path: Path, sort: str) -> None:
    """What it lacks and what it has too much, with ids or without."""
    vectors = some(600)
    make(path, FACTORIES[sort], vectors, **({"nprobe": 16} if sort == "ivf" else {}))
    database = tmp_path / "docs.db"
    table(database, vectors)
    wanted = target(source=Source(sqlite=database, table="chunks"))
    assert (await only(look, is_current, wanted)).status is Status.OK
    table(database, some(5, seed=3), first=600)
    found = await only(look, is_current, wanted)
    assert (found.code, found.measures["missing"]) == ("vector.stale", 5)
    assert found.evidence[0].text == "600, 601, 602, 603, 604"
    assert (await only(look, is_current, wanted, thresholds={"missing": 5})).status is Status.OK
    make(path, FACTORIES[sort], some(620), **({"nprobe": 16} if sort == "ivf" else {}))
    found = await only(look, is_current, wanted)
    assert (found.code, found.measures["orphans"]) == ("vector.orphans", 15)


async def test_a_few_may_be_missing_for_a_while(look, path: Path, target, tmp_path: Path) -> None:
    """A service that indexes in the background is given its time."""
    make(path, "IDMap2,Flat", some(100))
    table(tmp_path / "docs.db", some(110))
    wanted = target(source=Source(sqlite=tmp_path / "docs.db", table="chunks"))
    found = await only(look, is_current, wanted, thresholds={"missing_for_s": 1000})
    assert found.status is Status.OK
    assert found.measures["missing"] == 10


async def test_a_damaged_index_is_not_held_against_its_source(
    look, path: Path, target, tmp_path: Path, describe
) -> None:
    """The other check tells what is wrong; one fault has one name."""
    make(path, "IDMap2,Flat", some(300))
    await describe()
    table(tmp_path / "docs.db", some(300))
    wanted = target(cold=True, source=Source(sqlite=tmp_path / "docs.db", table="chunks"))
    content = bytearray(path.read_bytes())
    content[-8:] = struct.pack("<q", 7777)  # an id
    path.write_bytes(content)
    assert (await only(look, is_current, wanted)).status is Status.INFO
    assert (await only(look, is_sound, wanted)).code == "vector.checksum-mismatch"
    path.write_bytes(b"nothing")
    assert (await only(look, is_current, wanted)).status is Status.INFO
    path.unlink()
    assert (await only(look, is_current, wanted)).status is Status.INFO


def test_a_source_is_one_of_five() -> None:
    """And a table has a name; an address is never shown."""
    with pytest.raises(ValueError, match="one of"):
        Source()
    with pytest.raises(ValueError, match="one of"):
        Source(numpy=Path("a"), parquet=Path("b"))
    with pytest.raises(ValueError, match="table"):
        Source(sqlite=Path("a"))
    source = Source(postgres=Secret("postgresql://me:hidden@host/db"), table="chunks")
    assert "hidden" not in repr(source)
    assert json.dumps(source.order)
