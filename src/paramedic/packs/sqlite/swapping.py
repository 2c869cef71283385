"""One database file exchanged for another, so that every crash leaves the old or the new, and never half of each."""

import glob
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from paramedic.packs.sqlite import writers
from paramedic.packs.sqlite.notes import Notes
from paramedic.sdk import ActContext, ActionFailed, DidIt
from paramedic.sdk.blocking import in_thread
from paramedic.sdk.files import digest, sync_folder, write_new

_COMPANIONS = ("-wal", "-shm", "-journal")
Build = Callable[[Path | None], Awaitable[Path]]
"""Makes the new database from the one that was set aside, and returns where it is."""


async def exchange(context: ActContext, notes: Notes, path: Path, build: Build) -> None:
    """Stop the writers, set the old file aside, build, put the new file in place; the writers start on every path."""
    stopped = notes.names("stopped") or writers.running(context)
    notes.note(stopped=list(stopped))
    try:
        await writers.stop(context, stopped)
        if others := writers.strangers(context, path, ()):
            raise ActionFailed(f"the database is still open in {', '.join(others)}")
        await _exchange(context, notes, path, build)
    finally:
        await writers.start(context, stopped)


def happened(notes: Notes, path: Path) -> DidIt:
    """After a crash: the file in place is the new one, or the old one, or somebody else's."""
    if notes.get("after") is None:
        return DidIt.NO
    if path.exists() and path.stat().st_ino == notes.get("inode"):
        return DidIt.YES  # also when its writers have gone on writing to it
    found = _digest(path)
    if found == notes.get("after"):
        return DidIt.YES
    return DidIt.NO if found == notes.get("before") else DidIt.CANNOT_TELL


async def put_back(context: ActContext, notes: Notes, path: Path) -> str:
    """Undo: what was set aside stands in its place again; what stood there meanwhile is set aside in turn."""
    did = happened(notes, path)
    stopped = notes.names("stopped")
    if did is not DidIt.YES:
        await writers.start(context, stopped)
        if did is DidIt.CANNOT_TELL:
            raise ActionFailed(f"`{path}` was replaced by somebody since; the old one is in `{notes.get('aside')}`")
        return f"`{path.name}` is as it was"
    names = tuple(dict.fromkeys((*stopped, *writers.running(context))))
    try:
        await writers.stop(context, names)
        await in_thread(context.last_good.set_aside, path, "before undo")
        aside = notes.place("aside")
        if aside is None:
            for suffix in ("", *_COMPANIONS):
                _beside(path, suffix).unlink(missing_ok=True)
            sync_folder(path.parent)
            return f"removed `{path.name}`, which was not there before"
        draft = _draft(path, "undo")
        await in_thread(_prepare, draft, aside, path)
        _swap(draft, path)
        for suffix in ("-wal", "-journal"):
            if _beside(aside, suffix).exists():
                write_new(_beside(path, suffix), _beside(aside, suffix), mode=path.stat().st_mode & 0o777)
        notes.note(after=None, inode=None)
    finally:
        await writers.start(context, names)
    return f"put `{path.name}` back as it was before"


async def _exchange(context: ActContext, notes: Notes, path: Path, build: Build) -> None:
    before = await in_thread(_digest, path)
    aside = notes.place("aside")
    if aside is None or notes.get("before") != before:
        aside = await in_thread(context.last_good.set_aside, path, "before it was replaced")
        notes.note(before=before, aside=str(aside) if aside else None)
    built = await build(aside)
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.*.paramedic"):
        leftover.unlink(missing_ok=True)  # of a try that a crash ended
    draft = _draft(path, context.token)
    try:
        await in_thread(_prepare, draft, built, path)
        notes.note(after=await in_thread(digest, draft), inode=draft.stat().st_ino)
        context.checkpoint("mid-act")
        # nothing is awaited from here on: either all of it happens or nothing
        _swap(draft, path)
    except OSError as error:
        raise ActionFailed(f"`{path}` could not be written: {error.strerror or error}") from None
    finally:
        draft.unlink(missing_ok=True)
        built.unlink(missing_ok=True)


def _swap(draft: Path, path: Path) -> None:
    # the old WAL first: beside the new database it would be played into it
    for suffix in _COMPANIONS:
        _beside(path, suffix).unlink(missing_ok=True)
    draft.replace(path)
    sync_folder(path.parent)


def _prepare(draft: Path, content: Path, path: Path) -> None:
    draft.unlink(missing_ok=True)
    like = path if path.exists() else path.parent
    seen = like.stat()
    mode = seen.st_mode & 0o777 if like is path else 0o640
    write_new(draft, content, mode=mode, uid=seen.st_uid, gid=seen.st_gid)


def _draft(path: Path, token: str) -> Path:
    return path.with_name(f".{path.name}.{token or os.getpid()}.paramedic")


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _digest(path: Path) -> str | None:
    try:
        return digest(path)
    except FileNotFoundError:
        return None
