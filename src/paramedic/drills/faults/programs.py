"""Programs that the service calls and that are no longer there."""

import os
import shutil
from pathlib import Path

from paramedic.drills.fault import Step, fault
from paramedic.drills.patient import Patient


def _installed(name: str, need: str) -> Step:
    """The program stands in a folder of the patient's, and nowhere else on its ``PATH``."""

    async def prepare(patient: Patient) -> None:
        program = patient.folder / "bin" / name
        program.parent.mkdir()
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        others = [each for each in os.environ.get("PATH", "").split(":") if not shutil.which(name, path=each)]
        patient.extra_environment |= {"PATH": ":".join([str(program.parent), *others])}
        patient.edit(lambda document: document["components"]["disk"].update(binaries={name: need}))

    return prepare


def _program(patient: Patient, name: str) -> Path:
    return patient.folder / "bin" / name


@fault("binary-missing-required", prepare=_installed("ffmpeg", "required"))
async def uninstall_what_is_required(patient: Patient) -> None:
    """Uninstall `ffmpeg`, which the service file declares to be required."""
    patient.mark()
    _program(patient, "ffmpeg").unlink()


@fault("binary-missing-recommended", prepare=_installed("docker", "recommended"))
async def uninstall_what_is_recommended(patient: Patient) -> None:
    """Uninstall `docker`, which the service file only recommends."""
    patient.mark()
    _program(patient, "docker").unlink()
