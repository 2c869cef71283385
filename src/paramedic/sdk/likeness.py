"""Tells an instance of a component from a stranger, by its command line; where it hides that, by its program."""

import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePath
from shutil import which

from paramedic.sdk import proc

_VERSION = re.compile(r"[\d.]+$")
_INTERPRETERS = frozenset({"bash", "dash", "node", "perl", "php", "python", "ruby", "sh", "zsh"})
_LONGEST_LINE = 512
_SHEBANG_PARTS = 2
"""What a script's first line puts before it: an interpreter, and one argument at most."""


def is_same_command(declared: Sequence[str], running: Sequence[str]) -> bool:
    """Whether a running command line is a declared one, up to the folder and version of its program.

    ``python -m shop`` runs as ``/usr/bin/python3.11 -m shop``; a script runs with its interpreter before it.
    """
    surplus = len(running) - len(declared)
    if not declared or not 0 <= surplus <= _SHEBANG_PARTS:
        return False
    if surplus and _program(running[0]) not in _INTERPRETERS:
        return False
    own = running[surplus:]
    return _program(own[0]) == _program(declared[0]) and list(own[1:]) == list(declared[1:])


def is_instance(declared: Sequence[str], pid: int, folder: Path) -> bool:
    """Whether a process runs a declared command in a folder, also when it shows a title instead of a command line.

    Redis, nginx and gunicorn write ``redis-server 127.0.0.1:6379`` or ``nginx: master process`` over their arguments:
    such a process is an instance if it names itself so, runs the very program, and works in the very folder.
    """
    running = proc.command(pid)
    if is_same_command(declared, running):
        return True
    return _shows_title(declared, running) and _link(pid, "cwd") == os.path.realpath(folder) and _runs(declared, pid)


def shows_title(running: Sequence[str]) -> bool:
    """Whether a process has written one text over its arguments."""
    first, *rest = running or ("",)
    return not any(rest) and (" " in first or ":" in first)


def _shows_title(declared: Sequence[str], running: Sequence[str]) -> bool:
    return bool(declared) and shows_title(running) and _program(declared[0]) in running[0]


def _runs(declared: Sequence[str], pid: int) -> bool:
    """Whether its executable is the declared program, or the interpreter that the declared script names."""
    running, folder = _link(pid, "exe"), _link(pid, "cwd")
    if running is None or folder is None:
        return False
    named = os.path.join(folder, declared[0]) if "/" in declared[0] else which(declared[0])  # noqa: PTH118  # may be a path
    if named is None:
        return False
    programs = [named]
    try:
        with Path(named).open("rb") as file:
            line = file.readline(_LONGEST_LINE)
    except OSError:
        line = b""
    if line.startswith(b"#!"):
        words = line[2:].decode(errors="replace").split()
        programs = [which(each) or each for each in words[:_SHEBANG_PARTS]]
    return running.removesuffix(" (deleted)") in {os.path.realpath(each) for each in programs}


def _link(pid: int, what: str) -> str | None:
    try:
        return os.readlink(f"/proc/{pid}/{what}")
    except OSError:
        return None


def _program(path: str) -> str:
    return _VERSION.sub("", PurePath(path).name)
