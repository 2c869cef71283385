"""What is no fault at all: nothing may be reported above `info`, and nothing may be touched."""

import asyncio
import os
import shutil
import struct
import subprocess
import sys
from importlib.resources import as_file, files
from pathlib import Path

from paramedic.drills.fault import fault
from paramedic.drills.patient import DrillFailed, Patient
from paramedic.drills.ports import free_ports

_HOUR_S = 3600
_OFFSET, _SHIM = "clock-offset", "clock-step.so"


@fault("healthy-idle")
async def leave_alone(patient: Patient) -> None:
    """Do nothing."""
    patient.mark()


@fault("deploy-restart")
async def restart_on_purpose(patient: Patient) -> None:
    """Let an operator restart the front, as a deployment does."""
    patient.mark()
    ran = await patient.paramedic("restart", "api", within_s=60)
    if ran.code:
        raise DrillFailed(f"`paramedic restart api` ended with {ran.code}: {ran.err.strip()}")


@fault("noisy-restarts")
async def restart_again_and_again(patient: Patient) -> None:
    """Let an operator restart one part after the other, seven times within a minute."""
    patient.mark()
    for name in ("worker", "model", "worker", "queue", "worker", "api", "worker"):
        ran = await patient.paramedic("restart", name, within_s=60)
        if ran.code:
            raise DrillFailed(f"`paramedic restart {name}` ended with {ran.code}: {ran.err.strip()}")


async def _with_a_short_window(patient: Patient) -> None:
    patient.edit(lambda document: document["components"]["api"].update(thresholds={"cpu_for_s": 5}))


@fault("healthy-busy", prepare=_with_a_short_window)
async def work_steadily(patient: Patient) -> None:
    """Keep the front busy for 70 % of the time."""
    patient.mark()
    await patient.post("api", "/sickness", {"busy_share": 0.7})


async def _with_a_memory_limit(patient: Patient) -> None:
    patient.edit(lambda document: document["components"]["api"].update(thresholds={"memory_mb": 400}))


@fault("warm-up-growth", prepare=_with_a_memory_limit)
async def grow_and_stop(patient: Patient) -> None:
    """Let the front's memory grow by 150 MB within some seconds, as caches fill, and then stay as it is."""
    patient.mark()
    for _ in range(15):
        await patient.post("api", "/sickness", {"ballast_mb": 10})
        await patient.clock.sleep(0.3)


async def _with_an_absent_cache(patient: Patient) -> None:
    _declare_cache(patient, "optional")


def _declare_cache(patient: Patient, need: str) -> None:
    (port,) = free_ports(1)
    patient.edit(
        lambda document: document["components"].update(
            cache={"kind": "tcp", "host": "127.0.0.1", "port": port, "need": need}
        )
    )


async def _exits_by_need(patient: Patient) -> None:
    """An optional part that is absent costs nothing, a recommended one a warning."""
    for need, expected in (("optional", 0), ("recommended", 1)):
        _declare_cache(patient, need)
        ran = await patient.paramedic("check", "cache")
        if ran.code != expected:
            raise DrillFailed(f"`paramedic check` ended with {ran.code} for a {need} part, expected {expected}")


@fault("optional-absent", prepare=_with_an_absent_cache, afterwards=_exits_by_need)
async def miss_nothing(patient: Patient) -> None:
    """Declare a cache that nobody installed and that is optional."""
    patient.mark()


async def _with_a_clock_of_its_own(patient: Patient) -> None:
    shim, offset = patient.folder / _SHIM, patient.folder / _OFFSET
    with as_file(files("paramedic.drills.faults") / "clock_step.c") as source:
        command = ("cc", "-shared", "-fPIC", "-O1", "-o", str(shim), str(source))
        built = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=False)
    if built.returncode:
        raise DrillFailed(f"cannot compile: {built.stderr.decode(errors='replace').strip()}")
    _step(offset, 0)
    patient.extra_environment |= {"LD_PRELOAD": str(shim), "DRILL_CLOCK_OFFSET": str(offset)}


def _step(offset: Path, seconds: int) -> None:
    with offset.open("r+b" if offset.exists() else "wb") as file:  # in place: running processes have it mapped
        file.write(struct.pack("i", seconds))


def _cannot_compile() -> str | None:
    return None if shutil.which("cc") else "a compiler is needed to give processes a clock of their own"


@fault("clock-step", prepare=_with_a_clock_of_its_own, impossible=_cannot_compile)
async def step_the_clock(patient: Patient) -> None:
    """Step the wall clock of Paramedic and of the patient forward by an hour; that of the machine stays."""
    patient.mark()
    _step(patient.folder / _OFFSET, _HOUR_S)
    probe = (sys.executable, "-c", "import time; print(time.time())")
    environment = {**os.environ, **patient.extra_environment}
    seen = await asyncio.to_thread(subprocess.check_output, probe, env=environment)
    if float(seen) - patient.clock.now().timestamp() < _HOUR_S / 2:
        raise DrillFailed("the clock cannot be stepped for processes of this machine")
