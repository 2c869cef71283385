"""What heals vector indexes: nothing is lost that a copy or the source has, and every act can be taken back."""

import asyncio
import json
import os
import sqlite3
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from packs.vector.indexes import DIMENSION, damage, faiss, make, np, some, table
from paramedic.model.clock import SystemClock
from paramedic.packs.vector import actions, copy, pack, workshop
from paramedic.packs.vector.asking import ask, source_order
from paramedic.packs.vector.checks import is_sound
from paramedic.packs.vector.inside import manifest
from paramedic.packs.vector.target import Source
from paramedic.recovery.last_good import LastGoodFiles
from paramedic.sdk import ActionFailed, DidIt, Status
from paramedic.sdk.files import write_whole

ACTIONS = {each.id: each.action for each in pack.actions}
RESTORE, REBUILD, ADD = (ACTIONS[f"vector.{each}"] for each in ("restore", "rebuild", "add-missing"))
COMPACT, DESCRIBE, INITIALIZE = (ACTIONS[f"vector.{each}"] for each in ("compact", "describe", "initialize"))


class Killed(BaseException):
    """What a SIGKILL in the middle of an act leaves."""


@pytest.fixture
def copies(tmp_path: Path) -> LastGoodFiles:
    return LastGoodFiles(tmp_path / "last-good", SystemClock())


@pytest.fixture
def context(bench, target, copies: LastGoodFiles):
    """What an action is given; keyword arguments that a target knows are its."""
    known = {"source", "cold", "type", "metric", "dimension", "embedding"}

    def make_one(params=None, **fields):
        own = {name: fields.pop(name) for name in list(fields) if name in known}
        return bench.act(target(**own), params, **{"last_good": copies, **fields})

    return make_one


@pytest.fixture
def source(tmp_path: Path) -> Source:
    """A table of 600 vectors."""
    table(tmp_path / "docs.db", some(600))
    return Source(sqlite=tmp_path / "docs.db", table="chunks")


def ids(path: Path) -> list[int]:
    index = faiss.read_index(str(path))
    if isinstance(index, faiss.IndexIVF):
        lists = index.invlists
        return sorted(
            int(one)
            for number in range(index.nlist)
            for one in faiss.rev_swig_ptr(lists.get_ids(number), lists.list_size(number))
        )
    return sorted(faiss.vector_to_array(index.id_map).tolist())


async def test_a_damaged_index_comes_back_from_its_copy_and_its_source(  # noqa: PLR0917  # fixtures
    context, path: Path, source: Source, copies: LastGoodFiles, describe, look, target
) -> None:
    """The copy, what is newer, without what was deleted; the same check passes; the undo goes back to the byte."""
    make(path, "IDMap2,Flat", some(590))
    await describe()
    path.chmod(0o640)
    assert copies.keep(path, copy)
    damage(path, "page overwrite", 3)
    broken, described = path.read_bytes(), path.with_name(path.name + ".manifest.json").read_bytes()
    with closing(sqlite3.connect(source.sqlite)) as database, database:
        database.execute("DELETE FROM chunks WHERE id = 7")
    act = context(source=source)
    preview = await RESTORE.preview(act)
    assert preview.blocked is None
    assert preview.loss == ()
    assert "10 vectors that are newer" in preview.summary
    outcome = await RESTORE.apply(act)
    assert "10 newer vectors and without 1 old" in outcome.summary
    assert ids(path) == [each for each in range(600) if each != 7]
    assert path.stat().st_mode & 0o777 == 0o640
    (found,) = await look(is_sound, target(cold=True, source=source))
    assert found.status is Status.OK, found
    assert await RESTORE.reconcile(act) is DidIt.YES
    assert "put `memory.faiss` back" in await RESTORE.undo(act, {})
    assert path.read_bytes() == broken
    assert path.with_name(path.name + ".manifest.json").read_bytes() == described


async def test_without_a_copy_it_is_built_from_the_source(context, path: Path, source: Source, describe) -> None:
    """Of the sort that it was, with the search settings of its manifest."""
    make(path, "IVF16,Flat", some(600), nprobe=12)
    await describe()
    path.write_bytes(b"gone")
    act = context(source=source)
    assert "IVF16,Flat" in (await RESTORE.preview(act)).summary
    await RESTORE.apply(act)
    assert ids(path) == list(range(600))
    assert faiss.read_index(str(path)).nprobe == 12


async def test_without_a_source_the_loss_is_told(context, path: Path, copies: LastGoodFiles, monkeypatch) -> None:
    """And without a copy as well, nothing can be done. Nobody else waits while an index of gigabytes is copied."""
    threads: list[threading.Thread] = []

    def noted(*what: Path, mode: int) -> None:
        threads.append(threading.current_thread())
        write_whole(*what, mode=mode)

    monkeypatch.setattr(actions, "write_whole", noted)
    make(path, "Flat", some(100))
    act = context()
    assert copies.keep(path, copy)
    damage(path, "zeroed header", 1)
    assert "vectors that came after" in (await RESTORE.preview(act)).loss[0]
    await RESTORE.apply(act)
    assert faiss.read_index(str(path)).ntotal == 100
    assert threads
    assert threading.main_thread() not in threads
    bare = context(last_good=LastGoodFiles(path.parent / "none", SystemClock()))
    assert "declares no `source`" in ((await RESTORE.preview(bare)).blocked or "")
    with pytest.raises(ActionFailed, match="neither a good copy"):
        await RESTORE.apply(bare)


async def test_a_copy_that_is_damaged_is_passed_over(context, path: Path, source: Source, tmp_path: Path) -> None:
    """Each is loaded before it is trusted."""
    make(path, "IDMap2,Flat", some(50))
    bad, good = tmp_path / "bad", tmp_path / "good"
    good.write_bytes(path.read_bytes())
    bad.write_bytes(path.read_bytes()[:900])

    class Copies:
        def newest(self, wanted: Path) -> tuple[Path, ...]:
            return (bad, good) if wanted == path else ()

        def set_aside(self, wanted: Path, reason: str) -> None:
            return None

    found = await workshop.newest_good(context(source=source, last_good=Copies()))
    assert found is not None
    assert found.path == good


async def test_what_is_missing_is_added(context, path: Path, source: Source, describe) -> None:
    """And the manifest describes it again."""
    make(path, "IDMap2,Flat", some(600)[:400])
    await describe()
    act = context(source=source)
    assert "add 200 vectors" in (await ADD.preview(act)).summary
    await ADD.apply(act)
    assert ids(path) == list(range(600))
    described = manifest.read(path.with_name(path.name + ".manifest.json"))
    assert described is not None
    assert described.ntotal == 600
    assert "nothing is missing" in ((await ADD.preview(act)).blocked or "")


async def test_an_index_without_ids_is_completed_by_place(context, path: Path, source: Source) -> None:
    """Its n-th vector is the n-th row."""
    make(path, "HNSW16,Flat", some(600)[:500])
    await ADD.apply(context(source=source))
    index = faiss.read_index(str(path))
    assert index.ntotal == 600
    assert np.allclose(index.reconstruct(599), some(600)[599])


async def test_a_rebuild_tells_what_an_index_in_use_would_lose(context, path: Path, source: Source, describe) -> None:
    """Settings that somebody chose are taken back only when a person agrees; what never worked loses nothing."""
    make(path, "IVF16,Flat", some(600), nprobe=16)
    await describe()
    make(path, "IVF16,Flat", some(600), nprobe=1)
    act = context(source=source)
    assert any("nprobe 1" in each for each in (await REBUILD.preview(act)).loss)
    faiss.write_index(faiss.index_factory(DIMENSION, "IVF16,Flat"), str(path))
    assert (await REBUILD.preview(act)).loss == ()
    await REBUILD.apply(act)
    assert faiss.read_index(str(path)).nprobe == 16


async def test_vectors_of_another_model_are_not_taken_for_the_old_ones(
    context, path: Path, tmp_path: Path, describe
) -> None:
    """A rebuilt index must answer the golden queries that the old one answered."""
    make(path, "IDMap2,Flat", some(600))
    await describe()
    path.unlink()
    table(tmp_path / "docs.db", some(600, seed=77))
    with pytest.raises(ActionFailed, match="or the embedding model changed"):
        await REBUILD.apply(context(source=Source(sqlite=tmp_path / "docs.db", table="chunks")))
    assert not path.exists()


async def test_what_is_well_by_now_is_left_alone(context, path: Path, source: Source, look, target) -> None:
    """A plan that has grown stale changes nothing, an operator's order is carried out."""
    make(path, "IDMap2,Flat", some(600))

    async def well(_component: str, _checks=()):
        return tuple(await look(is_sound, target()))

    with pytest.raises(ActionFailed, match="well by now"):
        await RESTORE.apply(context(source=source, look=well))
    await RESTORE.apply(context({"ordered": True}, source=source, look=well))


async def test_a_crash_in_the_middle_leaves_the_old_or_the_new(context, path: Path, source: Source, describe) -> None:
    """And the same order afterwards ends well."""
    make(path, "IDMap2,Flat", some(600)[:300])
    await describe()
    damage(path, "truncation", 5)
    broken = path.read_bytes()

    def die(_point: str) -> None:
        raise Killed

    act = context(source=source, checkpoint=die)
    with pytest.raises(Killed):
        await RESTORE.apply(act)
    assert path.read_bytes() == broken
    again = context(source=source)
    assert await RESTORE.reconcile(again) is DidIt.NO
    await RESTORE.apply(again)
    assert await RESTORE.reconcile(again) is DidIt.YES
    assert ids(path) == list(range(600))
    assert not list(path.parent.glob(".*"))


async def test_a_build_goes_on_where_a_crash_ended_it(context, path: Path, tmp_path: Path) -> None:
    """What was read of the source before is not read again: here the child is killed after half of it."""
    path.parent.mkdir()
    vectors, half, gate = some(12_000), 8_192, tmp_path / "gate"
    lines = tmp_path / "lines.jsonl"
    with lines.open("w") as out:
        for number, each in enumerate(vectors):
            out.write(json.dumps({"id": number, "embedding": [round(float(x), 4) for x in each]}) + "\n")
    program = tmp_path / "speak.py"
    program.write_text(
        "import os, sys, time\n"
        f"for n, line in enumerate(open({str(lines)!r})):\n"
        f"    while n == {half} + 5 and not os.path.exists({str(gate)!r}): time.sleep(0.01)\n"
        "    sys.stdout.write(line); sys.stdout.flush() if n % 4096 == 0 else None\n"
    )
    act = context(source=Source(command=(sys.executable, str(program))))
    work = tmp_path / "work"
    order = {"source": source_order(act), "out_path": path, "work_path": work, "base_path": None}
    order |= {"factory": "IDMap2,Flat", "dimension": DIMENSION, "metric": "l2", "search": {}, "saved_every_s": 0}
    first = asyncio.ensure_future(ask("build", 60, **order))
    while not (work / f"half-{half}.faiss").exists() or str(half) not in (work / "progress.json").read_text():
        await asyncio.sleep(0.02)
        assert not first.done(), first
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    gate.touch()
    built = await ask("build", 60, **order)
    assert built["resumed"] == half
    assert built["vectors"] == 12_000
    assert ids(path) == list(range(12_000))
    assert list(work.iterdir()) == []


async def test_an_index_gives_up_what_its_source_lost(context, path: Path, source: Source, describe) -> None:
    """Told as a loss before; an index that gives nothing up is built anew."""
    for factory in ("IDMap2,Flat", "IVF8,Flat", "IDMap2,HNSW16,Flat"):
        make(
            path, factory, np.concatenate([some(600), some(40, seed=4)]), **({"nprobe": 8} if "IVF" in factory else {})
        )
        await describe()
        act = context(source=source)
        assert "40 vectors" in (await COMPACT.preview(act)).loss[0]
        await COMPACT.apply(act)
        assert ids(path) == list(range(600)), factory
    assert "nothing to take out" in ((await COMPACT.preview(act)).blocked or "")


@pytest.mark.parametrize(("factory", "to"), [("IDMap2,Flat", "sq8"), ("IVF8,Flat", "sq8"), ("HNSW16,Flat", "sq8")])
async def test_an_index_becomes_as_small_as_was_said(context, path: Path, factory: str, to: str, describe) -> None:
    """With its own vectors where there is no source; the recall is proven before it stands in its place."""
    make(path, factory, some(2000), **({"nprobe": 8} if "IVF" in factory else {}))
    await describe()
    before = path.stat().st_size
    act = context({"to": to})
    preview = await COMPACT.preview(act)
    assert "exactness: 64 bytes a vector become 16" in preview.loss
    await COMPACT.apply(act)
    index = faiss.read_index(str(path))
    assert index.ntotal == 2000
    assert before - path.stat().st_size > 2000 * 40
    assert "would not be smaller" in ((await COMPACT.preview(act)).blocked or "")


async def test_what_finds_too_little_does_not_take_its_place(context, path: Path) -> None:
    """Product quantisation of what has no structure: the recall falls, and the old index stays."""
    vectors = np.random.default_rng(3).standard_normal((3000, DIMENSION)).astype(np.float32)
    make(path, "IDMap2,Flat", vectors)
    before = path.read_bytes()
    with pytest.raises(ActionFailed, match="% "):
        await COMPACT.apply(context({"to": "pq"}, embedding=None))
    assert path.read_bytes() == before


async def test_an_index_is_started_again_only_by_force(context, path: Path, source: Source) -> None:
    """An untrained sort is trained on the source."""
    path.parent.mkdir()
    bare = context(type="IVF8,Flat", source=source)
    await INITIALIZE.apply(bare)
    assert faiss.read_index(str(path)).is_trained
    assert "--force" in ((await INITIALIZE.preview(bare)).blocked or "")
    make(path, "IDMap2,Flat", some(10))
    forced = context({"force": True}, type="IDMap2,Flat")
    assert "all 10 vectors" in (await INITIALIZE.preview(forced)).loss[0]
    await INITIALIZE.apply(forced)
    assert faiss.read_index(str(path)).ntotal == 0
    await INITIALIZE.undo(forced, {})
    assert faiss.read_index(str(path)).ntotal == 10


async def test_a_manifest_is_written_and_taken_back(context, path: Path) -> None:
    """Only of an index that loads."""
    make(path, "Flat", some(100))
    act, place = context(), path.with_name(path.name + ".manifest.json")
    assert await DESCRIBE.reconcile(act) is DidIt.NO
    await DESCRIBE.apply(act)
    assert await DESCRIBE.reconcile(act) is DidIt.YES
    found = manifest.read(place)
    assert found is not None
    assert (found.ntotal, found.dimension, found.metric, found.type) == (100, DIMENSION, "l2", "IndexFlatL2")
    assert len(found.golden) == 20
    await DESCRIBE.undo(act, {})
    assert not place.exists()
    path.write_bytes(b"no index")
    assert "restore it first" in ((await DESCRIBE.preview(act)).blocked or "")


async def test_copies_are_whole(path: Path, tmp_path: Path) -> None:
    """What does not load is not kept."""
    make(path, "Flat", some(100))
    copy(path, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == path.read_bytes()
    damage(path, "truncation", 2)
    with pytest.raises(OSError):
        copy(path, tmp_path / "copy")
    os.utime(path)
