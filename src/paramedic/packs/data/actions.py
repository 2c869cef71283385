"""What heals data files: their last good copies, each broken file set aside first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from paramedic.packs.data.asking import Asked, NoAnswer, everything, judged, lines_only_in
from paramedic.packs.data.target import Data, Format
from paramedic.sdk import ActContext, ActionFailed, DidIt, Json, Outcome, Preview, Risk, action, replacing
from paramedic.sdk.files import Kept, kept
from paramedic.sdk.manifest import NoManifest
from paramedic.sdk.notes import Notes

_GROWING = (Format.JSONL, Format.CSV)
"""Files to which records are added one by one, so that a copy may lack some."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cure:
    """A broken file and the copy that replaces it."""

    path: Path
    copy: Path
    was: Kept
    is_listed: bool
    """A manifest says that it never changes."""

    @property
    def at(self) -> str:
        return f"{self.was.at:%Y-%m-%d %H:%M:%S} UTC"


@action("file.restore", risk=Risk.REVERSIBLE)
class Restore:
    """Put the last good copy of every broken file back, byte for byte; the broken ones are set aside first."""

    async def preview(self, context: ActContext) -> Preview:
        summary = "restore the last good copies of broken files"
        try:
            cures = await _cures(context)
            if not cures:
                raise ActionFailed("nothing is broken")
            loss = [each for cure in cures for each in await _loss(context, cure)]
            for each in cures:
                replacing.foresee(context, each.path)
        except (ActionFailed, NoAnswer, NoManifest) as error:
            return Preview(summary=summary, blocked=str(error))
        Notes(context, "restore-file").note(foreseen=[str(each.path) for each in cures])
        names = ", ".join(f"`{each.path.name}` as it was at {each.at}" for each in cures)
        return Preview(summary=f"restore {names}", loss=tuple(loss))

    async def apply(self, context: ActContext) -> Outcome:
        notes = Notes(context, "restore-file")
        foreseen = notes.names("foreseen")
        left = [each for each in foreseen if replacing.reconcile(context, Path(each)) is not DidIt.YES]
        for each in left:
            replacing.refuse_if_stale(context, Path(each))
        try:
            cures = {str(each.path): each for each in await _cures(context)}
        except (NoAnswer, NoManifest) as error:
            raise ActionFailed(str(error)) from None
        if not foreseen or (gone := [each for each in left if each not in cures]):
            raise ActionFailed(f"stale: {', '.join(f'`{each}`' for each in gone) if foreseen else 'nothing'} is broken")
        asides: dict[str, Json] = {}
        for each in left:
            cure = cures[each]
            try:
                content = cure.copy.read_bytes()
            except OSError as error:
                raise ActionFailed(f"a copy cannot be read: {error.strerror}") from None
            done = replacing.replace(
                context, cure.path, content, mode=cure.was.mode, uid=cure.was.uid, gid=cure.was.gid
            )
            asides[each] = done.aside
        names = ", ".join(f"`{Path(each).name}`" for each in foreseen)
        return Outcome(summary=f"restored {names}; what was there is set aside", output={"aside": asides})

    async def reconcile(self, context: ActContext) -> DidIt:
        foreseen = Notes(context, "restore-file").names("foreseen")
        did = [replacing.reconcile(context, Path(each)) for each in foreseen]
        # some may be done: doing it again leaves those alone
        return DidIt.YES if did and all(each is DidIt.YES for each in did) else DidIt.NO

    async def undo(self, context: ActContext, output: Mapping[str, Json]) -> str:  # noqa: ARG002  # the shape of the protocol
        told = [replacing.put_back(context, Path(each)) for each in Notes(context, "restore-file").names("foreseen")]
        return "; ".join(told) or "nothing was changed"


def _target(context: ActContext) -> Data:
    target = context.component.target
    if not isinstance(target, Data):
        raise ActionFailed(f"`{context.component.name}` is no data file")
    return target


async def _cures(context: ActContext) -> Sequence[_Cure]:
    """A copy for every file that is broken.

    Raises:
        ActionFailed: one has none, so that restoring the others would not heal.
    """
    target, found = _target(context), list[_Cure]()
    files = everything(target)
    for asked, troubles in zip(files, await judged(target, files, context.limit_s), strict=True):
        if unseen := next((each["text"] for each in troubles if each["verdict"] == "unknown"), None):
            raise ActionFailed(f"`{asked.path.name}` {unseen}")
        if not troubles:
            continue
        if not asked.path.parent.is_dir():
            raise ActionFailed(f"the folder `{asked.path.parent}` is missing; is its volume mounted?")
        found.append(await _cure(context, target, asked))
    return found


async def _cure(context: ActContext, target: Data, asked: Asked) -> _Cure:
    copies = context.last_good.newest(asked.path)
    files = [replace(asked, content=each) for each in copies]
    for copy, troubles in zip(copies, await judged(target, files, context.limit_s) if files else (), strict=True):
        if not troubles:
            return _Cure(path=asked.path, copy=copy, was=kept(copy), is_listed=asked.digest is not None)
    raise ActionFailed(f"there is no good copy of `{asked.path.name}`")


async def _loss(context: ActContext, cure: _Cure) -> list[str]:
    """What the broken file may hold that the copy does not. A document is one: its broken version is set aside."""
    if _target(context).written_as(cure.path) not in _GROWING or cure.is_listed:
        return []
    if not cure.path.is_file() or not cure.path.stat().st_size:
        return [f"`{cure.path.name}`: records written after {cure.at}, if any"]
    count = await lines_only_in(cure.path, cure.copy, context.limit_s)
    return [f"`{cure.path.name}`: {count} lines that are not in the copy of {cure.at}"] if count else []
