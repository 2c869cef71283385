"""One file exchanged for another, so that every crash leaves the old or the new, and never half of each."""

import glob
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from paramedic.sdk import users
from paramedic.sdk.action import DidIt
from paramedic.sdk.blocking import in_thread
from paramedic.sdk.context import ActContext
from paramedic.sdk.files import digest, sync_folder, write_new, write_whole
from paramedic.sdk.notes import Notes
from paramedic.sdk.ports import ActionFailed

Build = Callable[[Path | None], Awaitable[Path]]
"""Makes the new file from the one that was set aside, and returns where it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A file that is about to be exchanged, with what goes along."""

    context: ActContext
    notes: Notes
    path: Path
    companions: tuple[str, ...] = ()
    """Suffixes of files that belong to the old one alone: they vanish with it and come back with it."""
    escort: Path | None = None
    """A file that describes this one; a new one lies beside what was built, and both are put in place together."""
    builds_first: bool = False
    """Whether the new file is built while the old one is still used, so that its users rest only for the exchange."""
    refuse: Callable[[], None] = lambda: None
    """Raises ``ActionFailed`` where somebody still has the file open once its users have been stopped."""

    async def make(self, build: Build) -> None:
        """Set the old file aside, build, put the new one in place; what uses it is started again on every path.

        Raises:
            ActionFailed: it does not work; the old file is where it was.
        """
        stopped = self.notes.names("stopped") or users.running(self.context)
        self.notes.note(stopped=list(stopped))
        try:
            built: Path | None = None
            if self.builds_first:
                built = await build(await self._aside())
            await users.stop(self.context, stopped)
            self.refuse()
            aside = await self._aside()
            await self._put(built or await build(aside))
        finally:
            await users.start(self.context, stopped)

    def happened(self) -> DidIt:
        """After a crash: the file in place is the new one, or the old one, or somebody else's."""
        notes, path = self.notes, self.path
        if notes.get("after") is None:
            return DidIt.NO
        if path.exists() and path.stat().st_ino == notes.get("inode"):
            return DidIt.YES  # also when what uses it has gone on writing to it
        found = _digest(path)
        if found == notes.get("after"):
            return DidIt.YES
        return DidIt.NO if found == notes.get("before") else DidIt.CANNOT_TELL

    async def reconcile(self) -> DidIt:
        """The same, and what was stopped runs again."""
        did = await in_thread(self.happened)
        await users.start(self.context, self.notes.names("stopped"))
        return did

    async def put_back(self) -> str:
        """Undo: what was set aside stands in its place again; what stood there meanwhile is set aside in turn."""
        context, notes, path = self.context, self.notes, self.path
        did = await in_thread(self.happened)
        stopped = notes.names("stopped")
        if did is not DidIt.YES:
            await users.start(context, stopped)
            if did is DidIt.CANNOT_TELL:
                raise ActionFailed(f"`{path}` was replaced by somebody since; the old one is in `{notes.get('aside')}`")
            return f"`{path.name}` is as it was"
        names = tuple(dict.fromkeys((*stopped, *users.running(context))))
        try:
            await users.stop(context, names)
            await in_thread(context.last_good.set_aside, path, "before undo")
            aside = notes.place("aside")
            if aside is None:
                for suffix in ("", *self.companions):
                    _beside(path, suffix).unlink(missing_ok=True)
                self._escort_back()
                sync_folder(path.parent)
                return f"removed `{path.name}`, which was not there before"
            draft = _draft(path, "undo")
            await in_thread(_prepare, draft, aside, path)
            self._swap(draft)
            self._escort_back()
            for suffix in self.companions:
                if suffix != "-shm" and _beside(aside, suffix).exists():
                    write_new(_beside(path, suffix), _beside(aside, suffix), mode=path.stat().st_mode & 0o777)
            notes.note(after=None, inode=None)
        finally:
            await users.start(context, names)
        return f"put `{path.name}` back as it was before"

    async def _aside(self) -> Path | None:
        """The old file, as it is now, in safety; copied again only where it has changed since."""
        notes = self.notes
        before = await in_thread(_digest, self.path)
        aside = notes.place("aside")
        if aside is None or notes.get("before") != before:
            aside = await in_thread(self.context.last_good.set_aside, self.path, "before it was replaced")
            escort = (
                await in_thread(self.context.last_good.set_aside, self.escort, "before it was replaced")
                if self.escort
                else None
            )
            notes.note(before=before, aside=str(aside) if aside else None, escort_aside=str(escort) if escort else None)
        return aside

    async def _put(self, built: Path) -> None:
        path, notes = self.path, self.notes
        for leftover in path.parent.glob(f".{glob.escape(path.name)}.*.paramedic"):
            leftover.unlink(missing_ok=True)  # of a try that a crash ended
        draft = _draft(path, self.context.token)
        try:
            await in_thread(_prepare, draft, built, path)
            notes.note(after=await in_thread(digest, draft), inode=draft.stat().st_ino)
            self.context.checkpoint("mid-act")
            # nothing is awaited from here on: either all of it happens or nothing
            if self.escort:
                # first, because it may speak of a file that is still to come, but no file may lack its own
                described = built.with_name(built.name + ".escort")
                if described.exists():
                    _put_escort(self.escort, described, path)
            self._swap(draft)
        except OSError as error:
            raise ActionFailed(f"`{path}` could not be written: {error.strerror or error}") from None
        finally:
            draft.unlink(missing_ok=True)
            built.unlink(missing_ok=True)

    def _swap(self, draft: Path) -> None:
        # the old companions first: a log beside a new database would be played into it
        for suffix in self.companions:
            _beside(self.path, suffix).unlink(missing_ok=True)
        draft.replace(self.path)
        sync_folder(self.path.parent)

    def _escort_back(self) -> None:
        if self.escort is None:
            return
        aside = self.notes.place("escort_aside")
        if aside is None:
            self.escort.unlink(missing_ok=True)
        else:
            _put_escort(self.escort, aside, self.path)


def _put_escort(escort: Path, content: Path, like: Path) -> None:
    seen = next(each for each in (escort, like, escort.parent) if each.exists())
    mode = seen.stat().st_mode & 0o777 if seen.is_file() else 0o640
    write_whole(escort, content, mode=mode, uid=seen.stat().st_uid, gid=seen.stat().st_gid)


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
