"""Backups as they lie on the disk: one folder each, with its files and a manifest that is written last.

``STATE/backups/COMPONENT/ID/manifest.json`` and ``…/files/``. A folder gets its name only when everything in it is
durable and verified, so that whatever has no manifest, or not the name of an id, is no backup.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from paramedic.model.backup import BackupSet, Proof, SavedFile
from paramedic.model.component import Component
from paramedic.model.wire import dump, load
from paramedic.sdk.files import digest, write_whole
from paramedic.sdk.saving import Backup

OWN = "@paramedic"
"""Stands for Paramedic's own store; no component can be called so."""
_MANIFEST, _FILES, _PROOF = "manifest.json", "files", "proof.json"
FAILURE = "last-failure.txt"
"""Beside the backups of a component: why none could be made, where the last try failed."""
_ID = re.compile(r"backup-[0-9a-z]{9}-[0-9a-z]{4}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelved:
    """A backup and where it lies."""

    folder: Path
    set: BackupSet

    @property
    def files(self) -> Path:
        """The folder of its files."""
        return self.folder / _FILES

    @property
    def proof(self) -> Proof:
        """How it was verified last."""
        try:
            return load(Proof, json.loads((self.folder / _PROOF).read_bytes()))
        except (OSError, ValueError, TypeError):
            return self.set.proof

    def damage(self) -> str:
        """What is wrong with its files by their digests; empty where nothing is."""
        for each in self.set.files:
            try:
                if digest(self.files / each.name) != each.sha256:
                    return f"`{each.name}` is not what was saved"
            except FileNotFoundError:
                return f"`{each.name}` is gone"
            except OSError as error:
                return f"`{each.name}` cannot be read: {error.strerror or error}"
        return ""

    def misses(self) -> str:
        """The same by names and sizes alone, which costs nothing."""
        for each in self.set.files:
            try:
                if (self.files / each.name).stat().st_size != each.size:
                    return f"`{each.name}` is not what was saved"
            except OSError:
                return f"`{each.name}` is gone"
        return ""

    def note(self, proof: Proof) -> None:
        """Keep how it was verified last."""
        write_whole(self.folder / _PROOF, json.dumps(dump(proof)).encode(), mode=0o600)


class BackupDesk(Protocol):
    """Where an action finds and makes backups. All of it blocks."""

    def hook(self, component: Component) -> Backup | None:
        """How the component is backed up; ``None`` where its kind says nothing of it."""
        ...

    def find(self, component: str, id: str | None = None) -> Shelved:
        """That backup, or the newest one; verified by its digests and by restoring it into a scratch place just now.

        Raises:
            BackupFailed: there is none, or it is worth nothing.
        """
        ...

    def create(self, component: str, why: str) -> Shelved:
        """Make and verify one now.

        Raises:
            BackupFailed: the message says why not.
        """
        ...


def place_of(state_dir: Path, component: str) -> Path:
    """Where the backups of a component lie."""
    return state_dir / "backups" / component


def shelved(state_dir: Path, component: str) -> tuple[Shelved, ...]:
    """Backups of a component, newest first, by their manifests alone."""
    found = (_read(folder) for folder in _folders(state_dir, component))
    return tuple(each for each in found if each)


def unreadable(state_dir: Path, component: str) -> tuple[Path, ...]:
    """Folders of backups, newest first, whose manifest is missing or damaged."""
    return tuple(each for each in _folders(state_dir, component) if _read(each) is None)


def last_failure(state_dir: Path, component: str) -> str:
    """Why the last try to make one failed; empty where it did not."""
    try:
        return (place_of(state_dir, component) / FAILURE).read_text().strip()
    except OSError:
        return ""


def known(state_dir: Path) -> tuple[str, ...]:
    """Components of which there are backups."""
    try:
        return tuple(sorted(each.name for each in (state_dir / "backups").iterdir() if each.is_dir()))
    except OSError:
        return ()


def write_manifest(folder: Path, made: BackupSet) -> None:
    """The last thing that is written into the folder of a backup."""
    content = dump(made)
    write_whole(folder / _MANIFEST, json.dumps({**content, "seal": _seal(content)}, indent=1).encode(), mode=0o600)


def files_in(folder: Path) -> Path:
    """Where the files of a backup in the making go."""
    return folder / _FILES


def origins(found: Shelved) -> dict[str, Path]:
    """Name of a file in the backup to where it belongs."""
    return {each.name: Path(each.path) for each in found.set.files if each.path}


def saved_file(path: Path, origin: Path | None) -> SavedFile:
    """A file of a backup, described."""
    described = SavedFile(name=path.name, size=path.stat().st_size, sha256=digest(path))
    if origin is None:
        return described
    seen = origin.stat()
    return replace(described, path=str(origin), mode=seen.st_mode & 0o7777, uid=seen.st_uid, gid=seen.st_gid)


def _folders(state_dir: Path, component: str) -> Iterator[Path]:
    try:
        found = sorted(place_of(state_dir, component).iterdir(), key=lambda each: each.name, reverse=True)
    except OSError:
        return
    yield from (each for each in found if _ID.fullmatch(each.name))


def _read(folder: Path) -> Shelved | None:
    try:
        content = json.loads((folder / _MANIFEST).read_bytes())
        seal = content.pop("seal")
        found = load(BackupSet, content)
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        return None
    is_ours = seal == _seal(content) and found.id == folder.name
    return Shelved(folder=folder, set=found) if is_ours else None


def _seal(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
