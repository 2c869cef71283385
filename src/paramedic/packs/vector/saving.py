"""Backups of a vector index: the file and what describes it, proved by opening it and asking its golden queries."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from paramedic.packs.vector.asking import Answer, NoAnswer, ask_now, memory_for
from paramedic.packs.vector.inside import manifest
from paramedic.packs.vector.inside.manifest import Broken
from paramedic.packs.vector.target import Vector
from paramedic.packs.vector.workshop import RECALL_PERCENT
from paramedic.sdk.files import digest, write_new
from paramedic.sdk.saving import Backup, BackupFailed, Saved, total_size

_INDEX, _MANIFEST = "index", "manifest.json"
_TRIES = 3


def create(target: Vector, folder: Path, limit_s: float) -> Saved:
    """Copy both, of one moment. Where nobody has described the index, a description is made for the copy alone."""
    index, described = target.index, target.manifest_path
    origins = {_INDEX: index}
    try:
        was = _copied(target, folder)
    except OSError as error:
        raise BackupFailed(f"`{index}` cannot be copied: {error.strerror or error}") from None
    copy = folder / _INDEX
    try:
        found = manifest.read(folder / _MANIFEST)
    except Broken as error:
        raise BackupFailed(f"`{described}` describes nothing: {error}") from None
    if found is None:
        order = {"embedding": target.embedding or "", "factory": target.type or "", "keep_search": {}}
        _ask("describe", copy, limit_s, out_path=folder / _MANIFEST, **order)
    else:
        origins[_MANIFEST] = described
        is_meant = target.cold or was <= found.made_at_ns
        if is_meant and digest(copy) != found.sha256:
            raise BackupFailed(f"`{index.name}` is not the file that its manifest describes; it is damaged")
    facts = _sound(target, folder, copy, limit_s)
    return Saved(
        method="copies of the index and its manifest" if found else "a copy of the index, described for it alone",
        origins=origins,
        holds={"vectors": int(facts["vectors"])},
    )


def verify(target: Vector, folder: Path, scratch: Path, holds: Mapping[str, int], limit_s: float) -> str:
    """Open a copy in a process of its own and ask it the golden queries."""
    copy = scratch / _INDEX
    try:
        shutil.copyfile(folder / _INDEX, copy)
    except OSError as error:
        raise BackupFailed(f"it could not be restored: {error.strerror or error}") from None
    facts = _sound(target, folder, copy, limit_s)
    if facts["vectors"] != holds.get("vectors"):
        raise BackupFailed(f"it holds {facts['vectors']} vectors instead of {holds.get('vectors')}")
    told = f"restored and opened; {facts['vectors']} vectors of {facts['dimension']} numbers"
    if facts["recall"] is None:
        return told
    return f"{told}, {100 * facts['recall']:.0f} % of the nearest of its golden queries are found"


def lost(target: Vector, folder: Path, origins: Mapping[str, Path], limit_s: float) -> Sequence[str]:  # noqa: ARG001  # the shape of the hook
    """Vectors that only the index in place has, by their ids."""
    if not target.index.exists():
        return ()
    copy = folder / _INDEX
    try:
        if digest(copy) == digest(target.index):
            return ()
        differs = ask_now(
            "compare",
            limit_s,
            memory=memory_for(target.index, copy),
            path=target.index.absolute(),
            manifest_path=folder / "none",
            cold=False,
            source={"kind": "index", "place": str(copy), "table": "", "id": "", "vector": ""},
        )
    except (NoAnswer, OSError) as error:
        return (f"whatever was written since the backup: what is there now cannot be compared ({error})",)
    if why := differs.get("abstains"):
        return (f"whatever the index in place still holds, which {why}",)
    told = []
    if differs["orphans"]:
        some = ", ".join(str(each) for each in differs["some_orphans"])
        told.append(f"{differs['orphans']} vectors that came since, such as {some}")
    if differs["missing"]:
        told.append(f"deletions: {differs['missing']} vectors come back")
    return (
        *told,
        f"what was changed in the other {differs['vectors'] - differs['orphans']} vectors since, if anything",
    )


def _copied(target: Vector, folder: Path) -> int:
    """Copy the index and, where there is one, its manifest; returns when the index was written, in nanoseconds."""
    for _ in range(_TRIES):
        before = _seen(target)
        for name, path in ((_INDEX, target.index), (_MANIFEST, target.manifest_path)):
            (folder / name).unlink(missing_ok=True)
            if name == _INDEX or path.exists():
                write_new(folder / name, path, mode=0o600)
        if _seen(target) == before:
            return target.index.stat().st_mtime_ns
    raise OSError("it is written to all the time")


def _seen(target: Vector) -> Sequence[tuple[int, int, int]]:
    there = [each.stat() for each in (target.index, target.manifest_path) if each == target.index or each.exists()]
    return [(each.st_ino, each.st_mtime_ns, each.st_size) for each in there]


def _sound(target: Vector, folder: Path, copy: Path, limit_s: float) -> Answer:
    """What there is to know about a copy that loads, is whole, fits, and finds what it should.

    Raises:
        BackupFailed: it does not.
    """
    facts = _ask("facts", copy, limit_s, manifest_path=folder / _MANIFEST)
    if not facts["is_trained"]:
        raise BackupFailed("the index was never trained")
    if facts["strange"]:
        raise BackupFailed(f"{facts['strange']} of its vectors hold what is no finite number")
    if target.dimension and facts["dimension"] != target.dimension:
        raise BackupFailed(f"its vectors have {facts['dimension']} numbers, not {target.dimension}")
    if facts["recall"] is not None and 100 * facts["recall"] < RECALL_PERCENT:
        raise BackupFailed(f"only {100 * facts['recall']:.0f} % of the nearest of its golden queries are found")
    return facts


def _ask(job: str, copy: Path, limit_s: float, **order: object) -> Answer:
    try:
        return ask_now(job, limit_s, memory=memory_for(copy), path=copy.absolute(), **order)
    except NoAnswer as error:
        raise BackupFailed(f"the index cannot be opened: {error}") from None


backup = Backup(
    create=create, verify=verify, lost=lost, size=lambda target: total_size([target.index, target.manifest_path])
)
