"""What the component's own interpreter says of itself: asked in a child, isolated and with a time-out."""

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from packaging.utils import canonicalize_name

from paramedic.sdk.account import Account, myself

_LIMIT_S = 20.0
_MOST_BYTES = 32 << 20


class Missing(Exception):
    """There is no interpreter at that place."""


class Unusable(Exception):
    """Something is there that does not work as a Python."""


class NoAnswer(Exception):
    """It could not be asked, for a reason that says nothing about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """One installed package."""

    name: str
    version: str
    requires: tuple[str, ...]
    """What it needs, as its metadata says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """An interpreter and what is installed for it."""

    version: str
    prefix: Path
    is_virtual: bool
    is_managed_elsewhere: bool
    """The system's own package manager looks after it and pip refuses to."""
    packages: Path
    """Where packages are installed."""
    path: tuple[Path, ...]
    """Where it looks for packages."""
    has_pip: bool
    markers: Mapping[str, str]
    """The values of environment markers there."""
    installed: Mapping[str, Distribution] | None
    """By canonical name; ``None`` where it is too old to tell."""


async def ask(interpreter: Path, account: Account, limit_s: float = _LIMIT_S) -> Facts:
    """Ask the interpreter, as a user.

    Raises:
        Missing: there is none.
        Unusable: it is there and does not work.
        NoAnswer: it could not be asked.
    """
    try:
        if not interpreter.exists():
            link = f"is a link to `{os.readlink(interpreter)}`, which " if interpreter.is_symlink() else ""
            raise Missing(f"`{interpreter}` {link}does not exist")
    except PermissionError:
        raise NoAnswer(f"`{interpreter}` may not be looked at by {myself()}") from None
    code = (files("paramedic.packs.python") / "telling.py").read_text()
    done = await run((str(interpreter), "-I", "-c", code), account, limit_s)
    lines = [each for each in done.out.splitlines() if each.startswith('{"')]
    if done.code != 0 or not lines:
        said = next((each.strip()[:200] for each in reversed((done.err or done.out).splitlines()) if each.strip()), "")
        ended = f"ended with {done.code}" if done.code else "says nothing that Python would say"
        raise Unusable(f"`{interpreter}` {ended}{f': {said}' if said else ''}")
    try:
        return _understood(json.loads(lines[-1]))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Unusable(f"`{interpreter}` says nothing that Python would say") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A child that ended."""

    code: int
    out: str
    err: str


async def run(
    command: tuple[str, ...], account: Account, limit_s: float, *, env: Mapping[str, str] | None = None
) -> Ran:
    """Run a program as a user; it and what it started are killed when its time is over or nobody waits any more.

    Raises:
        Unusable: it cannot be started.
        NoAnswer: it took too long, or we may not start it.
    """
    program = command[0]
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            cwd="/",
            env=dict(env) if env is not None else surroundings(account),
            limit=_MOST_BYTES,
            **account.options(),
        )
    except PermissionError:
        if not account.is_own or os.access(program, os.X_OK):
            raise NoAnswer(f"`{program}` may not be started as {account}") from None
        raise Unusable(f"`{program}` may not be executed by {account}") from None
    except OSError as error:
        raise Unusable(f"`{program}` does not start: {error.strerror or error}") from None
    try:
        out, err = await asyncio.wait_for(process.communicate(), limit_s)
    except TimeoutError:
        raise NoAnswer(f"`{program}` did not answer within {limit_s:.0f} s") from None
    finally:
        if process.returncode is None:
            _kill(process.pid)
            await process.wait()
    return Ran(code=process.returncode or 0, out=out.decode(errors="replace"), err=err.decode(errors="replace"))


def surroundings(account: Account) -> dict[str, str]:
    """Our environment without what would make another Python of the child, and with the user's own home."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PARAMEDIC_"))}
    return kept if account.is_own else {**kept, "HOME": account.home}


def _kill(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)  # it leads a session of its own
    except ProcessLookupError:
        return


def _understood(said: Mapping[str, object]) -> Facts:
    installed = said["installed"]
    found: dict[str, Distribution] = {}
    for each in installed if isinstance(installed, list) else ():
        # the first on the path is the one that is imported
        found.setdefault(
            canonicalize_name(each["name"]),
            Distribution(name=each["name"], version=each["version"], requires=tuple(each["requires"])),
        )
    markers = said["markers"]
    if not isinstance(markers, dict):
        raise TypeError("markers")
    return Facts(
        version=str(said["version"]).removesuffix("+"),  # built from a repository between two releases
        prefix=Path(str(said["prefix"])),
        is_virtual=bool(said["is_virtual"]),
        is_managed_elsewhere=bool(said["is_managed_elsewhere"]),
        packages=Path(str(said["packages"])),
        path=tuple(Path(str(each)) for each in path) if isinstance(path := said["path"], list) else (),
        has_pip=bool(said["has_pip"]),
        markers={str(name): str(value) for name, value in markers.items()},
        installed=found if isinstance(installed, list) else None,
    )
