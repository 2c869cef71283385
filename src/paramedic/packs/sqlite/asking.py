"""Our side of the conversation with the child that opens a patient's database."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
# the package without its own start-up: a child that only looks needs neither the sdk nor the installed packages
_START = """
import sys, types
for name, path in zip(("paramedic", "paramedic.packs", "paramedic.packs.sqlite"), sys.argv[1:4]):
    module = types.ModuleType(name)
    module.__path__ = [path]
    sys.modules[name] = module
from paramedic.packs.sqlite.inside.child import main
main()
"""
MARK = "from paramedic.packs.sqlite.inside.child import main"
"""Stands in the command line of every such child. They only read what is a patient's."""
Answer = Any  # what the child says, in the shape of its job


class NoAnswer(Exception):
    """The child did not answer: it took too long, crashed, or says why it could not."""


async def ask(job: str, limit_s: float, /, **order: object) -> Answer:
    """Have a child do a job; it is killed when its time is over or nobody waits any more.

    Raises:
        NoAnswer: with the reason.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *_command(job, order),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise NoAnswer(f"no process could be started: {error.strerror}") from None
    try:
        out, err = await asyncio.wait_for(process.communicate(), limit_s)
    except TimeoutError:
        raise NoAnswer(f"it took longer than {limit_s:.0f} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return _understood(process.returncode, out, err)


def ask_now(job: str, limit_s: float, /, **order: object) -> Answer:
    """The same for a thread that may block.

    Raises:
        NoAnswer: with the reason.
    """
    try:
        done = subprocess.run(
            _command(job, order), stdin=subprocess.DEVNULL, capture_output=True, timeout=limit_s, check=False
        )
    except subprocess.TimeoutExpired:
        raise NoAnswer(f"it took longer than {limit_s:.0f} s") from None
    except OSError as error:
        raise NoAnswer(f"no process could be started: {error.strerror}") from None
    return _understood(done.returncode, done.stdout, done.stderr)


def _command(job: str, order: dict[str, object]) -> list[str]:
    packages = [str(_HERE.parent.parent), str(_HERE.parent), str(_HERE)]
    text = json.dumps({"job": job, **order}, default=str)
    return [sys.executable, "-I", "-S", "-c", _START, *packages, text]


def _understood(code: int | None, out: bytes, err: bytes) -> Answer:
    if code != 0:
        why = err.decode(errors="replace").strip().splitlines()
        raise NoAnswer(f"SQLite ended with {code}{f': {why[-1][:200]}' if why else ''}")
    answer = json.loads(out)
    if isinstance(answer, dict) and "error" in answer:
        raise NoAnswer(str(answer["error"]))
    return answer
