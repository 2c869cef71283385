"""Which state of a database a file holds: damage is what changes it without SQLite having done so."""

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import Any

from paramedic.packs.sqlite.inside import holders
from paramedic.packs.sqlite.inside.opening import companion, size

_CHUNK = 1 << 20


def generation(path: Path) -> dict[str, Any]:  # Any: what is written as JSON
    """The digest of the file, and what tells whether somebody may have written to it."""
    before = path.stat()
    total, header = hashlib.sha256(), b""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            header = header or chunk[:100]
            total.update(chunk)
    after = path.stat()
    return {
        "digest": total.hexdigest(),
        "inode": after.st_ino,
        "mtime_ns": after.st_mtime_ns,
        "counter": header[24:28].hex(),
        "is_wal": 2 in header[18:20],
        "is_cold": (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size) and is_cold(path),
    }


def is_cold(path: Path) -> bool:
    """Whether nobody has it open, and no log or journal belongs to it: the file alone is the database."""
    if size(companion(path, "-wal")) or size(companion(path, "-journal")) or companion(path, "-shm").exists():
        return False
    with suppress(OSError):
        return not holders.writers(path) and not holders.openers(path)
    return False
