"""Inserts that say what happens when the row is there already; the one place where the two dialects differ."""

from collections.abc import Callable
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Insert, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlalchemy.sql.elements import KeyedColumnElement


def insert_new(connection: Connection, table: Table, *unique: str) -> Insert:
    """Insert, or nothing (``rowcount`` 0) when the unique columns are taken; the primary key where none are named."""
    return _insert_new(connection.dialect.name, table, unique)


Excluded = ReadOnlyColumnCollection[str, KeyedColumnElement[Any]]  # Any: columns of every type
OnlyIf = Callable[[Excluded], ColumnElement[bool]]


def upsert(connection: Connection, table: Table, only_if: OnlyIf | None = None) -> Insert:
    """Insert, or replace everything but the primary key.

    Where ``only_if``, given the new row, does not hold of the old one, nothing changes (``rowcount`` 0).
    """
    return _upsert(connection.dialect.name, table, only_if)


@cache
def _insert_new(dialect: str, table: Table, unique: tuple[str, ...]) -> Insert:
    columns = list(unique or (column.name for column in table.primary_key))
    return _insert(dialect, table).on_conflict_do_nothing(index_elements=columns)


@cache
def _upsert(dialect: str, table: Table, only_if: OnlyIf | None) -> Insert:
    insert = _insert(dialect, table)
    changing = {
        column.name: insert.excluded[column.name]
        for column in table.columns
        if column.name not in table.primary_key.columns
    }
    return insert.on_conflict_do_update(
        index_elements=[column.name for column in table.primary_key],
        set_=changing,
        where=only_if(insert.excluded) if only_if else None,
    )


def _insert(dialect: str, table: Table) -> "sqlite.Insert | postgresql.Insert":
    plain = sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
    return plain.execution_options(preserve_rowcount=True)  # SQLAlchemy forgets it for inserts unless asked
