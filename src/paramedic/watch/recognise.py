"""Finds the process of a component: one of an earlier launch, or one that Paramedic did not start."""

import os
import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path, PurePath

from paramedic.model.component import ProcessSpec
from paramedic.model.receipt import Launch
from paramedic.sdk import likeness, proc


def by_launch(launch: Launch) -> proc.Identity | None:
    """The living process of a launch, by its identity; where a crash kept that from being stored, by its token."""
    if launch.boot_id != proc.boot_id():
        return None
    if launch.pid is not None and launch.start_ticks is not None:
        # Not by its token: a program that sets its title overwrites its environment.
        who = proc.identity(launch.pid)
        return who if who and who.start_ticks == launch.start_ticks else None
    pid = proc.launched({launch.token}).get(launch.token)
    return proc.identity(pid) if pid is not None else None


def by_pidfile(spec: ProcessSpec, root: Path) -> proc.Identity | None:
    """The living process whose pid its file gives; one that does not fit ``match`` has only inherited the pid."""
    if spec.pidfile is None:
        return None
    try:
        pid = int((root / spec.pidfile).read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None
    if pid <= 1 or (spec.match is not None and not _matches(spec.match, pid)):
        return None
    return proc.identity(pid)


def by_match(spec: ProcessSpec) -> proc.Identity | None:
    """The eldest process whose command line fits, never Paramedic itself or what called it."""
    if spec.match is None or spec.pidfile is not None:
        return None
    pattern, ourselves = spec.match, _ourselves()
    return _eldest(pid for pid in proc.pids() if pid not in ourselves and _matches(pattern, pid))


def by_command(spec: ProcessSpec, root: Path) -> proc.Identity | None:
    """The eldest process of our user with the very command line and folder that the component is declared with.

    Where there is none: one that shows a title instead, runs that program there, and holds the component's port.
    """
    if not spec.is_managed:
        return None
    user, folder = os.geteuid(), os.path.realpath(root / spec.cwd)
    there = [pid for pid in proc.pids() if proc.uid(pid) == user and _cwd(pid) == folder]
    same = _eldest(pid for pid in there if likeness.is_same_command(spec.command, proc.command(pid)))
    if same or spec.port is None or not proc.listeners(spec.port):
        return same
    holders = {each.pid for each in proc.holders(spec.port)}
    return _eldest(pid for pid in there if pid in holders and likeness.is_instance(spec.command, pid, Path(folder)))


def _eldest(pids: Iterable[int]) -> proc.Identity | None:
    found = [who for pid in pids if (who := proc.identity(pid))]
    return min(found, key=lambda who: who.start_ticks, default=None)


@lru_cache(maxsize=256)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text)


def _matches(pattern: str, pid: int) -> bool:
    command = proc.command(pid)
    return bool(command) and _pattern(pattern).search(" ".join(command)) is not None and not _is_paramedic(command)


def _is_paramedic(command: tuple[str, ...]) -> bool:
    """Another Paramedic names the service file, and with it perhaps what the pattern looks for."""
    return any(PurePath(part).name == "paramedic" for part in command[:3])


def _ourselves() -> set[int]:
    line, pid = set(), os.getpid()
    while pid and pid not in line:
        line.add(pid)
        pid = proc.parent(pid) or 0
    return line


def _cwd(pid: int) -> str | None:
    try:
        return os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return None
