"""Who has a database open and who holds its write lock, by /proc."""

import os
import pwd
from contextlib import suppress
from pathlib import Path

_RESERVED, _LAST_SHARED = 0x40000001, 0x400001FF
"""Bytes that writers lock in the database itself (https://sqlite.org/fileformat2.html, os.h)."""
_WAL_WRITE = 120
"""The byte that a writer locks in the index of a WAL."""


def writers(path: Path) -> tuple[int, ...]:
    """Processes that hold a lock for writing now, ourselves excepted."""
    wanted = {}
    for place, first, last in ((path, _RESERVED, _LAST_SHARED), (_index(path), _WAL_WRITE, _WAL_WRITE)):
        with suppress(OSError):
            wanted[place.stat().st_ino] = first, last
    found: dict[int, None] = {}
    for line in _lines():
        parts = line.split()
        if "->" in parts or len(parts) < 8 or parts[3] != "WRITE":
            continue
        inode = int(parts[5].rsplit(":", 1)[1])
        if inode not in wanted or int(parts[4]) == os.getpid():
            continue
        begin, end = int(parts[6]), float("inf") if parts[7] == "EOF" else int(parts[7])
        first, last = wanted[inode]
        if begin <= last and end >= first:
            found[int(parts[4])] = None
    return tuple(found)


def openers(path: Path) -> tuple[int, ...]:
    """Processes that have the database open, as far as they can be seen, ourselves excepted."""
    try:
        seen = path.stat()
    except OSError:
        return ()
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        with suppress(OSError):
            for handle in os.listdir(f"/proc/{name}/fd"):
                with suppress(OSError):
                    # asking what the link points to is cheap; only a likely one is asked for its inode
                    if os.readlink(f"/proc/{name}/fd/{handle}").startswith("/"):
                        other = os.stat(f"/proc/{name}/fd/{handle}")  # noqa: PTH116  # by the thousand
                        if (other.st_ino, other.st_dev) == (seen.st_ino, seen.st_dev):
                            found.append(int(name))
                            break
    return tuple(found)


def describe(pid: int) -> str:
    """``pid 12 (`python app.py`, user anna)``."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]
        owner = Path(f"/proc/{pid}").stat().st_uid
    except OSError:
        return f"pid {pid}"
    command = b" ".join(words).decode(errors="replace")[:120]
    try:
        user = pwd.getpwuid(owner).pw_name
    except KeyError:
        user = str(owner)
    return f"pid {pid} (`{command}`, user {user})"


def _index(path: Path) -> Path:
    return path.with_name(path.name + "-shm")


def _lines() -> list[str]:
    try:
        return Path("/proc/locks").read_text().splitlines()
    except OSError:
        return []
