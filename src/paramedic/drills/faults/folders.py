"""Folders that the shop needs: gone, or closed to the user that must write there."""

import os
import stat
from pathlib import Path
from typing import Any

from paramedic.drills.fault import Step, fault
from paramedic.drills.patient import DrillFailed, Patient

_FOLDER = "uploads"
_MODE = 0o770
_NOBODY = 65534


def _declared(**more: Any) -> Step:  # Any: keys of the service file
    async def prepare(patient: Patient) -> None:
        folder = patient.folder / _FOLDER
        folder.mkdir()
        folder.chmod(_MODE)
        entry = {"path": _FOLDER, "type": "directory", **more}
        component: dict[str, Any] = {"kind": "files", "paths": [entry], "interval": "500ms"}
        if os.geteuid() == 0:  # root may write everywhere: only as somebody else can it be proven that nobody else may
            component["user"] = str(_NOBODY)
            os.chown(folder, _NOBODY, _NOBODY)
            _let_in(folder)
        patient.edit(lambda document: document["components"].update(folders=component))

    return prepare


def _let_in(folder: Path) -> None:
    """Let every user pass on the way to a folder, as on the way to those of a service."""
    for above in folder.parents:
        seen = above.stat()
        if seen.st_uid == os.geteuid() and not seen.st_mode & stat.S_IXOTH:
            above.chmod(stat.S_IMODE(seen.st_mode) | stat.S_IXOTH)


@fault("directory-not-writable", prepare=_declared(writable=True))
async def close_the_folder(patient: Patient) -> None:
    """Close the folder of uploads to the user that writes there."""
    folder = patient.folder / _FOLDER
    patient.mark()
    if os.geteuid() == 0:
        os.chown(folder, 0, 0)
    else:
        folder.chmod(0o570)


async def _is_as_declared(patient: Patient) -> None:
    """It has its mode again."""
    mode = stat.S_IMODE((patient.folder / _FOLDER).stat().st_mode)
    if mode != _MODE:
        raise DrillFailed(f"the folder was made with the mode {mode:04o}, not {_MODE:04o}")


@fault("directory-missing", prepare=_declared(mode=f"{_MODE:04o}"), afterwards=_is_as_declared)
async def delete_the_folder(patient: Patient) -> None:
    """Delete the empty folder of uploads."""
    patient.mark()
    (patient.folder / _FOLDER).rmdir()
