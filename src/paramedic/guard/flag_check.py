"""What is wrong with a file of flags, asked from outside the process that uses it."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from paramedic.guard.documents import read_document
from paramedic.guard.errors import Problem, UnreadableDocument
from paramedic.guard.flag_file import table


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagCheck:
    """A file of flags, judged."""

    usable: bool
    """Whether any of it can be used; the flags that a problem concerns are off."""
    problems: tuple[Problem, ...]


def overlays_in(folder: Path) -> list[str] | None:
    """The overlays that exist; ``None`` where the folder does not tell."""
    return sorted(each.stem for each in folder.glob("*.txt")) or None


def check_flag_file(path: Path, overlays: Collection[str] | None = None) -> FlagCheck:
    """Everything that is wrong with a file, each with its line. Raises `MissingExtra` for YAML without a parser."""
    try:
        found = table(read_document(path), overlays)
    except FileNotFoundError:
        return _unusable(path, "is missing", "a file of flags")
    except OSError as error:
        return _unusable(path, f"cannot be read: {error.strerror}", "a readable file")
    except UnreadableDocument as error:
        return FlagCheck(usable=False, problems=(error.problem,))
    return FlagCheck(usable=True, problems=found.problems)


def _unusable(path: Path, observed: str, expected: str) -> FlagCheck:
    problem = Problem(line=None, where=path.name, observed=observed, expected=expected)
    return FlagCheck(usable=False, problems=(problem,))
