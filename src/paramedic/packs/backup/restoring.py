"""A component brought back as a backup has it, as a step of a plan."""

import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from paramedic.model.backup import SavedFile
from paramedic.sdk import ActContext, ActionFailed, DidIt, Json, Outcome, Preview, Risk, action, shelf, users
from paramedic.sdk.blocking import in_thread
from paramedic.sdk.files import digest
from paramedic.sdk.notes import Notes
from paramedic.sdk.saving import Backup, BackupFailed, PutBack
from paramedic.sdk.shelf import BackupDesk, Shelved
from paramedic.sdk.swapping import Exchange

_STOP_AND_START_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What is to be done, found out anew for each phase."""

    desk: BackupDesk
    how: Backup
    notes: Notes


@action("backup.restore", risk=Risk.DISRUPTIVE)
class Restore:
    """Bring a component back as a backup has it; what is there now is set aside first.

    Params: ``backup``, the id; without it the newest one that is worth something. What uses the component and is
    started by Paramedic is stopped meanwhile and started again. The backup is restored into a scratch place and checked
    before anything is touched, and whatever would be lost is listed once nothing writes any more.
    """

    async def preview(self, context: ActContext) -> Preview:
        summary = f"restore `{context.component.name}`"
        try:
            work = _work(context)
            found = await _found(context, work)
            await _refuse(context, work, found)
            lost = await _lost(context, work, found)
        except (ActionFailed, BackupFailed) as error:
            return Preview(summary=summary, blocked=str(error))
        # nothing here may differ between two looks at the same backup: then a plan would be stale as soon as it is made
        return Preview(
            summary=f"{summary} from `{found.set.id}` of {found.set.at:%Y-%m-%d %H:%M:%S} UTC ({found.proof.how})",
            diff="\n".join(f"not in it: {each}" for each in found.set.notes),
            downtime_s=round(found.set.proof.took_s + _STOP_AND_START_S, 1),
            loss=tuple(lost),
        )

    async def apply(self, context: ActContext) -> Outcome:
        work = _work(context)
        try:
            found = await _found(context, work)
        except BackupFailed as error:
            raise ActionFailed(str(error)) from None
        await _refuse(context, work, found)
        work.notes.note(backup=found.set.id)
        is_file = work.how.put_back is None
        stopped = work.notes.names("stopped") or users.running(context, with_itself=is_file)
        work.notes.note(stopped=list(stopped))
        try:
            await users.stop(context, stopped)
            lost = await _lost(context, work, found)
            work.notes.note(lost=list[Json](lost))
            if work.how.put_back is None:
                told = await _put_files(context, work, found)
            else:
                told = await _put_data(context, work, work.how.put_back, found)
        finally:
            await users.start(context, stopped)
        loss = f"; lost: {'; '.join(lost)}" if lost else "; nothing is lost"
        return Outcome(
            summary=f"restored `{context.component.name}` from `{found.set.id}`: {told}{loss}",
            output={"backup": found.set.id, "lost": list[Json](lost)},
        )

    async def reconcile(self, context: ActContext) -> DidIt:
        work = _work(context)
        did = await _happened(context, work)
        await users.start(context, work.notes.names("stopped"))
        return did

    async def undo(self, context: ActContext, output: Mapping[str, Json]) -> str:  # noqa: ARG002  # the notes outlive a crash
        work = _work(context)
        if work.how.put_back is not None:
            if await _happened(context, work) is DidIt.NO:
                return f"`{context.component.name}` is as it was"
            raise ActionFailed(f"only a person may decide that: {work.notes.get('told') or 'what was there is kept'}")
        if not isinstance(id := work.notes.get("backup"), str):
            return f"`{context.component.name}` is as it was"
        told = []
        for number, _, exchange in _exchanges(context, work, _named(context, id)):
            if (work.notes.folder.parent / _folder(context, number)).exists():
                told.append(await exchange.put_back())
        return "; ".join(told) or f"`{context.component.name}` is as it was"


def _work(context: ActContext) -> _Work:
    how = context.backups.hook(context.component) if context.backups else None
    if context.backups is None or how is None:
        raise ActionFailed(f"components of kind `{context.component.kind}` have no backups")
    return _Work(desk=context.backups, how=how, notes=Notes(context, "backup-restore"))


async def _found(context: ActContext, work: _Work) -> Shelved:
    """The backup that was asked for or begun with, verified just now."""
    wanted = work.notes.get("backup") or context.params.get("backup")
    return await in_thread(work.desk.find, context.component.name, str(wanted) if wanted else None)


async def _refuse(context: ActContext, work: _Work, found: Shelved) -> None:
    """Raises ``ActionFailed`` where it cannot be done at all."""
    if work.how.put_back is not None:
        if why := await in_thread(work.how.put_back.foresee, context.component.target, context.limit_s):
            raise ActionFailed(why)
        return
    for path in shelf.origins(found).values():
        if not path.parent.is_dir() and not work.how.makes_folders:
            raise ActionFailed(f"the folder `{path.parent}` is missing; is its volume mounted?")


async def _lost(context: ActContext, work: _Work, found: Shelved) -> Sequence[str]:
    return await in_thread(
        work.how.lost, context.component.target, found.files, shelf.origins(found), context.limit_s / 2
    )


async def _put_files(context: ActContext, work: _Work, found: Shelved) -> str:
    """Exchange each file that is another one by now. Done again after a crash, it goes on with what is left."""
    count = 0
    for number, saved, exchange in _exchanges(context, work, found):
        path = exchange.path
        work.how.refuse(context, path)
        if await in_thread(_is_as_saved, exchange, saved) or await in_thread(exchange.happened) is DidIt.YES:
            continue
        was_missing = not path.exists()
        if work.how.makes_folders:
            path.parent.mkdir(parents=True, exist_ok=True)

        async def build(_aside: Path | None, name: str = saved.name, notes: Notes = exchange.notes) -> Path:
            built = notes.folder / "restored"
            await in_thread(shutil.copyfile, found.files / name, built)
            return built

        await exchange.make(build)
        if was_missing:
            path.chmod(saved.mode)
            with suppress(PermissionError):
                os.chown(path, saved.uid, saved.gid)
        count += 1
        if number == 1:
            context.checkpoint("first-file")
    return f"{count} of {len(found.set.files)} files were exchanged; what was there is set aside"


async def _put_data(context: ActContext, work: _Work, put_back: PutBack, found: Shelved) -> str:
    aside = ""
    if not work.how.keeps_old and work.notes.get("aside") is None:
        try:
            made = await in_thread(work.desk.create, context.component.name, "before a restore")
        except BackupFailed as error:
            raise ActionFailed(f"what is there now could not be set aside: {error}") from None
        work.notes.note(aside=made.set.id)
    if id := work.notes.get("aside"):
        aside = f"; what was there is in `{id}`"
    context.checkpoint("mid-act")
    try:
        told = await in_thread(put_back.apply, context.component.target, found.files, _mark(context), context.limit_s)
    except BackupFailed as error:
        raise ActionFailed(str(error)) from None
    work.notes.note(told=told)
    return told + aside


async def _happened(context: ActContext, work: _Work) -> DidIt:
    id = work.notes.get("backup")
    if not isinstance(id, str):
        return DidIt.NO
    if work.how.put_back is not None:
        did = await in_thread(work.how.put_back.happened, context.component.target, _mark(context), context.limit_s)
        return DidIt.CANNOT_TELL if did is None else DidIt.YES if did else DidIt.NO
    answers = set()
    for _, saved, exchange in _exchanges(context, work, _named(context, id)):
        is_there = await in_thread(_is_as_saved, exchange, saved)
        answers.add(DidIt.YES if is_there else await in_thread(exchange.happened))
    # doing it again goes on with what is left, and sets aside anew what somebody has changed meanwhile
    return DidIt.YES if answers == {DidIt.YES} else DidIt.NO


def _exchanges(context: ActContext, work: _Work, found: Shelved) -> Sequence[tuple[int, SavedFile, Exchange]]:
    return [
        (
            number,
            saved,
            Exchange(
                context=context,
                notes=Notes(context, f"backup-restore-{number}"),
                path=Path(saved.path),
                companions=work.how.companions,
            ),
        )
        for number, saved in enumerate(found.set.files, 1)
        if saved.path
    ]


def _named(context: ActContext, id: str) -> Shelved:
    found = shelf.shelved(context.service.settings.state_dir, context.component.name)
    for each in found:
        if each.set.id == id:
            return each
    raise ActionFailed(f"the backup `{id}` is gone")


def _folder(context: ActContext, number: int) -> str:
    return f"backup-restore-{number}-{context.component.name}"


def _mark(context: ActContext) -> str:
    """The same for every try of this plan: what it leaves on a server carries it."""
    return hashlib.sha256(f"{context.workspace.name} {context.component.name}".encode()).hexdigest()[:10]


def _is_as_saved(exchange: Exchange, saved: SavedFile) -> bool:
    """Whether the file holds what the backup does, and nothing beside it adds to that (as a database's log does)."""
    path = exchange.path
    beside = [path.with_name(path.name + suffix) for suffix in exchange.companions]
    try:
        return digest(path) == saved.sha256 and not any(each.exists() and each.stat().st_size for each in beside)
    except OSError:
        return False
