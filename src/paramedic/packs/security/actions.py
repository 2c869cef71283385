"""Modes of files, put right."""

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from paramedic.packs.security.modes import Open, look
from paramedic.packs.security.target import Security
from paramedic.sdk import ActContext, ActionFailed, DidIt, Json, Outcome, Preview, Risk, action
from paramedic.sdk.blocking import in_thread
from paramedic.sdk.files import write_whole


@action("security.fix-file-mode", risk=Risk.REVERSIBLE)
class FixFileMode:
    """Take from others what they may not do with the declared files: read what is private, write anything."""

    async def preview(self, context: ActContext) -> Preview:
        try:
            seen = await in_thread(_open, context)
        except ActionFailed as error:
            return Preview(summary="fix the modes of files", blocked=str(error))
        diff = "".join(f"- {each.mode:04o} {each.path}\n+ {each.wanted:04o} {each.path}\n" for each in seen)
        names = ", ".join(f"`{each.path.name}`" for each in seen)
        return Preview(summary=f"`chmod` {names}" if seen else "nothing to do: no file is too open", diff=diff)

    async def apply(self, context: ActContext) -> Outcome:
        return await in_thread(_close, context)

    async def verify(self, context: ActContext, output: Mapping[str, Json]) -> None:
        del output  # what counts is how it is
        if left := await in_thread(_open, context):
            raise ActionFailed(f"`{left[0].path}`: {left[0].in_words}")

    async def reconcile(self, context: ActContext) -> DidIt:
        # to take a right away twice changes nothing; what was begun is finished by doing it again
        return DidIt.NO if await in_thread(_open, context) else DidIt.YES

    async def undo(self, context: ActContext, output: Mapping[str, Json]) -> str:  # noqa: ARG002  # the note outlives a crash
        return await in_thread(_reopen, context)


def _open(context: ActContext) -> list[Open]:
    """What is too open.

    Raises:
        ActionFailed: it is not ours to change.
    """
    target = context.component.target
    if not isinstance(target, Security):
        raise ActionFailed(f"`{context.component.name}` declares no private files")
    seen, _ = look(target)
    for each in seen:
        if os.geteuid() not in (0, each.path.stat().st_uid):
            raise ActionFailed(f"`{each.path}` belongs to somebody else")
    return seen


def _close(context: ActContext) -> Outcome:
    seen = _open(context)
    _note(context, {str(each.path): [each.mode, each.wanted] for each in seen})
    for index, each in enumerate(seen):
        _change(each.path, each.mode, each.wanted)
        if index == 0:
            context.checkpoint("mid-act")
    told = ", ".join(f"`{each.path.name}` {each.mode:04o} -> {each.wanted:04o}" for each in seen)
    return Outcome(summary=told or "nothing was too open any more", output={"files": [str(each.path) for each in seen]})


def _change(path: Path, expected: int, mode: int) -> bool:
    """Set a mode through a descriptor, where it is still as expected: a file put in its place is not touched."""
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or stat.S_IMODE(status.st_mode) != expected:
                return False
            os.chmod(f"/proc/self/fd/{descriptor}", mode)  # noqa: PTH101  # the descriptor, whatever the path leads to by now
        finally:
            os.close(descriptor)
    except OSError as error:
        raise ActionFailed(f"the mode of `{path}` could not be changed: {error.strerror or error}") from None
    return True


def _reopen(context: ActContext) -> str:
    back = [f"`{path}`" for path, (before, after) in _noted(context).items() if _change(Path(path), after, before)]
    return f"the modes of {', '.join(back)} are as before" if back else "no mode is as it was left"


def _place(context: ActContext) -> Path:
    return context.workspace / f"modes-{context.component.name}.json"


def _note(context: ActContext, modes: dict[str, list[int]]) -> None:
    """Kept before anything is changed; of a second try the modes of the first count."""
    context.workspace.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(_place(context), json.dumps({**modes, **_noted(context)}).encode(), mode=0o600)


def _noted(context: ActContext) -> dict[str, list[int]]:
    try:
        found: dict[str, list[int]] = json.loads(_place(context).read_bytes())
    except (OSError, ValueError):
        return {}
    return found
