"""What of this machine matters to the service."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from annotated_types import Ge

from paramedic.sdk import Need

_WANTED = re.compile(r"(?P<need>required|recommended|optional)?\s*(?:>=\s*(?P<version>\d+(?:\.\d+)*))?")


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
    binaries: Mapping[str, str] = field(default_factory=dict)
    """Programs that the service calls, each ``required``, ``recommended`` or ``optional``, where needed with the
    oldest version that will do: ``ffmpeg: required >=4.2``."""

    def __post_init__(self) -> None:
        """Raises ``ValueError`` where it is not clear how much a program is needed."""
        for name, said in self.binaries.items():
            try:
                wanted(said)
            except ValueError as error:
                raise ValueError(f"`binaries.{name}` {error}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How much a program is needed."""

    need: Need
    at_least: str | None
    """The oldest version that will do."""


def wanted(said: str) -> Wanted:
    """What ``required >=4.2`` and the like mean; a version alone means required.

    Raises:
        ValueError: it means nothing.
    """
    match = _WANTED.fullmatch(said.strip().lower())
    if match is None or not said.strip():
        raise ValueError(f"is `{said}`, expected `required`, `recommended` or `optional`, and a version as in `>=4.2`")
    return Wanted(need=Need(match["need"] or "required"), at_least=match["version"])
