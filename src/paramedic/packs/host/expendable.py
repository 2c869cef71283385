"""Files that may be deleted to make room, found without ever leaving the places that were declared."""

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path

from paramedic.model.report import SAVED_AS
from paramedic.packs.host.target import Host
from paramedic.sdk import Service, proc

_MAGIC = frozenset("*?[")
_LINK_IN_THE_WAY = (errno.ELOOP, errno.EMLINK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """A folder, and which files below it are meant."""

    root: Path
    parts: tuple[str, ...]
    older_than_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Expendable:
    """One file that may be deleted."""

    root: Path
    within: tuple[str, ...]
    """The way from the root to it, its own name last."""
    device: int
    inode: int
    size: int
    """What deleting it gives back, in bytes."""
    changed_at: float
    """Seconds since the epoch."""

    @property
    def path(self) -> Path:
        return self.root.joinpath(*self.within)


def patterns(host: Host, service: Service) -> tuple[tuple[Pattern, ...], tuple[str, ...]]:
    """What may be deleted, and which declared patterns cannot be used and why."""
    settings = service.settings
    expired_s = settings.retention_days * 86_400
    usable = [
        Pattern(root=settings.reports_path, parts=(SAVED_AS,), older_than_s=expired_s),
        Pattern(root=settings.state_dir / "plans", parts=("*", "**", "*"), older_than_s=expired_s),
    ]
    refused = []
    home = Path(os.path.realpath(service.path.parent))
    for text in host.prunable:
        parts = Path(text).parts
        fixed = next((n for n, part in enumerate(parts) if _MAGIC & set(part)), len(parts) - 1)
        root = home.joinpath(*parts[:fixed])
        if not parts or ".." in parts:
            refused.append(f"`{text}` is empty or leads upward")
        elif root == Path(root.anchor):
            refused.append(f"`{text}` begins at the root of the file system")
        elif os.path.realpath(root) != str(root):
            refused.append(f"`{text}` goes through a symbolic link; name `{os.path.realpath(root)}` instead")
        else:
            usable.append(Pattern(root=root, parts=parts[fixed:], older_than_s=host.prune_after_s))
    return tuple(usable), tuple(refused)


def expendable(wanted: Iterable[Pattern], service: Service, now: datetime) -> list[Expendable]:
    """Every file that a pattern means and nothing protects, oldest first. Looks through whole folders: may block."""
    kept = _protected(service)
    plans = service.settings.state_dir / "plans"
    found: dict[tuple[int, int], Expendable] = {}
    for pattern in wanted:
        for each in _matching(pattern, now.timestamp()):
            is_own_state = each.path.is_relative_to(service.settings.state_dir) and pattern.root != plans
            if not is_own_state and each.path not in kept:
                found.setdefault((each.device, each.inode), each)
    return sorted(found.values(), key=lambda each: (each.changed_at, each.path))


def delete(file: Expendable) -> bool:
    """Delete it if it still is the file that was found; never through a link that was put in its way meanwhile."""
    folder = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    try:
        for name in (*file.root.parts[1:], *file.within[:-1]):
            below = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = below
        seen = os.stat(file.within[-1], dir_fd=folder, follow_symlinks=False)
        if (seen.st_dev, seen.st_ino, seen.st_mtime) != (file.device, file.inode, file.changed_at):
            return False
        os.unlink(file.within[-1], dir_fd=folder)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        if error.errno in _LINK_IN_THE_WAY:
            return False
        raise
    finally:
        os.close(folder)
    return True


def open_files() -> set[tuple[int, int]]:
    """Device and inode of every file that a process has open or mapped, as far as we may look."""
    found: set[tuple[int, int]] = set()
    for pid in proc.pids():
        with suppress(OSError):
            for name in os.listdir(f"/proc/{pid}/fd"):
                with suppress(OSError):
                    seen = Path(f"/proc/{pid}/fd/{name}").stat()
                    if stat.S_ISREG(seen.st_mode):
                        found.add((seen.st_dev, seen.st_ino))
        with suppress(OSError):
            for row in Path(f"/proc/{pid}/maps").read_bytes().splitlines():
                columns = row.split(maxsplit=5)
                if columns[4] != b"0":
                    major, minor = (int(number, 16) for number in columns[3].split(b":"))
                    found.add((os.makedev(major, minor), int(columns[4])))
    return found


def _matching(pattern: Pattern, now: float) -> Iterator[Expendable]:
    try:
        walk = os.fwalk(pattern.root, follow_symlinks=False)
        for folder, _, names, descriptor in walk:
            way = Path(folder).relative_to(pattern.root).parts
            for name in names:
                within = (*way, name)
                if not _matches(within, pattern.parts):
                    continue
                try:
                    seen = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                except OSError:
                    continue
                # A file with a second name elsewhere gives nothing back.
                if stat.S_ISREG(seen.st_mode) and seen.st_nlink == 1 and now - seen.st_mtime >= pattern.older_than_s:
                    yield Expendable(
                        root=pattern.root,
                        within=within,
                        device=seen.st_dev,
                        inode=seen.st_ino,
                        size=seen.st_blocks * 512,
                        changed_at=seen.st_mtime,
                    )
    except OSError:
        return  # the folder is not there, or not ours to look into: nothing of it may be deleted


def _matches(names: tuple[str, ...], parts: tuple[str, ...]) -> bool:
    if not parts:
        return not names
    if parts[0] == "**":
        return _matches(names, parts[1:]) or (
            bool(names) and not names[0].startswith(".") and _matches(names[1:], parts)
        )
    if not names or (names[0].startswith(".") and not parts[0].startswith(".")):
        return False  # as in a shell, a hidden file is meant only when the pattern says so
    return fnmatchcase(names[0], parts[0]) and _matches(names[1:], parts[1:])


def _protected(service: Service) -> set[Path]:
    """Files that another part of the service file names; no pattern can mean them."""
    found = {service.path, Path(os.path.realpath(service.path))}
    for component in service.components.values():
        for path in (*_named(component.target), *_named(component.process)):
            found |= {path, Path(os.path.realpath(path))}
    return found


def _named(value: object) -> Iterator[Path]:
    """Every path in a value, in whatever it consists of."""
    if isinstance(value, Path):
        yield value
    elif isinstance(value, tuple):
        for each in value:
            yield from _named(each)
    elif is_dataclass(value):
        for each in fields(value):
            yield from _named(getattr(value, each.name))
