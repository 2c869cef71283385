"""Releases in folders of their own: a link ``current`` into a folder ``releases``, and what runs from there."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from paramedic.discovery.guess import Candidate, Guess, Guesses, LeftOut
from paramedic.discovery.project import relative
from paramedic.discovery.scene import Part
from paramedic.sdk.pack import Registry

_LINK, _FOLDER = "current", "releases"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """Where releases lie."""

    path: Path
    current: Path
    """The link."""

    def runs(self, part: Part) -> bool:
        """Whether a process works in one of the releases, or was started from it or through the link."""
        if part.process is None:
            return False
        cwd = part.process.cwd
        started = [cwd / word if cwd else Path(word) for word in part.process.command[:3] if word]
        places = [Path(os.path.normpath(each)) for each in (*started, *([cwd] if cwd else ()))]
        return any(each.is_relative_to(place) for each in places for place in (self.path, self.current))


def deployed(folder: Path) -> Deployed | None:
    """The releases of a folder, where a link leads to one of them."""
    link = folder / _LINK
    try:
        release = link.resolve(strict=True) if link.is_symlink() else None
    except (OSError, RuntimeError):
        return None
    if release is None or not release.is_dir() or release.parent.name != _FOLDER:
        return None
    return Deployed(path=release.parent, current=link)


def through_the_link(path: Path, folder: Path) -> Path:
    """A place inside the release that runs, as it has to be named to mean the next release, too."""
    there = deployed(folder)
    release = there.current.resolve() if there else None
    return there.current / path.relative_to(release) if there and release and path.is_relative_to(release) else path


def add_releases(folder: Path, runs: Iterable[tuple[Part, Guess]], registry: Registry, found: Guesses) -> None:
    """The component of the releases of a folder, for what runs from them."""
    there = deployed(folder) if "release" in registry.kinds else None
    if there is None:
        return
    users = [guess for part, guess in runs if there.runs(part)]
    shown = relative(there.path, folder)
    if not users:
        why = "a folder of releases, but nothing that was found runs from it; `component` would have to say what does"
        found.left_out.append(LeftOut(name=shown, why=why))
        return
    first, *others = users
    names = ", ".join(each.name for each in others)
    keys = {"kind": "release", "path": shown, "current": _LINK, "component": first.name}
    note = f"{names} runs from it, too, and is not restarted with it" if names else ""
    what = f"the releases that {first.name} runs from"
    release = Guess(
        name=f"{first.name}-release", what=what, candidates=[Candidate(keys=keys, note=note)], about=first.name
    )
    release.advice.append("requires: [...]  # files without which a release is unfinished")
    found.add(release)
