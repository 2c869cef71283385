"""How much of a report is shown, and on what."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """What a person asked of a rendering."""

    verbose: bool = False
    quiet: bool = False
    colour: bool = False
    width: int = 80
    root: Path | None = None
    """The folder as seen from which files are named in formats for reviews."""
