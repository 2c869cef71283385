"""Backups of data files: copies that satisfy the rules."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from paramedic.packs.data.asking import Asked, NoAnswer, everything, judged_now
from paramedic.packs.data.target import Data
from paramedic.sdk.manifest import NoManifest
from paramedic.sdk.saving import Backup, BackupFailed, Saved, changed_files, restore_files, save_files, total_size


def _create(target: Data, folder: Path, limit_s: float) -> Saved:  # noqa: ARG001  # the shape of the hook
    return save_files(list(target.files), folder)


def _verify(target: Data, folder: Path, scratch: Path, holds: Mapping[str, int], limit_s: float) -> str:  # noqa: ARG001  # the shape of the hook
    restore_files(folder, scratch)
    try:
        digests = [each.digest for each in everything(target)[: len(target.files)]]
        files = sorted(folder.iterdir())  # numbered in the order of the files
        is_same = len(files) == len(digests)
        saved = [Asked(path=each, digest=digests[n] if is_same else None) for n, each in enumerate(files)]
        troubles = judged_now(target, saved, limit_s)
    except (NoAnswer, NoManifest) as error:
        raise BackupFailed(f"what was saved could not be read: {error}") from None
    for each, told in zip(saved, troubles, strict=True):
        if told:
            raise BackupFailed(f"what was saved of `{each.path.name}` is not sound: {told[0]['text']}")
    return f"restored; {len(saved)} files satisfy every rule"


def _lost(target: Data, folder: Path, origins: Mapping[str, Path], limit_s: float) -> Sequence[str]:  # noqa: ARG001  # the shape of the hook
    return changed_files(folder, origins)


backup = Backup(create=_create, verify=_verify, lost=_lost, size=lambda target: total_size(list(target.files)))
