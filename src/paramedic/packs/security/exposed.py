"""Secrets where they do not belong. Where and of what kind is told; the value never."""

import os
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
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
_HEAD = 1024
"""Bytes by whose digest a log is known again: a new one may be longer already than the old one was."""
_LEAST_HEAD = 64
"""By fewer a copy of it is not told from a stranger."""
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
    head: tuple[int, str] = (0, "")
    """How many bytes at its begin are known, and their digest."""
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


class _RotatedError(Exception):
    """Another log stands in the place of the one that was read."""


@dataclass(slots=True, kw_only=True)
class _Readers:
    """How far each file was read, and the log that stood in its place before."""

    now: dict[Path, _Reader] = field(default_factory=dict)
    before: dict[Path, tuple[Path, _Reader]] = field(default_factory=dict)
    """By the path that it had, the path that it has, unless that is declared itself."""


@check(SECRET_EXPOSED, of=Security, timeout_s=20, every_s=10)
async def exposed(security: Security, context: Context) -> list[Finding]:
    """No secret stands in logs, or in files that are meant to hold none.

    Looks at: the files and logs that are declared, for what looks like a key, a token or a password in use, and for the
    secrets of this service file in all their disguises. Of a log, its last 64 MiB, then what is added, also in
    the file beside it that it became by rotation; until all of that is read, the answer is that nobody knows.
    Why: whoever reads the log, its copies or its backups has the secret from then on; to delete the line is no help.
    By hand: ``paramedic check`` names file and line; look at it there
    Healed by: nothing automatic: rotate the secret, then mend what wrote it there.
    """
    known = tuple(each for each in context.service.secrets if len(each) >= _SHORTEST)
    readers = cast("_Readers", context.memory.setdefault("readers", _Readers()))
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
    security: Security, known: tuple[str, ...], readers: _Readers, is_late: Callable[[], bool]
) -> tuple[dict[Path, _Reader], list[tuple[Path, str]]]:
    """What was read of each file by now, and the files that cannot be read."""
    forms = disguises(known)
    read: dict[Path, _Reader] = {}
    blind: list[tuple[Path, str]] = []
    paths = tuple(found((*security.files, *security.logs)))
    for path in [each for each in readers.now if each not in paths]:
        _follow(path, readers, paths)
    for path in paths:
        is_log = path in security.logs or path not in security.files
        try:
            try:
                _read_on(path, readers.now.setdefault(path, _Reader()), forms, is_late, is_log=is_log)
            except _RotatedError:
                _follow(path, readers, paths)
                _read_on(path, readers.now.setdefault(path, _Reader()), forms, is_late, is_log=is_log)
        except (FileNotFoundError, _RotatedError):
            _follow(path, readers, paths)  # whether a file must be there is no concern of this check
            continue
        except OSError as error:
            blind.append((path, error.strerror or str(error)))
        read[path] = readers.now[path]
    for path, (name, reader) in list(readers.before.items()):
        try:
            _read_on(name, reader, forms, is_late, is_log=True)
            read[name] = reader
        except (OSError, _RotatedError):
            del readers.before[path]
            readers.now.setdefault(name, reader)  # it may have been moved on
            _follow(name, readers, paths)
    return read, blind


def _follow(path: Path, readers: _Readers, paths: Collection[Path]) -> None:
    """Remember where the log that was read stands now, if it stands anywhere: its end may be unread."""
    reader = readers.now.pop(path)
    name = _renamed(path, reader)
    if name and name not in paths:
        reader.seen = [replace(each, path=name) for each in reader.seen]
        readers.before[path] = name, reader


def _renamed(path: Path, reader: _Reader) -> Path | None:
    """The same file under another name, or a copy of it that was made before it was emptied."""
    try:
        beside = [each for each in os.scandir(path.parent) if each.name != path.name and each.is_file()]
    except OSError:
        return None
    for each in sorted(beside, key=lambda each: each.inode() != reader.inode):
        if each.inode() != reader.inode and (reader.head[0] < _LEAST_HEAD or not each.name.startswith(path.stem)):
            continue
        with suppress(OSError), Path(each.path).open("rb") as file:
            if os.fstat(file.fileno()).st_size >= reader.offset and _has_head(file, reader):
                reader.inode = each.inode()
                return Path(each.path)
    return None


def _has_head(file: BinaryIO, reader: _Reader) -> bool:
    file.seek(0)
    return sha256(file.read(reader.head[0])).hexdigest() == reader.head[1] or not reader.head[0]


def _read_on(path: Path, reader: _Reader, forms: tuple[str, ...], is_late: Callable[[], bool], *, is_log: bool) -> None:
    while _read(path, reader, forms, is_log=is_log) and not is_late():
        pass


def _read(path: Path, reader: _Reader, forms: tuple[str, ...], *, is_log: bool) -> bool:
    """Go on where the last piece ended, and say whether more is left; what was rewritten is read anew.

    Raises:
        _RotatedError: it is another log.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe in its place must not hang us
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        is_changed = status.st_mtime_ns != reader.changed_ns
        is_new = status.st_ino != reader.inode or status.st_size < reader.offset
        if is_log and reader.inode >= 0 and (is_new or (is_changed and not _has_head(file, reader))):
            raise _RotatedError
        if is_new or (is_changed and not is_log):
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
        if reader.head[0] < (size := min(reader.offset, _HEAD)):
            file.seek(0)
            reader.head = size, sha256(file.read(size)).hexdigest()
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
