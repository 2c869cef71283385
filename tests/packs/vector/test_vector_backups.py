"""Backups of a vector index: opened in a child and asked its golden queries before they count."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from backup_scene import BackupScene
from packs.vector.indexes import DIMENSION, FACTORIES, faiss, make, np, some
from paramedic.packs.vector.asking import ask_now
from paramedic.sdk.saving import Backup, BackupFailed

Make = Callable[..., BackupScene]


@pytest.fixture
def scene(tmp_path: Path, path: Path) -> Make:
    """``scene(cold=True)``: a service with an index of 400 vectors in `data/memory.faiss`."""

    def build(factory: str = "IDMap2,Flat", **fields: Any) -> BackupScene:
        make(path, factory, some(400))
        component = {"kind": "vector", "index": "data/memory.faiss", "dimension": DIMENSION, **fields}
        return BackupScene(tmp_path, {"memory": component})

    return build


def describe_now(path: Path) -> None:
    """Write the manifest of the index as it is now."""
    order: Mapping[str, Any] = {"embedding": "", "factory": "", "keep_search": {}}
    ask_now("describe", 30, path=path, out_path=path.with_name(path.name + ".manifest.json"), **order)


def how(scene: BackupScene) -> Backup:
    """The hook."""
    found = scene.desk.hook(scene.service.components["memory"])
    assert found is not None
    return found


@pytest.mark.parametrize("factory", sorted(FACTORIES))
def test_an_index_and_its_manifest_are_kept_together(scene: Make, path: Path, factory: str) -> None:
    """Both are restored under their names; the proof says what was asked."""
    here = scene(FACTORIES[factory], cold=True)
    describe_now(path)
    made = here.desk.create("memory", "by hand")
    assert made.set.holds == {"vectors": 400}
    assert made.set.proof.how.startswith(f"restored and opened; 400 vectors of {DIMENSION} numbers, ")
    assert made.set.proof.how.endswith("% of the nearest of its golden queries are found")
    (index, described) = here.desk.extract(made, here.folder / "out")
    assert (index.name, described.name) == ("memory.faiss", "memory.faiss.manifest.json")
    assert index.read_bytes() == path.read_bytes()
    assert json.loads(described.read_text())["ntotal"] == 400
    assert here.desk.copies_of(path) == (made.files / "index",), "what restores an index finds it"


def test_an_index_that_nobody_described_is_described_for_the_backup(scene: Make, path: Path) -> None:
    """So that it can be asked golden queries; the service gets no manifest by that."""
    here = scene()
    made = here.desk.create("memory", "by hand")
    assert made.set.proof.how.endswith("100 % of the nearest of its golden queries are found")
    assert [each.name for each in here.desk.extract(made, here.folder / "out")] == ["memory.faiss", "manifest.json"]
    assert [bool(each.path) for each in made.set.files] == [True, False]
    assert not path.with_name("memory.faiss.manifest.json").exists()


def test_what_is_newer_is_listed(scene: Make, path: Path) -> None:
    """By ids; what came and what went."""
    here = scene()
    target = here.service.components["memory"].target
    made = here.desk.create("memory", "by hand")
    assert how(here).lost(target, made.files, {}, 30) == ()
    index = faiss.read_index(str(path))
    index.add_with_ids(some(3, seed=5), np.arange(900, 903))
    index.remove_ids(np.arange(10))
    faiss.write_index(index, str(path))
    assert how(here).lost(target, made.files, {}, 30) == (
        "3 vectors that came since, such as 900, 901, 902",
        "deletions: 10 vectors come back",
        "what was changed in the other 390 vectors since, if anything",
    )
    path.write_bytes(path.read_bytes()[:900])
    (told,) = how(here).lost(target, made.files, {}, 30)
    assert "cannot be loaded" in told
    path.unlink()
    assert how(here).lost(target, made.files, {}, 30) == ()


@pytest.mark.parametrize(
    "harm", ["cut", "flipped", "untrained", "dimension", "infinite", "other vectors", "broken manifest"]
)
def test_what_is_not_whole_makes_no_backup(scene: Make, path: Path, harm: str) -> None:
    """Each damage is named, and the earlier backup stays."""
    here = scene(cold=True)
    describe_now(path)
    good = here.desk.create("memory", "by hand")
    told = "is damaged"
    match harm:
        case "cut":
            path.write_bytes(path.read_bytes()[:5000])
        case "flipped":
            content = bytearray(path.read_bytes())
            content[9000] ^= 1
            path.write_bytes(content)
        case "untrained":
            faiss.write_index(faiss.index_factory(DIMENSION, "IVF16,Flat"), str(path))
            path.with_name(path.name + ".manifest.json").unlink()
            told = "never trained|cannot be opened"
        case "dimension":
            make(path, "Flat", some(400, dimension=8))
            describe_now(path)
            told = "have 8 numbers, not 16"
        case "infinite":
            vectors = some(400)
            vectors[7, 3] = np.inf
            make(path, "Flat", vectors)
            path.with_name(path.name + ".manifest.json").unlink()
            told = "no finite number|cannot be opened"
        case "other vectors":
            make(path, "IDMap2,Flat", some(400, seed=9))
        case _:
            path.with_name(path.name + ".manifest.json").write_text("{}")
            told = "describes nothing"
    with pytest.raises(BackupFailed, match=told):
        here.desk.create("memory", "by hand")
    assert [each.set.id for each in here.desk.all("memory")] == [good.set.id]


def test_an_index_in_use_that_finds_nothing_makes_no_backup(scene: Make, path: Path) -> None:
    """It was written since it was described, so only its golden queries tell."""
    here = scene("Flat")
    describe_now(path)
    make(path, "Flat", some(400, seed=9))
    with pytest.raises(BackupFailed, match="of the nearest of its golden queries are found"):
        here.desk.create("memory", "by hand")


def test_a_backup_that_was_damaged_is_found(scene: Make, path: Path, tmp_path: Path) -> None:
    """By its digest, and by opening it."""
    here = scene("Flat")
    made = here.desk.create("memory", "by hand")
    copy = made.files / "index"
    copy.write_bytes(copy.read_bytes()[:-64])
    assert here.desk.verify(made).how == "`index` is not what was saved"
    with pytest.raises(BackupFailed, match=r"cannot be opened|instead of"):
        how(here).verify(here.service.components["memory"].target, made.files, tmp_path, made.set.holds, 30)


def test_an_index_that_is_not_there_makes_no_backup(tmp_path: Path) -> None:
    """And that is said."""
    here = BackupScene(tmp_path, {"memory": {"kind": "vector", "index": "none.faiss"}})
    with pytest.raises(BackupFailed, match=r"none\.faiss` cannot be copied: No such file"):
        here.desk.create("memory", "by hand")
