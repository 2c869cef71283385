"""Whether a user can write somewhere: tried as that user, not reckoned from modes."""

import os
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from paramedic.packs.files.seeing import ownership
from paramedic.packs.files.target import Files
from paramedic.sdk import Context
from paramedic.sdk.account import Account, myself, of_process, of_user

_LIMIT_S = 5.0


class CannotTell(Exception):
    """It cannot be tried from here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a user cannot write."""

    because: str
    is_read_only: bool = False
    """The whole file system is."""


def writers(files: Files, context: Context) -> tuple[Account, ...]:
    """Who must be able to write: the declared user, else whoever the processes run as that use the paths.

    Raises:
        CannotTell: there is no such user.
    """
    if files.user is not None:
        account = of_user(files.user)
        if account is None:
            raise CannotTell(f"this machine has no user `{files.user}`")
        return (account,)
    found: dict[int, Account] = {}
    mine = context.component.name
    for each in context.service.components.values():
        if each.process is None or (each.name != mine and mine not in each.depends_on):
            continue
        pid = context.processes.facts(each).pid
        account = of_process(pid) if pid else None
        if account is None and each.process.is_managed:
            account = myself()  # whoever starts it
        if account:
            found[account.uid] = account
    return tuple(found.values()) or (myself(),)


def refusal(path: Path, account: Account) -> Refusal | None:
    """Why the user cannot write there; ``None`` when it can. May block.

    Raises:
        CannotTell: it cannot be tried from here.
    """
    if os.statvfs(path).f_flag & os.ST_RDONLY:
        return Refusal(because="its file system is mounted read-only", is_read_only=True)
    is_directory = path.is_dir()
    if account.is_own:
        is_allowed = os.access(path, os.W_OK | (os.X_OK if is_directory else 0), effective_ids=True)
    else:
        is_allowed = _tried(path, account, is_directory=is_directory)
    return None if is_allowed else Refusal(because=_because(path, account))


def _tried(path: Path, account: Account, *, is_directory: bool) -> bool:
    program = shutil.which("test", path="/usr/bin:/bin")
    if program is None or not account.can_be_taken:
        raise CannotTell(f"only root can try what {account} may do; Paramedic runs as {myself()}")
    command = [program, "-w", str(path), *(("-a", "-x", str(path)) if is_directory else ())]
    try:
        done = subprocess.run(
            command, capture_output=True, cwd="/", env={}, timeout=_LIMIT_S, check=False, **account.options()
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise CannotTell(f"nothing could be tried as {account}: {error}") from None
    if done.returncode not in (0, 1):
        raise CannotTell(f"nothing could be tried as {account}: `test` ended with {done.returncode}")
    return done.returncode == 0


def _because(path: Path, account: Account) -> str:
    """The folder that keeps the user out, or the path's own owner and mode."""
    for folder in reversed(path.parents):
        status = folder.stat()
        if not _enters(status, account):
            return f"it cannot even enter `{folder}`: {ownership(status)}"
    return ownership(path.stat())


def _enters(status: os.stat_result, account: Account) -> bool:
    """As far as the mode tells; lists of access may say otherwise."""
    if account.uid == 0:
        return True
    if status.st_uid == account.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid in (account.gid, *account.groups):
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)
