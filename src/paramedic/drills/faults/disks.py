"""File systems that run full. A small one is mounted into the patient's folder, which only root may do."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from paramedic.drills.fault import Step, fault
from paramedic.drills.patient import DrillFailed, Patient

MOUNT_POINT = "volume"
_KB = 1024


def cannot_mount() -> str | None:
    """Why no file system can be mounted here, if so."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        return "mounting a small file system needs root"
    try:
        capabilities = int(
            next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapEff:"))[7:],
            16,
        )
    except (OSError, StopIteration, ValueError):
        return "cannot tell whether mounting is allowed here"
    return None if capabilities >> 21 & 1 else "mounting is not allowed in this container"


def mounted(options: str) -> Step:
    """A small file system in the patient's folder, of which the cache may be deleted."""

    async def prepare(patient: Patient) -> None:
        volume = patient.folder / MOUNT_POINT
        volume.mkdir()
        await asyncio.to_thread(_run, "mount", "-t", "tmpfs", "-o", options, "paramedic-drill", str(volume))
        (volume / "cache").mkdir()
        patient.edit(
            lambda document: document["components"]["disk"].update(
                paths=[MOUNT_POINT], prunable=[f"{MOUNT_POINT}/cache/*.tmp"], prune_after=0
            )
        )

    return prepare


async def unmount(patient: Patient) -> None:
    """Take it away again."""
    volume = patient.folder / MOUNT_POINT
    if volume.is_mount():
        await asyncio.to_thread(_run, "umount", "--lazy", str(volume))


def _run(*command: str) -> None:
    ended = subprocess.run(command, capture_output=True, check=False)
    if ended.returncode:
        raise DrillFailed(f"`{command[0]}` failed: {ended.stderr.decode(errors='replace').strip()}")


def _fill(patient: Patient, is_enough: Callable[[os.statvfs_result], bool], size: int) -> None:
    cache = patient.folder / MOUNT_POINT / "cache"
    patient.mark()
    for n in range(100_000):
        if is_enough(os.statvfs(cache)):
            return
        (cache / f"answers-{n}.tmp").write_bytes(b"x" * size)
    raise DrillFailed("the small file system does not fill")


@fault("disk-nearly-full", prepare=mounted("size=16m"), restore=unmount, impossible=cannot_mount)
async def fill_the_disk(patient: Patient) -> None:
    """Fill a small file system to 98 % with files that are declared to be disposable."""
    _fill(patient, lambda disk: disk.f_bavail * 50 <= disk.f_blocks, 64 * _KB)


@fault("inode-exhaustion", prepare=mounted("size=16m,nr_inodes=400"), restore=unmount, impossible=cannot_mount)
async def use_up_the_inodes(patient: Patient) -> None:
    """Use up the file names of a small file system with empty files."""
    _fill(patient, lambda disk: disk.f_ffree <= 2, 0)
