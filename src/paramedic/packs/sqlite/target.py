"""Which SQLite database, and what it has to hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Sqlite:
    """A SQLite database."""

    path: Path
    """The database file, relative to the service file."""
    tables: tuple[str, ...] | Mapping[str, tuple[str, ...] | Mapping[str, str]] = ()
    """Tables that must be there; with their columns where those matter: `{messages: [id, text]}`; with the types of the
    columns where those matter, too: `{messages: {id: integer, text: text}}`."""
    foreign_keys: bool = False
    """Whether rows that refer to rows that are gone are a trouble. They are counted in any case; SQLite itself allows
    them unless the service asks it not to."""
    manifest: Path | None = None
    """A file with the SHA-256 of this database, as `sha256sum` writes it. It says that the database never changes, so
    that whatever differs is damage."""
    busy_timeout_s: float = 5.0
    """How long a lock of somebody else is waited for before it counts as a trouble."""

    @property
    def columns(self) -> dict[str, Sequence[str]]:
        """Tables with the columns they must have."""
        if isinstance(self.tables, Mapping):
            return {table: list(columns) for table, columns in self.tables.items()}
        return {table: [] for table in self.tables}

    @property
    def types(self) -> dict[str, dict[str, str]]:
        """Tables with the types that their columns must have."""
        if not isinstance(self.tables, Mapping):
            return {}
        return {table: dict(each) for table, each in self.tables.items() if isinstance(each, Mapping)}
