"""Backups of files and folders: copies, compared with what was read."""

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from paramedic.packs.files.seeing import look_at
from paramedic.packs.files.target import Files
from paramedic.sdk.saving import Backup, BackupFailed, Saved, changed_files, restore_files, save_files, total_size

_MOST = 20_000


def _create(target: Files, folder: Path, limit_s: float) -> Saved:  # noqa: ARG001  # the shape of the hook
    files, others = _files(target)
    if len(files) > _MOST:
        raise BackupFailed(f"there are {len(files)} files; at most {_MOST} are saved one by one")
    saved = save_files(files, folder)
    left_out = [f"{others} links, pipes, sockets or devices are left out"] if others else []
    return Saved(
        method=saved.method,
        origins=saved.origins,
        holds={"files": len(files)},
        notes=[*saved.notes, *left_out],
    )


def _verify(target: Files, folder: Path, scratch: Path, holds: Mapping[str, int], limit_s: float) -> str:  # noqa: ARG001  # the shape of the hook
    count = restore_files(folder, scratch)
    if count != holds.get("files"):
        raise BackupFailed(f"it holds {count} files instead of {holds.get('files')}")
    return f"restored; {count} files are as they were read"


def _lost(target: Files, folder: Path, origins: Mapping[str, Path], limit_s: float) -> Sequence[str]:  # noqa: ARG001  # the shape of the hook
    return changed_files(folder, origins)  # files that came since stay where they are


def _files(target: Files) -> tuple[list[Path], int]:
    """Every regular file at or below the declared paths, and how many other things there are."""
    found: dict[Path, None] = {}
    others = 0
    for seen in look_at(target):
        if seen.status is None:
            raise BackupFailed(f"`{seen.path}` cannot be read: {seen.error.strerror if seen.error else 'it is gone'}")
        for path in _below(seen.path) if seen.is_directory else (seen.path,):
            mode = path.lstat().st_mode
            if stat.S_ISREG(mode) or (path == seen.path and path.is_file()):
                found[path] = None
            else:
                others += 1
    return list(found), others


def _below(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise BackupFailed(f"`{error.filename}` cannot be read: {error.strerror}")

    for place, folders, names in os.walk(folder, onerror=refuse):
        folders.sort()
        yield from (Path(place, each) for each in sorted(names))
        yield from (Path(place, each) for each in folders if Path(place, each).is_symlink())


backup = Backup(
    create=_create,
    verify=_verify,
    lost=_lost,
    size=lambda target: total_size(_files(target)[0]),
    makes_folders=True,
)
