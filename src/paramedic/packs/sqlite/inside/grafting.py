"""A damaged database made legible: its header or its first page taken from the last good copy, or guessed.

The first page holds the table of contents. The online backup copies page for page, so that a copy's first page fits
as long as no table was made, dropped or moved since; whoever uses a graft must check that the rows make sense.
"""

import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from paramedic.packs.sqlite.inside.opening import COMPANIONS, MAGIC, companion

_PAGE_SIZES = (4096, 1024, 8192, 16384, 32768, 65536, 2048, 512)


@dataclass(frozen=True, kw_only=True)
class Legible:
    """A file whose table of contents can be read."""

    path: Path
    is_grafted: bool
    """Its table of contents is that of the copy."""


def legible(path: Path, good: Path | None) -> Legible | None:
    """The file (a scratch copy, changed as needed) in the state in which most of it can be read."""
    original = path.with_name(path.name + ".original")
    shutil.copyfile(path, original)
    _drop_torn_page(path)
    if _contents(path):
        return Legible(path=path, is_grafted=False)
    content = original.read_bytes()
    first = good.read_bytes()[:65536] if good else b""
    headers = [first[:100]] if first else [_header(size) for size in _PAGE_SIZES]
    for header in headers:
        _write(path, header, content)
        if _contents(path):
            return Legible(path=path, is_grafted=False)
    if first and len(content) > _page_size(first):
        _write(path, first[: _page_size(first)], content)
        if _contents(path):
            return Legible(path=path, is_grafted=True)
    return None


def _drop_torn_page(path: Path) -> None:
    """Of a file cut in the middle of a page: SQLite would read zeros for its rest and call them rows."""
    with path.open("rb") as file:
        header = file.read(100)
    size = path.stat().st_size
    if header[:16] == MAGIC and (torn := size % _page_size(header)) and size > torn:
        os.truncate(path, size - torn)


def _contents(path: Path) -> int:
    """How many entries of the table of contents can be read."""
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA writable_schema = ON")
            rows = connection.execute("SELECT type, name, sql, rootpage FROM sqlite_master").fetchall()
            return sum(isinstance(row[2], str) and isinstance(row[3], int) for row in rows)
    except (sqlite3.Error, UnicodeError):
        return 0


def _write(path: Path, start: bytes, content: bytes) -> None:
    """The file with another start, consistent in itself and in no need of a WAL."""
    for suffix in COMPANIONS:
        companion(path, suffix).unlink(missing_ok=True)
    whole = bytearray(start + content[len(start) :])
    size = _page_size(whole)
    whole[18:20] = b"\x01\x01"  # without a WAL
    whole[28:32] = (len(whole) // size).to_bytes(4, "big")
    whole[32:40] = bytes(8)  # no free pages, so that none is taken for one
    whole[92:96] = whole[24:28]  # the page count is valid
    path.write_bytes(whole)


def _page_size(header: bytes | bytearray) -> int:
    size = int.from_bytes(header[16:18], "big")
    return 65536 if size == 1 else size or 4096


def _header(page_size: int) -> bytes:
    """A header as SQLite would write it for an ordinary database."""
    header = bytearray(100)
    header[:16] = MAGIC
    header[16:18] = (1 if page_size == 65536 else page_size).to_bytes(2, "big")
    header[18:24] = b"\x01\x01\x00\x40\x20\x20"
    header[44:48] = (4).to_bytes(4, "big")
    header[56:60] = (1).to_bytes(4, "big")
    return bytes(header)
