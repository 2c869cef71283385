"""The files that supervised processes print to.

Never a pipe: a pipe kills its writers when its reader dies. A file opened for appending may be cut while they write.
"""

import os
import shutil
from pathlib import Path

TAIL_BYTES = 4096


def open_log(path: Path) -> int:
    """A descriptor that appends to the file, readable by its owner alone.

    Raises:
        OSError: the folder or the file cannot be made.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    os.fchmod(descriptor, 0o600)
    return descriptor


def size(path: Path) -> int:
    """Its length in bytes; 0 when there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def tail(path: Path, since: int = 0, limit: int = TAIL_BYTES) -> str:
    """The last whole lines, not reaching back before an offset; empty when there is nothing to read."""
    try:
        with path.open("rb") as log:
            length = log.seek(0, os.SEEK_END)
            # A file shorter than the offset was cut since.
            start = max(length - limit, since if since <= length else 0)
            log.seek(start)
            text = log.read(limit)
    except OSError:
        return ""
    if start > 0 and start != since:
        text = text.partition(b"\n")[2] or text
    return text.decode(errors="replace")


def rotate(path: Path, max_bytes: int, keep: int) -> bool:
    """Copy a log that has grown too long to ``.1`` (the older ones move up) and cut it; whether that was done.

    The file itself stays the same, because its writers hold it open. Where there is no room for a copy it is left.

    Raises:
        OSError: it cannot be copied or cut.
    """
    if size(path) <= max_bytes:
        return False
    for number in range(keep, 0, -1):
        older = path.with_name(f"{path.name}.{number}")
        if number == keep:
            older.unlink(missing_ok=True)
        elif older.exists():
            older.rename(path.with_name(f"{path.name}.{number + 1}"))
    if keep > 0:
        _copy(path, path.with_name(f"{path.name}.1"))
    os.truncate(path, 0)
    return True


def _copy(path: Path, to: Path) -> None:
    target = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        with path.open("rb") as source, os.fdopen(target, "wb") as copy:
            shutil.copyfileobj(source, copy)
    except OSError:
        to.unlink(missing_ok=True)
        raise
