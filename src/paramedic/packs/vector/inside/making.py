"""Builds indexes in batches, with a way back into the work after a crash, and describes what was built."""

import hashlib
import json
import math
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from paramedic.packs.vector.inside import anatomy, golden, looking, manifest
from paramedic.packs.vector.inside.anatomy import Ids, Index, Vectors
from paramedic.packs.vector.inside.manifest import Manifest
from paramedic.packs.vector.inside.sources import Source, source_of

_TRAINED_ON = 100_000
_SAVED_EVERY_S = 10.0


class CannotBuild(Exception):
    """There is no way to build it; the message says why."""


def build(
    *,
    out_path: Path,
    work_path: Path,
    source: dict[str, Any],
    base_path: Path | None,
    factory: str,
    dimension: int | None,
    metric: str | None,
    search: dict[str, int],
    saved_every_s: float = _SAVED_EVERY_S,
) -> dict[str, Any]:
    """Build an index of exactly the vectors that the source has, from a base where there is one.

    What was done so far is saved in ``work_path`` every few seconds; the same order goes on from there.
    """
    faiss.omp_set_num_threads(max(1, (os.cpu_count() or 2) // 2))
    where = source_of(source)
    work = _Work(work_path, [source, str(base_path), factory, dimension, metric, search])
    is_normal = metric == "cosine"
    index, taken = work.saved()
    removed = 0
    resumed = taken
    if index is None:
        if base_path:
            index, removed = _based(base_path, where)
        else:
            index = _empty(where, factory, dimension, metric)
        anatomy.set_search(index, search)
    if base_path:
        missing, _ = looking.difference(index, where)
        added = _add_missing(index, where, missing, is_normal=is_normal)
    else:
        added = 0
        saved_at = time.monotonic()
        for ids, vectors in where.batches(taken):
            _add(index, ids, vectors, is_normal=is_normal)
            taken += len(ids)
            added += len(ids)
            if time.monotonic() - saved_at > saved_every_s:
                work.save(index, taken)
                saved_at = time.monotonic()
    faiss.write_index(index, str(out_path))
    work.clear()
    return {"vectors": int(index.ntotal), "added": added, "removed": removed, "resumed": resumed}


def initialize(
    out_path: Path, factory: str, dimension: int, metric: str | None, source: dict[str, Any] | None
) -> dict[str, Any]:
    """Build an index that holds nothing; one that must be trained is trained on the source."""
    index = _made(factory, dimension, metric)
    if not index.is_trained:
        if source is None:
            raise CannotBuild(f"`{factory}` must be trained, and no `source` is declared to train it on")
        _train(index, source_of(source), is_normal=metric == "cosine")
    faiss.write_index(index, str(out_path))
    return {"vectors": 0}


def describe(path: Path, out_path: Path, embedding: str, factory: str, keep_search: dict[str, int]) -> dict[str, Any]:
    """Write the manifest of an index."""
    index = anatomy.opened(path)
    some = anatomy.sample(index, 1000) if index.ntotal else np.zeros((1, index.d), np.float32)
    lengths = np.linalg.norm(some, axis=1)
    now = datetime.now(UTC)
    made = Manifest(
        sha256=looking.digest(path),
        size=path.stat().st_size,
        ntotal=int(index.ntotal),
        dimension=int(index.d),
        metric=anatomy.metric(index),
        type=type(index).__name__,
        factory=anatomy.factory(index) or factory,
        search=anatomy.search_settings(index) or keep_search,
        embedding=embedding,
        norm_mean=float(lengths.mean()),
        norm_deviation=float(lengths.std()),
        made_at=f"{now:%Y-%m-%d %H:%M:%S} UTC",
        made_at_ns=time.time_ns(),
        golden=golden.make(index),
    )
    share = golden.recall(index, made.golden)[0] if made.golden else 1.0
    out_path.write_text(made.text(), encoding="utf-8")
    return {"vectors": made.ntotal, "recall": share, "golden": len(made.golden), "factory": made.factory}


def facts(path: Path, manifest_path: Path | None = None, *, grows: bool = True) -> dict[str, Any]:
    """What there is to know about an index that loads, and how it answers the golden queries of a manifest."""
    index = anatomy.opened(path)
    described = manifest.read(manifest_path) if manifest_path else None
    share = None
    if described and described.golden and described.dimension == index.d and index.ntotal:
        found, judged, _ = golden.recall(index, described.golden, grows=grows)
        share = found if judged else None
    return {
        "vectors": int(index.ntotal),
        "dimension": int(index.d),
        "metric": anatomy.metric(index),
        "is_trained": bool(index.is_trained),
        "type": type(index).__name__,
        "factory": anatomy.factory(index),
        "search": anatomy.search_settings(index),
        "bytes_a_vector": anatomy.bytes_a_vector(index),
        "recall": share,
        "strange": anatomy.strange_numbers(index),
    }


class _Work:
    """A half-built index on the disk, with how much of the source it holds."""

    def __init__(self, folder: Path, recipe: list[Any]) -> None:
        self._folder = folder
        self._recipe = hashlib.sha256(json.dumps(recipe, sort_keys=True, default=str).encode()).hexdigest()
        self._note = folder / "progress.json"

    def saved(self) -> tuple[Index | None, int]:
        try:
            note = json.loads(self._note.read_bytes())
            if note["recipe"] != self._recipe:
                return None, 0
            index = anatomy.loaded(self._folder / note["file"])
            return (index, int(note["taken"])) if index.ntotal == note["taken"] else (None, 0)
        except (OSError, ValueError, KeyError, TypeError, anatomy.Unreadable):
            return None, 0

    def save(self, index: Index, taken: int) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"half-{taken}.faiss"
        faiss.write_index(index, str(self._folder / name))
        _sync(self._folder / name)
        draft = self._note.with_suffix(".draft")
        draft.write_text(json.dumps({"recipe": self._recipe, "file": name, "taken": taken}))
        _sync(draft)
        draft.replace(self._note)
        for each in self._folder.glob("half-*.faiss"):
            if each.name != name:
                each.unlink()

    def clear(self) -> None:
        self._note.unlink(missing_ok=True)
        for each in self._folder.glob("half-*.faiss"):
            each.unlink()


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _empty(where: Source, factory: str, dimension: int | None, metric: str | None) -> Index:
    first = next(where.batches(), None)
    if first is None and dimension is None:
        raise CannotBuild("the source holds no vector, and no `dimension` is declared")
    length = int(first[1].shape[1]) if first else int(dimension or 0)
    if dimension and length != dimension:
        raise CannotBuild(f"the source has vectors of {length} numbers, not {dimension}")
    index = _made(factory, length, metric)
    if not index.is_trained:
        _train(index, where, is_normal=metric == "cosine")
    return index


def _made(factory: str, dimension: int, metric: str | None) -> Index:
    try:
        return faiss.index_factory(
            dimension, factory, faiss.METRIC_L2 if metric == "l2" else faiss.METRIC_INNER_PRODUCT
        )
    except RuntimeError as error:
        raise CannotBuild(f"FAISS cannot build `{factory}`: {anatomy.reason(error)}") from None


def _train(index: Index, where: Source, *, is_normal: bool) -> None:
    count = where.count()
    step = max(1, math.ceil(count / _TRAINED_ON))
    parts = [vectors[(-begin) % step :: step] for begin, vectors in _places(where)]
    if not parts or not count:
        raise CannotBuild("the source holds no vector to train on")
    some = np.concatenate(parts)
    if is_normal:
        faiss.normalize_L2(some)
    try:
        index.train(some)
    except RuntimeError as error:
        raise CannotBuild(f"it could not be trained on {len(some)} vectors: {anatomy.reason(error)}") from None


def _places(where: Source) -> Iterator[tuple[int, Vectors]]:
    begin = 0
    for _, vectors in where.batches():
        yield begin, vectors
        begin += len(vectors)


def _based(base_path: Path, where: Source) -> tuple[Index, int]:
    """A base without the vectors that the source has no longer."""
    index = anatomy.loaded(base_path)
    _, orphans = looking.difference(index, where)
    if not len(orphans):
        return index, 0
    if anatomy.ids(index) is None:
        raise CannotBuild("the index has more vectors than the source, and only their places tell them apart")
    try:
        return index, int(index.remove_ids(orphans))
    except RuntimeError as error:
        raise CannotBuild(f"such an index gives no vector up: {anatomy.reason(error)}") from None


def _add_missing(index: Index, where: Source, missing: Ids, *, is_normal: bool) -> int:
    added = 0
    if not len(missing):
        return 0
    by_place = anatomy.ids(index) is None
    for ids, vectors in where.batches(int(index.ntotal) if by_place else 0):
        keep = np.ones(len(ids), bool) if by_place else np.isin(ids, missing)
        if keep.any():
            _add(index, ids[keep], np.ascontiguousarray(vectors[keep]), is_normal=is_normal)
            added += int(keep.sum())
    return added


def _add(index: Index, ids: Ids, vectors: Vectors, *, is_normal: bool) -> None:
    if vectors.shape[1] != index.d:
        raise CannotBuild(f"the source has vectors of {vectors.shape[1]} numbers, the index of {index.d}")
    if not np.isfinite(vectors).all():
        broken = ids[~np.isfinite(vectors).all(axis=1)]
        raise CannotBuild(f"the source holds vectors with what is no finite number, such as id {int(broken[0])}")
    if is_normal:
        vectors = vectors.copy()
        faiss.normalize_L2(vectors)
    if isinstance(index, faiss.IndexIDMap | faiss.IndexIDMap2 | faiss.IndexIVF):
        index.add_with_ids(vectors, ids)
    else:
        index.add(vectors)
