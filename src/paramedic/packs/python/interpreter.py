"""Which interpreter a component runs on, and as whom it may be asked."""

import os
import re
import shutil
from pathlib import Path

from paramedic.packs.python.target import Python
from paramedic.sdk import Component, ProcessControl, Service
from paramedic.sdk.account import Account, myself, of_process, of_user

_IS_PYTHON = re.compile(r"(python|pypy)[0-9.]*")
_USUAL = (".venv", "venv")


def locate(target: Python, component: Component, service: Service) -> Path:
    """The interpreter, whether or not it is there. A link is not followed: it is what makes a virtual environment."""
    home = service.path.parent
    declared = target.interpreter
    if declared is None:
        declared = _of_process(component, home) or _of_folder(home)
    # a bare name stands, as every relative path, for one beside the service file; only then is the PATH searched
    if declared.parent == home and not os.path.lexists(declared) and (found := shutil.which(declared.name)):
        return Path(found)
    return declared


def _of_process(component: Component, home: Path) -> Path | None:
    process = component.process
    if process is None or not process.command or not _IS_PYTHON.fullmatch(Path(process.command[0]).name):
        return None
    program = process.command[0]
    return home / process.cwd / program if "/" in program else home / program


def _of_folder(home: Path) -> Path:
    found = (home / name / "bin/python" for name in _USUAL)
    return next((each for each in found if os.path.lexists(each)), home / "python3")


def asked_as(interpreter: Path, component: Component, processes: ProcessControl) -> Account:
    """Root never runs what belongs to others: the user of the component's process, else the interpreter's owner."""
    me = myself()
    if me.uid != 0:
        return me
    pid = processes.facts(component).pid
    account = of_process(pid) if pid else None
    if account is None or account.uid == 0:
        owners = {place.lstat().st_uid for place in _what_decides(interpreter)}
        account = next((found for owner in sorted(owners) if owner and (found := of_user(owner))), me)
    return account


def _what_decides(interpreter: Path) -> tuple[Path, ...]:
    """Whoever owns one of these decides what the interpreter does: the program, its folder, its environment."""
    places = (interpreter, interpreter.parent, interpreter.parent.parent, interpreter.parent.parent / "pyvenv.cfg")
    return tuple(each for each in places if os.path.lexists(each))
