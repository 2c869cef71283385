"""How long the looks at a large SQLite database take, and how much memory they need.

Usage: ``python bench/sqlite.py [--rows 1000000] [--json FILE]``
"""

import argparse
import json
import resource
import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from paramedic.packs.sqlite import copy
from paramedic.packs.sqlite.asking import ask_now

LIMIT_S = 600.0
WANTED_S = 10.0


def make(path: Path, rows: int) -> None:
    """Messages with an author, an index and a key that refers to another table."""
    with closing(sqlite3.connect(path)) as database:
        database.executescript("""
            PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
            CREATE TABLE authors (id INTEGER PRIMARY KEY, name TEXT);
            CREATE TABLE messages (
                id INTEGER PRIMARY KEY, author INTEGER NOT NULL REFERENCES authors (id), text TEXT NOT NULL
            );
        """)
        database.executemany("INSERT INTO authors VALUES (?, ?)", ((n, f"author {n}") for n in range(1000)))
        database.executemany(
            "INSERT INTO messages (author, text) VALUES (?, ?)",
            (
                (n % 1000, f"message {n} says what messages say, for about a hundred characters in all")
                for n in range(rows)
            ),
        )
        database.execute("CREATE INDEX by_author ON messages (author)")
        database.commit()
        database.execute("PRAGMA journal_mode = WAL")


def timed(work: Callable[[], object]) -> tuple[float, float, object]:
    """Seconds by the clock, seconds of processor time of the children, and the answer."""
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    found = work()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (
        time.perf_counter() - began,
        after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        found,
    )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--json", type=Path)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-sqlite-") as folder:
        path = Path(folder) / "large.db"
        make(path, chosen.rows)
        size_mb = path.stat().st_size / (1 << 20)
        tables = {"authors": ["id", "name"], "messages": ["id", "author", "text"]}
        jobs: dict[str, Callable[[], object]] = {
            "look": lambda: ask_now("look", LIMIT_S, path=path, tables=tables, types={}, limit_s=5),
            "whole": lambda: ask_now("whole", LIMIT_S, path=path, limit_s=LIMIT_S),
            "compare": lambda: ask_now("generation", LIMIT_S, path=path),
            "copy": lambda: copy(path, Path(folder) / "copy.db"),
            "salvage": lambda: ask_now(
                "salvage",
                LIMIT_S,
                path=path,
                good_path=None,
                out_path=Path(folder) / "out.db",
                scratch_path=Path(folder) / "scratch",
                copied_at="",
                tables=list(tables),
                limit_s=LIMIT_S,
            ),
        }
        print(f"{chosen.rows} rows, {size_mb:.0f} MB")
        results: dict[str, dict[str, float]] = {}
        for name, job in jobs.items():
            took_s, cpu_s, _ = timed(job)
            # the largest child so far: each job is a child of its own
            peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
            results[name] = {"took_s": round(took_s, 3), "cpu_s": round(cpu_s, 3), "peak_mb_so_far": round(peak_mb, 1)}
            print(f"{name:8} {took_s:7.2f} s ({cpu_s:.2f} s of processor)   largest child so far {peak_mb:6.1f} MB")
        for what in ("took_s", "cpu_s"):
            total_s = sum(results[each][what] for each in ("look", "whole", "compare"))
            print(f"a check: {what} {total_s:.2f}, wanted at most {WANTED_S:g}")
        if chosen.json:
            chosen.json.parent.mkdir(parents=True, exist_ok=True)
            chosen.json.write_text(json.dumps({"rows": chosen.rows, "size_mb": size_mb, "jobs": results}, indent=2))


if __name__ == "__main__":
    main()
