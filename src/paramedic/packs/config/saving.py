"""Backups of a configuration file: a copy that satisfies the rules."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from paramedic.packs.config.judging import judge
from paramedic.packs.config.target import Config
from paramedic.sdk.saving import Backup, BackupFailed, Saved, changed_files, restore_files, save_files, total_size


def _create(target: Config, folder: Path, limit_s: float) -> Saved:  # noqa: ARG001  # the shape of the hook
    return save_files([target.path], folder)


def _verify(target: Config, folder: Path, scratch: Path, holds: Mapping[str, int], limit_s: float) -> str:  # noqa: ARG001  # the shape of the hook
    restore_files(folder, scratch)
    for each in folder.iterdir():
        if wrong := judge(target, each.read_bytes()):
            raise BackupFailed(f"what was saved is not valid: {wrong[0].observed}")
    return "restored; it satisfies every rule"


def _lost(target: Config, folder: Path, origins: Mapping[str, Path], limit_s: float) -> Sequence[str]:  # noqa: ARG001  # the shape of the hook
    return changed_files(folder, origins)


backup = Backup(create=_create, verify=_verify, lost=_lost, size=lambda target: total_size([target.path]))
