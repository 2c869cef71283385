"""From a path to text: refuses what is no readable, sane text file, and says why."""

import os
import stat
from pathlib import Path

from paramedic.service.problems import Problems, quoted

MAX_BYTES = 1024 * 1024
_MARKS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


def read_text(path: Path, problems: Problems, *, what: str = "the file", line: int | None = None) -> str | None:
    """The file's text, or ``None`` with the reason among the problems.

    Args:
        path: which file.
        problems: where the reason goes.
        what: how a message names it, where it is not the current file itself.
        line: where the current file names it.
    """
    data = _bytes(path, problems, what, line)
    if data is None:
        return None
    for mark, encoding in _MARKS.items():
        if data.startswith(mark):
            problems.add(f"{what} is encoded as {encoding}", line=line, expected="UTF-8", hint=_convert(encoding, path))
            return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        encoding = _likely(data)
        problems.add(
            f"{what} is not UTF-8: the byte 0x{data[error.start]:02x} at offset {error.start} (probably {encoding})",
            line=line or data.count(b"\n", 0, error.start) + 1,
            expected="UTF-8",
            hint=_convert(encoding, path),
        )
        return None


def _bytes(path: Path, problems: Problems, what: str, line: int | None) -> bytes | None:
    try:
        # Without O_NONBLOCK a named pipe without a writer would hang the program here.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            mode = os.fstat(descriptor).st_mode
            if stat.S_ISDIR(mode):
                raise IsADirectoryError
            if not stat.S_ISREG(mode):
                problems.add(f"{what} is a device, socket or pipe", line=line, expected="a regular file")
                return None
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        problems.add(f"{what} does not exist", line=line, expected="a file")
    except IsADirectoryError:
        problems.add(f"{what} is a directory", line=line, expected="a file")
    except PermissionError:
        problems.add(
            f"{what} may not be read", line=line, hint=f"give yourself the right: chmod u+r {quoted(str(path))}"
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        problems.add(f"{what} cannot be read: {str(reason).lower()}", line=line, expected="a file")
    else:
        if len(data) <= MAX_BYTES:
            return data
        problems.add(f"{what} is larger than 1 MiB", line=line, expected="a file written by a person")
    return None


def _likely(data: bytes) -> str:
    """The encoding that the bytes look like; a guess for the message only."""
    if data[1:200:2].count(0) > len(data[:200]) // 4 or data[0:200:2].count(0) > len(data[:200]) // 4:
        return "UTF-16"
    if b"\0" in data:
        return "a binary file"
    return "Windows-1252" if any(0x80 <= byte <= 0x9F for byte in data) else "ISO-8859-1"


def _convert(encoding: str, path: Path) -> str:
    if encoding == "a binary file":
        return "name another file; this one holds no text"
    return f"convert it: iconv -f {encoding.upper()} -t UTF-8 {quoted(path.name)}"
