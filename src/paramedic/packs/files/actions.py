"""Makes declared folders again."""

import json
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from paramedic.packs.files.seeing import look_at
from paramedic.packs.files.target import Entry, Files, PathType
from paramedic.sdk import ActContext, ActionFailed, DidIt, Json, Outcome, Preview, Risk, action
from paramedic.sdk.account import group_id, user_id
from paramedic.sdk.blocking import in_thread
from paramedic.sdk.files import sync_folder, write_whole

_MODE = 0o755
_MOUNTS = Path("/etc/fstab")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Folder:
    """One that is to be made."""

    path: Path
    mode: int
    uid: int
    gid: int

    def __str__(self) -> str:
        whose = f", user {self.uid}, group {self.gid}" if self.uid >= 0 or self.gid >= 0 else ""
        return f"{self.path} (mode {self.mode:04o}{whose})"


@action("files.create-directory", risk=Risk.SAFE)
class CreateDirectory:
    """Make declared folders that are missing, with their declared mode, user and group.

    Only what ``type: directory`` declares is made, and only where the folder above it exists or is declared, too: a
    way that is missing altogether is rather a disk that was not mounted. Undoing removes what is still empty.
    """

    async def preview(self, context: ActContext) -> Preview:
        try:
            folders = await in_thread(_missing, context)
        except ActionFailed as error:
            return Preview(summary="make the missing folders", blocked=str(error))
        if not folders:
            return Preview(summary="nothing: every declared folder is there")
        names = ", ".join(f"`{each.path}`" for each in folders)
        return Preview(summary=f"make {names}", diff="\n".join(f"+ {each}" for each in folders))

    async def apply(self, context: ActContext) -> Outcome:
        return await in_thread(_make, context)

    async def verify(self, context: ActContext, output: Mapping[str, Json]) -> None:  # noqa: ARG002  # the shape of the protocol
        made = output.get("made")
        for each in made if isinstance(made, list) else ():
            if not Path(str(each)).is_dir():
                raise ActionFailed(f"`{each}` is no folder")

    async def reconcile(self, context: ActContext) -> DidIt:
        # what was begun is finished by doing it again: a folder that is there is left as it is
        return DidIt.NO if await in_thread(_missing, context) else DidIt.YES

    async def undo(self, context: ActContext, output: Mapping[str, Json]) -> str:  # noqa: ARG002  # the note outlives a crash
        return await in_thread(_remove, context)


def _missing(context: ActContext) -> list[_Folder]:
    """What is to be made, folders before what lies in them.

    Raises:
        ActionFailed: something is missing that is not ours to make.
    """
    target = context.component.target
    if not isinstance(target, Files):
        raise ActionFailed(f"`{context.component.name}` declares no files")
    missing = [each.entry for each in look_at(target) if each.is_missing]
    declared = {each.path for each in missing if each.type is PathType.DIRECTORY and not each.is_pattern}
    for entry in missing:
        if entry.path not in declared:
            raise ActionFailed(f"`{entry.path}` is missing, and is not declared with `type: directory`")
        if entry.path.is_symlink():
            raise ActionFailed(f"`{entry.path}` is a link to what does not exist; it is not replaced")
        if entry.path.parent not in declared and not entry.path.parent.is_dir():
            raise ActionFailed(f"the folder `{entry.path.parent}` is missing as well; is its volume mounted?")
        if mount := _unmounted(entry.path):
            raise ActionFailed(f"`{mount}` is a mount point of `{_MOUNTS}` on which nothing is mounted")
    return [_as_declared(each) for each in sorted(missing, key=lambda each: len(each.path.parts))]


def _as_declared(entry: Entry) -> _Folder:
    uid, gid = -1, -1
    if entry.owner is not None:
        known = user_id(entry.owner)
        if known is None:
            raise ActionFailed(f"this machine has no user `{entry.owner}`")
        uid = known
    if entry.group is not None:
        known = group_id(entry.group)
        if known is None:
            raise ActionFailed(f"this machine has no group `{entry.group}`")
        gid = known
    permissions = entry.permissions
    return _Folder(path=entry.path, mode=_MODE if permissions is None else permissions, uid=uid, gid=gid)


def _unmounted(path: Path) -> Path | None:
    """The mount point on the way to a path that should hold a volume and holds none."""
    try:
        rows = [line.split() for line in _MOUNTS.read_text().splitlines()]
    except OSError:
        return None
    points = {Path(row[1]) for row in rows if len(row) > 1 and not row[0].startswith("#")}
    return next((each for each in (path, *path.parents) if each in points and not each.is_mount()), None)


def _make(context: ActContext) -> Outcome:
    folders = _missing(context)
    if not folders:
        return Outcome(summary="nothing to do: every declared folder is there")
    _note(context, [str(each.path) for each in folders])
    made: list[str] = []
    for each in folders:
        _make_one(each, context.token)
        made.append(str(each.path))
        if len(made) == 1:
            context.checkpoint("mid-act")
    return Outcome(summary=f"made {', '.join(f'`{each}`' for each in made)}", output={"made": list[Json](made)})


def _make_one(folder: _Folder, token: str) -> None:
    """Made beside its place and moved there whole, through descriptors: nobody can put a link in the way."""
    path, draft = folder.path, _draft(folder.path, token)
    above = None
    try:
        above = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        with suppress(FileNotFoundError):
            os.rmdir(draft.name, dir_fd=above)  # of a try that a crash interrupted
        os.mkdir(draft.name, 0o700, dir_fd=above)
        made = os.open(draft.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=above)
        try:
            owner = os.fstat(above) if os.geteuid() == 0 else None  # what root makes belongs to whom the rest does
            uid = owner.st_uid if owner and folder.uid < 0 else folder.uid
            gid = owner.st_gid if owner and folder.gid < 0 else folder.gid
            os.fchown(made, uid, gid)
            os.fchmod(made, folder.mode)
        finally:
            os.close(made)
        os.rename(draft.name, path.name, src_dir_fd=above, dst_dir_fd=above)
    except OSError as error:
        with suppress(OSError):
            draft.rmdir()
        raise ActionFailed(f"`{path}` could not be made: {error.strerror or error}") from None
    finally:
        if above is not None:
            os.close(above)
    sync_folder(path.parent)


def _draft(path: Path, token: str) -> Path:
    return path.with_name(f".{path.name}.{token}.paramedic")


def _remove(context: ActContext) -> str:
    gone, kept = [], []
    for path in reversed(_noted(context)):
        with suppress(OSError):
            _draft(path, context.token).rmdir()
        try:
            if stat.S_ISDIR(path.lstat().st_mode):
                path.rmdir()
                gone.append(f"`{path}`")
        except FileNotFoundError:
            continue
        except OSError:
            kept.append(f"`{path}`")
    told = f"removed {', '.join(gone)}" if gone else "nothing to remove"
    return f"{told}; {', '.join(kept)} stays, because something is in it by now" if kept else told


def _place(context: ActContext) -> Path:
    return context.workspace / f"files-{context.component.name}.made.json"


def _note(context: ActContext, paths: list[str]) -> None:
    context.workspace.mkdir(mode=0o700, parents=True, exist_ok=True)
    earlier = [str(each) for each in _noted(context)]
    write_whole(_place(context), json.dumps(list(dict.fromkeys([*earlier, *paths]))).encode(), mode=0o600)


def _noted(context: ActContext) -> list[Path]:
    try:
        found = json.loads(_place(context).read_bytes())
    except (OSError, ValueError):
        return []
    return [Path(str(each)) for each in found] if isinstance(found, list) else []
