"""What stands at the declared paths."""

import glob
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from paramedic.packs.files.target import Entry, Files, PathType
from paramedic.sdk.account import Account, group_name, of_user

_MOST_MATCHES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One path as it is."""

    entry: Entry
    path: Path
    status: os.stat_result | None = None
    """Of what a link leads to; ``None`` where nothing is there, or it may not be looked at."""
    error: OSError | None = None

    @property
    def is_missing(self) -> bool:
        return isinstance(self.error, FileNotFoundError | NotADirectoryError)

    @property
    def is_directory(self) -> bool:
        return self.status is not None and stat.S_ISDIR(self.status.st_mode)

    @property
    def mode(self) -> int:
        return stat.S_IMODE(self.status.st_mode) if self.status else 0


def look_at(files: Files) -> list[Seen]:
    """Every declared path and every match of a pattern. Blocks where a file system hangs."""
    return [_see(entry, path) for entry in files.entries for path in _paths(entry)]


def _paths(entry: Entry) -> Iterator[Path]:
    if not entry.is_pattern or os.path.lexists(entry.path):
        yield entry.path  # a name may hold a bracket
        return
    found = sorted(glob.glob(str(entry.path), recursive=True))  # noqa: PTH207  # the pattern is absolute
    yield from map(Path, found[:_MOST_MATCHES]) if found else (entry.path,)


def _see(entry: Entry, path: Path) -> Seen:
    try:
        return Seen(entry=entry, path=path, status=path.stat())
    except OSError as error:
        return Seen(entry=entry, path=path, error=error)


def what_is(status: os.stat_result) -> str:
    """What stands there, in a word."""
    names = (
        (stat.S_ISREG, PathType.FILE),
        (stat.S_ISDIR, PathType.DIRECTORY),
        (stat.S_ISFIFO, "named pipe"),
        (stat.S_ISSOCK, "socket"),
        (stat.S_ISCHR, "device"),
        (stat.S_ISBLK, "device"),
    )
    return next((str(name) for test, name in names if test(status.st_mode)), "something else")


def ownership(status: os.stat_result) -> str:
    """User, group and mode as people read them."""
    user = of_user(status.st_uid) or Account(uid=status.st_uid, gid=status.st_gid)
    return f"owner {user}, group `{group_name(status.st_gid)}`, mode {stat.S_IMODE(status.st_mode):04o}"


def nearest(path: Path) -> Path:
    """The path itself, or the nearest folder above it that exists."""
    while not os.path.exists(path) and path != path.parent:  # noqa: PTH110  # Path raises where it may not look
        path = path.parent
    return path
