"""Backups of a SQLite database: SQLite's online backup, which disturbs no writer."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from paramedic.packs.sqlite import writers
from paramedic.packs.sqlite.asking import NoAnswer, ask_now
from paramedic.packs.sqlite.target import Sqlite
from paramedic.sdk import ActContext, ActionFailed
from paramedic.sdk.saving import Backup, BackupFailed, Saved, total_size

COMPANIONS = ("-wal", "-shm", "-journal")
_NAME = "database"


def _create(target: Sqlite, folder: Path, limit_s: float) -> Saved:
    copy = folder / _NAME
    copy.touch(mode=0o600)
    try:
        answer = ask_now("copy", limit_s, path=target.path, target_path=copy)
        if answer["problems"]:
            raise BackupFailed(f"`{target.path.name}` is not whole: {answer['problems'][0]}")
        told = ask_now("holds", limit_s, path=copy)
    except NoAnswer as error:
        raise BackupFailed(f"`{target.path.name}` could not be copied: {error}") from None
    return Saved(
        method="SQLite's online backup",
        origins={_NAME: target.path},
        versions={"sqlite": told["version"]},
        holds=told["rows"],
    )


def _verify(target: Sqlite, folder: Path, scratch: Path, holds: Mapping[str, int], limit_s: float) -> str:
    copy = scratch / _NAME
    try:
        shutil.copyfile(folder / _NAME, copy)
        answer = ask_now("is-good", limit_s, path=copy)
        if answer["problems"]:
            raise BackupFailed(f"the integrity check says: {answer['problems'][0]}")
        rows = ask_now("holds", limit_s, path=copy)["rows"]
    except (NoAnswer, OSError) as error:
        raise BackupFailed(f"it could not be restored: {error}") from None
    if rows != dict(holds):
        raise BackupFailed("it does not hold the rows that were saved")
    there = {each.lower() for each in answer["tables"]}
    if gone := [each for each in target.columns if each.lower() not in there]:
        raise BackupFailed(f"it lacks {', '.join(f'`{each}`' for each in gone)}")
    return f"restored; the integrity check finds nothing, {sum(rows.values())} rows in {len(rows)} tables"


def _lost(target: Sqlite, folder: Path, origins: Mapping[str, Path], limit_s: float) -> Sequence[str]:  # noqa: ARG001  # the shape of the hook
    if not target.path.exists():
        return ()
    try:
        answer = ask_now("newer", limit_s, path=target.path, good_path=folder / _NAME)
    except NoAnswer as error:
        return (f"whatever was written since the backup: what is there now cannot be compared ({error})",)
    return (*answer["lost"], *(f"deletions: {each}" for each in answer["back"]))


def _refuse(context: ActContext, path: Path) -> None:
    if others := writers.strangers(context, path, ()):
        raise ActionFailed(f"{', '.join(others)} has it open and is not started by Paramedic; stop it first")


backup = Backup(
    create=_create,
    verify=_verify,
    lost=_lost,
    size=lambda target: total_size([target.path, target.path.with_name(target.path.name + "-wal")]),
    companions=COMPANIONS,
    refuse=_refuse,
)
