"""Which releases passed their checks, kept among Paramedic's own records. Everything here blocks.

A running `watch` notes them; whoever goes back to an earlier release strikes the one that it leaves.
"""

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from paramedic.model.wire import dump, load
from paramedic.packs.release import seeing
from paramedic.packs.release.target import Release
from paramedic.sdk import Service
from paramedic.sdk.files import write_whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """A release that passed its checks."""

    name: str
    at: datetime
    """When it was known to pass them."""
    files: dict[str, int]
    """Its files and their sizes at that time."""


def passed(service: Service, component: str) -> tuple[Passed, ...]:
    """The releases that passed their checks, newest first."""
    try:
        entries = json.loads(_place(service, component).read_bytes())
        return tuple(load(Passed, each) for each in entries)
    except (OSError, ValueError, TypeError, KeyError):  # none yet, or none that can be read
        return ()


def note(service: Service, component: str, folder: Path, at: datetime, keep: int) -> None:
    """A release passes its checks."""
    new = Passed(name=folder.name, at=at, files=seeing.files_of(folder))
    others = [each for each in passed(service, component) if each.name != new.name]
    _write(service, component, [new, *others][:keep])


def strike(service: Service, component: str, name: str) -> None:
    """A release was left because it is bad: it is nothing to go back to, until it passes its checks again."""
    known = passed(service, component)
    if any(each.name == name for each in known):
        _write(service, component, [each for each in known if each.name != name])


def good(service: Service, component: str, target: Release, *, but: str | None) -> tuple[Passed | None, str]:
    """The newest release that passed its checks and is whole, ``but`` this one; else why there is none."""
    known = [each for each in passed(service, component) if each.name != but]
    reasons = []
    for each in known:
        if why := _why_not_whole(target.path / each.name, target, each.files):
            reasons.append(f"`{each.name}` {why}")
        else:
            return each, ""
    return None, "; ".join(reasons) or "no other release is known to have passed its checks"


def why_not(target: Release, name: str) -> str | None:
    """Why a release that a person names cannot be gone back to, if so."""
    if name not in {each.name for each in target.path.iterdir()}:
        return f"`{target.path}` holds no release `{name}`"
    if (target.path / name).is_symlink():
        return f"`{name}` is a link, no release"
    why = _why_not_whole(target.path / name, target, {})
    return f"`{name}` {why}" if why else None


def _why_not_whole(folder: Path, target: Release, files: dict[str, int]) -> str | None:
    if not folder.is_dir():
        return "is not there any more"
    if why := seeing.unfinished(folder, target):
        return f"cannot be gone back to: {why}"
    for name, size in files.items():
        with suppress(OSError):
            if (folder / name).stat().st_size or not size:
                continue
        return f"is not as it was: `{name}` is missing or empty"
    return None


def _write(service: Service, component: str, known: Iterable[Passed]) -> None:
    place = _place(service, component)
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(place, json.dumps(dump(list(known))).encode(), mode=0o600)


def _place(service: Service, component: str) -> Path:
    return service.settings.state_dir / "releases" / f"{component}.json"
