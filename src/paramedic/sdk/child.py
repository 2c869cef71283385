"""A child process for what must not happen in ours: opening a patient's file that may crash, hang or eat memory.

The child is a module of a pack with a ``main()`` that reads one job as JSON from standard input and writes one answer
as JSON to standard output. It is started without the program's own start-up, because one is started for every look.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_PACKAGES = Path(__file__).parent.parent
MARK = "# a child of paramedic that does one job on one file"
"""Stands in the command line of every such child. Until an action says otherwise, it only reads what is a patient's."""
# the packages without their own start-up: a child needs neither the sdk nor the installed packs
_START = (
    MARK
    + """
import ctypes, importlib, os, resource, signal, sys, types
*packages, module, memory, parent = sys.argv[1:]
if prctl := getattr(ctypes.CDLL(None), "prctl", None):
    prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: what works on a patient's file must not outlive its starter
if os.getppid() != int(parent):
    os._exit(1)
for name, path in (each.split("=", 1) for each in packages):
    stub = types.ModuleType(name)
    stub.__path__ = [path]
    sys.modules[name] = stub
if int(memory):
    resource.setrlimit(resource.RLIMIT_AS, (int(memory), int(memory)))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
importlib.import_module(module).main()
"""
)
Answer = Any  # what the child says, in the shape of its job


class NoAnswer(Exception):
    """The child did not answer: it took too long, crashed, or says why it could not."""


class Crashed(NoAnswer):
    """The child was ended by a signal of its own making; where a file does that, it is a finding about the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A program within a pack."""

    module: str
    """Its full name, such as ``paramedic.packs.sqlite.inside.child``."""
    called: str
    """How messages call what it works with, such as ``SQLite``."""
    with_packages: bool = False
    """Whether it needs more than the standard library."""
    borrows: tuple[str, ...] = ()
    """Other packs of which it uses modules, without their own start-up either."""
    environment: dict[str, str] = field(default_factory=dict)
    """Set for it beside our own."""

    async def ask(self, job: str, limit_s: float, /, *, memory: int = 0, **order: object) -> Answer:
        """Have it do a job; it is killed when its time is over or nobody waits any more.

        Args:
            job: the name of the job.
            limit_s: how long it may take.
            memory: bytes of address space that it may use; 0 sets no limit.
            order: arguments of the job.

        Raises:
            Crashed: it was ended by a signal.
            NoAnswer: with the reason.
        """
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command(memory),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                env={**os.environ, **self.environment},
            )
        except OSError as error:
            raise NoAnswer(f"no process could be started: {error.strerror}") from None
        try:
            out, err = await asyncio.wait_for(process.communicate(_text(job, order)), limit_s)
        except TimeoutError:
            raise NoAnswer(f"it took longer than {limit_s:.0f} s") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return self._understood(process.returncode, out, err)

    def ask_now(self, job: str, limit_s: float, /, *, memory: int = 0, **order: object) -> Answer:
        """The same for a thread that may block.

        Raises:
            Crashed: it was ended by a signal.
            NoAnswer: with the reason.
        """
        try:
            done = subprocess.run(
                self._command(memory),
                input=_text(job, order),
                capture_output=True,
                timeout=limit_s,
                check=False,
                env={**os.environ, **self.environment},
            )
        except subprocess.TimeoutExpired:
            raise NoAnswer(f"it took longer than {limit_s:.0f} s") from None
        except OSError as error:
            raise NoAnswer(f"no process could be started: {error.strerror}") from None
        return self._understood(done.returncode, done.stdout, done.stderr)

    def _command(self, memory: int) -> list[str]:
        parts = self.module.split(".")[:-2]  # the last package is really imported
        names = [".".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
        stubs = [f"{each}={_PACKAGES.joinpath(*each.split('.')[1:])}" for each in (*names, *self.borrows)]
        flags = ["-I"] if self.with_packages else ["-I", "-S"]
        return [sys.executable, *flags, "-c", _START, *stubs, self.module, str(memory), str(os.getpid())]

    def _understood(self, code: int | None, out: bytes, err: bytes) -> Answer:
        if code is not None and code < 0 and -code != signal.SIGKILL:
            raise Crashed(f"{self.called} crashed with {signal.Signals(-code).name}")
        if code != 0:
            why = err.decode(errors="replace").strip().splitlines()
            raise NoAnswer(f"{self.called} ended with {code}{f': {why[-1][:200]}' if why else ''}")
        answer = json.loads(out)
        if isinstance(answer, dict) and "error" in answer:
            raise NoAnswer(str(answer["error"]))
        return answer


def _text(job: str, order: dict[str, object]) -> bytes:
    return json.dumps({"job": job, **order}, default=str).encode()
