"""What differs between the databases that can hold the store."""

from contextlib import AbstractContextManager
from typing import Protocol

from sqlalchemy import Connection, Engine

BUSY_S = 5.0
"""How long a writer waits for another one."""


class Backend(Protocol):
    """One database, opened."""

    place: str
    """Its address for people, without secrets."""
    is_local: bool
    """Whether asking it takes microseconds and no network."""
    write: Engine | None
    """``None`` where nothing may be written."""
    read: Engine
    """Gives transactions that see one moment and cannot write."""

    def is_absent(self) -> bool:
        """Whether there is nothing that could be asked for its version."""
        ...

    def version(self, connection: Connection) -> int:
        """The version of our schema; 0 when there is nothing yet.

        Raises:
            StoreError: the database belongs to another program.
        """
        ...

    def sole_maker(self) -> AbstractContextManager[Connection]:
        """A transaction in which the schema may be made, while every other process that wants to open it waits.

        Raises:
            StoreError: the place for it cannot be made.
        """
        ...

    def save_before_upgrade(self, version: int) -> None:
        """Keep what is there before its schema changes, where that is ours to do; called by the sole maker.

        Raises:
            StoreError: it could not be kept.
        """
        ...

    def announce(self, connection: Connection, node: str) -> None:
        """Let the change counter move when the transaction commits; called at its beginning."""
        ...

    def changes(self) -> int:
        """The change counter."""
        ...

    def close(self) -> None:
        """Let go of every connection."""
        ...
