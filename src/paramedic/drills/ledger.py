"""Runs of drills in a file, one a line as they end, so that a board that was interrupted goes on where it was."""

import json
import os
from pathlib import Path

from paramedic.drills.board import Run
from paramedic.model.errors import UsageError
from paramedic.model.wire import dump, load


class Ledger:
    """The file of one board."""

    def __init__(self, path: Path, version: str) -> None:
        self._path = path
        self._version = version

    def begin(self, *, again: bool) -> tuple[Run, ...]:
        """What was carried out before; with ``again`` that is forgotten.

        Raises:
            UsageError: the file holds runs of another version, or is none of ours.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if again or not self._path.exists():
            self._path.write_text(json.dumps({"paramedic": self._version}) + "\n", encoding="utf-8")
            return ()
        try:
            text = self._path.read_text(encoding="utf-8")
            whole = text[: text.rfind("\n") + 1]  # without the line that a crash cut off
            head, *lines = [json.loads(line) for line in whole.splitlines()]
            found = tuple(load(Run, each) for each in lines)
        except ValueError as error:
            raise UsageError(
                f"`{self._path}` holds no runs of drills", hint="name another folder by `--out`"
            ) from error
        if head != {"paramedic": self._version}:
            raise UsageError(f"`{self._path}` holds runs of another version", hint="`--again` begins anew")
        os.truncate(self._path, len(whole.encode()))  # or the next one would be written onto the cut line
        return found

    def add(self, run: Run) -> None:
        """Write one down."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(dump(run)) + "\n")
