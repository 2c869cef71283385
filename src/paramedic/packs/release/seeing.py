"""Releases as they lie on the disk. Everything here blocks."""

import os
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from paramedic.model.change import Change, deployment
from paramedic.packs.release.target import Release

_MOST_FILES = 10_000
"""Of a larger release so many files stand for all."""
_CHANGING = ("__pycache__",)
_CHANGING_FILES = (".pyc", ".log", ".pid", ".sock")
"""What a running program writes beside itself says nothing about whether its release is whole."""


class LinkBroken(Exception):
    """There is no current release; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Current:
    """The release that the link names."""

    folder: Path
    since: datetime
    """When the link was put in its place: the change time of its inode, which no tool can set."""

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.folder.name


def current(target: Release) -> Current:
    """The current release.

    Raises:
        LinkBroken: there is none.
        PermissionError: it may not be seen.
    """
    link = target.current
    try:
        seen = link.lstat()
    except FileNotFoundError:
        raise LinkBroken(f"there is no `{link}`") from None
    if not stat.S_ISLNK(seen.st_mode):
        raise LinkBroken(f"`{link}` is no link")
    named = os.readlink(link)
    folder = (link.parent / named).resolve()
    if not folder.is_dir():
        raise LinkBroken(f"`{link}` leads to `{named}`, which {'is no folder' if folder.exists() else 'is not there'}")
    if folder.parent != target.path.resolve():
        raise LinkBroken(f"`{link}` leads to `{folder}`, which is none of the releases in `{target.path}`")
    return Current(folder=folder, since=datetime.fromtimestamp(seen.st_ctime, UTC))


def deployments(target: Release, since: datetime, _home: Path) -> tuple[Change, ...]:
    """The last switch to another release, if it was since then."""
    try:
        seen = current(target)
    except (LinkBroken, OSError):
        return ()
    if seen.since < since:
        return ()
    return (
        deployment(target.component, seen.since, f"the release `{seen.name}` was switched to", str(target.current)),
    )


def unfinished(folder: Path, target: Release) -> str | None:
    """Why a release cannot be run from, if so."""
    try:
        if not any(folder.iterdir()):
            return "it is empty"
    except OSError as error:
        return f"it cannot be read: {error.strerror or error}"
    missing = [each for each in target.requires if not (folder / each).exists()]
    return f"it lacks {', '.join(f'`{each}`' for each in missing)}" if missing else None


def is_irreversible(folder: Path, target: Release) -> bool:
    """Whether a release says that its migration cannot be taken back."""
    return bool(target.irreversible) and (folder / target.irreversible).exists()


def files_of(folder: Path) -> dict[str, int]:
    """Its files and their sizes, without what changes while it runs."""
    found: dict[str, int] = {}
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(each for each in folders if each not in _CHANGING)
        for name in sorted(names):
            path = Path(place) / name
            if path.suffix in _CHANGING_FILES or not path.is_file():
                continue
            found[str(path.relative_to(folder))] = path.stat().st_size
            if len(found) >= _MOST_FILES:
                return found
    return found
