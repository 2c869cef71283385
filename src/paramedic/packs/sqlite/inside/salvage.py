# ruff: noqa: S608  # names of tables cannot be bound; each is quoted, and values are always bound
"""A whole database out of a damaged one and, where there is one, its last good copy.

Every row that a SELECT can still reach is taken from the damaged file; a row that it cannot reach comes from the
copy. What is in neither is loss, told as an upper bound: a rowid that may have existed counts as lost.
"""

import contextlib
import re
import shutil
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from paramedic.packs.sqlite.inside import runs
from paramedic.packs.sqlite.inside.grafting import legible
from paramedic.packs.sqlite.inside.looking import integrity, quoted
from paramedic.packs.sqlite.inside.opening import copy_set, says_wal, uri
from paramedic.packs.sqlite.inside.reach import Reach, lost_end, survey

_KEPT_PRAGMAS = ("user_version", "application_id")
_SHAPED_PRAGMAS = ("page_size", "auto_vacuum")


class Hopeless(Exception):
    """Nothing can be made of it."""


@dataclass(kw_only=True)
class Report:
    """What came from where."""

    loss: list[str] = field(default_factory=list)
    restored: list[str] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    foreign_keys: int = 0


def salvage(
    *,
    path: Path,
    good_path: Path | None,
    out_path: Path,
    scratch_path: Path,
    copied_at: str,
    tables: Sequence[str],
    limit_s: float,
) -> dict[str, Any]:  # Any: what is written as JSON
    """Build ``out_path``.

    Raises:
        Hopeless: neither file gives anything.
    """
    until = time.monotonic() + limit_s
    for old in (out_path, *(out_path.with_name(out_path.name + end) for end in ("-wal", "-shm", "-journal"))):
        old.unlink(missing_ok=True)
    shutil.rmtree(scratch_path, ignore_errors=True)
    scratch_path.mkdir(mode=0o700, parents=True)
    source = legible(copy_set(path, scratch_path), good_path)
    report = Report()
    if source is None:
        if good_path is None:
            raise Hopeless("nothing in the file can be read, and there is no good copy")
        shutil.copyfile(good_path, out_path)
        report.loss.append(f"everything written after the copy of {copied_at}, if there was anything")
        report.restored.append(f"the whole database as it was at {copied_at}")
    else:
        if source.is_grafted:
            report.loss.append(f"tables made or changed after the copy of {copied_at}, if there were any")
        work = _Work(source.path, good_path, out_path, copied_at=copied_at, until=until, report=report)
        try:
            work.build(tables, is_doubtful=source.is_grafted)
        finally:
            work.close()
    _finish(out_path, report, is_wal=_was_wal(path, good_path))
    shutil.rmtree(scratch_path, ignore_errors=True)
    return {
        "loss": report.loss,
        "restored": report.restored,
        "rows": report.rows,
        "foreign_keys": report.foreign_keys,
    }


def _was_wal(path: Path, good: Path | None) -> bool:
    for each in (path, good):
        with contextlib.suppress(OSError):
            if each and each.open("rb").read(16) == b"SQLite format 3\0":
                return says_wal(each)
    return False


def _finish(out: Path, report: Report, *, is_wal: bool) -> None:
    connection = sqlite3.connect(out, isolation_level=None)
    try:
        if problems := integrity(connection):
            raise Hopeless(f"what was built is not whole: {problems[0]}")
        report.foreign_keys = len(connection.execute("PRAGMA foreign_key_check").fetchall())
        connection.execute(f"PRAGMA journal_mode = {'WAL' if is_wal else 'DELETE'}")
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND rootpage > 0"
        ).fetchall():
            with contextlib.suppress(sqlite3.OperationalError):
                report.rows[name] = connection.execute(f"SELECT count(*) FROM {quoted(name)}").fetchone()[0]
    finally:
        connection.close()


def _without_indexes(damaged: Path) -> sqlite3.Connection:
    """A scratch copy that has forgotten its indexes, so that the integrity check speaks of rows alone."""
    path = damaged.with_name(damaged.name + ".bare")
    shutil.copyfile(damaged, path)
    connection = sqlite3.connect(path, isolation_level=None)
    with contextlib.suppress(sqlite3.Error):
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("DELETE FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
        connection.execute("PRAGMA writable_schema = RESET")
    connection.execute("PRAGMA writable_schema = ON")
    return connection


class _Work:
    """One connection with the new database as main, the damaged as ``d`` and the copy as ``b``."""

    def __init__(
        self, damaged: Path, good: Path | None, out: Path, *, copied_at: str, until: float, report: Report
    ) -> None:
        self.report = report
        self.copied_at = copied_at
        self.until = until
        self.connection = sqlite3.connect(uri(out, "mode=rwc"), uri=True, isolation_level=None)
        ask = self.connection.execute
        self.has_good = good is not None
        self._bare = _without_indexes(damaged)
        with contextlib.closing(sqlite3.connect(damaged, isolation_level=None)) as first:
            first.execute("PRAGMA writable_schema = ON")
            encoding = first.execute("PRAGMA encoding").fetchone()[0]
            shape = {name: first.execute(f"PRAGMA {name}").fetchone()[0] for name in _SHAPED_PRAGMAS}
            kept = {name: first.execute(f"PRAGMA {name}").fetchone()[0] for name in _KEPT_PRAGMAS}
        ask(f"PRAGMA encoding = '{encoding}'")
        for name, value in {**shape, **kept}.items():
            ask(f"PRAGMA {name} = {int(value)}")
        for setting in ("journal_mode = MEMORY", "synchronous = OFF", "foreign_keys = OFF", "writable_schema = ON"):
            ask(f"PRAGMA {setting}")
        ask("ATTACH ? AS d", (str(damaged),))
        if good is not None:
            ask("ATTACH ? AS b", (uri(good, "mode=ro&immutable=1"),))

    def close(self) -> None:
        """End both connections."""
        self._bare.close()
        self.connection.close()

    def build(self, declared: Sequence[str], *, is_doubtful: bool) -> None:
        whole = self._problems("integrity_check")
        entries = self._schema(declared, is_suspect=bool(self._problems("integrity_check('sqlite_master')")))
        ordinary, virtual = [], []
        for kind, name, sql in entries:
            if kind == "table" and sql.lstrip().upper().startswith("CREATE VIRTUAL"):
                virtual.append((name, sql))
            elif kind == "table":
                ordinary.append((name, sql))
        never_used = any("never used" in line for line in whole)
        reaches: list[tuple[str, Reach]] = []
        for name, sql in ordinary:
            if not name.lower().startswith("sqlite_"):
                self.connection.execute(sql)
                reaches.append((name, self._fill(name, sql, is_doubtful=is_doubtful)))
        hard = any(reach.unreadable for _, reach in reaches)
        for name, reach in reaches:
            self._complete(name, reach, is_silent=reach.is_silent or (never_used and not hard))
        self._sequences()
        for name, sql in virtual:
            self.connection.execute(
                "INSERT INTO main.sqlite_master (type, name, tbl_name, rootpage, sql) VALUES ('table', ?, ?, 0, ?)",
                (name, name, sql),
            )
        for wanted in ("index", "view", "trigger"):
            for kind, name, sql in entries:
                if kind == wanted:
                    try:
                        self.connection.execute(sql)
                    except sqlite3.Error as error:
                        raise Hopeless(f"{kind} `{name}` could not be made again: {error}") from None
        if any(name == "sqlite_stat1" for _, name, _ in entries):
            self.connection.execute("ANALYZE main")

    def _schema(self, declared: Sequence[str], *, is_suspect: bool) -> list[tuple[str, str, str]]:
        """Everything that the new database has to have: of the damaged file, and of the copy what that may lack."""
        found: dict[tuple[str, str], str] = {}
        with contextlib.suppress(sqlite3.Error):
            for kind, name, sql in self.connection.execute("SELECT type, name, sql FROM d.sqlite_master"):
                if all(isinstance(each, str) for each in (kind, name, sql)) and sql.upper().startswith("CREATE"):
                    found[kind, name] = sql
        if self.has_good:
            there = {name.lower() for _, name in found}
            wanted = {each.lower() for each in declared}
            for kind, name, table, sql in self.connection.execute(
                "SELECT type, name, tbl_name, sql FROM b.sqlite_master WHERE sql IS NOT NULL"
            ).fetchall():
                gone = table.lower() in wanted and table.lower() not in there
                if (kind, name) not in found and (is_suspect or not found or gone):
                    found[kind, name] = sql
        return [(kind, name, sql) for (kind, name), sql in found.items()]

    def _fill(self, table: str, sql: str, *, is_doubtful: bool) -> Reach:
        """Everything of the damaged file that can be read."""
        check = f"integrity_check({quoted(table)})"
        problems = self._problems(check)
        of_rows = self._problems(check, self._bare) if problems else []
        reach = survey(self.connection, table, of_rows, self.until, is_marred=bool(problems))
        if is_doubtful and reach.columns and not self._agrees(table, reach):
            self.connection.execute(f"DELETE FROM main.{quoted(table)}")
            reach.forget()
        reach.is_counted = "AUTOINCREMENT" in sql.upper()
        return reach

    def _agrees(self, table: str, reach: Reach) -> bool:
        """Whether rows found by a table of contents from the copy are rows of this table at all."""
        if reach.rowid is None:
            return True
        name, row = quoted(table), reach.rowid
        same = " AND ".join(f"m.{each} IS g.{each}" for each in reach.columns)
        query = f"FROM main.{name} m JOIN b.{name} g ON m.{row} = g.{row}"
        common = self.connection.execute(f"SELECT count(*) {query}").fetchone()[0]
        equal = self.connection.execute(f"SELECT count(*) {query} WHERE {same}").fetchone()[0]
        return bool(equal * 2 >= common)

    def _complete(self, table: str, reach: Reach, *, is_silent: bool) -> None:
        """From the copy what the damaged file does not give, and an account of what is in neither."""
        in_copy = self.has_good and self._has("b", table)
        if not (reach.unreadable or reach.is_open_ended or reach.indexed or is_silent):
            return
        if reach.rowid is None:
            self._complete_by_key(table, reach, in_copy=in_copy)
            return
        name, row = quoted(table), reach.rowid
        kept = self._runs(f"SELECT {row} FROM b.{name} ORDER BY {row}") if in_copy else []
        mine = self._runs(f"SELECT {row} FROM main.{name} ORDER BY {row}")
        sequence = self._sequence(table) if reach.is_counted else None
        missing, is_open = lost_end(reach, mine, kept, sequence, is_silent=is_silent)
        again = runs.both(missing, kept)
        if again:
            shared = self._shared(table, reach)
            for first, last in again:
                self.connection.execute(
                    f"INSERT OR IGNORE INTO main.{name} ({shared}) SELECT {shared} FROM b.{name} "
                    f"WHERE {row} BETWEEN ? AND ?",
                    (first, last),
                )
            self.report.restored.append(
                f"table {table}: rowids {runs.told(again)} from the copy of {self.copied_at}; "
                "changes made to them since then are not in it"
            )
        if lost := runs.minus(missing, kept):
            self.report.loss.append(f"table {table}: rowids {runs.told(lost)}")
        if is_open:
            ends = [each[-1][1] for each in (mine, kept) if each]
            self.report.loss.append(
                f"table {table}: rowids above {max(ends)}, if there were any"
                if ends
                else f"table {table}: every row, if there were any"
            )

    def _complete_by_key(self, table: str, reach: Reach, *, in_copy: bool) -> None:
        name = quoted(table)
        if in_copy:
            shared = self._shared(table, reach)
            added = self.connection.execute(
                f"INSERT OR IGNORE INTO main.{name} ({shared}) SELECT {shared} FROM b.{name}"
            ).rowcount
            self.report.restored.append(
                f"table {table}: {added} rows from the copy of {self.copied_at}; changes made to them since then "
                "are not in it"
            )
            self.report.loss.append(f"table {table}: rows that are not in the copy of {self.copied_at}, if any")
        else:
            self.report.loss.append(f"table {table}: an unknown number of rows")

    def _shared(self, table: str, reach: Reach) -> str:
        """Columns that the copy has too, the rowid first where it is no column."""
        has = {row[1].lower() for row in self.connection.execute(f"PRAGMA b.table_xinfo({quoted(table)})")}
        columns = [each for each in reach.columns if each[1:-1].replace('""', '"').lower() in has]
        return ", ".join(([reach.rowid] if reach.rowid and not reach.is_alias else []) + columns)

    def _sequences(self) -> None:
        """A number that was given once is never given again."""
        found: dict[str, int] = {}
        for place in ("d", "b") if self.has_good else ("d",):
            with contextlib.suppress(sqlite3.Error):
                for name, number in self.connection.execute(
                    f"SELECT name, seq FROM {place}.sqlite_sequence"
                ).fetchall():
                    if isinstance(number, int) and isinstance(name, str):
                        found[name] = max(number, found.get(name, 0))
        with contextlib.suppress(sqlite3.OperationalError):  # there is none where no table counts
            for name, number in found.items():
                now = self.connection.execute("SELECT seq FROM main.sqlite_sequence WHERE name = ?", (name,)).fetchone()
                if now is None:
                    self.connection.execute("INSERT INTO main.sqlite_sequence VALUES (?, ?)", (name, number))
                elif number > now[0]:
                    self.connection.execute("UPDATE main.sqlite_sequence SET seq = ? WHERE name = ?", (number, name))

    def _sequence(self, table: str) -> int | None:
        """The highest rowid that was ever given, where the damaged file still says so."""
        if self._problems("integrity_check('sqlite_sequence')"):
            return None
        with contextlib.suppress(sqlite3.Error):
            row = self.connection.execute("SELECT seq FROM d.sqlite_sequence WHERE name = ?", (table,)).fetchone()
            return int(row[0]) if row and isinstance(row[0], int) else None
        return None

    def _runs(self, query: str) -> runs.Runs:
        found: runs.Runs = []
        for (row,) in self.connection.execute(query):
            if found and row == found[-1][1] + 1:
                found[-1] = found[-1][0], row
            else:
                found.append((row, row))
        return found

    def _has(self, place: str, table: str) -> bool:
        query = f"SELECT 1 FROM {place}.sqlite_master WHERE type = 'table' AND lower(name) = lower(?)"
        return self.connection.execute(query, (table,)).fetchone() is not None

    def _problems(self, what: str, connection: sqlite3.Connection | None = None) -> list[str]:
        try:
            return integrity(connection, what) if connection else integrity(self.connection, f"d.{what}")
        except sqlite3.Error as error:
            return [f"Tree error: {re.sub(r'[^ -~]', '?', str(error))}"]
