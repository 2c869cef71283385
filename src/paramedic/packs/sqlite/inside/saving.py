# ruff: noqa: S608  # names of tables cannot be bound; each is quoted, and values are always bound
"""What a backup holds, and what has come since."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from paramedic.packs.sqlite.inside import runs
from paramedic.packs.sqlite.inside.looking import quoted
from paramedic.packs.sqlite.inside.opening import reading, uri

Answer = dict[str, Any]  # Any: what is written as JSON


def holds(path: Path) -> Answer:
    """Rows of each table of a copy of ours, and the version of SQLite."""
    with closing(sqlite3.connect(uri(path, "mode=ro&immutable=1"), uri=True)) as connection:
        rows = {
            table: connection.execute(f"SELECT count(*) FROM {quoted(table)}").fetchone()[0]
            for table in _tables(connection, "main")
        }
    return {"rows": rows, "version": sqlite3.sqlite_version}


def newer(path: Path, good_path: Path) -> Answer:
    """What a database holds that a copy of it does not: rows added or changed, tables; and what would come back."""
    lost: list[str] = []
    back: list[str] = []
    with reading(path) as connection:
        connection.execute("ATTACH ? AS saved", (uri(good_path, "mode=ro&immutable=1"),))
        connection.execute("BEGIN")
        then = {each.lower(): each for each in _tables(connection, "saved")}
        for table in _tables(connection, "main"):
            if table.lower() not in then:
                count = connection.execute(f"SELECT count(*) FROM main.{quoted(table)}").fetchone()[0]
                lost.append(f"table {table}: all of it, {count} rows")
                continue
            lost += _compared(connection, table, back)
    return {"lost": lost, "back": back}


def _compared(connection: sqlite3.Connection, table: str, back: list[str]) -> Iterator[str]:
    now, then = f"main.{quoted(table)}", f"saved.{quoted(table)}"
    names = [row[1] for row in connection.execute(f"PRAGMA main.table_xinfo({quoted(table)})")]
    known = {row[1] for row in connection.execute(f"PRAGMA saved.table_xinfo({quoted(table)})")}
    if fresh := [each for each in names if each not in known]:
        yield f"table {table}: the columns {', '.join(fresh)}"
    columns = [quoted(each) for each in names if each in known]
    if "rowid" in {each.lower() for each in names} or not _has_rowid(connection, now):
        listed = ", ".join(columns)
        (count,) = connection.execute(
            f"SELECT count(*) FROM (SELECT {listed} FROM {now} EXCEPT SELECT {listed} FROM {then})"
        ).fetchone()
        if count:
            yield f"table {table}: {count} rows that were added or changed"
        return
    added = runs.of(
        (row, row)
        for (row,) in connection.execute(
            f"SELECT n.rowid FROM {now} n LEFT JOIN {then} s ON s.rowid = n.rowid WHERE s.rowid IS NULL"
        )
    )
    if added:
        yield f"table {table}: {runs.count(added)} rows that were added, rowids {runs.told(added, 20)}"
    differs = " OR ".join(f"n.{each} IS NOT s.{each}" for each in columns)
    changed = runs.of(
        (row, row)
        for (row,) in connection.execute(
            f"SELECT n.rowid FROM {now} n JOIN {then} s ON s.rowid = n.rowid WHERE {differs}"
        )
    )
    if changed:
        yield f"table {table}: what was changed in {runs.count(changed)} rows, rowids {runs.told(changed, 20)}"
    (gone,) = connection.execute(
        f"SELECT count(*) FROM {then} s LEFT JOIN {now} n ON s.rowid = n.rowid WHERE n.rowid IS NULL"
    ).fetchone()
    if gone:
        back.append(f"{gone} rows of {table} that were deleted come back")


def _tables(connection: sqlite3.Connection, schema: str) -> list[str]:
    """Tables with rows of their own; those of SQLite and of its extensions follow from them."""
    return [
        str(name)
        for name, sql in connection.execute(
            f"SELECT name, sql FROM {schema}.sqlite_master WHERE type = 'table' ORDER BY name"
        )
        if not str(name).startswith("sqlite_") and not str(sql).upper().startswith("CREATE VIRTUAL")
    ]


def _has_rowid(connection: sqlite3.Connection, table: str) -> bool:
    try:
        connection.execute(f"SELECT rowid FROM {table} LIMIT 0")
    except sqlite3.OperationalError:
        return False
    return True
