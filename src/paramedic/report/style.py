"""How much of a report is shown, and on what."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """What a person asked of a rendering."""

    verbose: bool = False
    quiet: bool = False
    colour: bool = False
    width: int = 80
