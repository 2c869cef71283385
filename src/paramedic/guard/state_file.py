"""Small JSON files that are always whole: written beside, flushed, and put in place in one step.

Whoever is killed while writing leaves the old file. What is damaged from outside is set aside and reported.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class Damaged(Exception):
    """A file that holds no state."""


def write(path: Path, value: dict[str, Any]) -> None:  # Any: plain JSON values
    """Replace a file by this state, durably. Raises ``OSError`` and leaves the old file where that fails."""
    beside = path.with_name(f".{path.name}.new")
    text = json.dumps(value, indent=1, allow_nan=False)
    with beside.open("w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def read(path: Path) -> dict[str, Any] | None:
    """The state in a file, ``None`` where there is no file; raises `Damaged` for anything that is no JSON object."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise Damaged(f"not UTF-8 at byte {error.start}") from error
    return state_in(text)


def state_in(text: str | bytes) -> dict[str, Any]:
    """The state that a text holds; raises `Damaged`."""
    try:
        value = json.loads(text)
        json.dumps(value, allow_nan=False)  # NaN and Infinity, which Python reads and nobody may write
    except ValueError as error:
        raise Damaged(f"not JSON: {error}") from error
    except RecursionError as error:
        raise Damaged("nested too deeply") from error
    if not isinstance(value, dict):
        raise Damaged(f"a JSON object is expected, not {type(value).__name__}")
    return value


def set_aside(path: Path) -> Path:
    """Move a damaged file out of the way, next to where it was; nothing that was set aside before is overwritten."""
    number = 0
    while (aside := path.with_name(f"{path.name}.corrupt{f'-{number}' if number else ''}")).exists():
        number += 1
    path.replace(aside)
    return aside


def signature(path: Path) -> tuple[int, int, int] | None:
    """Tells one version of a file from another."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold the file's lock among all processes; it is given back by the kernel when the holder dies."""
    with path.with_name(f".{path.name}.lock").open("a", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
