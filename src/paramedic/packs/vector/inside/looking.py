"""Whether an index is what it has to be."""

import hashlib
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import numpy as np

from paramedic.packs.vector.inside import anatomy, manifest
from paramedic.packs.vector.inside.golden import recall
from paramedic.packs.vector.inside.manifest import Manifest
from paramedic.packs.vector.inside.sources import Source, SourceAway, source_of

_CHUNK = 1 << 20
_METRICS = {"l2": "l2", "ip": "ip", "cosine": "ip"}


class Told(TypedDict):
    """One verdict."""

    verdict: str
    text: str
    evidence: list[str]
    measures: dict[str, float]


def told(verdict: str, text: str, *evidence: str, **measures: float) -> Told:
    """Put a verdict into words."""
    return Told(verdict=verdict, text=text, evidence=list(evidence), measures=measures)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the service file says of an index."""

    dimension: int | None
    metric: str | None
    embedding: str | None
    cold: bool
    source: Mapping[str, Any] | None  # Any: see ``sources``


def look(path: Path, manifest_path: Path, **wanted: Any) -> list[Told]:  # Any: the fields of ``Wanted``
    """Is it there, whole, as its manifest says, as the service wants it, and does it find what it should?"""
    try:
        before = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        away = "" if path.parent.is_dir() else f"; its folder `{path.parent}` is missing too"
        return [told("missing", f"`{path}` does not exist{away}")]
    except OSError as error:
        return [told("unknown", f"`{path}` cannot be looked at: {error.strerror}")]
    if not stat.S_ISREG(before.st_mode):
        return [told("corrupt", f"`{path}` is not a file")]
    found: list[Told] = []
    described: Manifest | None = None
    try:
        described = manifest.read(manifest_path)
    except manifest.Broken as error:
        found.append(told("manifest-broken", str(error)))
    try:
        judged = _judged(path, described, Wanted(**wanted))
    except OSError as error:
        return [told("unknown", f"`{path.name}` cannot be read: {error.strerror}")]
    after = path.stat()
    if (before.st_ino, before.st_mtime_ns, before.st_size) != (after.st_ino, after.st_mtime_ns, after.st_size):
        return [told("unknown", f"`{path.name}` was written to while it was looked at")]
    return [*found, judged] if judged["verdict"] != "ok" or not found else found


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    total = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            total.update(chunk)
    return total.hexdigest()


def must_match(path: Path, described: Manifest, *, cold: bool) -> bool:
    """Whether a difference from the manifest is damage.

    It is where nobody writes the file between two manifests, and where the file has not been written since its
    manifest was made. Otherwise whoever owns the index may have written it, and the digest says nothing.
    """
    return cold or path.stat().st_mtime_ns <= described.made_at_ns


def _judged(path: Path, described: Manifest | None, wanted: Wanted) -> Told:
    size = path.stat().st_size
    try:
        index = anatomy.opened(path)
    except anatomy.Unreadable as error:
        return told("corrupt", f"`{path.name}` cannot be loaded: {error}", size_mb=size / 1e6)
    numbers = {"vectors": float(index.ntotal), "dimension": float(index.d), "size_mb": size / 1e6}
    sum_ = digest(path) if described else ""
    if described and sum_ != described.sha256 and must_match(path, described, cold=wanted.cold):
        return _differs(path, described, index, numbers)
    if not index.is_trained:
        return told("not-trained", f"`{path.name}` is an {_kind(index)} that was never trained", **numbers)
    if index.ntotal == 0 and not _is_meant_empty(described, sum_, wanted.source):
        return told("empty", f"`{path.name}` holds no vector", **numbers)
    if wanted.dimension and index.d != wanted.dimension:
        return told("dimension", f"`{path.name}` has vectors of {index.d} numbers, not {wanted.dimension}", **numbers)
    if wanted.metric and anatomy.metric(index) != _METRICS[wanted.metric]:
        return told("metric", f"`{path.name}` measures by `{anatomy.metric(index)}`, not `{wanted.metric}`", **numbers)
    if described and wanted.embedding and described.embedding not in ("", wanted.embedding):
        text = f"`{path.name}` was made with `{described.embedding}`, not `{wanted.embedding}`"
        return told("embedding", text, **numbers)
    if strange := anatomy.strange_numbers(index):
        return told("corrupt", f"`{path.name}` holds {strange} vectors with what is no finite number", **numbers)
    numbers["bytes_a_vector"] = float(anatomy.bytes_a_vector(index))
    how = "" if described is None else ", as its manifest says"
    if described and sum_ != described.sha256:
        how = ", written after its manifest was made"
    if described and described.golden and described.dimension == index.d and index.ntotal:
        share, judged, gone = recall(index, described.golden)
        if judged:
            numbers["recall_percent"] = 100 * share
        text = f"of the nearest vectors of {len(described.golden)} golden queries {100 * share:.0f} % are found{how}"
        settings = ", ".join(f"{name} {value}" for name, value in anatomy.search_settings(index).items())
        evidence = [f"search settings in the file: {settings}"] if settings else []
        if gone:
            evidence.append(f"{gone} of the expected vectors are not in the index any more and do not count")
        return told("ok", text, *evidence, **numbers)
    return told("ok", f"{index.ntotal} vectors of {index.d} numbers{how}", **numbers)


def _differs(path: Path, described: Manifest, index: anatomy.Index, numbers: dict[str, float]) -> Told:
    """Damage for certain; some of it has a name of its own."""
    if not index.is_trained:
        return told("not-trained", f"`{path.name}` is an {_kind(index)} that was never trained", **numbers)
    if index.ntotal == 0:
        return told("empty", f"`{path.name}` holds no vector; its manifest says {described.ntotal}", **numbers)
    now = {
        "bytes": (path.stat().st_size, described.size),
        "vectors": (index.ntotal, described.ntotal),
        "dimension": (index.d, described.dimension),
        "metric": (anatomy.metric(index), described.metric),
        "type": (_kind(index), described.type),
    }
    evidence = [f"{name}: {one}, by the manifest {other}" for name, (one, other) in now.items() if one != other]
    return told(
        "checksum",
        f"`{path.name}` is not the file that its manifest of {described.made_at} describes",
        *(evidence or ["it loads, and only its digest tells"]),
        **numbers,
    )


def _is_meant_empty(described: Manifest | None, sum_: str, source: Mapping[str, Any] | None) -> bool:
    if described and described.ntotal == 0 and described.sha256 == sum_:
        return True
    if source is None:
        return False
    try:
        return source_of(dict(source)).count() == 0
    except SourceAway:
        return False


def _kind(index: anatomy.Index) -> str:
    return type(index).__name__


def compare(path: Path, manifest_path: Path, cold: bool, source: dict[str, Any]) -> dict[str, Any]:
    """How the ids of an index differ from those of its source; says why where the index itself is what is wrong."""
    try:
        index = anatomy.opened(path)
        described = manifest.read(manifest_path)
    except anatomy.Unreadable:
        return {"abstains": "cannot be loaded"}
    except manifest.Broken:
        described = None
    if not index.is_trained or not (index.ntotal or _is_meant_empty(described, digest(path), None)):
        return {"abstains": "holds nothing"}
    if described and must_match(path, described, cold=cold) and digest(path) != described.sha256:
        return {"abstains": "is damaged"}
    missing, orphans = difference(index, source_of(source))
    return {
        "vectors": int(index.ntotal),
        "missing": len(missing),
        "orphans": len(orphans),
        "some_missing": [int(each) for each in missing[:5]],
        "some_orphans": [int(each) for each in orphans[:5]],
    }


def difference(index: anatomy.Index, source: Source) -> tuple[anatomy.Ids, anatomy.Ids]:
    """Ids that only the source has, and ids that only the index has.

    Where the vectors of the index have no ids of their own, its n-th vector is the n-th of the source.
    """
    have = anatomy.ids(index)
    if have is None:
        count = source.count()
        empty = np.empty(0, np.int64)
        missing = np.arange(index.ntotal, count, dtype=np.int64) if count > index.ntotal else empty
        return missing, np.arange(count, index.ntotal, dtype=np.int64) if index.ntotal > count else empty
    want = source.ids()
    if want is None:
        raise SourceAway("the ids of the source are no whole numbers, so that the index cannot have them")
    return np.setdiff1d(want, have), np.setdiff1d(have, want)
