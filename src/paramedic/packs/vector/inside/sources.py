# ruff: noqa: S608  # names of tables and columns cannot be bound; each is quoted
"""Where vectors come from: tables, files and commands, read in batches in order of their ids. They are only read."""

import json
import sqlite3
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from paramedic.packs.vector.inside import anatomy
from paramedic.packs.vector.inside.anatomy import Ids, Vectors

BATCH = 4096


class SourceAway(Exception):
    """The source cannot be read, for a reason that says nothing about the index."""


class Source(Protocol):
    """Vectors with ids, in order of the ids."""

    def ids(self) -> Ids | None:
        """All ids; ``None`` where they are no whole numbers, so that only their order counts."""
        ...

    def count(self) -> int:
        """How many vectors it has."""
        ...

    def batches(self, start: int = 0) -> Iterator[tuple[Ids, Vectors]]:
        """The vectors from the ``start``-th on; a vector's id is its place where ids are no whole numbers."""
        ...


def source_of(order: dict[str, Any]) -> Source:
    """The source that a service file names."""
    kind, place, words = order["kind"], order["place"], order
    match kind:
        case "sqlite":
            return _Sqlite(Path(place), words)
        case "postgres":
            return _Postgres(place, words)
        case "parquet":
            return _Parquet(Path(place), words)
        case "numpy":
            return _Numpy(Path(place), words)
        case "command":
            return _Command(place, words)
        case "index":
            return OfIndex(Path(place))
    raise SourceAway(f"unknown source `{kind}`")


class _Table:
    """What SQL databases have in common."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.table, self.id, self.vector = (
            ".".join(quoted(part) for part in order["table"].split(".")) + " AS t",
            f"t.{quoted(order['id'])}",  # SQLite takes a quoted name that is no column for a text
            f"t.{quoted(order['vector'])}",
        )

    def count(self) -> int:
        """Rows that have a vector."""
        with self._rows(f"SELECT count({self.vector}) FROM {self.table}") as rows:
            return int(next(iter(rows))[0])

    def ids(self) -> Ids | None:
        """All ids."""
        statement = f"SELECT {self.id} FROM {self.table} WHERE {self.vector} IS NOT NULL ORDER BY {self.id}"
        with self._rows(statement) as rows:
            return _numbers([row[0] for row in rows])

    def batches(self, start: int = 0) -> Iterator[tuple[Ids, Vectors]]:
        """In order of the ids."""
        statement = (
            f"SELECT {self.id}, {self.vector} FROM {self.table} WHERE {self.vector} IS NOT NULL "
            f"ORDER BY {self.id} LIMIT ALL OFFSET {int(start)}"
        )
        with self._rows(self._dialect(statement)) as rows:
            yield from _batches(((row[0], _vector(row[1])) for row in rows), start)

    def _dialect(self, statement: str) -> str:
        return statement

    def _rows(self, statement: str) -> Any:  # Any: a context manager of rows, in the database's own types
        raise AssertionError(f"no database is asked: {statement}")


class _Sqlite(_Table):
    def __init__(self, path: Path, order: dict[str, Any]) -> None:
        super().__init__(order)
        self.path = path

    def _dialect(self, statement: str) -> str:
        return statement.replace("LIMIT ALL", "LIMIT -1")

    @contextmanager
    def _rows(self, statement: str) -> Iterator[Iterable[tuple[Any, ...]]]:
        from paramedic.packs.sqlite.inside.opening import CannotLook, reading

        try:
            with reading(self.path) as connection:
                yield connection.execute(statement)
        except (sqlite3.Error, CannotLook, OSError) as error:
            raise SourceAway(f"`{self.path.name}` cannot be read: {error}") from None


class _Postgres(_Table):
    def __init__(self, address: str, order: dict[str, Any]) -> None:
        super().__init__(order)
        self.address = address

    @contextmanager
    def _rows(self, statement: str) -> Iterator[Iterable[tuple[Any, ...]]]:
        try:
            import psycopg
        except ImportError:
            raise SourceAway("the extra `postgres` is needed: `pip install 'paramedic[postgres]'`") from None
        try:
            with psycopg.connect(self.address, connect_timeout=10) as connection:
                connection.read_only = True
                with connection.cursor(name="paramedic") as cursor:
                    cursor.itersize = BATCH
                    cursor.execute(statement.encode())
                    yield cursor
        except psycopg.Error as error:
            first = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise SourceAway(f"the database of the vectors cannot be read: {first}") from None


class _Parquet:
    def __init__(self, path: Path, order: dict[str, Any]) -> None:
        self.path, self.id, self.vector = path, order["id"], order["vector"]

    def count(self) -> int:
        return len(self._order())

    def ids(self) -> Ids | None:
        return _numbers(self._order())

    def batches(self, start: int = 0) -> Iterator[tuple[Ids, Vectors]]:
        def rows() -> Iterator[tuple[Any, Any]]:
            for part in self._parts([self.id, self.vector]):
                yield from (
                    (one, _vector(each))
                    for one, each in zip(part[self.id].to_pylist(), part[self.vector].to_pylist(), strict=True)
                    if each is not None
                )

        yield from _batches(islice(rows(), start, None), start)

    def _order(self) -> list[Any]:
        return [
            one
            for part in self._parts([self.id, self.vector])
            for one, there in zip(part[self.id].to_pylist(), part[self.vector].is_valid().to_pylist(), strict=True)
            if there
        ]

    def _parts(self, columns: list[str]) -> Iterator[Any]:
        try:
            import pyarrow as pa
            from pyarrow import parquet
        except ImportError:
            raise SourceAway("the extra `parquet` is needed: `pip install 'paramedic[parquet]'`") from None
        try:
            with parquet.ParquetFile(self.path) as file:
                if lost := set(columns) - set(file.schema_arrow.names):
                    raise SourceAway(f"`{self.path.name}` has no column {', '.join(map(repr, sorted(lost)))}")
                for batch in file.iter_batches(BATCH, columns=columns):
                    yield {name: batch.column(batch.schema.get_field_index(name)) for name in columns}
        except (OSError, pa.ArrowException) as error:
            raise SourceAway(f"`{self.path.name}` cannot be read: {error}") from None


class _Numpy:
    def __init__(self, path: Path, order: dict[str, Any]) -> None:
        self.path, self.id, self.vector = path, order["id"], order["vector"]

    def count(self) -> int:
        return len(self._content()[1])

    def ids(self) -> Ids | None:
        ids, vectors = self._content()
        return np.arange(len(vectors), dtype=np.int64) if ids is None else ids

    def batches(self, start: int = 0) -> Iterator[tuple[Ids, Vectors]]:
        ids, vectors = self._content()
        for begin in range(start, len(vectors), BATCH):
            part = np.ascontiguousarray(vectors[begin : begin + BATCH], dtype=np.float32)
            yield (np.arange(begin, begin + len(part)) if ids is None else ids[begin : begin + len(part)]), part

    def _content(self) -> tuple[Ids | None, Any]:
        try:
            found = np.load(self.path, mmap_mode="r", allow_pickle=False)
            if not isinstance(found, np.lib.npyio.NpzFile):
                ids, vectors = None, found
            else:
                with found:
                    ids, vectors = np.asarray(found[self.id], dtype=np.int64), found[self.vector]
        except KeyError as error:
            raise SourceAway(f"`{self.path.name}` has no array {error}") from None
        except (OSError, ValueError, EOFError) as error:
            raise SourceAway(f"`{self.path.name}` cannot be read: {error}") from None
        if vectors.ndim != 2 or (ids is not None and ids.shape != vectors.shape[:1]):
            raise SourceAway(f"`{self.path.name}` holds no rows of vectors")
        return ids, vectors


class _Command:
    def __init__(self, command: list[str], order: dict[str, Any]) -> None:
        self.command, self.id, self.vector, self.cwd = command, order["id"], order["vector"], order.get("cwd")
        self._ids: list[Any] | None = None

    def count(self) -> int:
        return len(self._all())

    def ids(self) -> Ids | None:
        return _numbers(self._all())

    def batches(self, start: int = 0) -> Iterator[tuple[Ids, Vectors]]:
        yield from _batches(((one, _vector(each)) for one, each in islice(self._lines(), start, None)), start)

    def _all(self) -> list[Any]:
        if self._ids is None:
            self._ids = [one for one, _ in self._lines()]
        return self._ids

    def _lines(self) -> Iterator[tuple[Any, Any]]:
        try:
            process = subprocess.Popen(
                self.command, cwd=self.cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        except OSError as error:
            raise SourceAway(f"`{self.command[0]}` cannot be started: {error.strerror}") from None
        with process:
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    if line.strip():
                        data = json.loads(line)
                        yield data[self.id], data[self.vector]
            except (ValueError, KeyError, TypeError) as error:
                raise SourceAway(f"`{self.command[0]}` printed what is no vector: {error}") from None
            finally:
                if process.poll() is None and process.stdout.read(1):
                    process.kill()  # nobody wants the rest
        if process.returncode:
            raise SourceAway(f"`{self.command[0]}` ended with {process.returncode}")


class OfIndex:
    """The vectors that an index itself still has."""

    def __init__(self, path: Path) -> None:
        self._index = anatomy.opened(path)

    def count(self) -> int:
        return int(self._index.ntotal)

    def ids(self) -> Ids | None:
        return anatomy.ids(self._index)

    def batches(self, start: int = 0) -> Iterator[tuple[Ids, Vectors]]:
        yield from anatomy.vectors(self._index, start)


def quoted(name: str) -> str:
    """A name as SQL wants it."""
    return '"' + name.replace('"', '""') + '"'


def _numbers(found: list[Any]) -> Ids | None:
    if any(isinstance(each, bool) or not isinstance(each, int) for each in found):
        return None
    return np.asarray(found, dtype=np.int64)


def _vector(value: Any) -> Vectors:
    """A vector in any of the shapes that databases and files give."""
    try:
        if isinstance(value, bytes | bytearray | memoryview):
            return np.frombuffer(value, dtype="<f4")
        return np.asarray(json.loads(value) if isinstance(value, str) else value, dtype=np.float32)
    except (ValueError, TypeError):
        raise SourceAway(f"the source holds what is no vector: {str(value)[:40]!r}") from None


def _batches(rows: Iterator[tuple[Any, Vectors]], start: int) -> Iterator[tuple[Ids, Vectors]]:
    place = start
    while part := list(islice(rows, BATCH)):
        names = [one for one, _ in part]
        ids = _numbers(names)
        try:
            found = np.stack([each for _, each in part]).astype(np.float32, copy=False)
        except ValueError:
            lengths = sorted({len(each) for _, each in part})
            raise SourceAway(f"the source has vectors of different lengths: {lengths[:5]}") from None
        yield (np.arange(place, place + len(part)) if ids is None else ids), np.ascontiguousarray(found)
        place += len(part)
