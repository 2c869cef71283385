"""Guests and children that are gone after each test."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from guests import Children, invite


@pytest.fixture
def guest() -> Iterator[Callable[..., "subprocess.Popen[bytes]"]]:
    """Starts a process by hand."""
    made: list[subprocess.Popen[bytes]] = []

    def start(command: Sequence[str], **options: object) -> "subprocess.Popen[bytes]":
        made.append(invite(command, **options))
        return made[-1]

    yield start
    for each in made:
        each.kill()
        each.wait()


@pytest.fixture
def children() -> Iterator[Children]:
    """A process control that starts real children."""
    control = Children()
    yield control
    if control.child:
        control.child.kill()
        control.child.wait()
