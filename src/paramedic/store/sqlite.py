"""The store in a file of its own: SQLite with a write-ahead log."""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool, QueuePool

from paramedic.model.errors import StoreError
from paramedic.store.backend import BUSY_S
from paramedic.store.copying import save_before_upgrade
from paramedic.store.failure import explain, explained

_ASK_AGAIN_S = 0.01


class SqliteFile:
    """A backend on one file. Writers queue for the file's single write lock; readers never wait."""

    def __init__(self, path: Path, *, writable: bool) -> None:
        self.path = path
        self.place = str(path)
        self.is_local = True
        self._writable = writable
        self.write: Engine | None = self._engine(read_only=False) if writable else None
        self.read: Engine = self._engine(read_only=True)
        self._lock = threading.Lock()
        self._watching: sqlite3.Connection | None = None
        self._openings = 0

    def version(self, connection: Connection) -> int:
        tables = set(connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars())
        if not tables:
            return 0
        if not {"schema_version", "chain_heads"} <= tables:
            raise StoreError(
                f"the database `{self.path}` belongs to another program",
                hint="point the setting `store` at a file of its own",
            )
        found = connection.exec_driver_sql("SELECT max(version) FROM schema_version").scalar()
        return int(found or 0)

    def is_absent(self) -> bool:
        return not self.path.exists()

    @contextmanager
    def sole_maker(self) -> Iterator[Connection]:
        if self.write is None:
            raise StoreError(f"the store `{self.place}` was opened for reading only")
        with _sole_creator(self.path), explained(self.place), self.write.begin() as connection:
            yield connection

    def save_before_upgrade(self, version: int) -> None:
        save_before_upgrade(self.path, version)

    def announce(self, connection: Connection, node: str) -> None:
        """Nothing to do: SQLite counts commits by itself."""

    def changes(self) -> int:
        with self._lock:
            try:
                if self._watching is None:
                    if self._nobody_writes():
                        return 0
                    self._openings += 1
                    self._watching = self._connect(read_only=True)
                (version,) = self._watching.execute("PRAGMA data_version").fetchone()
            except sqlite3.Error as error:
                raise explain(error, self.place) from error
            return self._openings + int(version)

    def close(self) -> None:
        with self._lock:
            if self._watching is not None:
                self._watching.close()
                self._watching = None
        self.read.dispose()
        if self.write is not None:
            self.write.dispose()

    def _engine(self, *, read_only: bool) -> Engine:
        # A handle that only reads opens the file anew each time: whether anybody writes may have changed since.
        engine = create_engine(
            "sqlite://",
            creator=lambda: self._connect(read_only=read_only),
            hide_parameters=True,
            **(
                {"poolclass": QueuePool, "pool_size": 4, "pool_timeout": BUSY_S}
                if self._writable
                else {"poolclass": NullPool}
            ),
        )

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            if read_only:
                connection.exec_driver_sql("BEGIN")
            else:
                _queue_for_lock(connection)

        return engine

    def _connect(self, *, read_only: bool) -> sqlite3.Connection:
        mode = "rw" if not read_only else "ro&immutable=1" if self._nobody_writes() else "ro"
        connection = sqlite3.connect(
            f"file:{quote(str(self.path))}?mode={mode}",
            uri=True,
            timeout=BUSY_S if read_only else _ASK_AGAIN_S,
            isolation_level=None,  # the driver begins no transactions by itself: we say when and how
            check_same_thread=False,  # the pool hands a connection to one thread at a time
        )
        connection.execute("PRAGMA synchronous=FULL")
        return connection

    def _nobody_writes(self) -> bool:
        # Opening a file in WAL mode creates its log; one who only looks must not leave anything behind.
        return not self._writable and not self.path.with_name(f"{self.path.name}-wal").exists()


def _queue_for_lock(connection: Connection) -> None:
    # SQLite's own waiting asks ever more seldom, so that two busy writers could keep a third out for seconds.
    for left in reversed(range(round(BUSY_S / _ASK_AGAIN_S))):
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        except OperationalError as error:
            if not _is_busy(error) or not left:
                raise
        else:
            return


def _is_busy(error: OperationalError) -> bool:
    return str(getattr(error.orig, "sqlite_errorname", "")).startswith("SQLITE_BUSY")


@contextmanager
def _sole_creator(path: Path) -> Iterator[None]:
    """Create the file for its owner alone, while every other process that wants to open it waits.

    Raises:
        StoreError: the file or its directory cannot be made.
    """
    try:
        _make_directory(path.parent)
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise explain(error, str(path)) from error
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        _create(path)
        yield
    finally:
        os.close(directory)


def _make_directory(path: Path) -> None:
    for missing in reversed([each for each in (path, *path.parents) if not each.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)


def _create(path: Path) -> None:
    try:
        if not path.exists():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        finally:
            connection.close()
    except (OSError, sqlite3.Error) as error:
        raise explain(error, str(path)) from error
