"""The SQLite file of a task queue. What was committed survives kill -9 and power loss.

waiting   to be run when it is due
running   claimed by a living process; given back when that process is gone
done      acknowledged: it is never run again, and adding it again does nothing
dead      given up after all retries; kept until a person decides
"""

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import Any

from paramedic.guard.post import alive, started
from paramedic.guard.state_file import set_aside

DONE_KEPT_S = 86_400.0
_TABLE = """
CREATE TABLE IF NOT EXISTS tasks (
  number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, handler TEXT NOT NULL, arguments TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'dead')), runs INTEGER NOT NULL,
  due REAL NOT NULL, added REAL NOT NULL, ended REAL, owner TEXT, error TEXT
)"""
_INDEX = "CREATE INDEX IF NOT EXISTS tasks_due ON tasks (state, due)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One call that is to be made."""

    id: str
    """The same in every run: what the other side can tell repetitions by."""
    handler: str
    args: tuple[Any, ...]  # Any: plain JSON values
    kwargs: dict[str, Any]
    runs: int
    """How often it was begun, this time included."""
    added: float
    """Seconds since 1970."""
    error: str | None
    """What the last run raised."""


class TaskFile:
    """The rows and who may run them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.set_aside: Path | None = None
        """Where a damaged file went when this one was opened."""
        self.forked()
        with self._db():
            pass

    def forked(self) -> None:
        """A connection must not cross a fork."""
        self._lock = RLock()
        self._connection: sqlite3.Connection | None = None
        self._owner = f"{os.getpid()}-{started(os.getpid())}"

    def close(self) -> None:
        """Close the file; it opens again by itself."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    @contextmanager
    def _db(self) -> Iterator[sqlite3.Connection]:
        """The connection inside a transaction that writes."""
        with self._lock:
            if self._connection is None:
                self._connection = self._open()
            db = self._connection
            try:
                db.execute("BEGIN IMMEDIATE")
                yield db
                db.execute("COMMIT")
            except BaseException:
                db.rollback()  # where SQLite has not done so itself, as on a full disk
                raise

    def _open(self) -> sqlite3.Connection:
        try:
            return self._connect()
        except sqlite3.DatabaseError as error:
            if isinstance(
                error, sqlite3.OperationalError
            ):  # locked, full, not writable: nothing is wrong with the rows
                raise
            self.set_aside = set_aside(self.path)
            for beside in ("-wal", "-shm"):
                Path(f"{self.path}{beside}").unlink(missing_ok=True)
            return self._connect()

    def _connect(self) -> sqlite3.Connection:
        if not self.path.exists():
            self._create()
        elif not _is_whole(self.path):
            raise sqlite3.DatabaseError
        db = sqlite3.connect(self.path, timeout=10, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=FULL")
            if db.execute("PRAGMA quick_check").fetchone()[0] != "ok":
                raise sqlite3.DatabaseError
            db.execute(
                "SELECT number, id, handler, arguments, state, runs, due, added, ended, owner, error FROM tasks LIMIT 1"
            )
        except sqlite3.OperationalError as error:
            db.close()
            if "no such" in str(error):
                raise sqlite3.DatabaseError from error
            raise
        except BaseException:
            db.close()
            raise
        return db

    def _create(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_name(f".{self.path.name}.{os.getpid()}.new")
        beside.unlink(missing_ok=True)
        db = sqlite3.connect(beside, isolation_level=None)
        db.execute(_TABLE)
        db.execute(_INDEX)
        db.close()
        try:
            os.link(beside, self.path)  # never over a file that another process made meanwhile
        except FileExistsError:
            pass
        finally:
            beside.unlink()

    def add(self, task_id: str, handler: str, arguments: str, now: float, due: float) -> bool:
        """Add a call; false if one with this id is known already."""
        with self._db() as db:
            row = (task_id, handler, arguments, due, now)
            return (
                db.execute(
                    "INSERT INTO tasks (id, handler, arguments, state, runs, due, added) "
                    "VALUES (?, ?, ?, 'waiting', 0, ?, ?) "
                    "ON CONFLICT (id) DO NOTHING",
                    row,
                ).rowcount
                == 1
            )

    def claim(self, now: float, farthest: float) -> Task | None:
        """Take the next call that is due; one that is due after `farthest` is, too: the wall clock went back."""
        with self._db() as db:
            row = db.execute(
                "UPDATE tasks SET state = 'running', owner = ?, runs = runs + 1 WHERE number = ("
                "SELECT number FROM tasks WHERE state = 'waiting' AND (due <= ? OR due > ?) "
                "ORDER BY due, number LIMIT 1"
                ") RETURNING id, handler, arguments, runs, added, error",
                (self._owner, now, farthest),
            ).fetchone()
        return None if row is None else _task(row)

    def acknowledge(self, task_id: str, now: float) -> None:
        """The call was made: it is never made again."""
        with self._db() as db:
            db.execute(
                "UPDATE tasks SET state = 'done', owner = NULL, ended = ? WHERE id = ? AND state = 'running'",
                (now, task_id),
            )

    def give_back(self, task_id: str, due: float, error: str | None, *, uncounted: bool = False) -> None:
        """The call is to be made later; `uncounted` if this time was none."""
        with self._db() as db:
            db.execute(
                "UPDATE tasks SET state = 'waiting', owner = NULL, due = ?, runs = runs - ?, "
                "error = coalesce(?, error) "
                "WHERE id = ? AND state = 'running'",
                (due, uncounted, error, task_id),
            )

    def give_up(self, task_id: str, error: str, now: float) -> None:
        """The call has failed too often."""
        with self._db() as db:
            db.execute(
                "UPDATE tasks SET state = 'dead', owner = NULL, error = ?, ended = ? "
                "WHERE id = ? AND state = 'running'",
                (error, now, task_id),
            )

    def reclaim(self, now: float, most_runs: int) -> int:
        """Give back what processes that are gone had claimed; give up what has run too often, and say how much."""
        with self._db() as db:
            owners = [each[0] for each in db.execute("SELECT DISTINCT owner FROM tasks WHERE state = 'running'")]
            given_up = 0
            for owner in owners:
                pid, _, ticks = owner.partition("-")
                if owner == self._owner or alive(int(pid), ticks):
                    continue
                given_up += db.execute(
                    "UPDATE tasks SET state = 'dead', owner = NULL, ended = ?, "
                    "error = 'its process ended during every run' "
                    "WHERE state = 'running' AND owner = ? AND runs >= ?",
                    (now, owner, most_runs),
                ).rowcount
                db.execute(
                    "UPDATE tasks SET state = 'waiting', owner = NULL, due = ? WHERE state = 'running' AND owner = ?",
                    (now, owner),
                )
            db.execute("DELETE FROM tasks WHERE state = 'done' AND ended < ?", (now - DONE_KEPT_S,))
        return given_up

    def hasten(self, now: float) -> None:
        """Everything that waits is due."""
        with self._db() as db:
            db.execute("UPDATE tasks SET due = min(due, ?) WHERE state = 'waiting'", (now,))

    def revive(self, task_id: str, now: float) -> bool:
        """Try one that was given up again from the beginning."""
        with self._db() as db:
            row = (now, task_id)
            changed = db.execute(
                "UPDATE tasks SET state = 'waiting', runs = 0, due = ?, ended = NULL WHERE id = ? AND state = 'dead'",
                row,
            )
            return changed.rowcount == 1

    def discard(self, task_id: str) -> bool:
        """Forget one that was given up."""
        with self._db() as db:
            return db.execute("DELETE FROM tasks WHERE id = ? AND state = 'dead'", (task_id,)).rowcount == 1

    def dead(self) -> list[Task]:
        """What was given up, oldest first."""
        with self._db() as db:
            rows = db.execute(
                "SELECT id, handler, arguments, runs, added, error FROM tasks WHERE state = 'dead' ORDER BY number"
            ).fetchall()
        return [_task(row) for row in rows]

    def counts(self) -> dict[str, int]:
        """How many there are in each state."""
        with self._db() as db:
            found = dict(db.execute("SELECT state, count(*) FROM tasks GROUP BY state").fetchall())
        return {state: found.get(state, 0) for state in ("waiting", "running", "done", "dead")}

    def waiting_since(self) -> float | None:
        """When the oldest call that waits was kept; ``None`` where none waits."""
        with self._db() as db:
            found: float | None = db.execute("SELECT min(added) FROM tasks WHERE state = 'waiting'").fetchone()[0]
        return found

    def next_due(self) -> float | None:
        """When the next call is due; ``None`` where none waits."""
        with self._db() as db:
            found: float | None = db.execute("SELECT min(due) FROM tasks WHERE state = 'waiting'").fetchone()[0]
        return found


def _is_whole(path: Path) -> bool:
    """Whether the file has all the pages that it says it has. SQLite itself reads missing bytes as zeros.

    A file of ours is never empty: it is linked into place when it has its table. While a log lies beside it, a
    checkpoint may have been cut short, and SQLite makes the file whole from the log.
    """
    log = Path(f"{path}-wal")
    if log.exists() and log.stat().st_size:
        return True
    with path.open("rb") as file:
        header = file.read(100)
    page = int.from_bytes(header[16:18], "big")
    pages = int.from_bytes(header[28:32], "big")
    is_one = header.startswith(b"SQLite format 3\0")
    return is_one and path.stat().st_size == pages * (65536 if page == 1 else page)


def _task(row: tuple[Any, ...]) -> Task:
    task_id, handler, arguments, runs, added, error = row
    args, kwargs = json.loads(arguments)
    return Task(id=task_id, handler=handler, args=tuple(args), kwargs=kwargs, runs=runs, added=added, error=error)
