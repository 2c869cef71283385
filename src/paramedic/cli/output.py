"""Where text goes: the report to stdout, everything else to stderr, files that only their owner can read."""

import contextlib
import errno
import os
import shutil
import stat
import sys
import tempfile
from pathlib import Path
from typing import TextIO

from paramedic.model.errors import NotNow, Unusable


def emit(text: str) -> None:
    """Write a report to stdout. A reader that went away changes nothing about the verdict."""
    _write(sys.stdout, text)


def complain(text: str) -> None:
    """Write a line to stderr."""
    _write(sys.stderr, text + "\n")


def wants_colour(stream: TextIO) -> bool:
    """``NO_COLOR`` forbids, ``FORCE_COLOR`` demands, otherwise a terminal decides."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (stream.isatty() and os.environ.get("TERM") != "dumb")


def width() -> int:
    """Columns of the terminal; 80 where there is none."""
    return max(40, shutil.get_terminal_size((80, 24)).columns) if sys.stdout.isatty() else 80


def write_private(path: Path, text: str) -> None:
    """Write a file as a whole or not at all, readable by its owner only.

    Raises:
        ParamedicError: it cannot be written; what was there before still is.
    """
    try:
        target = path.resolve()
        if target.exists() and not stat.S_ISREG(target.stat().st_mode):
            # a pipe or a device is written to, never replaced by a file
            with target.open("w", encoding="utf-8") as open_file:
                open_file.write(text)
            return
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)  # made with mode 0600
        try:
            with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(target)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise (NotNow if full else Unusable)(
            f"the report could not be written to `{path}`: {reason}", hint="name a place that can be written to"
        ) from error


def _write(stream: TextIO, text: str) -> None:
    encoding = stream.encoding or "ascii"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        from paramedic.report.words import TO_ASCII

        text = text.translate(TO_ASCII).encode(encoding, "backslashreplace").decode(encoding)
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        nowhere(stream)
    except OSError:
        # A full disk behind stderr is no reason to fail; a report that did not arrive is.
        nowhere(stream)
        if stream is not sys.stderr:
            raise


def nowhere(stream: TextIO) -> None:
    """Let what is left go nowhere, or the interpreter would complain about it when it exits."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
