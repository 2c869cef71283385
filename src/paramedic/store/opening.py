"""From a URL to a store."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from paramedic.model.clock import Clock
from paramedic.model.errors import StoreError
from paramedic.store.backend import Backend
from paramedic.store.failure import explained
from paramedic.store.migrations import MIGRATIONS, migrate, refuse_newer, refuse_older
from paramedic.store.postgres import PostgresServer
from paramedic.store.sqlite import SqliteFile
from paramedic.store.store import Store

_SHAPES = "`sqlite:////absolute/path` or `postgresql+psycopg://user:password@host/database`"


def open_store(url: str, *, node: str, clock: Clock) -> Store:
    """The store at a URL, created where absent and brought up to date where old; one in a file is kept as it was.

    Raises:
        SchemaTooNew: a newer Paramedic wrote it.
        StoreError: it cannot be used; the message says why.
    """
    backend = _backend(url, writable=True)
    with _closed_on_failure(backend):
        if _version(backend) != len(MIGRATIONS):
            with backend.sole_maker() as connection:
                found = backend.version(connection)
                if 0 < found < len(MIGRATIONS):
                    backend.save_before_upgrade(found)
                migrate(connection, found, clock.now())
    return Store(backend, node=node, clock=clock)


def read_store(url: str, *, node: str, clock: Clock) -> Store | None:
    """The store at a URL for reading; ``None`` where there is none. Creates and writes nothing.

    Raises:
        SchemaTooNew: a newer Paramedic wrote it.
        StoreError: it cannot be read; the message says why.
    """
    backend = _backend(url, writable=False)
    with _closed_on_failure(backend):
        found = _version(backend)
        if found:
            refuse_newer(found)
            refuse_older(found)
            return Store(backend, node=node, clock=clock)
    backend.close()
    return None


def _version(backend: Backend) -> int:
    if backend.is_absent():
        return 0
    with explained(backend.place), backend.read.begin() as connection:
        return backend.version(connection)


@contextmanager
def _closed_on_failure(backend: Backend) -> Iterator[None]:
    try:
        yield
    except BaseException:
        backend.close()
        raise


def _backend(url: str, *, writable: bool) -> Backend:
    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite":
        return SqliteFile(_path(parsed), writable=writable)
    return PostgresServer(parsed, writable=writable)


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        # The text itself may hold a password and is not repeated.
        raise StoreError("the setting `store` is no URL", hint=f"write {_SHAPES}") from error
    if parsed.get_backend_name() not in ("sqlite", "postgresql", "postgres"):
        raise StoreError(f"there is no store for `{parsed.drivername}`", hint=f"write {_SHAPES}")
    return parsed


def _path(url: URL) -> Path:
    if not url.database or url.database == ":memory:":
        raise StoreError("a store outlives the program and needs a file", hint=f"write {_SHAPES}")
    return Path(url.database).absolute()
