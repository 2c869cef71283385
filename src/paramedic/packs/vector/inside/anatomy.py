"""What a FAISS index is made of: its parts, ids, vectors, and the words that would build it again."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

Index = Any  # FAISS has no types
Vectors = NDArray[np.float32]
Ids = NDArray[np.int64]
_CHUNK = 8192


class Unreadable(Exception):
    """FAISS cannot load the file."""


def opened(path: Path) -> Index:
    """The index in a file, mapped where FAISS can map it, so that a look costs little memory of its own.

    Raises:
        Unreadable: with FAISS's reason.
    """
    try:
        return faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
    except (RuntimeError, MemoryError, ValueError, OverflowError) as error:
        raise Unreadable(reason(error)) from None


def loaded(path: Path) -> Index:
    """The index in a file, in memory, to be changed.

    Raises:
        Unreadable: with FAISS's reason.
    """
    try:
        return faiss.read_index(str(path))
    except (RuntimeError, MemoryError, ValueError, OverflowError) as error:
        raise Unreadable(reason(error)) from None


def core(index: Index) -> Index:
    """What lies below the wrappers that only give ids."""
    while isinstance(index, faiss.IndexIDMap | faiss.IndexIDMap2):
        index = faiss.downcast_index(index.index)
    return index


def ids(index: Index) -> Ids | None:
    """The ids of the vectors, in their order; ``None`` where a vector's place is its id."""
    if isinstance(index, faiss.IndexIDMap | faiss.IndexIDMap2):
        return np.asarray(faiss.vector_to_array(index.id_map), dtype=np.int64)
    if isinstance(index, faiss.IndexIVF):
        lists = index.invlists
        found = [
            faiss.rev_swig_ptr(lists.get_ids(number), lists.list_size(number)).copy()
            for number in range(lists.nlist)
            if lists.list_size(number)
        ]
        return np.concatenate(found).astype(np.int64) if found else np.empty(0, np.int64)
    return None


def metric(index: Index) -> str:
    """``l2``, ``ip``, or FAISS's number of another one."""
    return {faiss.METRIC_L2: "l2", faiss.METRIC_INNER_PRODUCT: "ip"}.get(index.metric_type, str(index.metric_type))


def factory(index: Index) -> str:
    """The words from which FAISS builds such an index; empty where they are not known."""
    prefix = "IDMap2," if isinstance(index, faiss.IndexIDMap | faiss.IndexIDMap2) else ""
    inner = core(index)
    if isinstance(inner, faiss.IndexHNSW):
        stored = _codec(faiss.downcast_index(inner.storage))
        # links below are doubled, and the level above holds as many as were asked for
        return f"{prefix}HNSW{inner.hnsw.nb_neighbors(1)},{stored}" if stored else ""
    if isinstance(inner, faiss.IndexIVF):
        stored = _codec(inner)
        return f"{prefix}IVF{inner.nlist},{stored}" if stored else ""
    stored = _codec(inner)
    return prefix + stored if stored else ""


def search_settings(index: Index) -> dict[str, int]:
    """The settings of its search that stand in the file."""
    inner = core(index)
    if isinstance(inner, faiss.IndexIVF):
        return {"nprobe": int(inner.nprobe)}
    if isinstance(inner, faiss.IndexHNSW):
        return {"efSearch": int(inner.hnsw.efSearch)}
    return {}


def set_search(index: Index, settings: dict[str, int]) -> None:
    """Make it search with these settings, as far as it has them."""
    inner = core(index)
    if isinstance(inner, faiss.IndexIVF) and "nprobe" in settings:
        inner.nprobe = settings["nprobe"]
    if isinstance(inner, faiss.IndexHNSW) and "efSearch" in settings:
        inner.hnsw.efSearch = settings["efSearch"]


def exact_search(index: Index, queries: Vectors, count: int) -> tuple[Vectors, Ids]:
    """The nearest vectors by looking at every one."""
    inner = core(index)
    if isinstance(inner, faiss.IndexIVF):
        before = inner.nprobe
        inner.nprobe = inner.nlist
        try:
            distances, places = inner.search(queries, count)
        finally:
            inner.nprobe = before
    elif isinstance(inner, faiss.IndexHNSW):
        distances, places = faiss.downcast_index(inner.storage).search(queries, count)
    else:
        distances, places = inner.search(queries, count)
    known = ids(index) if inner is not index else None
    if known is not None:
        places = np.where(places >= 0, known[np.clip(places, 0, max(0, len(known) - 1))], -1)
    return distances, places


def vectors(index: Index, start: int = 0) -> Iterator[tuple[Ids, Vectors]]:
    """Every vector with its id, as far as the index still has them, from a place on.

    Raises:
        Unreadable: such an index does not give its vectors back.
    """
    inner, known = core(index), ids(index)
    if isinstance(inner, faiss.IndexIVF):
        yield from _of_lists(index, inner, known, start)
        return
    for begin in range(start, inner.ntotal, _CHUNK):
        count = min(_CHUNK, inner.ntotal - begin)
        try:
            found = inner.reconstruct_n(begin, count)
        except RuntimeError as error:
            raise Unreadable(reason(error)) from None
        places = np.arange(begin, begin + count, dtype=np.int64)
        yield (places if known is None else known[begin : begin + count]), found


def sample(index: Index, count: int) -> Vectors:
    """Some vectors, spread over all of it."""
    inner = core(index)
    places = np.unique(np.linspace(0, max(0, inner.ntotal - 1), min(count, inner.ntotal)).astype(int))
    if isinstance(inner, faiss.IndexIVF):
        ends = np.cumsum([inner.invlists.list_size(number) for number in range(inner.nlist)])
        found: list[Any] = []
        for place in places:
            number = int(np.searchsorted(ends, place, side="right"))
            offset = int(place - (ends[number - 1] if number else 0))
            found.append(_at(inner, number, offset))
        return np.asarray(found, dtype=np.float32).reshape(-1, inner.d)
    return np.asarray([inner.reconstruct(int(place)) for place in places], dtype=np.float32).reshape(-1, inner.d)


def strange_numbers(index: Index) -> int:
    """How many vectors hold what is no finite number, where vectors are stored as they are."""
    count = 0
    for block in _raw(core(index)):
        for begin in range(0, len(block), _CHUNK):
            part = block[begin : begin + _CHUNK]
            # a sum is not finite when one of its parts is not; only then every number is looked at
            with np.errstate(all="ignore"):
                suspicious = ~np.isfinite(part.sum(axis=1))
            if suspicious.any():
                count += int((~np.isfinite(part[suspicious]).all(axis=1)).sum())
    return count


def bytes_a_vector(index: Index) -> int:
    """What one vector takes, without ids and links."""
    inner = core(index)
    if isinstance(inner, faiss.IndexHNSW):
        inner = faiss.downcast_index(inner.storage)
    return int(inner.code_size) if hasattr(inner, "code_size") else 4 * int(inner.d)


def _raw(inner: Index) -> Iterator[Vectors]:
    if isinstance(inner, faiss.IndexHNSW):
        inner = faiss.downcast_index(inner.storage)
    if isinstance(inner, faiss.IndexFlat) and inner.ntotal:
        yield faiss.rev_swig_ptr(inner.get_xb(), inner.ntotal * inner.d).reshape(inner.ntotal, inner.d)
    if isinstance(inner, faiss.IndexIVFFlat):
        for number in range(inner.nlist):
            if size := inner.invlists.list_size(number):
                codes = faiss.rev_swig_ptr(inner.invlists.get_codes(number), size * inner.code_size)
                yield codes.view(np.float32).reshape(size, inner.d)


def _of_lists(index: Index, inner: Index, known: Ids | None, start: int) -> Iterator[tuple[Ids, Vectors]]:
    place = 0
    for number in range(inner.nlist):
        size = inner.invlists.list_size(number)
        own = faiss.rev_swig_ptr(inner.invlists.get_ids(number), size).copy() if size else np.empty(0, np.int64)
        if inner is not index and known is not None and size:
            own = known[own]
        for begin in range(0, size, _CHUNK):
            end = min(begin + _CHUNK, size)
            if place + end > start:
                found = [_at(inner, number, offset) for offset in range(begin, end)]
                skip = max(0, start - place - begin)
                yield own[begin + skip : end], np.asarray(found, dtype=np.float32)[skip:]
        place += size


def _at(inner: Index, number: int, offset: int) -> Vectors:
    found = np.empty(inner.d, np.float32)
    inner.reconstruct_from_offset(number, offset, faiss.swig_ptr(found))
    return found


def _codec(index: Index) -> str:
    """How a vector is stored, in the factory's words."""
    if isinstance(index, faiss.IndexFlat | faiss.IndexIVFFlat):
        return "Flat"
    if isinstance(index, faiss.IndexScalarQuantizer | faiss.IndexIVFScalarQuantizer):
        names = {
            faiss.ScalarQuantizer.QT_8bit: "SQ8",
            faiss.ScalarQuantizer.QT_4bit: "SQ4",
            faiss.ScalarQuantizer.QT_6bit: "SQ6",
            faiss.ScalarQuantizer.QT_fp16: "SQfp16",
        }
        return names.get(index.sq.qtype, "")
    if isinstance(index, faiss.IndexPQ | faiss.IndexIVFPQ):
        # `np`: without a training for filters that takes minutes and that a search has to ask for
        return f"PQ{index.pq.M}np" if index.pq.nbits == 8 else f"PQ{index.pq.M}x{index.pq.nbits}np"
    return ""


def reason(error: Exception) -> str:
    """FAISS's own words without the place in its sources."""
    text = str(error).strip().splitlines()
    last = text[-1] if text else type(error).__name__
    return last.split("Error: ", 1)[-1].removeprefix("Error in ")[:200] or type(error).__name__
