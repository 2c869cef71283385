"""Collects every mistake in a file, so that all of them are shown at once."""

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice
from pathlib import Path

from paramedic.model.errors import Problem

_MOST = 200
"""A hostile file may hold a hundred thousand mistakes; nobody reads more than this."""
_LONGEST = 60
_MOST_COMPARED = 500
"""Comparing each of thousands of wrong names with thousands of right ones would take minutes."""


class Problems:
    """The mistakes of one load, over all the files and variables it reads."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._found: dict[Problem, None] = {}  # an alias shows the same place twice

    def add(
        self, message: str, *, line: int | None = None, expected: str | None = None, hint: str | None = None
    ) -> None:
        """One more mistake in the current file."""
        if len(self._found) < _MOST:
            self._found[Problem(message=message, path=self.path, line=line, expected=expected, hint=hint)] = None

    def include(self, others: "Problems") -> None:
        """Those of another file."""
        for problem in others.found:
            if len(self._found) < _MOST:
                self._found[problem] = None

    def __len__(self) -> int:
        return len(self._found)

    @property
    def found(self) -> tuple[Problem, ...]:
        """All of them, by place."""
        ordered = sorted(self._found, key=lambda each: (str(each.path or ""), each.line or 0))
        if len(ordered) < _MOST:
            return tuple(ordered)
        return (*ordered, Problem(message=f"there may be more; only the first {_MOST} problems are shown"))

    def did_you_mean(self, word: str, known: Iterable[str]) -> str | None:
        """A hint that names the nearest known word, if any is near."""
        if len(word) > _LONGEST or len(self) >= _MOST:
            return None
        by_lower = {each.lower(): each for each in islice(known, _MOST_COMPARED)}
        swapped = [each for each in by_lower if sorted(each) == sorted(word.lower())]  # the letters of a short word
        near = get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6) or swapped
        return f"did you mean {quoted(by_lower[near[0]])}?" if near else None


def quoted(text: str) -> str:
    """The text in backticks, on one line, safe for a terminal and of bounded length."""
    shown = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    shown = "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in shown)
    return f"`{shown}`"


def listed(words: Iterable[str]) -> str:
    """``a, b or c``, each in backticks."""
    *most, last = [quoted(each) for each in words] or ["nothing"]
    return f"{', '.join(most)} or {last}" if most else last
