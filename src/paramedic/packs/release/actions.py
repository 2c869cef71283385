"""Goes back to the last release that passed its checks."""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from paramedic.packs.process.actions import restart, was_launched, why_it_cannot_start
from paramedic.packs.release import memory, seeing
from paramedic.packs.release.target import Release
from paramedic.sdk import ActContext, ActionFailed, DidIt, Json, Outcome, Preview, Risk, action
from paramedic.sdk.blocking import in_thread
from paramedic.sdk.files import sync_folder
from paramedic.sdk.notes import Notes


@action("release.switch", risk=Risk.REVERSIBLE)
class Switch:
    """Point the link to the current release to the last one that passed its checks, in one instant.

    Params: ``release``, where a person names another one. Nothing is deleted. The release that is left is nothing to go
    back to until it passes its checks again. Undoing points the link back and restarts what runs from it.
    """

    async def preview(self, context: ActContext) -> Preview:
        target = _target(context)
        now = await in_thread(_named, target)
        back, why = await in_thread(_good, context, target)
        if back is None:
            return Preview(summary="go back to an earlier release", blocked=f"there is no way back: {why}")
        lost = await in_thread(_lost, target, now)
        return Preview(
            summary=f"switch from `{now or 'nothing'}` to `{back}`",
            diff=f"- {target.current.name} -> {now or 'nothing'}\n+ {target.current.name} -> {back}",
            loss=(lost,) if lost else (),
        )

    async def apply(self, context: ActContext) -> Outcome:
        return await in_thread(_switch, context)

    async def verify(self, context: ActContext, output: Mapping[str, Json]) -> None:
        target = _target(context)
        try:
            seen = await in_thread(seeing.current, target)
        except (seeing.LinkBroken, OSError) as error:
            raise ActionFailed(str(error)) from None
        if seen.name != output.get("to", seen.name):
            raise ActionFailed(f"`{target.current}` leads to `{seen.name}`")
        if why := await in_thread(seeing.unfinished, seen.folder, target):
            raise ActionFailed(f"`{seen.name}` is not whole: {why}")

    async def reconcile(self, context: ActContext) -> DidIt:
        wanted = Notes(context, "release").get("after")
        return DidIt.YES if wanted is not None and _text(_target(context)) == wanted else DidIt.NO

    async def undo(self, context: ActContext, output: Mapping[str, Json]) -> str:  # noqa: ARG002  # the notes outlive a crash
        target, notes = _target(context), Notes(context, "release")
        before, after, now = notes.get("before"), notes.get("after"), _text(target)
        if after is None or now not in (before, after):
            if after is None:
                return "nothing was switched"
            raise ActionFailed(f"`{target.current}` was pointed to `{now}` by somebody since")
        if now != before:
            await in_thread(_put, target, str(before) if before is not None else None, context.token)
        restarted = await _run_again(context, target, datetime.fromisoformat(str(notes.get("at"))))
        return f"`{target.current.name}` leads to `{before or 'nothing'}` again{restarted}"


def _target(context: ActContext) -> Release:
    target = context.component.target
    if not isinstance(target, Release):
        raise ActionFailed(f"`{context.component.name}` has no releases")
    return target


def _text(target: Release) -> str | None:
    """What stands in the link."""
    try:
        return os.readlink(target.current)
    except OSError:
        return None


def _named(target: Release) -> str | None:
    """The name of the current release, whether or not it is there."""
    text = _text(target)
    return Path(text).name if text else None


def _good(context: ActContext, target: Release) -> tuple[str | None, str]:
    """The release to go back to, or why there is none."""
    if target.current.exists() and not target.current.is_symlink():
        return None, f"`{target.current}` is no link, and is not replaced"
    wanted = context.params.get("release")
    if isinstance(wanted, str):
        why = memory.why_not(target, wanted)
        return (None, why) if why else (wanted, "")
    found, why = memory.good(context.service, context.component.name, target, but=_named(target))
    return (found.name, "") if found else (None, why)


def _lost(target: Release, now: str | None) -> str | None:
    if now is None or not seeing.is_irreversible(target.path / now, target):
        return None
    return f"the release `{now}` declares a migration that cannot be taken back (`{target.irreversible}`)"


def _switch(context: ActContext) -> Outcome:
    target, notes = _target(context), Notes(context, "release")
    begun = notes.get("to")  # by a try that was interrupted
    to, why = (begun, "") if isinstance(begun, str) else _good(context, target)
    if to is None:
        raise ActionFailed(f"there is no way back: {why}")
    before = _text(target)
    folder = target.path.resolve() / to
    is_absolute = before is not None and Path(before).is_absolute()
    after = str(folder) if is_absolute else os.path.relpath(folder, target.current.parent.resolve())
    if notes.get("after") is None:
        notes.note(before=before, after=after, to=to, at=context.clock.now().isoformat())
    context.checkpoint("mid-act")
    left = Path(before).name if before else None
    if left and left != to:
        # before the switch: a crash between the two must not leave it as one to go back to
        memory.strike(context.service, context.component.name, left)
    _put(target, after, context.token)
    return Outcome(
        summary=f"`{target.current.name}` leads to `{to}`" + (f", it was `{left}`" if left else ""),
        output={"from": left, "to": to},
    )


def _put(target: Release, text: str | None, token: str) -> None:
    """Replace the link in one instant; remove it where there was none."""
    draft = target.current.with_name(f".{target.current.name}.{token}.paramedic")
    try:
        if text is None:
            target.current.unlink(missing_ok=True)
        else:
            draft.unlink(missing_ok=True)
            draft.symlink_to(text)
            draft.replace(target.current)
        sync_folder(target.current.parent)
    except OSError as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise ActionFailed(f"`{target.current}` could not be replaced: {error.strerror or error}") from None


async def _run_again(context: ActContext, target: Release, switched: datetime) -> str:
    """Restart what was started from the other release; what never was runs on."""
    component = context.service.components.get(target.component)
    if component is None or not target.current.exists():
        return ""
    its = replace(context, component=component)
    facts = context.processes.facts(component)
    is_from_before = facts.uptime_s is not None and facts.uptime_s > (context.clock.now() - switched).total_seconds()
    if is_from_before or await why_it_cannot_start(its) is not None or await was_launched(its) is DidIt.YES:
        return ""
    await restart(its)
    return f"; restarted `{component.name}`"
