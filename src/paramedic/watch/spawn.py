"""Starts a component's process so that it outlives us and can be recognised later."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from paramedic.model.component import ProcessSpec
from paramedic.model.secret import Secret
from paramedic.sdk import ActionFailed, proc


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A start of which everything that can be known beforehand was found good."""

    command: tuple[str, ...]
    """With the full path of its program, so that no second search can find another one."""
    cwd: Path
    environment: Mapping[str, str]

    def spawn(self, log: int) -> int:
        """Start it in a session of its own, printing to a descriptor; returns its pid.

        Raises:
            ActionFailed: the kernel refused.
        """
        try:
            child = subprocess.Popen(
                self.command,
                cwd=self.cwd,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise ActionFailed(f"`{self.command[0]}` could not be started: {_reason(error)}") from error
        # The supervisor waits for it through its pidfd; Popen must not wait for it a second time.
        child.returncode = 0
        return child.pid


def prepare(spec: ProcessSpec, root: Path, token: str) -> Prepared:
    """Find out how a process would be started, starting nothing.

    Args:
        spec: how it is declared.
        root: the folder that its folder is relative to.
        token: the launch token that its environment will carry.

    Raises:
        ActionFailed: its command or its folder is not there; the message names it.
    """
    if not spec.is_managed:
        raise ActionFailed("the service file gives no `command` to start it with")
    cwd = root / spec.cwd
    if not cwd.is_dir():
        raise ActionFailed(f"its folder `{cwd}` does not exist; correct `cwd` in the service file")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PARAMEDIC_")}
    for name, value in spec.env.items():
        environment[name] = value.reveal() if isinstance(value, Secret) else value
    environment[proc.TOKEN_VARIABLE] = token
    program = _program(spec.command[0], cwd, environment)
    return Prepared(command=(program, *spec.command[1:]), cwd=cwd, environment=environment)


def _program(name: str, cwd: Path, environment: Mapping[str, str]) -> str:
    if "/" in name:
        path = cwd / name
        if not path.exists():
            raise ActionFailed(f"`{path}` does not exist; correct `command` in the service file")
        if path.is_dir() or not os.access(path, os.X_OK):
            raise ActionFailed(f"`{path}` is not executable; see `ls -l {path}`")
        return str(path)
    found = shutil.which(name, path=environment.get("PATH", os.defpath))
    if found is None and name == "python":
        found = sys.executable
    if found is None:
        raise ActionFailed(f"`{name}` was not found on PATH; give its full path in `command`")
    # A relative entry of PATH counts from the process's own folder.
    return str(cwd / found)


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error)
