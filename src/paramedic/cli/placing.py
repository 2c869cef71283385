"""Putting a changed file in place: what was there is kept beside it, nothing is ever half written."""

import difflib
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from paramedic.model.clock import SystemClock
from paramedic.model.errors import ConfigurationError, ParamedicError
from paramedic.recovery.last_good import LastGoodFiles
from paramedic.report.redaction import Redactor
from paramedic.report.words import printable
from paramedic.sdk.files import write_new, write_whole
from paramedic.service import settings_with_sources

_LONGEST_DIFF = 200
_MODE = 0o644


def read(path: Path) -> str:
    """The text of a file; empty where there is none.

    Raises:
        ParamedicError: it may not be read.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ParamedicError(f"`{path}` cannot be read: {str(reason).lower()}") from error


def put(path: Path, text: str) -> Path | None:
    """Write a file as a whole, keeping its mode and owner; returns where the one before is, if there was one.

    Raises:
        ParamedicError: it cannot be written; what was there still is.
    """
    try:
        backup = _backed_up(path)
        seen = path.stat() if path.exists() else None
        mode = seen.st_mode & 0o7777 if seen else _MODE
        write_whole(path, text.encode(), mode=mode, uid=seen.st_uid if seen else -1, gid=seen.st_gid if seen else -1)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise ParamedicError(f"`{path}` cannot be written: {reason}", hint="nothing was changed") from error
    return backup


def keep(path: Path, state_dir: Path) -> None:
    """Remember a file as a good version, to be gone back to."""
    LastGoodFiles(state_dir / "last-good", SystemClock()).keep(path)


def good_versions(path: Path, state_dir: Path) -> tuple[Path, ...]:
    """Good versions of a file, newest first."""
    return LastGoodFiles(state_dir / "last-good", SystemClock()).newest(path)


def state_dir_of(path: Path) -> Path:
    """Where Paramedic keeps what belongs to a service file, however broken that is."""
    for text in (None, "{}"):
        try:
            found = settings_with_sources(path, os.environ, text=text)
        except ConfigurationError:
            continue
        place = next(each.value for each in found if each.name == "state_dir")
        return place if isinstance(place, Path) else path.parent / ".paramedic"
    return path.parent / ".paramedic"


def difference(names: tuple[str, str], old: str, new: str, secrets: Iterable[str] = ()) -> str:
    """A unified diff without secrets; empty where nothing differs."""
    text = "\n".join(difflib.unified_diff(old.splitlines(), new.splitlines(), *names, lineterm=""))
    lines = Redactor(secrets).text(text).splitlines()
    if len(lines) > _LONGEST_DIFF:
        lines = [*lines[:_LONGEST_DIFF], f"… and {len(lines) - _LONGEST_DIFF} more lines"]
    return printable("\n".join(lines))


def _backed_up(path: Path) -> Path | None:
    """A copy beside the file, named so that no pattern for such files finds it."""
    if not path.is_file():
        return None
    seen = path.stat()
    for number in range(1000):
        more = f"-{number}" if number else ""
        copy = path.with_name(f"{path.name}.{datetime.now(UTC):%Y%m%dT%H%M%SZ}{more}.bak")
        try:
            write_new(copy, path, mode=seen.st_mode & 0o7777, uid=seen.st_uid, gid=seen.st_gid)
        except FileExistsError:
            continue
        return copy
    raise FileExistsError(f"there are a thousand backups of `{path}`")
