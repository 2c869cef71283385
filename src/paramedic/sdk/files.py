"""Files that must never be half written, and files that must never make us wait."""

import hashlib
import io
import json
import os
import re
import secrets
import shutil
import stat
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

_CHUNK = 1 << 20
_COPY = re.compile(r"(\d{8})-\d{8}T\d{6}Z-[0-9a-f]{12}")


class NotAFile(OSError):
    """A directory, pipe, socket or device stands where a file should."""


class TooLarge(OSError):
    """The file is larger than what may be read of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What is recorded beside a last good copy (in ``<copy>.json``): when it was made, and of what sort of file."""

    at: datetime
    mode: int
    uid: int
    gid: int


def kept(copy: Path) -> Kept:
    """The record beside a last good copy or in the manifest of a backup; else what the copy itself shows."""
    try:
        record = _record(copy)
        return Kept(at=datetime.fromisoformat(record["at"]), mode=record["mode"], uid=record["uid"], gid=record["gid"])
    except (OSError, ValueError, KeyError, TypeError, StopIteration):
        seen = copy.stat()
        return Kept(
            at=datetime.fromtimestamp(seen.st_mtime, UTC),
            mode=stat.S_IMODE(seen.st_mode),
            uid=seen.st_uid,
            gid=seen.st_gid,
        )


def _record(copy: Path) -> dict[str, Any]:
    if record_of(copy).exists():
        found: dict[str, Any] = json.loads(record_of(copy).read_bytes())
        return found
    manifest = json.loads((copy.parent.parent / "manifest.json").read_bytes())
    return {"at": manifest["at"], **next(each for each in manifest["files"] if each["name"] == copy.name)}


def record_of(copy: Path) -> Path:
    """Where the record of a last good copy stands."""
    return copy.with_name(copy.name + ".json")


def copies_folder(directory: Path, path: Path) -> Path:
    """Where the last good copies of a file stand, below the directory of all of them."""
    name = re.sub(r"[^A-Za-z0-9._]+", "-", path.name)[:40]
    return directory / f"{name}-{hashlib.sha256(os.fsencode(path.absolute())).hexdigest()[:16]}"


def copies_of(directory: Path, path: Path) -> list[Path]:
    """Copies that have their record, newest first, not verified; none where we may not look."""
    try:
        found = [each for each in copies_folder(directory, path).glob("*") if _COPY.fullmatch(each.name)]
        return sorted((each for each in found if record_of(each).exists()), key=lambda each: each.name, reverse=True)
    except PermissionError:
        return []


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading; never waits for the other end of a pipe, never touches a device.

    Raises:
        NotAFile: something else stands there.
        OSError: it is missing or may not be read.
    """
    _refuse_others(path, path.stat().st_mode)
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    try:
        _refuse_others(path, os.fstat(file.fileno()).st_mode)
    except NotAFile:
        file.close()
        raise
    return file


def read_whole(path: Path, limit_bytes: int) -> bytes:
    """The content of a regular file.

    Raises:
        TooLarge: it holds more than the limit.
        NotAFile: it is not a file.
        OSError: it is missing or may not be read.
    """
    with open_regular(path) as file:
        content = file.read(limit_bytes + 1)
        if len(content) > limit_bytes:
            size = os.fstat(file.fileno()).st_size
            raise TooLarge(f"holds {size} bytes, more than the {limit_bytes} that are read")
        return content


def digest(path: Path) -> str:
    """SHA-256 of a regular file."""
    total = hashlib.sha256()
    with open_regular(path) as file:
        while chunk := file.read(_CHUNK):
            total.update(chunk)
    return total.hexdigest()


def write_whole(path: Path, content: bytes | Path, *, mode: int, uid: int = -1, gid: int = -1) -> None:
    """Replace a file in one instant: written beside it, made durable, then renamed over it.

    ``content`` is the bytes, or a file to copy. Owner and group are kept where we may set them. A link stays a link.
    """
    place = Path(os.path.realpath(path))
    beside = place.with_name(f".{place.name}.{secrets.token_hex(4)}.paramedic")
    try:
        write_new(beside, content, mode=mode, uid=uid, gid=gid)
        beside.replace(place)
    finally:
        beside.unlink(missing_ok=True)
    sync_folder(place.parent)


def write_new(path: Path, content: bytes | Path, *, mode: int, uid: int = -1, gid: int = -1) -> None:
    """Create a file that must not exist yet, durably; nobody else can read it before its mode is set."""
    with ExitStack() as stack:
        # the source first: where there is none, nothing is created
        source = io.BytesIO(content) if isinstance(content, bytes) else stack.enter_context(open_regular(content))
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        file = stack.enter_context(os.fdopen(handle, "wb"))
        shutil.copyfileobj(source, file, _CHUNK)
        file.flush()
        with suppress(PermissionError):
            os.fchown(file.fileno(), uid, gid)
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make a rename or a removal in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _refuse_others(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise NotAFile(f"`{path}` is {_what(mode)}, not a file")


def _what(mode: int) -> str:
    names = (
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISFIFO, "a named pipe"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
    )
    return next((name for test, name in names if test(mode)), "something else")
