"""Removes a lock that nobody holds."""

import shutil
from collections.abc import Mapping

from paramedic.sdk import ActContext, ActionFailed, DidIt, Json, Outcome, Preview, Risk, action
from paramedic_lockfile.target import Lockfile, lives


@action("lockfile.remove", risk=Risk.REVERSIBLE)
class Remove:
    """Remove the lock of a process that is gone; the file is kept, so that it can be put back."""

    async def preview(self, context: ActContext) -> Preview:
        return Preview(summary=f"remove `{_lock(context).path.name}`", blocked=_why_not(_lock(context)))

    async def apply(self, context: ActContext) -> Outcome:
        lock = _lock(context)
        if why := _why_not(lock):  # plans go stale: somebody may have taken the lock since
            raise ActionFailed(why)
        context.workspace.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copy2(lock.path, context.workspace / "lock")
        context.checkpoint("mid-act")
        lock.path.unlink()
        return Outcome(summary=f"removed `{lock.path.name}`")

    async def reconcile(self, context: ActContext) -> DidIt:
        return DidIt.NO if _lock(context).path.exists() else DidIt.YES

    async def undo(self, context: ActContext, output: Mapping[str, Json]) -> str:
        lock, kept = _lock(context), context.workspace / "lock"
        if lock.path.exists() or not kept.exists():
            return "there was nothing to put back"
        shutil.copy2(kept, lock.path)
        return f"put `{lock.path.name}` back"


def _lock(context: ActContext) -> Lockfile:
    target = context.component.target
    if not isinstance(target, Lockfile):
        raise ActionFailed(f"`{context.component.name}` is no lock file")
    return target


def _why_not(lock: Lockfile) -> str | None:
    try:
        holder = lock.holder()
    except (OSError, ValueError) as error:
        return f"`{lock.path.name}` cannot be read: {error}"
    if holder is None:
        return f"`{lock.path.name}` is gone already"
    return f"pid {holder} holds the lock" if lives(holder) else None
