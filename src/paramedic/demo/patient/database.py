"""The shop's database: conversations, their messages, and reminders, in one SQLite file."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

TABLES = ("conversations", "messages", "reminders", "heartbeats")
_SCHEMA = """
CREATE TABLE conversations (id INTEGER PRIMARY KEY, customer TEXT NOT NULL, started_at TEXT NOT NULL);
CREATE TABLE messages (
    id INTEGER PRIMARY KEY, conversation INTEGER NOT NULL REFERENCES conversations (id), role TEXT NOT NULL,
    text TEXT NOT NULL
);
CREATE TABLE reminders (id INTEGER PRIMARY KEY, customer TEXT NOT NULL, text TEXT NOT NULL, due_at TEXT NOT NULL);
CREATE TABLE heartbeats (worker TEXT PRIMARY KEY, at TEXT NOT NULL);
CREATE INDEX messages_by_conversation ON messages (conversation);
"""
_QUESTION = "number {n}: is the blue lamp still in stock, and can it be sent to a friend before the end of the week?"
_ANSWER = "number {n}: yes, four are left; order by noon and it leaves the same day, with a card if you wish."


def create(path: Path, *, conversations: int = 200) -> None:
    """Write a new database with some history in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(_SCHEMA)
        for n in range(1, conversations + 1):
            connection.execute("INSERT INTO conversations VALUES (?, ?, ?)", (n, f"customer {n}", "2026-01-01T09:00Z"))
            for role, text in (("user", _QUESTION), ("assistant", _ANSWER)):
                connection.execute(
                    "INSERT INTO messages (conversation, role, text) VALUES (?, ?, ?)", (n, role, text.format(n=n))
                )
            if n % 10 == 0:
                connection.execute(
                    "INSERT INTO reminders (customer, text, due_at) VALUES (?, ?, ?)",
                    (f"customer {n}", "your parcel is waiting", "2099-01-01T09:00Z"),
                )


@contextmanager
def opened(path: Path, *, wait_s: float = 2.0) -> Iterator[sqlite3.Connection]:
    """The database for one transaction. Opens only what exists: a shop must not start over with an empty file.

    Raises:
        sqlite3.Error: it is missing, damaged, or locked for longer than the wait.
    """
    address = f"{path.absolute().as_uri()}?mode=rw"
    with closing(sqlite3.connect(address, uri=True, timeout=wait_s)) as connection, connection:
        yield connection
