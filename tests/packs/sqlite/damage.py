"""A small real database, its copy from an earlier hour, and a hundred ways to damage it."""

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

TABLES = ("messages", "notes", "blobs")


def make(path: Path, seed: int, *, wal: bool = False) -> None:
    """Three tables: counted with an index, with gaps and without any index, and with values of several pages."""
    chance = random.Random(seed)
    with closing(sqlite3.connect(path)) as database:
        if wal:
            database.execute("PRAGMA journal_mode = WAL")
        database.executescript("""
            PRAGMA user_version = 7;
            CREATE TABLE messages (id INTEGER PRIMARY KEY AUTOINCREMENT, author TEXT NOT NULL, text TEXT);
            CREATE INDEX by_author ON messages (author);
            CREATE TABLE notes (title TEXT, rank REAL);
            CREATE TABLE blobs (id INTEGER PRIMARY KEY, content BLOB);
            CREATE VIEW loud AS SELECT upper(text) FROM messages;
        """)
        database.executemany(
            "INSERT INTO messages (author, text) VALUES (?, ?)",
            ((f"author {chance.randrange(50)}", "word " * chance.randrange(1, 30)) for _ in range(1200)),
        )
        database.executemany("INSERT INTO notes VALUES (?, ?)", ((f"note {n}" * 3, n / 7) for n in range(800)))
        database.executemany("INSERT INTO blobs VALUES (?, ?)", ((n * 3, chance.randbytes(6000)) for n in range(1, 25)))
        database.execute("DELETE FROM notes WHERE rowid % 97 < 5")
        database.commit()


def live_on(path: Path, seed: int) -> None:
    """What happens after the copy was made: new rows, changed rows, deleted rows."""
    chance = random.Random(seed)
    with closing(sqlite3.connect(path)) as database:
        for _ in range(150):
            database.execute("INSERT INTO messages (author, text) VALUES ('late', ?)", ("new " * chance.randrange(30),))
            database.execute("INSERT INTO notes VALUES ('late', ?)", (chance.random(),))
        database.execute("UPDATE messages SET text = 'changed' WHERE id % 50 = 7")
        database.execute("DELETE FROM messages WHERE id % 111 = 3")
        database.execute(
            "INSERT INTO blobs VALUES (?, ?)",
            (
                1000 * seed,
                chance.randbytes(9000),
            ),
        )
        database.commit()


def _page(chance: random.Random, content: bytearray) -> int:
    return chance.randrange(1, len(content) // 4096) * 4096


def _overwrite(chance: random.Random, content: bytearray) -> None:
    at = _page(chance, content)
    content[at : at + 4096] = chance.randbytes(4096)


def _zero_page(chance: random.Random, content: bytearray) -> None:
    at = _page(chance, content)
    content[at : at + 4096] = bytes(4096)


def _several_pages(chance: random.Random, content: bytearray) -> None:
    for _ in range(4):
        _overwrite(chance, content)


def _flip(chance: random.Random, content: bytearray) -> None:
    for _ in range(chance.randrange(1, 4)):
        content[_page(chance, content) + chance.randrange(200)] ^= 1 << chance.randrange(8)


def _flip_anywhere(chance: random.Random, content: bytearray) -> None:
    for _ in range(20):
        content[chance.randrange(4096, len(content))] ^= 1 << chance.randrange(8)


def _cut(chance: random.Random, content: bytearray) -> None:
    del content[chance.randrange(4096, len(content)) :]


def _zero_header(_chance: random.Random, content: bytearray) -> None:
    content[:100] = bytes(100)


def _zero_first_page(_chance: random.Random, content: bytearray) -> None:
    content[:4096] = bytes(4096)


def _half_page(chance: random.Random, content: bytearray) -> None:
    at = _page(chance, content) + 2048
    content[at : at + 2048] = bytes(2048)


DAMAGES: tuple[Callable[[random.Random, bytearray], None], ...] = (
    _overwrite,
    _zero_page,
    _several_pages,
    _flip,
    _flip_anywhere,
    _cut,
    _zero_header,
    _zero_first_page,
    _half_page,
)


def rows(path: Path, table: str) -> dict[int, tuple[object, ...]]:
    """Every row by its rowid."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as database:
        database.text_factory = _text
        return {row[0]: row[1:] for row in database.execute(f"SELECT rowid, * FROM {table}")}


def readable(path: Path, table: str, rowids: set[int]) -> dict[int, tuple[object, ...]]:
    """What single SELECTs can still reach: independent of how the repair reads."""
    found = {}
    torn = path.stat().st_size % 4096
    if torn:  # half a page is not trusted: what is missing of it would be read as zeros
        path = path.with_name("untorn.db").write_bytes(path.read_bytes()[:-torn]) and path.with_name("untorn.db")
    with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as database:
        database.text_factory = _text
        database.execute("PRAGMA writable_schema = ON")
        for rowid in rowids:
            try:
                row = database.execute(f"SELECT rowid, * FROM {table} WHERE rowid = ?", (rowid,)).fetchone()
            except sqlite3.Error:
                continue
            if row is not None and row[0] == rowid:
                found[rowid] = row[1:]
    return found


def _text(raw: bytes) -> str:
    return raw.decode(errors="surrogateescape")
