"""Copies of a store in a file: taken while it is written to, and proved by opening them."""

import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from paramedic.model.clock import Clock
from paramedic.model.errors import StoreError
from paramedic.store.copying import reading, save
from paramedic.store.opening import open_store

_COUNTED = ("incidents", "plans", "receipts", "timeline", "transitions")


def file_of(url: str) -> Path | None:
    """The file of a store; ``None`` where it is in a server."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        return None
    return Path(parsed.database) if parsed.get_backend_name() == "sqlite" and parsed.database else None


def prove(copy: Path, scratch: Path, *, node: str, clock: Clock) -> tuple[str, ...]:
    """Open a copy of the copy as this version would, upgrade included; every break of its chains, in words.

    Raises:
        StoreError: it cannot be opened.
    """
    shutil.copyfile(copy, scratch)
    try:
        with closing(reading(scratch)) as connection:
            said = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(1)")]
    except sqlite3.Error as error:
        raise StoreError(f"it is damaged: {error}") from None
    if said != ["ok"]:
        raise StoreError(f"it is damaged: {said[0]}")
    store = open_store(f"sqlite:///{scratch}", node=node, clock=clock)
    try:
        return store.verify()
    finally:
        store.close()


def holds(path: Path) -> Mapping[str, int]:
    """Records by table."""
    try:
        with closing(reading(path)) as connection:
            return {
                table: int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608  # our own names
                for table in _COUNTED
            }
    except sqlite3.Error as error:
        raise StoreError(f"it cannot be read: {error}") from None


__all__ = ["file_of", "holds", "prove", "save"]
