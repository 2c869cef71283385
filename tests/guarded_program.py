"""A program with guards in it: a process of its own that does what a test tells it."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from paramedic.guard.outside import processes

_PROGRAM = """
import json, sys
from paramedic.guard import *
names = dict(globals())
for line in sys.stdin:
    exec(json.loads(line), names)
    print("done", flush=True)
"""
WITHIN_S = 20.0


class Program:
    """The process and what a test asks of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.guards = folder / "guards"
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM],
            cwd=folder,
            env={**os.environ, "PARAMEDIC_GUARD_DIR": str(self.guards)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid

    def do(self, code: str) -> None:
        """Have it run some lines of Python, in which everything of `paramedic.guard` is known."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(code) + "\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "done\n"

    def shows(self, kind: str) -> dict[str, Any] | None:
        """The first guard of a kind, as it is shown outside now."""
        return next((each for one in processes(self.guards) for each in one.guards if each["kind"] == kind), None)

    async def until(self, is_there: Callable[[], object], what: str, within_s: float = WITHIN_S) -> None:
        """Wait for what must come by itself."""
        for _ in range(int(within_s / 0.05)):
            if is_there():
                return
            await asyncio.sleep(0.05)
        pytest.fail(f"waited {within_s:g} s for {what}")

    def end(self) -> None:
        """End it as an operator does."""
        self._process.kill()
        self._process.communicate()
