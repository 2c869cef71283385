"""Which SQLite database, and what it has to hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Sqlite:
    """A SQLite database."""

    path: Path
    """The database file, relative to the service file."""
    tables: tuple[str, ...] | Mapping[str, tuple[str, ...]] = ()
    """Tables that must be there; with their columns where those matter: `{messages: [id, text]}`."""
    busy_timeout_s: float = 5.0
    """How long a lock of somebody else is waited for before it counts as a trouble."""

    @property
    def columns(self) -> dict[str, Sequence[str]]:
        """Tables with the columns they must have."""
        if isinstance(self.tables, Mapping):
            return {table: list(columns) for table, columns in self.tables.items()}
        return {table: [] for table in self.tables}
