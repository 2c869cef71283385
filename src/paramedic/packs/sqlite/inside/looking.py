# ruff: noqa: S608  # names of tables cannot be bound; each is quoted, and values are always bound
"""The two looks at a database: a quick one at its surface, and a whole one at every page."""

import sqlite3
import stat
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypedDict

from paramedic.packs.sqlite.inside import holders
from paramedic.packs.sqlite.inside.opening import (
    MAGIC,
    CannotLook,
    companion,
    header,
    is_busy,
    is_damage,
    may_not,
    primary,
    reading,
    says_wal,
    size,
)

_MOST_TABLES = 100
_HELD_S = 1.0
"""How long an unbroken look may keep writers waiting where it makes them wait."""
_NO_DAMAGE = ("NULL value in ", "CHECK constraint failed")
"""What the integrity check tells of data that breaks declared constraints; the file is whole."""


class Told(TypedDict):
    """One verdict."""

    verdict: str
    text: str
    evidence: list[str]
    measures: dict[str, float]


def told(verdict: str, text: str, evidence: Sequence[str] = (), **measures: float) -> Told:
    """Put a verdict into words."""
    return Told(verdict=verdict, text=text, evidence=list(evidence), measures=measures)


def look(
    path: Path,
    tables: Mapping[str, Sequence[str]],
    limit_s: float,
    types: Mapping[str, Mapping[str, str]] | None = None,
) -> list[Told]:
    """Is it there, is it a database, are the tables there, can they be read, can it be written to by those who may?"""
    try:
        seen = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        away = "" if path.parent.is_dir() else f"; its folder `{path.parent}` is missing too"
        return [told("missing", f"`{path}` does not exist{away}")]
    except OSError as error:
        return [told("unknown", f"`{path}` cannot be looked at: {error.strerror}")]
    if not stat.S_ISREG(seen.st_mode):
        return [told("not-a-database", f"`{path}` is not a file")]
    if seen.st_size == 0:
        return [told("empty", f"`{path.name}` has 0 bytes")]
    begun, before = time.monotonic(), b""
    try:
        before = header(path)
        if before[:16] != MAGIC:
            return [told("not-a-database", f"`{path.name}` does not begin like a database")]
        with reading(path, limit_s) as connection:
            found = _surface(connection, path, tables, types or {})
            unused_mb = _unused_mb(connection)
            if not found and (stuck := _stuck_writer(connection, path, limit_s)):
                found = [stuck]
    except sqlite3.Error as error:
        if is_busy(error) and header(path)[24:28] != before[24:28]:
            # its change counter moves with every commit: whoever writes is busy, not stuck
            return [told("unknown", f"`{path.name}` is written to so often that it could not be read")]
        return [_refused(error, path, time.monotonic() - begun)]
    except CannotLook as error:
        return [told("unknown", f"`{path.name}` could not be opened: {error}")]
    except OSError as error:
        return [told("unknown", f"`{path.name}` cannot be read: {error.strerror}")]
    wal_mb = size(companion(path, "-wal")) / (1 << 20)
    milliseconds = (time.monotonic() - begun) * 1000
    size_mb = seen.st_size / (1 << 20)
    return found or [told("ok", "", size_mb=size_mb, unused_mb=unused_mb, wal_mb=wal_mb, latency_ms=milliseconds)]


def whole(path: Path, limit_s: float) -> Told:
    """Every page of the database, without keeping a writer waiting for long."""
    begun, dangling = time.monotonic(), None
    try:
        with reading(path) as connection:
            held = None if says_wal(path) else _HELD_S
            problems = _integrity(connection, held or limit_s)
            if problems is None and held:
                problems = _of_a_copy(connection, limit_s - (time.monotonic() - begun))
            if problems == []:
                left_s = limit_s - (time.monotonic() - begun)
                dangling = orphans(connection, min(left_s, held or left_s))
    except sqlite3.Error as error:
        return _refused(error, path, time.monotonic() - begun)
    except CannotLook as error:
        return told("unknown", f"`{path.name}` could not be opened: {error}")
    except OSError as error:
        return told("unknown", f"`{path.name}` cannot be read: {error.strerror}")
    if problems is None:
        return told("unknown", f"`{path.name}` is too large to be checked within {limit_s:.0f} s")
    took = time.monotonic() - begun
    if problems:
        return told("corrupt", f"`{path.name}`: {problems[0]}", problems[:20], duration_s=took)
    if dangling is None:
        return told("ok", "", duration_s=took)
    return told(
        "ok",
        "",
        [f"{key}: {count} rows" for key, count in dangling],
        duration_s=took,
        orphans=sum(count for _, count in dangling),
    )


def _surface(
    connection: sqlite3.Connection,
    path: Path,
    tables: Mapping[str, Sequence[str]],
    types: Mapping[str, Mapping[str, str]],
) -> list[Told]:
    connection.execute("BEGIN")
    there = [str(name) for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    known = {name.lower(): name for name in there}
    if tables and not there:
        return [told("empty", f"`{path.name}` holds no table")]
    found: list[Told] = []
    for table, columns in tables.items():
        if table.lower() not in known:
            found.append(told("table-missing", f"there is no table `{table}`"))
            continue
        has = {str(row[1]).lower(): str(row[2]) for row in connection.execute(f"PRAGMA table_xinfo({quoted(table)})")}
        gone = [each for each in columns if each.lower() not in has]
        if gone:
            names = ", ".join(f"`{each}`" for each in gone)
            found.append(told("table-missing", f"table `{table}` lacks {names}"))
        for column, wanted in types.get(table, {}).items():
            is_ = has.get(column.lower())
            if is_ is not None and affinity(is_) != affinity(wanted):
                text = f"column `{column}` of `{table}` is `{is_ or 'without a type'}`, not `{wanted}`"
                found.append(told("column-type", text))
    for table in ([known[name.lower()] for name in tables if name.lower() in known] or there)[:_MOST_TABLES]:
        try:
            connection.execute(f"SELECT * FROM {quoted(table)} LIMIT 1").fetchone()
        except sqlite3.OperationalError as error:
            if primary(error) != 1 or is_damage(error):  # 1: a module or function that only the service has
                raise
    _pages, page_size = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    if not companion(path, "-wal").exists() and size(path) < _pages * page_size:
        return [told("corrupt", f"`{path.name}` is cut short: {size(path)} of {_pages * page_size} bytes are left")]
    connection.execute("COMMIT")
    return found


def _stuck_writer(connection: sqlite3.Connection, path: Path, limit_s: float) -> Told | None:
    """A writer that holds its lock for the whole limit and commits nothing meanwhile."""
    begun, before = time.monotonic(), _version(connection)
    while pids := holders.writers(path):
        waited = time.monotonic() - begun
        if waited >= limit_s:
            return _locked(path, waited, pids)
        time.sleep(0.05)
        if _version(connection) != before:
            return None
    return None


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA data_version").fetchone()[0])


def _locked(path: Path, waited_s: float, pids: Sequence[int]) -> Told:
    sure = [holders.describe(pid) for pid in pids if pid > 0]
    others = [] if sure else [holders.describe(pid) for pid in holders.openers(path)]
    by = f" by {', '.join(sure)}" if sure else ""
    evidence = [f"holds the lock: {each}" for each in sure] + [f"has the file open: {each}" for each in others]
    return told("locked", f"`{path.name}` has been locked{by} for {waited_s:.1f} s", evidence, waited_s=waited_s)


def _refused(error: sqlite3.Error, path: Path, waited_s: float) -> Told:
    if is_busy(error):
        return _locked(path, waited_s, holders.writers(path))
    if primary(error) == 26:
        return told("not-a-database", f"`{path.name}`: {error}")
    if is_damage(error):
        return told("corrupt", f"`{path.name}`: {error}")
    if may_not(error):
        return told("unknown", f"`{path.name}` may not be opened: {error}")
    return told("unknown", f"`{path.name}` could not be read: {error}")


def integrity(connection: sqlite3.Connection, what: str = "integrity_check") -> list[str]:
    """What the integrity check has to say; empty when all is well."""
    rows: list[str] = []
    try:
        cursor = connection.execute(f"PRAGMA {what}")
        while row := cursor.fetchone():
            rows.append(str(row[0]))
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        rows.append(str(error))  # the check gives up where it cannot read on; what it said before still counts
    lines = [line for row in rows for line in row.splitlines() if not line.startswith("*** in database")]
    return [line for line in lines if line != "ok" and not any(each in line for each in _NO_DAMAGE)]


def _integrity(connection: sqlite3.Connection, limit_s: float) -> list[str] | None:
    """The same, ``None`` when it takes too long."""
    timer = threading.Timer(max(0.0, limit_s), connection.interrupt)
    timer.daemon = True
    timer.start()
    try:
        found = integrity(connection)
        return None if any("interrupted" in each for each in found) else found
    except sqlite3.OperationalError as error:
        if primary(error) == 9:
            return None
        raise
    finally:
        timer.cancel()


def orphans(connection: sqlite3.Connection, limit_s: float) -> list[tuple[str, int]] | None:
    """How many rows of which table refer to rows of which table that are gone; ``None`` when it takes too long."""
    timer = threading.Timer(max(0.0, limit_s), connection.interrupt)
    timer.daemon = True
    timer.start()
    found: dict[str, int] = {}
    try:
        for table, _rowid, parent, _key in connection.execute("PRAGMA foreign_key_check"):
            found[f"`{table}` to `{parent}`"] = found.get(f"`{table}` to `{parent}`", 0) + 1
    except sqlite3.OperationalError:  # interrupted, or a key that names columns which are none
        return None
    finally:
        timer.cancel()
    return list(found.items())


def _unused_mb(connection: sqlite3.Connection) -> float:
    """Pages of the file that hold nothing: ``VACUUM`` gives them back, or ``auto_vacuum`` where it is on."""
    free, page = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("freelist_count", "page_size"))
    return float(free * page / (1 << 20))


def affinity(declared: str) -> str:
    """How values of a column are kept, by its declared type (https://sqlite.org/datatype3.html, 3.1)."""
    words = declared.upper()
    for kind, marks in (("INTEGER", ("INT",)), ("TEXT", ("CHAR", "CLOB", "TEXT")), ("BLOB", ("BLOB",))):
        if any(mark in words for mark in marks):
            return kind
    if not words.strip():
        return "BLOB"
    return "REAL" if any(mark in words for mark in ("REAL", "FLOA", "DOUB")) else "NUMERIC"


def _of_a_copy(connection: sqlite3.Connection, limit_s: float) -> list[str] | None:
    begun = time.monotonic()

    def hurry(_status: int, _remaining: int, _total: int) -> None:
        if time.monotonic() - begun > limit_s / 2:
            raise TimeoutError

    with (
        tempfile.TemporaryDirectory(prefix="paramedic-") as folder,
        closing(sqlite3.connect(Path(folder) / "copy", isolation_level=None)) as copy,
    ):
        try:
            connection.backup(copy, pages=500, sleep=0.002, progress=hurry)
        except TimeoutError:
            return None
        return _integrity(copy, limit_s - (time.monotonic() - begun))


def quoted(name: str) -> str:
    """A name as SQL wants it."""
    return '"' + name.replace('"', '""') + '"'
