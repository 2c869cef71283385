"""Files and folders that a service needs, and what must hold of them."""

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from annotated_types import Ge, Le, MinLen

_MODE = re.compile(r"(?:0o?)?[0-7]{3,4}")
MAGIC = frozenset("*?[")


class PathType(StrEnum):
    """What stands at a path."""

    FILE = "file"
    DIRECTORY = "directory"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One path, and what must hold of it."""

    path: Path
    """A file or folder, relative to the service file; or a pattern such as ``logs/*.log``, of which each match counts
    and one there must be."""
    type: PathType | None = None
    """What it must be. A missing ``directory`` can be made again."""
    mode: str | None = None
    """Its permissions in octal, such as ``0750``."""
    owner: str | None = None
    """Its user, by name or number."""
    group: str | None = None
    """Its group, by name or number."""
    writable: bool = False
    """Whether the service must be able to write there."""
    min_free_bytes: Annotated[float, Ge(0)] | None = None
    """How much space its disk must have left, such as ``500MB``."""
    max_used_percent: Annotated[float, Ge(0), Le(100)] | None = None
    """How full its disk may be."""
    max_used_inodes_percent: Annotated[float, Ge(0), Le(100)] | None = None
    """How much of the files that its disk can hold there may be."""
    full_within_s: Annotated[float, Ge(0)] | None = None
    """Complain when the disk will be full within this time at the pace seen so far, such as ``12h``."""

    def __post_init__(self) -> None:
        if self.mode is not None and not _MODE.fullmatch(self.mode):
            raise ValueError(f"`{self.mode}` is no mode; write it in octal, such as `0750`")

    @property
    def permissions(self) -> int | None:
        """The mode as a number."""
        return None if self.mode is None else int(self.mode.removeprefix("0o"), 8)

    @property
    def is_pattern(self) -> bool:
        """Whether it may mean several paths."""
        return bool(MAGIC & set(str(self.path)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Files and folders that the service needs."""

    paths: Annotated[tuple[Path | Entry, ...], MinLen(1)]
    """Each a path that must exist, or a mapping with ``path`` and what else must hold: ``type``, ``mode``, ``owner``,
    ``group``, ``writable``, ``min_free``, ``max_used_percent``, ``max_used_inodes_percent``, ``full_within``."""
    user: str | None = None
    """Who must be able to write, by name or number; by default the user of the component's process and of those that
    depend on it."""

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All paths in one shape."""
        return tuple(each if isinstance(each, Entry) else Entry(path=each) for each in self.paths)
