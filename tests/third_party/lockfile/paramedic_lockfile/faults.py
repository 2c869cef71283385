"""Breaks a drill's patient for real."""

import asyncio
import sys

from paramedic.sdk import Patient, fault


async def _with_a_lock(patient: Patient) -> None:
    patient.edit(
        lambda document: document["components"].update(
            nightly={"kind": "lockfile", "path": "data/nightly.lock", "interval": "500ms"}
        )
    )


@fault("lock-left-behind", prepare=_with_a_lock)
async def leave_a_lock(patient: Patient) -> None:
    """A nightly job dies and leaves its lock."""
    job = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    await job.wait()
    patient.mark()
    (patient.folder / "data" / "nightly.lock").write_text(f"{job.pid}\n")
