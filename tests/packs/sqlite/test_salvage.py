"""What is saved from a damaged database, and that nothing is lost in silence."""

import random
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from packs.sqlite.damage import DAMAGES, TABLES, live_on, make, readable, rows
from paramedic.packs.sqlite.inside import runs
from paramedic.packs.sqlite.inside.salvage import Hopeless, salvage

ROUNDS = 12
"""Of each kind of damage."""


def run(path: Path, good: Path | None, folder: Path, **changes) -> dict:
    order = {
        "path": path,
        "good_path": good,
        "out_path": folder / "out.db",
        "scratch_path": folder / "scratch",
        "copied_at": "noon",
        "tables": TABLES,
        "limit_s": 30,
        **changes,
    }
    return salvage(**order)


def is_told(loss: list[str], table: str, rowid: int) -> bool:
    """Whether a loss report owns up to a row."""
    for line in loss:
        if line.startswith(("everything written after", "tables made or changed")):
            return True
        if not line.startswith(f"table {table}: "):
            continue
        if "every row" in line:
            return True
        if above := re.search(r"rowids above (-?\d+),", line):
            if rowid > int(above[1]):
                return True
            continue
        if " more" in line:
            return True
        if any(int(a) <= rowid <= int(b or a) for a, b in re.findall(r"(-?\d+)(?:-(-?\d+))?", line.split("rowids")[1])):
            return True
    return False


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda each: each.__name__.strip("_"))
def test_every_row_that_anything_still_holds_is_saved_and_the_rest_is_told(damage, tmp_path: Path) -> None:
    """After any damage: what a SELECT reaches or the copy holds is in the result, all else is in the loss."""
    path, good = tmp_path / "a.db", tmp_path / "good.db"
    make(path, 1)
    shutil.copyfile(path, good)
    live_on(path, 2)
    intact = path.read_bytes()
    truth = {table: rows(path, table) for table in TABLES}
    kept = {table: rows(good, table) for table in TABLES}
    for seed in range(ROUNDS):
        content = bytearray(intact)
        damage(random.Random(seed * 1000 + len(damage.__name__)), content)
        path.write_bytes(content)
        answer = run(path, good, tmp_path)
        out = tmp_path / "out.db"
        with closing(sqlite3.connect(out)) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert database.execute("PRAGMA user_version").fetchone() in ((7,), (0,))
        for table in TABLES:
            saved = rows(out, table)
            legible = readable(path, table, set(truth[table]))
            for rowid, row in truth[table].items():
                where = f"seed {seed}, table {table}, rowid {rowid}, {answer}"
                if legible.get(rowid) == row:
                    assert saved.get(rowid) == row, where
                elif rowid in kept[table] and rowid not in legible:
                    assert rowid in saved or is_told(answer["loss"], table, rowid), where
                if rowid not in saved:
                    assert is_told(answer["loss"], table, rowid), where
                elif saved[rowid] not in (row, kept[table].get(rowid)):
                    assert rowid in legible, where
        assert path.read_bytes() == bytes(content), "the damaged file is evidence and stays as it is"


def test_a_damaged_page_of_old_rows_loses_nothing(tmp_path: Path) -> None:
    """Rows that the copy has come from it, newer ones from the file; the loss is empty, so it may heal alone."""
    path, good = tmp_path / "a.db", tmp_path / "good.db"
    make(path, 1)
    shutil.copyfile(path, good)
    live_on(path, 2)
    with closing(sqlite3.connect(path)) as database:
        root = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'messages'").fetchone()[0]
    content = bytearray(path.read_bytes())
    at = (root - 1) * 4096
    assert content[at] == 5, "an inner page"
    cell = int.from_bytes(content[at + 12 + 8 : at + 12 + 10], "big")
    leaf = int.from_bytes(content[at + cell : at + cell + 4], "big")
    content[(leaf - 1) * 4096 : leaf * 4096] = b"\xff" * 4096
    path.write_bytes(content)
    answer = run(path, good, tmp_path)
    assert answer["loss"] == []
    assert "from the copy of noon" in answer["restored"][0]
    with closing(sqlite3.connect(tmp_path / "out.db")) as database:
        assert database.execute("SELECT count(*) FROM messages WHERE author = 'late'").fetchone()[0] > 100
        assert database.execute("SELECT seq FROM sqlite_sequence").fetchone() == (1350,)
        assert database.execute("SELECT count(*) FROM loud").fetchone()[0] > 1000


def test_without_a_copy_everything_legible_is_saved(tmp_path: Path) -> None:
    """No copy: an index tells exactly which rows are lost."""
    path = tmp_path / "a.db"
    make(path, 1)
    truth = rows(path, "messages")
    content = bytearray(path.read_bytes())
    with closing(sqlite3.connect(path)) as database:
        root = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'messages'").fetchone()[0]
    at = (root - 1) * 4096
    cell = int.from_bytes(content[at + 12 + 8 : at + 12 + 10], "big")
    leaf = int.from_bytes(content[at + cell : at + cell + 4], "big")
    content[(leaf - 1) * 4096 : leaf * 4096] = b"\xff" * 4096
    path.write_bytes(content)
    answer = run(path, None, tmp_path)
    saved = rows(tmp_path / "out.db", "messages")
    lost = set(truth) - set(saved)
    (line,) = answer["loss"]
    assert line == f"table messages: rowids {runs.told(runs.of((each, each) for each in lost))}"


def test_an_empty_file_becomes_the_copy_and_says_what_that_means(tmp_path: Path) -> None:
    """Nothing legible: the copy as it is, and the loss is everything since. Without a copy: hopeless."""
    path, good = tmp_path / "a.db", tmp_path / "good.db"
    make(good, 1, wal=True)
    for content in (b"", b"no database at all" * 1000):
        path.write_bytes(content)
        answer = run(path, good, tmp_path)
        assert "after the copy of noon" in answer["loss"][0]
        assert rows(tmp_path / "out.db", "notes") == rows(good, "notes")
        with pytest.raises(Hopeless):
            run(path, None, tmp_path)


def test_odd_tables_survive(tmp_path: Path) -> None:
    """Full-text search, tables without rowids, computed columns, triggers, odd names and text that is no UTF-8."""
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as database:
        database.executescript("""
            PRAGMA auto_vacuum = FULL;
            CREATE TABLE "odd ""name" ("rowid" TEXT, "a b" INT, twice INT GENERATED ALWAYS AS ("a b" * 2) STORED);
            CREATE TABLE pairs (a TEXT, b INT, c, PRIMARY KEY (a, b)) WITHOUT ROWID;
            CREATE VIRTUAL TABLE search USING fts5(body);
            CREATE TABLE log (x); CREATE TRIGGER t AFTER INSERT ON pairs BEGIN INSERT INTO log VALUES (new.a); END;
        """)
        database.executemany('INSERT INTO "odd ""name" VALUES (?, ?)', (("r", n) for n in range(300)))
        database.executemany("INSERT INTO pairs VALUES (?, ?, ?)", ((f"k{n % 7}", n, "x" * 50) for n in range(900)))
        database.executemany("INSERT INTO search VALUES (?)", ((f"the quick fox {n}",) for n in range(200)))
        database.execute("INSERT INTO log VALUES (CAST(x'ff00fe' AS TEXT))")
        database.commit()
    before = path.read_bytes()
    assert run(path, None, tmp_path, tables=())["loss"] == []
    with closing(sqlite3.connect(tmp_path / "out.db")) as database, closing(sqlite3.connect(path)) as original:
        for query in (
            'SELECT *, _rowid_ FROM "odd ""name" ORDER BY 2',
            "SELECT * FROM pairs",
            "SELECT rowid FROM search WHERE search MATCH 'fox' ORDER BY 1",
            "SELECT count(*), max(hex(x)) FROM log",
            "SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2",
            "PRAGMA auto_vacuum",
        ):
            assert database.execute(query).fetchall() == original.execute(query).fetchall()
    assert path.read_bytes() == before


def test_a_damaged_table_without_rowids_never_claims_to_be_complete(tmp_path: Path) -> None:
    """Rows on both sides of the damage and those of the copy are saved; the rest is told as possible loss."""
    path, good = tmp_path / "a.db", tmp_path / "good.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE pairs (a TEXT PRIMARY KEY, b) WITHOUT ROWID")
        database.executemany("INSERT INTO pairs VALUES (?, ?)", ((f"k{n:05}", "x" * 80) for n in range(2000)))
        database.commit()
        shutil.copyfile(path, good)
        database.executemany("INSERT INTO pairs VALUES (?, ?)", ((f"k{n:05}b", "y" * 80) for n in range(0, 2000, 9)))
        database.commit()
    content = bytearray(path.read_bytes())
    content[10 * 4096 : 11 * 4096] = b"\xff" * 4096
    path.write_bytes(content)
    answer = run(path, good, tmp_path, tables=())
    with closing(sqlite3.connect(tmp_path / "out.db")) as database:
        assert database.execute("SELECT count(*) FROM pairs WHERE b LIKE 'x%'").fetchone() == (2000,)
        newer = database.execute("SELECT count(*) FROM pairs WHERE b LIKE 'y%'").fetchone()[0]
    assert 150 < newer < 223
    assert "table pairs" in answer["loss"][0]


def test_a_wal_left_by_a_crash_is_part_of_the_damaged_database(tmp_path: Path) -> None:
    """Rows that only the write-ahead log holds are saved."""
    path, live = tmp_path / "a.db", tmp_path / "live.db"
    make(live, 1, wal=True)
    database = sqlite3.connect(live)
    database.execute("INSERT INTO notes VALUES ('only in the log', 1)")
    database.commit()
    for suffix in ("", "-wal"):
        shutil.copyfile(f"{live}{suffix}", f"{path}{suffix}")
    database.close()
    run(path, None, tmp_path)
    assert any("only in the log" in row for row in rows(tmp_path / "out.db", "notes").values())


def test_runs_of_numbers() -> None:
    """Sets of rowids behave like sets."""
    chance = random.Random(5)
    for _ in range(200):
        first, second = ({chance.randrange(40) for _ in range(chance.randrange(40))} for _ in range(2))
        a, b = (runs.of((each, each) for each in some) for some in (first, second))
        expand = lambda some: {n for low, high in some for n in range(low, high + 1)}  # noqa: E731
        assert expand(runs.minus(a, b)) == first - second
        assert expand(runs.both(a, b)) == first & second
        assert runs.count(a) == len(first)
    assert runs.told([(1, 3), (7, 7)]) == "1-3, 7"
