"""Copies of files made while their checks passed, and of files about to be changed.

Each watched file has a folder of its own, named after a digest of its path. A copy counts only with its record
beside it, which is written last: a crash leaves at worst a copy that nobody trusts and the next ``keep`` removes.
"""

import json
import os
import re
import secrets
import shutil
import stat
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

from paramedic.model.clock import Clock
from paramedic.sdk.files import copies_folder, copies_of, digest, record_of, sync_folder, write_new, write_whole

LIMIT_BYTES = 1 << 30
"""Files above this are not kept; whoever owns them has a better backup than a copy in our state directory."""
_RESERVE_BYTES = 64 << 20
_NEWEST = 5
_DAYS = 7
_COMPANIONS = ("-wal", "-shm", "-journal")
_STAMP = "%Y%m%d-%H%M%S"
_COPY = re.compile(r"(\d{8})-\d{8}T\d{6}Z-[0-9a-f]{12}")


class LastGoodFiles:
    """Keeps the newest five copies of each file and one a day for a week; readable by nobody else."""

    def __init__(
        self, directory: Path, clock: Clock, further: Callable[[Path], tuple[Path, ...]] = lambda _path: ()
    ) -> None:
        """``further``: verified copies of a file that somebody else keeps, such as backups, newest first."""
        self._directory = directory
        self._clock = clock
        self._further = further
        self._locks: dict[str, threading.Lock] = {}

    def keep(self, path: Path, copy: Callable[[Path, Path], None] | None = None) -> Path | None:
        """Keep what the file holds now; returns the copy that holds it.

        ``copy`` copies a file that is in use. ``None`` when the file is no regular file, above the limit, changing
        under our hands, or when the disk has no room for it.
        """
        # one for each file: nobody waits for the copy of a large database who keeps another file
        with self._locks.setdefault(str(self._place(path)), threading.Lock()):
            try:
                return self._keep(path, copy)
            except OSError:
                return None

    def newest(self, path: Path) -> tuple[Path, ...]:
        """Copies of the file, newest first, each verified against its digest; backups of it after them."""
        return (*(each for each in self._copies(path) if _is_whole(each)), *self._further(path))

    def set_aside(self, path: Path, reason: str) -> Path | None:
        """Copy a file and its SQLite companions to a folder of their own; ``None`` when there is no file."""
        if not path.is_file():
            return None
        place = self._new_place(path, reason)
        for each in (path, *(path.with_name(path.name + suffix) for suffix in _COMPANIONS)):
            with suppress(FileNotFoundError):  # a companion may vanish while we look
                write_new(place / each.name, each, mode=0o600)
        sync_folder(place)
        return place / path.name

    def prune(self, keep_days: float) -> None:
        """Remove what was set aside longer ago than that."""
        oldest = self._clock.now() - timedelta(days=keep_days)
        for place in self._directory.glob("*/aside/*"):
            with suppress(ValueError, OSError):
                if datetime.strptime(place.name[:15], _STAMP).replace(tzinfo=oldest.tzinfo) < oldest:
                    shutil.rmtree(place)

    def _keep(self, path: Path, copy: Callable[[Path, Path], None] | None) -> Path | None:
        seen = path.stat()
        source = _fingerprint(path)
        size = sum(each["size"] for each in source.values())
        if not stat.S_ISREG(seen.st_mode) or size > LIMIT_BYTES:
            return None
        copies = self._copies(path)
        if copies and _record(copies[0]).get("source") == source:
            return copies[0]
        place = self._place(path)
        _make(place)
        if shutil.disk_usage(place).free < 2 * size + _RESERVE_BYTES:
            return None
        draft = place / f"draft-{secrets.token_hex(4)}"
        try:
            if copy is None:
                write_new(draft, path, mode=0o600)
                if _fingerprint(path) != source:
                    return None  # half of one version and half of another; the next look keeps it
            else:
                draft.touch(mode=0o600)
                copy(path, draft)
                with draft.open("rb") as file:
                    os.fsync(file.fileno())
            found = digest(draft)
            if copies and _record(copies[0]).get("digest") == found:
                self._note(copies[0], {**_record(copies[0]), "source": source})
                return copies[0]
            # numbered, because the wall clock may jump back and the newest must stay the newest
            number = int(copies[0].name[:8]) + 1 if copies else 1
            now = self._clock.now()
            final = place / f"{number:08d}-{now:%Y%m%dT%H%M%SZ}-{found[:12]}"
            draft.replace(final)
            facts = {"mode": stat.S_IMODE(seen.st_mode), "uid": seen.st_uid, "gid": seen.st_gid}
            self._note(final, {"path": str(path), "at": now.isoformat(), "digest": found, "source": source, **facts})
        finally:
            for leftover in (draft, *(draft.with_name(draft.name + suffix) for suffix in _COMPANIONS)):
                leftover.unlink(missing_ok=True)
        self._thin_out(path)
        return final

    def _note(self, copy: Path, record: Mapping[str, object]) -> None:
        write_whole(record_of(copy), json.dumps(record).encode(), mode=0o600)

    def _copies(self, path: Path) -> list[Path]:
        """Copies that have their record, newest first, not verified."""
        return copies_of(self._directory, path)

    def _thin_out(self, path: Path) -> None:
        copies = self._copies(path)
        oldest = self._clock.now() - timedelta(days=_DAYS)
        wanted, days = set(copies[:_NEWEST]), set[object]()
        for each in copies:
            with suppress(KeyError, ValueError, TypeError):
                at = datetime.fromisoformat(str(_record(each)["at"]))
                if at > oldest and at.date() not in days:
                    days.add(at.date())
                    wanted.add(each)
        for each in self._place(path).glob("*"):
            trusted = each if _COPY.fullmatch(each.name) else each.with_suffix("")
            if each.is_file() and trusted not in wanted:
                each.unlink(missing_ok=True)

    def _new_place(self, path: Path, reason: str) -> Path:
        """A folder for what is set aside. Its name is told to people: small letters and counted, or it looks secret."""
        label = re.sub(r"[^a-z0-9]+", "-", reason.lower()).strip("-")[:40] or "set-aside"
        name = f"{self._clock.now():{_STAMP}}-{label}"
        asides = self._place(path) / "aside"
        _make(asides)
        for number in count(1):
            place = asides / (name if number == 1 else f"{name}-{number}")
            with suppress(FileExistsError):
                place.mkdir(mode=0o700)
                return place
        raise AssertionError("there is always another number")

    def _place(self, path: Path) -> Path:
        return copies_folder(self._directory, path)


def _make(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)


def _fingerprint(path: Path) -> dict[str, dict[str, int]]:
    """What tells cheaply that a file, with its WAL where it has one, is unchanged."""
    found: dict[str, dict[str, int]] = {}
    for suffix in ("", "-wal"):
        with suppress(FileNotFoundError):
            seen = path.with_name(path.name + suffix).stat()
            found[suffix] = {"size": seen.st_size, "mtime_ns": seen.st_mtime_ns, "inode": seen.st_ino}
    return found


def _record(copy: Path) -> dict[str, object]:
    try:
        record = json.loads(record_of(copy).read_bytes())
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _is_whole(copy: Path) -> bool:
    try:
        return digest(copy) == _record(copy).get("digest")
    except OSError:
        return False
