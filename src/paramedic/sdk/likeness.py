"""Tells an instance of a component from a stranger, by its command line."""

import re
from collections.abc import Sequence
from pathlib import PurePath

_VERSION = re.compile(r"[\d.]+$")
_INTERPRETERS = frozenset({"bash", "dash", "node", "perl", "php", "python", "ruby", "sh", "zsh"})
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


def _program(path: str) -> str:
    return _VERSION.sub("", PurePath(path).name)
