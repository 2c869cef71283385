"""Where releases lie, and what runs from them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from annotated_types import Ge


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A folder with one folder for each release, and the link that says which of them runs."""

    path: Path
    """The folder that holds one folder for each release."""
    current: Path
    """The link to the release that runs; a deployment points it to another one and restarts the component."""
    component: str
    """The component that runs from the current release. It depends on this one, whether it says so or not."""
    requires: tuple[str, ...] = ()
    """Files that a whole release holds, relative to its folder; one that lacks any is unfinished."""
    irreversible: str = "IRREVERSIBLE"
    """The name of a file inside a release which says that its migration cannot be taken back: then going back to an
    earlier release waits for a person."""
    keep: Annotated[int, Ge(2)] = 5
    """How many releases that passed their checks are remembered, to go back to."""
