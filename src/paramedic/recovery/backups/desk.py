"""Makes, verifies, finds and prunes backups. All of it blocks; several processes may do it at once."""

import fcntl
import os
import platform
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice
from pathlib import Path

from paramedic import __version__
from paramedic.model.backup import BackupSet, Proof
from paramedic.model.clock import Clock
from paramedic.model.component import BackupPolicy, Component
from paramedic.model.ids import new_id
from paramedic.model.service import Service
from paramedic.recovery.backups.own import own_backup
from paramedic.recovery.failpoints import crash_here
from paramedic.sdk import shelf
from paramedic.sdk.files import sync_folder, write_new, write_whole
from paramedic.sdk.pack import Registry
from paramedic.sdk.saving import RESERVE_BYTES, Backup, BackupFailed
from paramedic.sdk.shelf import OWN, Shelved

_MOST_COPIES = 3
"""To look further back takes long, and what is older is hardly wanted."""
BY_HAND, BY_SCHEDULE = "by hand", "schedule"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    """What is backed up."""

    name: str
    kind: str
    target: object
    how: Backup
    limit_s: float


class Backups:
    """The backups of one service, in its state directory; readable by nobody else."""

    def __init__(self, service: Service, registry: Registry, clock: Clock) -> None:
        self._service = service
        self._registry = registry
        self._clock = clock

    def names(self) -> tuple[str, ...]:
        """Everything on this node that can be backed up, Paramedic's own store last."""
        mine = [
            each.name
            for each in self._service.components.values()
            if self.hook(each) and each.node in (None, self._service.settings.node)
        ]
        return (*mine, OWN)

    def hook(self, component: Component) -> Backup | None:
        """How the component is backed up; ``None`` where its kind says nothing of it."""
        kind = self._registry.kinds.get(component.kind)
        return kind.backup if kind else None

    def all(self, component: str) -> tuple[Shelved, ...]:
        """Backups of a component, newest first, as their manifests describe them."""
        return shelf.shelved(self._service.settings.state_dir, component)

    def create(self, component: str, why: str) -> Shelved:
        """Make one and verify it by restoring it into a scratch place; it counts only then.

        Raises:
            BackupFailed: the message says why not; nothing is left behind.
        """
        subject = self._subject(component)
        with self._locked(component, fcntl.LOCK_EX) as place:
            try:
                return self._create(subject, place, why)
            except BackupFailed as error:
                self._note_failure(place, str(error))
                raise
            except OSError as error:
                told = f"`{place}` cannot be written to: {error.strerror or error}"
                self._note_failure(place, told)
                raise BackupFailed(told) from None
            except Exception as error:  # a boundary: a kind's own way to save may fail in any way
                told = f"the pack of the kind `{subject.kind}` failed: {type(error).__name__}: {error}"
                self._note_failure(place, told)
                raise BackupFailed(told) from error

    def find(self, component: str, id: str | None = None) -> Shelved:
        """That backup, or the newest one that is worth something; verified just now.

        Raises:
            BackupFailed: there is none, or it is worth nothing.
        """
        found = self.all(component)
        if id is not None:
            found = tuple(each for each in found if each.set.id == id)
            if not found:
                raise BackupFailed(f"there is no backup `{id}` of `{component}`")
        why = f"there is no backup of `{component}`"
        for each in found:
            proof = self.verify(each)
            if proof.is_good:
                return each
            why = f"`{each.set.id}` is worth nothing: {proof.how}"
        raise BackupFailed(why)

    def verify(self, found: Shelved) -> Proof:
        """Restore it into a scratch place and check it; what comes of it is kept beside it."""
        subject = self._subject(found.set.component)
        with self._locked(found.set.component, fcntl.LOCK_SH) as place:
            try:
                proof = self._prove(subject, found.files, found.set, place, found.damage)
            except OSError as error:
                raise BackupFailed(f"there is no scratch place: {error.strerror or error}") from None
            with suppress(OSError):  # a full disk changes nothing about what was found
                found.note(proof)
        return proof

    def extract(self, found: Shelved, to: Path) -> tuple[Path, ...]:
        """Copy its files into an empty folder, under the names that they have in the service.

        Raises:
            BackupFailed: it is damaged, or the folder is not empty or cannot be written to.
        """
        if wrong := found.damage():
            raise BackupFailed(f"`{found.set.id}` is damaged: {wrong}")
        try:
            to.mkdir(mode=0o700, parents=True, exist_ok=True)
            if any(to.iterdir()):
                raise BackupFailed(f"`{to}` is not empty")
            paths = [Path(each.path) for each in found.set.files if each.path]
            above = Path(os.path.commonpath([each.parent for each in paths])) if paths else Path()
            out = []
            for each in found.set.files:
                copy = to / (Path(each.path).relative_to(above) if each.path else each.name)
                copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                write_new(copy, found.files / each.name, mode=0o600)
                out.append(copy)
        except OSError as error:
            raise BackupFailed(f"`{to}` cannot be written to: {error.strerror or error}") from None
        return tuple(out)

    def copies_of(self, path: Path) -> tuple[Path, ...]:
        """Files in backups that are copies of a file of the service, the newest few, whole by their digests."""
        found_ = []
        for component in self._service.components.values():
            for found in self.all(component.name) if self.hook(component) else ():
                found_ += [(found, name) for name, origin in shelf.origins(found).items() if origin == path]
        found_.sort(key=lambda each: each[0].set.at, reverse=True)
        good = (each for each in found_ if each[0].proof.is_good and not each[0].damage())
        return tuple(found.files / name for found, name in islice(good, _MOST_COPIES))

    def prune(self) -> tuple[str, ...]:
        """Let go of what need not be kept any longer; the newest good one of each component always stays."""
        gone: list[str] = []
        for component in shelf.known(self._service.settings.state_dir):
            with self._locked(component, fcntl.LOCK_EX):
                for each in self._expired(component):
                    # renamed first: half of a backup must not be taken for one
                    grave = each.folder.with_name(f".gone-{each.folder.name}")
                    each.folder.rename(grave)
                    shutil.rmtree(grave, ignore_errors=True)
                    gone.append(each.set.id)
        return tuple(gone)

    def expired(self) -> tuple[str, ...]:
        """What `prune` would let go of."""
        known = shelf.known(self._service.settings.state_dir)
        return tuple(each.set.id for component in known for each in self._expired(component))

    def last_failure(self, component: str) -> str:
        """Why the last try to make one failed; empty where it did not."""
        return shelf.last_failure(self._service.settings.state_dir, component)

    def _expired(self, component: str) -> list[Shelved]:
        found = self.all(component)
        known = self._service.components.get(component)
        policy = known.backup if known else None
        oldest = self._clock.now() - timedelta(days=self._service.settings.retention_days)
        if policy and policy.keep is not None:
            gone = list(found[policy.keep :])
        else:
            gone = [each for each in found if each.set.at < oldest]
        best = next((each for each in found if each.proof.is_good and not each.damage()), None) if gone else None
        return [each for each in gone if best is None or each.folder != best.folder] if best else []

    def _create(self, subject: _Subject, place: Path, why: str) -> Shelved:
        begun, now = self._clock.monotonic(), self._clock.now()
        needed, free = 2 * subject.how.size(subject.target) + RESERVE_BYTES, shutil.disk_usage(place).free
        if free < needed:
            raise BackupFailed(f"the disk has {free >> 20} MB left, and the backup needs {needed >> 20} MB")
        draft = place / f".draft-{secrets.token_hex(6)}"
        files = shelf.files_in(draft)
        files.mkdir(mode=0o700, parents=True)
        draft.chmod(0o700)
        try:
            saved = subject.how.create(subject.target, files, subject.limit_s)
            crash_here("backup-files", subject.name, 0)
            described = [
                shelf.saved_file(each, saved.origins.get(each.name))
                for each in sorted(files.iterdir())
                if each.is_file()
            ]
            made = BackupSet(
                id=new_id("backup", now),
                component=subject.name,
                kind=subject.kind,
                at=now,
                node=self._service.settings.node,
                why=why,
                method=saved.method,
                files=tuple(described),
                proof=Proof(at=now, is_good=False, how="", took_s=0.0),
                versions={"paramedic": __version__, "python": platform.python_version(), **saved.versions},
                holds=saved.holds,
                notes=tuple(saved.notes),
            )
            proof = self._prove(subject, files, made, place, lambda: "")
            if not proof.is_good:
                raise BackupFailed(f"what was saved cannot be restored: {proof.how}")
            took_s = round(self._clock.monotonic() - begun, 3)
            made = replace(made, proof=proof, took_s=took_s)
            _seal(draft, files, made)
            crash_here("backup-manifest", subject.name, 0)
            final = place / made.id
            draft.rename(final)
            sync_folder(place)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        (place / shelf.FAILURE).unlink(missing_ok=True)
        return Shelved(folder=final, set=made)

    def _prove(self, subject: _Subject, files: Path, made: BackupSet, place: Path, damage: Callable[[], str]) -> Proof:
        begun = self._clock.monotonic()
        needed, free = made.size + RESERVE_BYTES, shutil.disk_usage(place).free
        if free < needed:
            raise BackupFailed(f"the disk has {free >> 20} MB left, and to try a restore needs {needed >> 20} MB")
        scratch = place / f".scratch-{secrets.token_hex(6)}"
        scratch.mkdir(mode=0o700)
        how, is_good = damage(), False
        try:
            if not how:
                how = subject.how.verify(subject.target, files, scratch, made.holds, subject.limit_s)
                is_good = True
        except BackupFailed as error:
            how = str(error)
        except Exception as error:  # a boundary: as above, and what cannot be proved is worth nothing
            how = f"the pack of the kind `{subject.kind}` failed: {type(error).__name__}: {error}"
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        took_s = round(self._clock.monotonic() - begun, 3)
        return Proof(at=self._clock.now(), is_good=is_good, how=how, took_s=took_s)

    def _subject(self, name: str) -> _Subject:
        if name == OWN:
            how = own_backup(self._service.settings, self._clock)
            return _Subject(name=OWN, kind="paramedic", target=None, how=how, limit_s=BackupPolicy().limit_s)
        component = self._service.components.get(name)
        how_ = self.hook(component) if component else None
        if component is None or how_ is None:
            raise BackupFailed(f"`{name}` is nothing that can be backed up")
        limit_s = (component.backup or BackupPolicy()).limit_s
        return _Subject(name=name, kind=component.kind, target=component.target, how=how_, limit_s=limit_s)

    def _note_failure(self, place: Path, why: str) -> None:
        with suppress(OSError):
            told = f"{self._clock.now():%Y-%m-%d %H:%M} UTC: {why}\n"
            write_whole(place / shelf.FAILURE, told.encode(), mode=0o600)

    @contextmanager
    def _locked(self, component: str, how: int) -> Iterator[Path]:
        """The folder of a component's backups; one at a time makes or prunes there, others may read meanwhile."""
        place = shelf.place_of(self._service.settings.state_dir, component)
        try:
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            place.parent.chmod(0o700)
            handle = os.open(place / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise BackupFailed(f"`{place}` cannot be used: {error.strerror or error}") from None
        try:
            fcntl.flock(handle, how)
            if how == fcntl.LOCK_EX:  # nobody else is here: what has no name yet was left by a crash
                for pattern in (".draft-*", ".scratch-*", ".gone-*"):
                    for leftover in place.glob(pattern):
                        shutil.rmtree(leftover, ignore_errors=True)
            yield place
        finally:
            os.close(handle)


def _seal(draft: Path, files: Path, made: BackupSet) -> None:
    """Everything durable, the manifest last."""
    for each in made.files:
        path = files / each.name
        path.chmod(0o600)
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    sync_folder(files)
    shelf.write_manifest(draft, made)
