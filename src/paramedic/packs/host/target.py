"""What of this machine matters to the service."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from annotated_types import Ge


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The machine on which Paramedic runs."""

    paths: tuple[Path, ...] = ()
    """Further places whose disks are looked at, beside the service file's folder and Paramedic's own state."""
    prunable: tuple[str, ...] = ()
    """Files that may be deleted when a disk runs full, as patterns such as ``cache/**/*.tmp``, relative to the
    service file. Symbolic links are never followed, and files that a process has open are left alone."""
    prune_after_s: Annotated[float, Ge(0)] = 3600.0
    """How old such a file must be before it may be deleted, in seconds since its last change."""
