"""A backup as its manifest describes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedFile:
    """One file of a backup."""

    name: str
    """Its name within the backup."""
    size: int
    sha256: str
    path: str | None = None
    """Where it belongs, where it is a file of the service."""
    mode: int = 0o600
    uid: int = -1
    gid: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What a backup was worth when somebody last tried to restore it into a scratch place."""

    at: datetime
    is_good: bool
    how: str
    """What was tried and found, or what is wrong."""
    took_s: float
    """From the backup to a restored and checked copy: the recovery time, without the exchange."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupSet:
    """Everything that one backup of one component holds."""

    id: str
    component: str
    kind: str
    at: datetime
    node: str
    why: str
    """``schedule``, ``by hand``, ``before a restore``."""
    method: str
    """How it was made, such as SQLite's online backup."""
    files: tuple[SavedFile, ...]
    proof: Proof
    """How it was verified when it was written."""
    versions: Mapping[str, str] = field(default_factory=dict)
    holds: Mapping[str, int] = field(default_factory=dict)
    """Records by what contains them, such as rows by table; empty where the kind has none."""
    notes: tuple[str, ...] = ()
    """What it does not hold, or holds only roughly."""
    took_s: float = 0.0
    schema_version: int = 1

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(each.size for each in self.files)
