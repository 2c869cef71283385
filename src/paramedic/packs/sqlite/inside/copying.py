# ruff: noqa: S608  # names of tables cannot be bound; each is quoted, and values are always bound
"""Whole copies of a database in use, and single tables brought back from one."""

import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from paramedic.packs.sqlite.inside.generation import is_cold
from paramedic.packs.sqlite.inside.looking import integrity, quoted
from paramedic.packs.sqlite.inside.opening import companion, reading, uri

Answer = dict[str, Any]  # Any: what is written as JSON


def copy(path: Path, target_path: Path) -> Answer:
    """Copy a database at rest byte for byte, one in use with the online backup; refuses a copy that is not whole."""
    for _ in range(3):
        before = _stamp(path)
        if is_cold(path):
            shutil.copyfile(path, target_path)
            if _stamp(path) == before and is_cold(path):
                return {"problems": is_good(target_path)["problems"]}
            before = _stamp(path)
            target_path.write_bytes(b"")
        with reading(path) as source, closing(sqlite3.connect(target_path)) as target:
            source.backup(target, pages=2000, sleep=0.002)
            problems = integrity(target)
        # where nobody had it open no lock protected us: somebody may have come while we read
        if _stamp(path) == before or companion(path, "-shm").exists():
            return {"problems": problems[:5]}
    return {"problems": ["changed while it was copied"]}


def is_good(path: Path) -> Answer:
    """Whether a copy of ours is whole, and which tables it has."""
    with closing(sqlite3.connect(uri(path, "mode=ro&immutable=1"), uri=True)) as connection:
        problems = integrity(connection)
        return {"problems": problems[:5], "tables": _tables(connection)}


def tables(path: Path) -> Answer:
    """Which tables a database has, those that SQLite keeps for itself left out."""
    with reading(path) as connection:
        return {"tables": [each for each in _tables(connection) if not each.startswith("sqlite_")]}


def filled(path: Path) -> Answer:
    """Which tables a copy of ours has, and whether each holds a row."""
    with closing(sqlite3.connect(uri(path, "mode=ro&immutable=1"), uri=True)) as connection:
        found = {}
        for table in _tables(connection):
            if table.startswith("sqlite_"):  # kept by SQLite itself, and made again with what needs it
                continue
            try:
                found[table] = connection.execute(f"SELECT 1 FROM {quoted(table)} LIMIT 1").fetchone() is not None
            except sqlite3.OperationalError:  # a module that only the service has
                found[table] = False
        return {"tables": found}


def missing_tables(path: Path, tables: Sequence[str]) -> Answer:
    """Which of the tables a database does not have."""
    with reading(path) as connection:
        there = {each.lower() for each in _tables(connection)}
    return {"missing": [each for each in tables if each.lower() not in there]}


def add_tables(path: Path, good_path: Path, tables: Sequence[str], timeout_s: float) -> Answer:
    """Bring tables with their rows, indexes and triggers from a copy into a living database, all or nothing."""
    with closing(sqlite3.connect(uri(path, "mode=rw"), uri=True, timeout=timeout_s, isolation_level=None)) as live:
        live.execute("ATTACH ? AS good", (uri(good_path, "mode=ro&immutable=1"),))
        live.execute("PRAGMA foreign_keys = OFF")
        live.execute("BEGIN IMMEDIATE")
        rows = 0
        for table in tables:
            parts = live.execute(
                "SELECT type, sql FROM good.sqlite_master WHERE lower(tbl_name) = lower(?) AND sql IS NOT NULL",
                (table,),
            ).fetchall()
            for _, sql in sorted(parts, key=lambda part: ("table", "index", "trigger").index(part[0])):
                if sql.upper().startswith("CREATE TABLE"):
                    live.execute(sql)
                    names = ", ".join(
                        quoted(row[1])
                        for row in live.execute(f"PRAGMA main.table_xinfo({quoted(table)})")
                        if row[6] == 0
                    )
                    rows += live.execute(
                        f"INSERT INTO main.{quoted(table)} ({names}) SELECT {names} FROM good.{quoted(table)}"
                    ).rowcount
                else:
                    live.execute(sql)
        live.execute("COMMIT")
    return {"rows": rows}


def drop_tables(path: Path, tables: Sequence[str], timeout_s: float) -> Answer:
    """Take tables away again, all or nothing."""
    with closing(sqlite3.connect(uri(path, "mode=rw"), uri=True, timeout=timeout_s, isolation_level=None)) as live:
        live.execute("PRAGMA foreign_keys = OFF")
        live.execute("BEGIN IMMEDIATE")
        for table in tables:
            live.execute(f"DROP TABLE IF EXISTS main.{quoted(table)}")
        live.execute("COMMIT")
    return {}


def _tables(connection: sqlite3.Connection) -> list[str]:
    return [str(name) for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]


def _stamp(path: Path) -> tuple[int, int]:
    seen = path.stat()
    return seen.st_mtime_ns, seen.st_size
