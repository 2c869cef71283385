"""Opening a database so that nothing on the disk changes: no journal rolled back, no WAL made, no lock left."""

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

MAGIC = b"SQLite format 3\0"
COMPANIONS = ("-wal", "-shm", "-journal")
_LARGEST_COPY = 1 << 30
_BUSY, _CORRUPT, _NOTADB, _CANTOPEN, _READONLY, _PERM, _AUTH = 5, 11, 26, 14, 8, 3, 23


class CannotLook(Exception):
    """The database could not be opened for a reason that says nothing about it."""


def companion(path: Path, suffix: str) -> Path:
    """The file beside a database: ``-wal``, ``-shm`` or ``-journal``."""
    return path.with_name(path.name + suffix)


def size(path: Path) -> int:
    """Bytes of a file; 0 where there is none."""
    with suppress(OSError):
        return path.stat().st_size
    return 0


def header(path: Path) -> bytes:
    """The first hundred bytes. Only before anything of this process has opened the database."""
    with path.open("rb") as file:
        return file.read(100)


def says_wal(path: Path) -> bool:
    """Whether the header declares the mode in which a WAL is used."""
    return 2 in header(path)[18:20]


def uri(path: Path, how: str) -> str:
    """The address of a database with how to open it."""
    return f"file:{quote(str(path.absolute()))}?{how}"


@contextmanager
def reading(path: Path, timeout_s: float = 5.0) -> Iterator[sqlite3.Connection]:
    """A connection that can only read and leaves no trace.

    Raises:
        CannotLook: that cannot be had.
        sqlite3.DatabaseError: the database refuses, at the first statement.
    """
    wal, shm = size(companion(path, "-wal")), companion(path, "-shm").exists()
    if says_wal(path) and not wal and not shm:
        how = "mode=ro&immutable=1"  # nobody has it open; a plain open would make the WAL anew
    elif wal and not shm:
        with _copy(path) as connection:  # a WAL left by a crash, and reading it would make its index
            yield connection
        return
    else:
        how = "mode=ro"
    with closing(sqlite3.connect(uri(path, how), uri=True, timeout=timeout_s, isolation_level=None)) as connection:
        try:
            connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
        except sqlite3.OperationalError as error:
            if primary(error) not in (_READONLY, _CANTOPEN) or not companion(path, "-journal").exists():
                raise
        else:
            yield connection
            return
    with _copy(path) as connection:  # a journal left by a crash, which only a writer may roll back
        yield connection


def primary(error: sqlite3.Error) -> int:
    """The error's primary result code."""
    code = getattr(error, "sqlite_errorcode", 0) or 0
    return int(code) & 0xFF


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the error says that the content is damaged."""
    return primary(error) in (_CORRUPT, _NOTADB) or any(
        word in str(error) for word in ("malformed", "unsupported file format", "not a database")
    )


def is_busy(error: sqlite3.Error) -> bool:
    """Whether somebody else's lock is in the way."""
    return primary(error) in (_BUSY, 6)


def may_not(error: sqlite3.Error) -> bool:
    """Whether it is about permission."""
    return primary(error) in (_CANTOPEN, _READONLY, _PERM, _AUTH)


@contextmanager
def _copy(path: Path) -> Iterator[sqlite3.Connection]:
    total = sum(size(companion(path, suffix)) for suffix in ("", "-wal", "-journal"))
    with tempfile.TemporaryDirectory(prefix="paramedic-") as folder:
        if total > _LARGEST_COPY or shutil.disk_usage(folder).free < 2 * total:
            raise CannotLook("a crash left its journal behind, and there is no room to read a copy")
        copy = copy_set(path, Path(folder))
        with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
            yield connection


def copy_set(path: Path, folder: Path) -> Path:
    """Copy a database with its WAL or journal, but without the index that belongs to living processes."""
    for suffix in ("", "-wal", "-journal"):
        with suppress(FileNotFoundError):
            shutil.copyfile(companion(path, suffix), folder / (path.name + suffix))
    return folder / path.name
