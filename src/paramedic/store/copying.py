"""A copy of a store in a file, as it is at one moment; writers go on meanwhile."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from paramedic.model.errors import StoreError


def save(path: Path, copy: Path) -> None:
    """Copy a store into one file without a log, so that the copy is whole by itself.

    Raises:
        StoreError: there is none, or it is damaged.
    """
    if not path.exists():
        raise StoreError(f"there is no store at `{path}` yet")
    try:
        copy.touch(mode=0o600)
        with closing(reading(path)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target, pages=2000, sleep=0.002)
            target.execute("PRAGMA journal_mode=DELETE")
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"the store `{path}` could not be copied: {error}") from None


def save_before_upgrade(path: Path, version: int) -> Path:
    """Keep a store as it is before its schema changes, beside it; without that it is not changed.

    Raises:
        StoreError: there is no copy to be had; what to do is said.
    """
    kept = path.with_name(f"{path.name}.schema-{version}")
    draft = path.with_name(f".{kept.name}.{os.getpid()}")
    try:
        save(path, draft)
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        draft.replace(kept)
    except (StoreError, OSError) as error:
        raise StoreError(
            f"the store `{path}` is not brought up to date, because no copy of it could be kept: {error}",
            hint="make room beside it",
        ) from None
    finally:
        draft.unlink(missing_ok=True)
    return kept


def reading(path: Path) -> sqlite3.Connection:
    """A connection that cannot write."""
    return sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True)
