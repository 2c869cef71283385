# ruff: noqa: S608  # names of tables cannot be bound; each is quoted, and values are always bound
"""How far a table of a damaged database can still be read, and copying all of that.

The rowids that can be reached are found by reading forwards until an error, backwards until an error, and halving
what lies between; then rows are copied run by run, halving where a row cannot be read although its number can.
"""

import contextlib
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from paramedic.packs.sqlite.inside import runs
from paramedic.packs.sqlite.inside.looking import quoted

LOWEST, HIGHEST = -(1 << 63), (1 << 63) - 1
_MOST_SEEKS = 200_000
_MOST_MISSES = 2_000
"""Numbers without a row after which the search beyond the known end is over."""
_OF_INDEXES = ("missing from index", "wrong # of entries in index", "non-unique entry in index")
_HARD = (
    "malformed",
    "btreeInitPage",
    "unable to get the page",
    "Failed to read",
    "unable to get page",
    "never used",
    "error code",
)
"""Messages about pages that cannot be read at all. Every other message means that rows may vanish without an error."""


@dataclass(kw_only=True)
class Reach:
    """What was found out about one table while it was copied."""

    columns: list[str]
    """Quoted names of the columns that can be written; empty where the table is not in the damaged file."""
    rowid: str | None
    """A name for the rowid; ``None`` for a table WITHOUT ROWID."""
    is_alias: bool = False
    """The rowid is one of the columns."""
    unreadable: runs.Runs = field(default_factory=list)
    """Where reading fails: any rowid in here may have existed."""
    is_open_ended: bool = False
    """Reading fails at the end, so that nobody knows how far the table went."""
    is_silent: bool = False
    """The damage is of the kind that makes rows vanish without an error."""
    known: runs.Runs | None = None
    """Exactly the rowids that existed, by an index that could be read whole."""
    indexed: runs.Runs = field(default_factory=list)
    """Rowids that some index knows, where anything is wrong with the table or its indexes."""
    is_counted: bool = False
    """AUTOINCREMENT: a separate table knows the highest rowid ever given."""

    def forget(self) -> None:
        """What was read turned out not to belong to this table."""
        self.unreadable, self.is_open_ended, self.known = [(LOWEST, HIGHEST)], True, None


def survey(
    connection: sqlite3.Connection, table: str, problems: Sequence[str], until: float, *, is_marred: bool
) -> Reach:
    """Copy everything of a table that can be read from ``d`` to ``main``, and say what cannot.

    ``problems`` are what the integrity check says of the table without its indexes.
    """
    reach = _shape(connection, table)
    serious = [line for line in problems if not any(each in line for each in _OF_INDEXES)]
    reach.is_silent = any(not any(each in line for each in _HARD) for line in serious)
    try:
        there = {row[1].lower() for row in connection.execute(f"PRAGMA d.table_xinfo({quoted(table)})")}
    except sqlite3.Error:
        there = set()
    reader = _Reader(connection, table, reach, until)
    if not there or not reader.copy_whole():
        if reach.rowid is None:
            reader.copy_by_key(there)
        else:
            reader.copy_by_rowid(there)
    if serious and not reach.unreadable and not reach.is_open_ended:
        reach.is_silent = True  # something is wrong, and yet nothing failed
    if reach.rowid is not None and (is_marred or reach.unreadable or reach.is_open_ended):
        whole = reader.by_index()
        reach.indexed = runs.of(pair for each in whole for pair in each)
        if whole and not reach.is_silent:
            reach.known = reach.indexed
    return reach


def lost_end(
    reach: Reach, mine: runs.Runs, kept: runs.Runs, sequence: int | None, *, is_silent: bool
) -> tuple[runs.Runs, bool]:
    """Rowids that may have existed and were not read, and whether there may be more above those."""
    if reach.known is not None:
        return runs.minus(reach.known, mine), False
    if not reach.unreadable and not reach.is_open_ended and not is_silent:
        return [], False
    lowest = min([1, *(each[0][0] for each in (mine, kept) if each)])
    highest = max([0, *(each[-1][1] for each in (mine, kept) if each), sequence or 0])
    # only what has no end of its own is cut to where rows are known to have been
    suspect = [
        (lowest if first == LOWEST else first, highest if last == HIGHEST else last) for first, last in reach.unreadable
    ]
    if is_silent:
        suspect.append((lowest, highest))
    is_open = (reach.is_open_ended or is_silent) and sequence is None
    return runs.minus(runs.of([*suspect, *reach.indexed]), mine), is_open


def _shape(connection: sqlite3.Connection, table: str) -> Reach:
    rows = connection.execute(f"PRAGMA main.table_xinfo({quoted(table)})").fetchall()
    names = {str(row[1]).lower() for row in rows}
    rowid: str | None = next((each for each in ("rowid", "_rowid_", "oid") if each not in names), None)
    keys = [row for row in rows if row[5]]
    is_alias = len(keys) == 1 and str(keys[0][2]).upper() == "INTEGER"
    if rowid is not None:
        try:
            connection.execute(f"SELECT {rowid} FROM main.{quoted(table)} LIMIT 0")
        except sqlite3.OperationalError:
            rowid = None
    columns = [quoted(row[1]) for row in rows if row[6] == 0]
    return Reach(columns=columns, rowid=rowid, is_alias=is_alias and rowid is not None)


class _Reader:
    def __init__(self, connection: sqlite3.Connection, table: str, reach: Reach, until: float) -> None:
        self._ask = connection.execute
        self._name = quoted(table)
        self._table = table
        self._reach = reach
        self._until = until
        self._seeks = 0
        self._bad: list[tuple[int, int]] = []
        columns = ([reach.rowid] if reach.rowid and not reach.is_alias else []) + reach.columns
        self._columns = ", ".join(columns)

    def copy_whole(self) -> bool:
        """The fast way, which an error anywhere undoes."""
        return self._insert("") is not None

    def copy_by_rowid(self, there: set[str]) -> None:
        found, gaps, is_open = self._scan() if there else ([], [(LOWEST, HIGHEST)], True)
        for first, last in found:
            self._copy(first, last)
        self._reach.unreadable = runs.of([*gaps, *self._bad])
        self._reach.is_open_ended = is_open

    def copy_by_key(self, there: set[str]) -> None:
        """Tables without rowids: forwards until an error, backwards until an error, and by each key of the copy."""
        self._reach.unreadable = [(LOWEST, HIGHEST)]
        self._reach.is_open_ended = True
        if not there:
            return
        rows = self._ask(f"PRAGMA main.table_xinfo({self._name})").fetchall()
        keys = [quoted(row[1]) for row in sorted((row for row in rows if row[5]), key=lambda row: row[5])]
        listed = ", ".join(keys)
        where = " AND ".join(f"{key} IS ?" for key in keys)
        for query in (
            f"SELECT {listed} FROM d.{self._name} ORDER BY {listed}",
            f"SELECT {listed} FROM d.{self._name} ORDER BY {', '.join(f'{key} DESC' for key in keys)}",
            f"SELECT {listed} FROM b.{self._name}",
        ):
            try:
                for key in self._ask(query):
                    if time.monotonic() > self._until:
                        return
                    self._insert(f"WHERE {where}", key, "OR IGNORE")
            except (sqlite3.Error, UnicodeError):
                continue  # the end of what can be read from this side

    def by_index(self) -> list[runs.Runs]:
        """All rowids by each index that covers every row and can be read to its end."""
        found: list[runs.Runs] = []
        try:
            indexes = self._ask(f"PRAGMA d.index_list({self._name})").fetchall()
        except sqlite3.Error:
            return found
        for index in indexes:
            if index[4]:  # a partial index does not know every row
                continue
            query = f"SELECT {self._reach.rowid} FROM d.{self._name} INDEXED BY {quoted(index[1])}"
            with contextlib.suppress(sqlite3.Error, ValueError, TypeError):
                found.append(runs.of((int(row), int(row)) for (row,) in self._ask(query)))
        return found

    def _insert(self, where: str, values: Sequence[object] = (), conflict: str = "") -> int | None:
        """Copy rows; ``None`` when one of them cannot be read or is no row of this table."""
        self._seeks += 1
        self._ask("BEGIN")
        try:
            count = self._ask(
                f"INSERT {conflict} INTO main.{self._name} ({self._columns}) "
                f"SELECT {self._columns} FROM d.{self._name} {'NOT INDEXED' if self._reach.rowid else ''} {where}",
                tuple(values),
            ).rowcount
            self._ask("COMMIT")
        except (sqlite3.DatabaseError, OverflowError, UnicodeError):
            self._ask("ROLLBACK")
            return None
        return int(count)

    def _copy(self, first: int, last: int) -> None:
        row = self._reach.rowid
        pending = [(first, last)]
        while pending:
            first, last = pending.pop()
            if self._is_spent():
                self._bad.append((first, last))
            elif first == last:
                # a range would read on to the next page, which may be the damaged one
                if self._insert(f"WHERE {row} = ?", (first,)) is None:
                    self._bad.append((first, last))
            elif self._insert(f"WHERE {row} BETWEEN ? AND ?", (first, last)) is None:
                middle = (first + last) // 2
                pending += [(middle + 1, last), (first, middle)]

    def _scan(self) -> tuple[runs.Runs, runs.Runs, bool]:
        """Rowids that can be read, where reading fails, and whether it fails at the end."""
        found, gaps = [], []
        pieces, is_whole, right = self._read(LOWEST, HIGHEST, "ASC")
        found += pieces
        if is_whole:
            return runs.of(found), [], False
        left = right
        pieces, _, right = self._read(left, HIGHEST, "DESC")
        found += pieces
        is_open = not pieces
        edge = self._edge(found) if is_open else right
        low = max(left, min(1, edge)) if left == LOWEST else left
        if left == LOWEST:
            gaps.append((LOWEST, low - 1))
        if is_open:
            beyond, edge = self._beyond(edge)
            found += beyond
            gaps.append((edge + 1, HIGHEST))
        pending = [(low, edge)]
        while pending:
            first, last = pending.pop()
            if first > last:
                continue
            if self._is_spent():
                gaps.append((first, last))
                continue
            pieces, is_whole, forward = self._read(first, last, "ASC")
            found += pieces
            if is_whole:
                # amid damage the way to a row may be wrong, so that one not met is not one that is not there
                rest = runs.minus([(first, last)], runs.of(pieces))
                found += self._by_name(rest)
                gaps += rest
                continue
            if first == last:
                gaps.append((first, last))
                continue
            pieces, _, backward = self._read(forward, last, "DESC")
            found += pieces
            if forward >= backward:
                pending.append((forward, forward))
                continue
            middle = (forward + backward) // 2
            pending += [(middle + 1, backward), (forward, middle)]
        return runs.of(found), runs.minus(runs.of(gaps), runs.of(found)), is_open

    def _beyond(self, edge: int) -> tuple[runs.Runs, int]:
        """Rows above the highest rowid that anything knows, and the new highest."""
        found: list[tuple[int, int]] = []
        number = edge
        while number < min(edge + _MOST_MISSES, HIGHEST) and not self._is_spent():
            number += 1
            if self._read(number, number, "ASC")[0]:
                found.append((number, number))
                edge = number
        return runs.of(found), edge

    def _by_name(self, rest: runs.Runs) -> runs.Runs:
        """Those of the rowids that are found when each is asked for by itself."""
        found: list[tuple[int, int]] = []
        for first, last in rest:
            for number in range(first, last + 1):
                if self._is_spent():
                    return runs.of(found)
                found += self._read(number, number, "ASC")[0]
        return runs.of(found)

    def _read(self, first: int, last: int, order: str) -> tuple[runs.Runs, bool, int]:
        """Rowids from one side until an error: those read, whether all were, and the first that was not reached."""
        self._seeks += 1
        row, step = self._reach.rowid, 1 if order == "ASC" else -1
        found: list[tuple[int, int]] = []
        expected = before = first if step > 0 else last
        if first == last:  # asked for by name, it may be found where reading on from it fails
            with contextlib.suppress(sqlite3.Error):
                query = f"SELECT {row} FROM d.{self._name} NOT INDEXED WHERE {row} = ?"
                return runs.of((first, last) for _ in self._ask(query, (first,)).fetchall()), True, last + 1
            return [], False, first
        try:
            for (number,) in self._ask(
                f"SELECT {row} FROM d.{self._name} NOT INDEXED WHERE {row} BETWEEN ? AND ? ORDER BY {row} {order}",
                (first, last),
            ):
                if not isinstance(number, int):
                    return runs.of(found), False, expected
                if (number - expected) * step < 0:
                    # out of order: this one or the one before it is not what it says; both are read again
                    again = before
                    if first <= number <= last:
                        again = min(number, before) if step > 0 else max(number, before)
                    beyond = [(again, HIGHEST)] if step > 0 else [(LOWEST, again)]
                    return runs.minus(runs.of(found), beyond), False, again
                if found and found[-1][step > 0] == number - step:
                    low, high = found[-1]
                    found[-1] = (low, number) if step > 0 else (number, high)
                else:
                    found.append((number, number))
                before, expected = expected, number + step
        except sqlite3.Error:
            # the cursor reads one row ahead, so that the last row before the error was not handed out
            low, high = (expected, last) if step > 0 else (first, expected)
            with contextlib.suppress(sqlite3.Error):
                number = self._ask(
                    f"SELECT {row} FROM d.{self._name} NOT INDEXED "
                    f"WHERE {row} BETWEEN ? AND ? ORDER BY {row} {order} LIMIT 1",
                    (low, high),
                ).fetchone()
                if number and isinstance(number[0], int) and low <= number[0] <= high:
                    found.append((number[0], number[0]))
                    expected = number[0] + step
            return runs.of(found), False, expected
        return runs.of(found), True, expected

    def _edge(self, found: Sequence[tuple[int, int]]) -> int:
        """Up to where it is worth looking when the end cannot be read."""
        highest = max((last for _, last in found), default=0)
        for query, values in (
            (f"SELECT max({self._reach.rowid}) FROM b.{self._name}", ()),
            ("SELECT seq FROM d.sqlite_sequence WHERE name = ?", (self._table,)),
        ):
            try:
                number = self._ask(query, values).fetchone()
            except sqlite3.Error:
                continue
            if number and isinstance(number[0], int):
                highest = max(highest, number[0])
        return highest

    def _is_spent(self) -> bool:
        return self._seeks > _MOST_SEEKS or time.monotonic() > self._until
