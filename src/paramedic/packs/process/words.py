"""How a process ended, in words."""

import re
import signal
from collections.abc import Iterable, Iterator

from paramedic.sdk import Exit, ProcessFacts

_TRACEBACK = "Traceback (most recent call last):"
_RAISED = re.compile(r"[A-Za-z_][\w.]*(: .*)?$")
_IMPORTING = re.compile(r'\s*File "(<frozen importlib|[^"]*/importlib/)')
_CARETS = re.compile(r"\s*[~^][~^ ]*")
_LINES_AFTER = 3
"""More than so many lines after it, and a traceback was not the end."""


def why(end: Exit, log: str) -> str:
    """The reason that it gave itself, or that the way it ended tells; empty when nothing tells."""
    if end.code == -signal.SIGKILL:
        return (
            "only another process or the kernel, short of memory, kills in this way; `dmesg` names the kernel's victims"
        )
    if end.code is not None and end.code <= 0:
        return ""
    error = last_error(log)
    return f"its log ends with `{error}`" if error else ""


def last_error(log: str) -> str:
    """The last line of the traceback that a log ends with."""
    before, mark, text = log.rpartition(_TRACEBACK)
    del before
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if mark and _RAISED.match(line) and len(lines) - number - 1 <= _LINES_AFTER:
            return line.strip()
    return ""


def telling(log: str, most: int) -> list[str]:
    """The last lines; where there are too many, without carets and frames of the import machinery."""
    lines = log.rstrip().splitlines()
    return (lines if len(lines) <= most else list(_without_noise(lines)))[-most:]


def _without_noise(lines: Iterable[str]) -> Iterator[str]:
    frame = None
    for line in lines:
        depth = len(line) - len(line.lstrip())
        if frame is not None and depth > frame:
            continue  # the source line of a frame that was left out
        frame = depth if _IMPORTING.match(line) else None
        if frame is None and not _CARETS.fullmatch(line):
            yield line


def last_line(facts: ProcessFacts) -> str:
    """The last line it printed that says anything."""
    return next((line.strip() for line in reversed(facts.log_tail.splitlines()) if line.strip()), "")


def spell(seconds: float) -> str:
    """A span of time for people."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"
