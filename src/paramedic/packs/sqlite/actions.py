"""What heals a SQLite database: a repair from everything that is left, or the last good copy."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paramedic.packs.sqlite import writers
from paramedic.packs.sqlite.asking import Answer, NoAnswer, ask
from paramedic.packs.sqlite.recorded import recorded
from paramedic.packs.sqlite.remembered import remembered
from paramedic.packs.sqlite.target import Sqlite
from paramedic.sdk import (
    ActContext,
    ActionFailed,
    DidIt,
    Json,
    Outcome,
    Preview,
    Risk,
    action,
    users,
)
from paramedic.sdk.blocking import in_thread
from paramedic.sdk.files import kept
from paramedic.sdk.manifest import NoManifest
from paramedic.sdk.notes import Notes
from paramedic.sdk.swapping import Exchange

_STOP_AND_START_S = 3.0
_REPAIRED_BYTES_A_S = 10e6
"""`make bench-sqlite` measures more; a busy machine has less."""


@action("sqlite.repair", risk=Risk.REVERSIBLE)
class Repair:
    """Build a whole database from every row that can still be read and the last good copy; exchange them."""

    async def preview(self, context: ActContext) -> Preview:
        target, notes = _target(context), Notes(context, "repair")
        summary = f"repair `{target.path.name}`"
        try:
            _refuse_strangers(context, target.path)
            if not target.path.is_file():
                raise ActionFailed(f"`{target.path}` does not exist")
            _refuse_full_disk(target.path)
            answer = await _build(context, target, notes, target.path)
        except (ActionFailed, NoAnswer) as error:
            return Preview(summary=summary, blocked=str(error))
        finally:
            await in_thread(notes.clear)
        notes.note(foreseen=answer["loss"])
        return Preview(
            summary=f"{summary}: {sum(answer['rows'].values())} rows in {len(answer['rows'])} tables are saved",
            diff="\n".join(f"restored: {each}" for each in answer["restored"]),
            # by its size, not by the clock: what is foreseen twice must be the same, or a plan that waits is stale
            downtime_s=round(_STOP_AND_START_S + target.path.stat().st_size / _REPAIRED_BYTES_A_S, 1),
            loss=tuple(answer["loss"]),
        )

    async def apply(self, context: ActContext) -> Outcome:
        target, notes = _target(context), Notes(context, "repair")
        answers: list[Answer] = []

        async def build(aside: Path | None) -> Path:
            if aside is None:
                raise ActionFailed(f"`{target.path}` is gone; restore it instead")
            if await _is_well(context, target):
                raise ActionFailed(f"stale: `{target.path.name}` is whole by now")
            try:
                answer = await _build(context, target, notes, aside)
            except NoAnswer as error:
                raise ActionFailed(str(error)) from None
            if notes.get("foreseen") is not None and (more := set(answer["loss"]) - set(notes.names("foreseen"))):
                raise ActionFailed(f"stale: more would be lost than was foreseen: {'; '.join(sorted(more))}")
            answers.append(answer)
            return notes.folder / "repaired"

        await _exchange(context, notes).make(build)
        answer = answers[0]
        broken = f"; {answer['foreign_keys']} rows refer to rows that are gone" if answer["foreign_keys"] else ""
        return Outcome(
            summary=f"repaired `{target.path.name}`: {sum(answer['rows'].values())} rows{broken}; "
            f"the damaged file is in `{notes.get('aside')}`",
            output={"restored": answer["restored"], "loss": answer["loss"], "rows": answer["rows"]},
        )

    async def reconcile(self, context: ActContext) -> DidIt:
        return await _reconcile(context, "repair")

    async def undo(self, context: ActContext, output: Mapping[str, Json]) -> str:  # noqa: ARG002  # the protocol's shape
        return await _exchange(context, Notes(context, "repair")).put_back()


@action("sqlite.restore", risk=Risk.REVERSIBLE)
class Restore:
    """Bring the last good copy back where the file is gone or not what was recorded, or only tables that are gone."""

    async def preview(self, context: ActContext) -> Preview:
        target, notes = _target(context), Notes(context, "restore")
        summary = f"restore `{target.path.name}`"
        try:
            if not target.path.parent.is_dir():
                raise ActionFailed(f"the folder `{target.path.parent}` is missing; is its volume mounted?")
            good = await _good(context, target)
            if good is None:
                raise ActionFailed(f"there is no good copy of `{target.path.name}`")
            missing = await _missing(context, target)
            if missing == ():
                _refuse_strangers(context, target.path)
                twin = await _twin(context, target)
                notes.note(twin=twin.digest)
                return Preview(
                    summary=f"{summary}, byte for byte, from the copy of {twin.at}", downtime_s=_STOP_AND_START_S
                )
        except (ActionFailed, NoAnswer) as error:
            return Preview(summary=summary, blocked=str(error))
        notes.note(foreseen=list(missing) if missing else None)
        if missing:
            names = ", ".join(f"`{each}`" for each in missing)
            return Preview(
                summary=f"restore {names} in `{target.path.name}` from the copy of {good.at}",
                loss=tuple(f"table {each}: what was written after {good.at}, if anything" for each in missing),
            )
        return Preview(
            summary=f"restore `{target.path.name}` from the copy of {good.at}; make sure first that no volume is "
            f"unmounted: the database may still be on it",
            downtime_s=_STOP_AND_START_S,
            loss=(f"everything written after {good.at}, if anything",),
        )

    async def apply(self, context: ActContext) -> Outcome:
        target, notes = _target(context), Notes(context, "restore")
        good = await _good(context, target)
        if good is None:
            raise ActionFailed(f"there is no good copy of `{target.path.name}`")
        twin = await _twin(context, target) if notes.get("twin") else None
        if twin is None and target.path.exists():
            return await self._tables(context, target, notes, good)
        good = twin or good

        async def build(aside: Path | None) -> Path:
            if aside is not None and not twin:
                raise ActionFailed(f"stale: `{target.path}` is there again")
            shutil.copyfile(good.path, notes.folder / "restored")
            return notes.folder / "restored"

        await _exchange(context, notes).make(build)
        return Outcome(summary=f"restored `{target.path.name}` as it was at {good.at}")

    async def reconcile(self, context: ActContext) -> DidIt:
        notes, target = Notes(context, "restore"), _target(context)
        if wanted := notes.names("adding"):
            missing = await _missing(context, target)
            return DidIt.YES if missing is not None and not set(missing) & set(wanted) else DidIt.NO
        return await _reconcile(context, "restore")

    async def undo(self, context: ActContext, output: Mapping[str, Json]) -> str:  # noqa: ARG002  # the protocol's shape
        notes, target = Notes(context, "restore"), _target(context)
        added = notes.names("adding")
        if not added:
            return await _exchange(context, notes).put_back()
        if not target.path.exists():
            return "the database is gone"
        try:
            await ask("copy", context.limit_s, path=target.path, target_path=notes.folder / "before-undo")
            await ask("drop-tables", context.limit_s, path=target.path, tables=added, timeout_s=target.busy_timeout_s)
        except NoAnswer as error:
            raise ActionFailed(str(error)) from None
        return f"took {', '.join(f'`{each}`' for each in added)} away again; a copy is in `{notes.folder}`"

    async def _tables(self, context: ActContext, target: Sqlite, notes: Notes, good: "_Good") -> Outcome:
        try:
            missing = await _missing(context, target) or ()
            if set(missing) != set(notes.names("foreseen") or missing) or not missing:
                raise ActionFailed("stale: other tables are missing than the plan says")
            if gone := [each for each in missing if each.lower() not in good.tables]:
                raise ActionFailed(f"the last good copy has no {', '.join(f'`{each}`' for each in gone)}")
            notes.note(adding=list(missing))
            context.checkpoint("mid-act")
            answer = await ask(
                "add-tables",
                context.limit_s,
                path=target.path,
                good_path=good.path,
                tables=missing,
                timeout_s=target.busy_timeout_s,
            )
        except NoAnswer as error:
            raise ActionFailed(str(error)) from None
        names = ", ".join(f"`{each}`" for each in missing)
        return Outcome(summary=f"restored {names} with {answer['rows']} rows as of {good.at}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Good:
    """A copy that passed the integrity check just now."""

    path: Path
    at: str
    tables: frozenset[str]
    digest: str = ""


def _target(context: ActContext) -> Sqlite:
    target = context.component.target
    if not isinstance(target, Sqlite):
        raise ActionFailed(f"`{context.component.name}` is no SQLite database")
    return target


async def _good(context: ActContext, target: Sqlite) -> _Good | None:
    for copy in context.last_good.newest(target.path):
        try:
            answer = await ask("is-good", context.limit_s, path=copy)
        except NoAnswer:
            continue
        if not answer["problems"]:
            tables = frozenset(each.lower() for each in answer["tables"])
            return _Good(path=copy, at=_at(copy), tables=tables)
    return None


def _at(copy: Path) -> str:
    return f"{kept(copy).at:%Y-%m-%d %H:%M:%S} UTC"


async def _twin(context: ActContext, target: Sqlite) -> _Good:
    """The copy of just the state that the file should hold: by its recorded digest, else by SQLite's change counter.

    Raises:
        ActionFailed: nothing is wrong, or there is none.
        NoAnswer: the file or a copy cannot be read.
    """
    try:
        wanted = recorded(target)
    except NoManifest as error:
        raise ActionFailed(str(error)) from None
    now = await ask("generation", context.limit_s, path=target.path)
    if now["digest"] == wanted:
        raise ActionFailed("nothing is missing")
    for copy in context.last_good.newest(target.path):
        held = await ask("generation", context.limit_s, path=copy)
        if wanted is None and held["digest"] == now["digest"]:
            raise ActionFailed("nothing is missing")
        if held["digest"] == wanted or (wanted is None and held["counter"] == now["counter"] and not now["is_wal"]):
            answer = await ask("is-good", context.limit_s, path=copy)
            if not answer["problems"]:
                return _Good(path=copy, at=_at(copy), tables=frozenset(), digest=held["digest"])
    if wanted is None:
        raise ActionFailed("nothing is missing")  # or nothing tells that anything is
    raise ActionFailed(f"there is no good copy of just the state that `{target.path.name}` should hold")


async def _build(context: ActContext, target: Sqlite, notes: Notes, source: Path) -> Answer:
    """Salvage into the workspace; ``repaired`` there is the result."""
    good = await _good(context, target)
    answer = await ask(
        "salvage",
        context.limit_s,
        path=source,
        good_path=good.path if good else None,
        out_path=notes.folder / "repaired",
        scratch_path=notes.folder / "scratch",
        copied_at=good.at if good else "",
        tables=list(target.columns),
        limit_s=context.limit_s * 0.6,
    )
    there = {each.lower() for each in answer["rows"]}
    if gone := [each for each in target.columns if each.lower() not in there]:
        names = ", ".join(f"`{each}`" for each in gone)
        raise ActionFailed(f"{names} can be had neither from the damaged file nor from a good copy")
    return answer


async def _missing(context: ActContext, target: Sqlite) -> tuple[str, ...] | None:
    """Declared tables that are not there; ``None`` when there is no file at all.

    Where none are declared, those of the last good copy, as soon as one of them that had rows is gone.
    """
    if not target.path.exists():
        return None
    before = await remembered(target, context.service.settings.state_dir, 10)
    needed = list(before.wanted) if before else list(target.columns)
    answer = await ask("missing-tables", 10, path=target.path, tables=needed)
    if before and answer["missing"]:
        answer = await ask("missing-tables", 10, path=target.path, tables=list(before.tables))
    return tuple(answer["missing"])


async def _is_well(context: ActContext, target: Sqlite) -> bool:
    """Whether both looks find nothing wrong by now."""
    order: dict[str, Any] = {"path": target.path, "limit_s": context.limit_s / 4}  # Any: arguments of a job
    try:
        looked = await ask("look", context.limit_s, tables=target.columns, **order)
        whole = await ask("whole", context.limit_s, **order)
    except NoAnswer:
        return False
    return all(each["verdict"] == "ok" for each in (*looked, whole))


async def _reconcile(context: ActContext, name: str) -> DidIt:
    return await _exchange(context, Notes(context, name)).reconcile()


def _exchange(context: ActContext, notes: Notes) -> Exchange:
    path = _target(context).path

    def refuse() -> None:
        if others := writers.strangers(context, path, ()):
            raise ActionFailed(f"the database is still open in {', '.join(others)}")

    return Exchange(context=context, notes=notes, path=path, companions=("-wal", "-shm", "-journal"), refuse=refuse)


def _refuse_strangers(context: ActContext, path: Path) -> None:
    if others := writers.strangers(context, path, users.running(context)):
        raise ActionFailed(f"{', '.join(others)} has it open and is not started by Paramedic; stop it first")


def _refuse_full_disk(path: Path) -> None:
    needed, free = 3 * path.stat().st_size, shutil.disk_usage(path.parent).free
    if free < needed:
        raise ActionFailed(f"the disk has {free >> 20} MB left, and the repair needs {needed >> 20} MB")
