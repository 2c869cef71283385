"""What a database complains about, said so that a person can act on it.

StoreError
├── StoreAway          its server does not answer                 exit 75; a retry may help
├── StoreBusy          somebody else holds it for too long        exit 75; a retry may help
│   └── Conflict       two transactions met; nothing was written  running it again is safe
├── StoreFull          no space is left for it                    exit 75
└── AlreadyRecorded    the same fact was recorded before
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from paramedic.model.errors import NotNow, StoreError


class StoreAway(StoreError):
    """The server of the store does not answer; servers come back."""

    exit_code = NotNow.exit_code
    retry_helps = True


class StoreBusy(StoreError):
    """Another process holds the store for longer than we wait."""

    exit_code = NotNow.exit_code
    retry_helps = True


class Conflict(StoreBusy):
    """Two transactions met and the database gave up on this one."""


class StoreFull(StoreError):
    """No space is left where the store is; somebody frees some, and it works again."""

    exit_code = NotNow.exit_code


class AlreadyRecorded(StoreError):
    """The same fact was recorded before; nothing is recorded twice."""


_LEAST_BYTES = 1 << 16
"""SQLite makes a file of 32 KiB beside a store that it opens."""
_SPACE = "free some space; the store works again at once"
_SOON = "try again in a moment"
_RIGHTS = "let the user who runs Paramedic read and write it"
_ALTERED = "`paramedic audit verify` says whether records were altered"
_RESTORE = "move the file aside or restore a copy; a new store is created in its place"

# The start of an extended result code: message, hint. Longer starts come first.
_SQLITE = {
    "SQLITE_NOTADB": ("is not a database", "point the setting `store` elsewhere, or move the file aside"),
    "SQLITE_CORRUPT": ("is damaged", _RESTORE),
    "SQLITE_CANTOPEN": ("cannot be opened", "see that its directory exists and may be read and written"),
    "SQLITE_READONLY": ("may not be written", _RIGHTS),
    "SQLITE_PERM": ("may not be opened", _RIGHTS),
    "SQLITE_FULL": ("cannot grow: no space is left", _SPACE),
    "SQLITE_IOERR": ("cannot be read or written", "look at the disk and its free space"),
    "SQLITE_CONSTRAINT": ("has another record in this one's place", _ALTERED),
    "SQLITE_TOOBIG": ("takes no text of this length", None),
}
# The start of an SQLSTATE.
_POSTGRES = {
    "28": ("refuses our name or password", "correct the user and password in the setting `store`"),
    "3D000": ("has no database of this name", "create it with `createdb`, or correct the setting `store`"),
    "42501": ("does not grant us enough rights", "let the user create the schema `paramedic` and own it"),
    "53100": ("cannot grow: no space is left", _SPACE),
    "53300": ("has no connection left", "raise `max_connections`, or close some"),
    "23505": ("has another record in this one's place", _ALTERED),
    "25006": ("may not be written", "point the setting `store` at the primary server"),
    "57P03": ("is starting or stopping", _SOON),
}


@contextmanager
def explained(place: str) -> Iterator[None]:
    """Turn what the database says into a StoreError that names the place."""
    try:
        yield
    except SQLAlchemyError as error:
        raise explain(error.orig if isinstance(error, DBAPIError) and error.orig else error, place) from error


def explain(error: BaseException, place: str) -> StoreError:
    """The StoreError for an error of a driver, of SQLAlchemy or of the operating system."""
    name = getattr(error, "sqlite_errorname", None)
    if isinstance(name, str):
        return _of_sqlite(error, name, place)
    if isinstance(error, OSError):
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        reason = (error.strerror or str(error)).lower()
        kind = StoreFull if full else StoreError
        return kind(f"the store `{place}` cannot be used: {reason}", hint=_SPACE if full else _RIGHTS)
    state = getattr(error, "sqlstate", None)
    if isinstance(state, str):
        return _of_postgres(error, state, place)
    if type(error).__module__.startswith("psycopg"):
        return _of_lost_server(error, place)
    return StoreError(f"the store `{place}` failed: {_first_line(error)}")


def _of_sqlite(error: BaseException, name: str, place: str) -> StoreError:
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return StoreBusy(f"the store `{place}` is held by another process", hint="see who else uses it, then try again")
    if name.startswith("SQLITE_IOERR") and _is_full(place):  # the files beside the store find no room to be made
        name = "SQLITE_FULL"
    for start, (message, hint) in _SQLITE.items():
        if name.startswith(start):
            return _of_kind(hint)(f"the store `{place}` {message}", hint=hint)
    return StoreError(f"the store `{place}` failed: {_first_line(error)}")


def _of_postgres(error: BaseException, state: str, place: str) -> StoreError:
    if state in ("40001", "40P01"):
        return Conflict(f"two transactions met in the store `{place}`")
    if state == "55P03":
        return StoreBusy(f"the store `{place}` is held by another process", hint="see who else uses it, then try again")
    if state.startswith(("08", "57P01", "57P02")):
        return _of_lost_server(error, place)
    for start, (message, hint) in _POSTGRES.items():
        if state.startswith(start):
            return _of_kind(hint)(f"the store `{place}` {message}", hint=hint)
    return StoreError(f"the store `{place}` failed: {_first_line(error)}")


def _of_lost_server(error: BaseException, place: str) -> StoreError:
    # A refused login comes without an SQLSTATE from libpq: its text is all there is.
    said = str(error)
    for state, mark in (("28", "authentication failed"), ("3D000", "database "), ("57P03", "is starting up")):
        if mark in said and (state != "3D000" or "does not exist" in said):
            message, hint = _POSTGRES[state]
            return _of_kind(hint)(f"the store `{place}` {message}", hint=hint)
    return StoreAway(f"the store `{place}` does not answer: {_first_line(error)}", hint="see that the server runs")


def _is_full(place: str) -> bool:
    try:
        disk = os.statvfs(Path(place).parent)
    except (OSError, ValueError):
        return False
    return disk.f_bavail * disk.f_frsize < _LEAST_BYTES


def _of_kind(hint: str | None) -> type[StoreError]:
    return StoreFull if hint is _SPACE else StoreBusy if hint is _SOON else StoreError


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
