"""A process that runs out of something."""

import os
from pathlib import Path

from paramedic.drills.fault import fault
from paramedic.drills.patient import Patient


@fault("fd-exhaustion")
async def leak_descriptors(patient: Patient) -> None:
    """Make the front open files and forget them until 96 % of its limit is used."""
    pid = patient.pid("api")
    limit = _limit(pid)
    patient.mark()
    await patient.post("api", "/sickness", {"descriptors": int(limit * 0.96) - len(os.listdir(f"/proc/{pid}/fd"))})


def _limit(pid: int) -> int:
    with open(f"/proc/{pid}/limits") as limits:  # noqa: PTH123  # a file of /proc
        return next(int(line.split()[3]) for line in limits if line.startswith("Max open files"))


async def _with_a_short_window(patient: Patient) -> None:
    """The limits are lower than by default: drills share a machine, and the loop then gets only a part of a core."""
    thresholds = {"cpu_for_s": 0.8, "cpu_percent": 60, "cpu_percent_critical": 60}
    patient.edit(lambda document: document["components"]["api"].update(timeout="5s", thresholds=thresholds))


@fault("cpu-saturated", prepare=_with_a_short_window)
async def never_rest(patient: Patient) -> None:
    """Let a thread of the front calculate in a loop that never ends."""
    patient.mark()
    await patient.post("api", "/sickness", {"busy_share": 1})


_MEMORY_LIMIT_MB = 400
_MB = 1024 * 1024


async def _with_a_memory_limit(patient: Patient) -> None:
    patient.edit(lambda document: document["components"]["api"].update(thresholds={"memory_mb": _MEMORY_LIMIT_MB}))


@fault("memory-high", prepare=_with_a_memory_limit)
async def grow(patient: Patient) -> None:
    """Make the front use 97 % of the memory it is allowed."""
    resident = int(Path(f"/proc/{patient.pid('api')}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    patient.mark()
    await patient.post("api", "/sickness", {"ballast_mb": int(_MEMORY_LIMIT_MB * 0.97 - resident / _MB)})
