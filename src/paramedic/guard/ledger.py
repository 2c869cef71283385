"""The state file of budgets: one JSON object that several processes may share, always whole, mended when damaged.

A damaged file is set aside (``NAME.corrupt``, ``NAME.corrupt-1``, …) and told; the last state that this process knew
takes its place, or an empty one. One that cannot be read stays until there is something to write.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import RLock
from typing import Any

from paramedic.guard import state_file
from paramedic.guard.state_file import Damaged

State = dict[str, Any]  # Any: plain JSON values, checked by the owner


class Ledger:
    """A state in memory and in a file."""

    def __init__(self, path: Path, check: Callable[[State], State], tell: Callable[[str, str], None]) -> None:
        """`check` returns a state that makes sense or raises `Damaged`; `tell` hears of trouble: kind and reason."""
        self.path = path
        self._check = check
        self._tell = tell
        self._seen: tuple[int, int, int] | None = None
        self._unwritable = False
        self._unreadable = False
        self.forked()
        self.state = check({})
        self.refresh()

    def forked(self) -> None:
        """In the child of a fork: the lock may be held by a thread that is gone."""
        self._lock = RLock()

    def changed_outside(self) -> bool:
        """Whether the file is not the one that this process saw last; one that could not be read is asked for again."""
        return self._unreadable or state_file.signature(self.path) != self._seen

    def refresh(self) -> bool:
        """Read the file if somebody changed it; whether the state is another now."""
        if not self.changed_outside():
            return False
        with self._alone():
            return self._refresh()

    def _refresh(self) -> bool:
        self._seen = state_file.signature(self.path)
        try:
            found = state_file.read(self.path)
            self._unreadable = False
            if found is None:
                return False
            found = self._check(found)
        except Damaged as error:
            self._set_aside(str(error))
            return False
        except OSError as error:
            if not self._unreadable:
                self._unreadable = True
                self._tell("state_unreadable", f"`{self.path}` cannot be read: {error.strerror}")
            return False
        changed = found != self.state
        self.state = found
        return changed

    def _set_aside(self, reason: str) -> None:
        try:
            aside = state_file.set_aside(self.path)
        except OSError as error:
            self._tell("state_unwritable", f"`{self.path}` is damaged and cannot be moved: {error.strerror}")
            return
        self._tell("state_corrupt", f"`{self.path}` holds no state ({reason}); it was set aside as `{aside.name}`")
        self.write()

    @contextmanager
    def change(self) -> Iterator[State]:
        """The newest state, to be changed in place and then written; nobody else changes it meanwhile."""
        with self._alone():
            if self.changed_outside():
                self._refresh()
            before = json.dumps(self.state)
            yield self.state
            if json.dumps(self.state) != before:
                self.write()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._lock, ExitStack() as stack:
            with suppress(OSError):  # a folder that cannot be written: the state lives in memory
                stack.enter_context(state_file.alone(self.path))
            yield

    def write(self) -> None:
        """Put the state into the file; where that fails it is told once and lives in memory."""
        try:
            if self._unreadable and self.path.is_file():  # what it says is not known, so it is kept for who can read it
                self._tell("state_unreadable", f"it was set aside as `{state_file.set_aside(self.path).name}`")
            state_file.write(self.path, self.state)
        except OSError as error:
            if not self._unwritable:
                self._unwritable = True
                self._tell(
                    "state_unwritable", f"`{self.path}` cannot be written, the state lives in memory: {error.strerror}"
                )
        else:
            self._unwritable = self._unreadable = False
        self._seen = state_file.signature(self.path)
