"""Paramedic's own store as something that is backed up."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from paramedic.model.clock import Clock
from paramedic.model.errors import StoreError
from paramedic.model.service import Settings
from paramedic.sdk.saving import Backup, BackupFailed, Saved, total_size
from paramedic.store import saving

_NAME = "store"


def own_backup(settings: Settings, clock: Clock) -> Backup:
    """How the store is backed up: as SQLite does it, and proved by every hash chain in it."""
    url = settings.store

    def create(_target: object, folder: Path, limit_s: float) -> Saved:  # noqa: ARG001  # the shape of the hook
        path = saving.file_of(url)
        if path is None:
            raise BackupFailed("the store is in a Postgres; back that up as a component of kind `postgres`")
        try:
            saving.save(path, folder / _NAME)
        except StoreError as error:
            raise BackupFailed(str(error)) from None
        return Saved(method="SQLite's online backup", origins={_NAME: path}, holds=saving.holds(folder / _NAME))

    def verify(_target: object, folder: Path, scratch: Path, holds: Mapping[str, int], limit_s: float) -> str:  # noqa: ARG001  # the shape of the hook
        try:
            breaks = saving.prove(folder / _NAME, scratch / _NAME, node=settings.node, clock=clock)
            if saving.holds(scratch / _NAME) != dict(holds):
                raise BackupFailed("it does not hold the records that were saved")
        except (StoreError, OSError) as error:
            raise BackupFailed(f"it could not be restored: {error}") from None
        if breaks:
            raise BackupFailed(f"its records were changed: {breaks[0]}")
        return f"restored; it is whole and every chain of records verifies, {sum(holds.values())} records"

    def lost(_target: object, folder: Path, origins: Mapping[str, Path], limit_s: float) -> Sequence[str]:  # noqa: ARG001  # the shape of the hook
        return ("every record since the backup",)

    def size(_target: object) -> int:
        path = saving.file_of(url)
        return total_size([path, path.with_name(f"{path.name}-wal")]) if path else 0

    return Backup(create=create, verify=verify, lost=lost, size=size, companions=("-wal", "-shm", "-journal"))
