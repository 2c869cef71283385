"""Vector indexes (FAISS): there, whole, as their manifest says, and as full as their source."""

from pathlib import Path

from paramedic.packs.vector.actions import AddMissing, Compact, Describe, Initialize, Rebuild, Restore
from paramedic.packs.vector.asking import NoAnswer, ask_now, memory_for
from paramedic.packs.vector.checks import is_current, is_sound
from paramedic.packs.vector.inside import manifest
from paramedic.packs.vector.saving import backup
from paramedic.packs.vector.target import Vector
from paramedic.sdk import Kind, Pack
from paramedic.sdk.files import open_regular

_COPY_LIMIT_S = 600.0
_CHUNK = 1 << 20


def copy(source: Path, target: Path) -> None:
    """Copy an index or its manifest; a copy of an index was loaded and is whole, one of a manifest was read.

    Raises:
        OSError: there is no whole copy to be had.
    """
    before = source.stat()
    with open_regular(source) as content, target.open("wb") as out:
        while chunk := content.read(_CHUNK):
            out.write(chunk)
    after = source.stat()
    if (before.st_ino, before.st_mtime_ns, before.st_size) != (after.st_ino, after.st_mtime_ns, after.st_size):
        raise OSError("it was written to while it was copied")
    if source.suffix == ".json":
        try:
            manifest.read(target)
        except manifest.Broken as error:
            raise OSError(str(error)) from None
        return
    try:
        facts = ask_now("facts", _COPY_LIMIT_S, memory=memory_for(target), path=target.absolute())
    except NoAnswer as error:
        raise OSError(str(error)) from None
    if not facts["is_trained"] or facts["strange"]:
        raise OSError("it is not whole")


def kept(target: Vector) -> tuple[Path, ...]:
    """The index, and its manifest where there is one."""
    return tuple(each for each in (target.index, target.manifest_path) if each == target.index or each.exists())


pack = Pack(
    name="vector",
    kinds=(
        Kind(
            name="vector",
            summary="a vector index in a file (FAISS)",
            target=Vector,
            files=lambda target: (target.index, target.manifest_path),
            keeps=kept,
            copy=copy,
            backup=backup,
        ),
    ),
    checks=(is_sound, is_current),
    actions=(Restore, Rebuild, AddMissing, Compact, Describe, Initialize),  # type: ignore[arg-type]  # mypy does not follow class decorators
)
