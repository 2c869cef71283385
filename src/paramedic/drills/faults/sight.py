"""What keeps Paramedic itself from looking."""

import asyncio
import os
import resource

from paramedic.drills.fault import fault
from paramedic.drills.patient import DrillFailed, Patient
from paramedic.sdk import proc

_SAMPLES, _PAUSE_S = 20, 0.05


@fault("monitoring-failing")
async def take_its_descriptors(patient: Patient) -> None:
    """Leave ``watch`` the files and connections that it holds, and let it open no others."""
    watches = [pid for pid in proc.pids() if proc.command(pid)[-1:] == ("watch",) and patient.lives_here(pid)]
    if len(watches) != 1:
        raise DrillFailed(f"there are {len(watches)} programs that watch here")
    [pid] = watches
    lowest = []
    for _ in range(_SAMPLES):  # what is open between two looks stays open
        lowest.append(_lowest_free(pid))
        await asyncio.sleep(_PAUSE_S)
    _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    patient.mark()
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (min(lowest), hard))


def _lowest_free(pid: int) -> int:
    taken = {int(name) for name in os.listdir(f"/proc/{pid}/fd")}
    return next(number for number in range(len(taken) + 1) if number not in taken)
