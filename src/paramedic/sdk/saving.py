"""How a kind's components are backed up: what a pack declares, so that whoever keeps backups knows no kinds.

All of it blocks and is called on threads of its own; each call ends within ``limit_s`` or a little later.
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from paramedic.sdk.context import ActContext
from paramedic.sdk.files import digest, write_new
from paramedic.sdk.ports import ActionFailed

RESERVE_BYTES = 64 << 20
_TRIES = 3


class BackupFailed(Exception):
    """There is no backup to be had, or one is worth nothing; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What was saved into a folder."""

    method: str
    """Such as SQLite's online backup."""
    origins: Mapping[str, Path] = field(default_factory=dict)
    """Name in the folder to the file of the service that it is a copy of."""
    versions: Mapping[str, str] = field(default_factory=dict)
    holds: Mapping[str, int] = field(default_factory=dict)
    """Records by what contains them, such as rows by table."""
    notes: Sequence[str] = ()
    """What is not in it."""


class PutBack(Protocol):
    """How a server's data is replaced by a backup, all or nothing. (Any: each kind's own target.)"""

    def foresee(self, target: Any, limit_s: float) -> str | None:
        """Why it cannot be done at all; ``None`` where it can."""
        ...

    def apply(self, target: Any, folder: Path, token: str, limit_s: float) -> str:
        """Do it; returns what was done and where the old data is.

        ``token`` is small letters and digits, and stays the same when a crash makes it be done again.

        Raises:
            BackupFailed: nothing was changed.
        """
        ...

    def happened(self, target: Any, token: str, limit_s: float) -> bool | None:
        """After a crash: whether it was done; ``None`` where nobody can tell."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """How components of a kind are backed up, proved and brought back. (Any: each kind's own target.)"""

    create: Callable[[Any, Path, float], Saved]
    """``(target, folder, limit_s)``: save everything into the empty folder. Raises ``BackupFailed``."""
    verify: Callable[[Any, Path, Path, Mapping[str, int], float], str]
    """``(target, folder, scratch, holds, limit_s)``: restore into the scratch place, check it by all that is known of
    it, and say what was found. Raises ``BackupFailed`` where the backup is worth nothing."""
    lost: Callable[[Any, Path, Mapping[str, Path], float], Sequence[str]]
    """``(target, folder, origins, limit_s)``: what is there now and would not be after a restore, each in words."""
    size: Callable[[Any], int] = lambda _target: 0
    """About how many bytes it will take."""
    keeps_old: bool = False
    """Whether ``put_back`` leaves the old data on the server under another name; else a backup of it is made first."""
    put_back: PutBack | None = None
    """How a server gets its data back; files are put back by whoever keeps backups."""
    companions: tuple[str, ...] = ()
    """Suffixes of files that belong to the old file alone and vanish with it."""
    refuse: Callable[[ActContext, Path], None] = lambda _context, _path: None
    """Raises ``ActionFailed`` where somebody has the file open who may not."""
    makes_folders: bool = False
    """Whether missing folders above a file are made again; else they rather mean a disk that was not mounted."""


def save_files(paths: Sequence[Path], folder: Path, *, method: str = "copies of the files") -> Saved:
    """Copy files of the service as they are. A file that changes all the time is told.

    Raises:
        BackupFailed: one cannot be read.
    """
    origins: dict[str, Path] = {}
    notes: list[str] = []
    for number, path in enumerate(paths, 1):
        name = f"{number:05d}-{path.name[-80:]}"
        try:
            if not _copied(path, folder / name):
                notes.append(f"`{path.name}` was being written to while it was copied")
        except OSError as error:
            raise BackupFailed(f"`{path}` cannot be read: {error.strerror or error}") from None
        origins[name] = path
    return Saved(method=method, origins=origins, notes=notes)


def restore_files(folder: Path, scratch: Path) -> int:
    """Copy every file of a backup into the scratch place and compare; returns how many.

    Raises:
        BackupFailed: one cannot be brought back as it was.
    """
    count = 0
    for each in sorted(folder.iterdir()):
        copy = scratch / each.name
        try:
            shutil.copyfile(each, copy)
            if digest(copy) != digest(each):
                raise BackupFailed(f"`{each.name}` does not come back as it was saved")
        except OSError as error:
            raise BackupFailed(f"`{each.name}` does not come back: {error.strerror or error}") from None
        copy.unlink()
        count += 1
    return count


def changed_files(folder: Path, origins: Mapping[str, Path]) -> Sequence[str]:
    """Files whose content is another one by now."""
    told = []
    for name, path in origins.items():
        try:
            if digest(path) != digest(folder / name):
                told.append(f"what was changed in `{path.name}` since")
        except FileNotFoundError:
            continue
        except OSError:
            told.append(f"what was changed in `{path.name}` since, if anything: it cannot be read")
    return told


def total_size(paths: Sequence[Path]) -> int:
    """Bytes of all files that are there."""
    total = 0
    for each in paths:
        try:
            total += each.stat().st_size
        except OSError:
            continue
    return total


def _copied(path: Path, copy: Path) -> bool:
    for _ in range(_TRIES):
        before = path.stat()
        copy.unlink(missing_ok=True)
        write_new(copy, path, mode=0o600)
        after = path.stat()
        if (before.st_mtime_ns, before.st_size, before.st_ino) == (after.st_mtime_ns, after.st_size, after.st_ino):
            return True
    return False


__all__ = [
    "RESERVE_BYTES",
    "ActionFailed",
    "Backup",
    "BackupFailed",
    "PutBack",
    "Saved",
    "changed_files",
    "restore_files",
    "save_files",
    "total_size",
]
