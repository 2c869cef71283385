"""Secrets where they do not belong. Where and of what kind is told; the value never."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

from paramedic.packs.security.codes import SECRET_EXPOSED
from paramedic.packs.security.target import Security, found
from paramedic.report.disguises import disguises
from paramedic.report.shapes import secret_shapes
from paramedic.sdk import Context, Evidence, Finding, check
from paramedic.sdk.blocking import in_thread

_CHUNK = 1 << 20
"""Bytes that are read at a time."""
_FIRST = 64 << 20
"""Of a longer log, what stands before these last bytes is not read."""
_LOOK_S = 5.0
"""What cannot be read in this time is for the next look; until then nobody says that all is well."""
_OVERLAP = 4096
_MOST_COUNTED = 1 << 30
_MOST_TOLD = 10
_MOST_KEPT = 100
"""Places in one file that are remembered; what is more is counted."""
_SHORTEST = 8
"""Shorter known secrets may stand in a log by chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposed:
    """One secret in one file."""

    path: Path
    line: int | None
    """``None`` where the file is too long to count."""
    kind: str

    @property
    def place(self) -> str:
        return f"line {self.line}" if self.line else "a line near its end"


@dataclass(slots=True, kw_only=True)
class _Reader:
    """How far one file was read."""

    inode: int = -1
    offset: int = 0
    lines: int | None = 0
    changed_ns: int = 0
    seen: list[Exposed] = field(default_factory=list)
    secrets: int = 0
    """All of them, also those that are only counted."""
    passed_by: int = 0
    """Bytes at its begin that nobody has read."""
    left: int = 0
    """Bytes that are still to be read."""


@check(SECRET_EXPOSED, of=Security, timeout_s=20, every_s=10)
async def exposed(security: Security, context: Context) -> list[Finding]:
    """No secret stands in logs, or in files that are meant to hold none.

    Looks at: the files and logs that are declared, for what looks like a key, a token or a password in use, and for the
    secrets of this service file in all their disguises. Of a log, its last 64 MiB, then what is added; until all of
    that is read, the answer is that nobody knows.
    Why: whoever reads the log, its copies or its backups has the secret from then on; to delete the line is no help.
    By hand: ``paramedic check`` names file and line; look at it there
    Healed by: nothing automatic: rotate the secret, then mend what wrote it there.
    """
    known = tuple(each for each in context.service.secrets if len(each) >= _SHORTEST)
    readers = cast("dict[Path, _Reader]", context.memory.setdefault("readers", {}))
    clock = context.clock
    end_s = clock.monotonic() + min(_LOOK_S, context.remaining_s / 2)
    read, blind = await in_thread(_look, security, known, readers, lambda: clock.monotonic() >= end_s)
    seen = [each for reader in read.values() for each in reader.seen]
    total = sum(reader.secrets for reader in read.values())
    unreadable = [
        context.unknown(f"`{path}` cannot be read: {why}", hint="let the user who runs Paramedic read it")
        for path, why in blind
    ]
    unreadable += [
        context.unknown(
            f"`{path.name}` is not read to its end yet: {reader.left} bytes are left",
            hint="the next look goes on there",
        )
        for path, reader in read.items()
        if reader.left
    ]
    if not seen:
        ends = [path.name for path, reader in read.items() if reader.passed_by]
        only = f"; only the last {_FIRST >> 20} MiB were read of `{'`, `'.join(ends)}`" if ends else ""
        return unreadable or [context.ok(f"no secret stands where it does not belong{only}")]
    first = seen[0]
    kinds = ", ".join(dict.fromkeys(each.kind for each in seen))
    more = f" and {total - 1} more" if total > 1 else ""
    return [
        context.critical(
            SECRET_EXPOSED,
            observed=f"`{first.path.name}` holds {first.kind} in {first.place}{more}",
            expected="no secret in files that others read",
            because=f"found: {kinds}",
            hint="rotate the secret first: put a new one in its place where it is used, and make the old one invalid; "
            "then mend what wrote it there, and remove the line with its copies and backups",
            evidence=tuple(Evidence(label=f"{each.path}, {each.place}", text=each.kind) for each in seen[:_MOST_TOLD]),
            path=first.path,
            line=first.line,
            secrets=float(total),
        ),
        *unreadable,
    ]


def _look(
    security: Security, known: tuple[str, ...], readers: dict[Path, _Reader], is_late: Callable[[], bool]
) -> tuple[dict[Path, _Reader], list[tuple[Path, str]]]:
    """What was read of each file by now, and the files that cannot be read."""
    forms = disguises(known)
    read: dict[Path, _Reader] = {}
    blind: list[tuple[Path, str]] = []
    for path in found((*security.files, *security.logs)):
        reader = readers.setdefault(path, _Reader())
        try:
            is_log = path in security.logs or path not in security.files
            while _read(path, reader, forms, is_log=is_log) and not is_late():
                pass
        except FileNotFoundError:
            readers.pop(path)  # whether a file must be there is no concern of this check
            continue
        except OSError as error:
            blind.append((path, error.strerror or str(error)))
        read[path] = reader
    return read, blind


def _read(path: Path, reader: _Reader, forms: tuple[str, ...], *, is_log: bool) -> bool:
    """Go on where the last piece ended, and say whether more is left; what was replaced or rewritten is read anew."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe in its place must not hang us
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        is_rewritten = not is_log and status.st_mtime_ns != reader.changed_ns
        if status.st_ino != reader.inode or status.st_size < reader.offset or is_rewritten:
            reader.inode, reader.offset, reader.lines, reader.seen = status.st_ino, 0, 0, []
            reader.secrets, reader.passed_by = 0, max(0, status.st_size - _FIRST) if is_log else 0
            _skip(file, reader.passed_by, reader)
        reader.changed_ns, reader.left = status.st_mtime_ns, 0
        if status.st_size == reader.offset:
            return False
        file.seek(reader.offset)
        octets = file.read(_CHUNK)
        end = octets.rfind(b"\n") + 1
        if not end or (not is_log and len(octets) < _CHUNK):
            end = len(octets) if not is_log or len(octets) >= _OVERLAP else 0  # a line that is still being written
        text = octets[:end].decode("utf-8", "replace")
        for at, kind in _secrets(text, forms):
            line = None if reader.lines is None else reader.lines + text.count("\n", 0, at) + 1
            reader.secrets += 1
            if len(reader.seen) < _MOST_KEPT:
                reader.seen.append(Exposed(path=path, line=line, kind=kind))
        if reader.lines is not None:
            reader.lines += text.count("\n")
        reader.offset += end
        reader.left = max(0, status.st_size - reader.offset) if end and len(octets) == _CHUNK else 0
        return reader.left > 0


def _skip(file: BinaryIO, octets: int, reader: _Reader) -> None:
    """Pass by what is old, counting its lines where that takes no more than a moment."""
    reader.offset, reader.lines = octets, None if octets > _MOST_COUNTED else 0
    while reader.lines is not None and (left := octets - file.tell()) > 0:
        reader.lines += file.read(min(left, _CHUNK)).count(b"\n")


def _secrets(text: str, forms: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    own = [at for form in forms if (at := text.find(form)) >= 0]
    if own:
        yield min(own), "a secret of this service file"
    for each in secret_shapes(text):
        yield each.at, each.kind
