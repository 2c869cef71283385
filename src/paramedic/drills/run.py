"""Carries drills out, each on a patient of its own, and puts everything right afterwards."""

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from paramedic.drills.catalogue import Drill
from paramedic.drills.episode import Episode, Ward
from paramedic.drills.fault import Fault
from paramedic.drills.faults import FAULTS
from paramedic.drills.outcome import Outcome, Remains
from paramedic.drills.patient import DrillFailed, LayOut, Patient
from paramedic.drills.records import Records
from paramedic.drills.sink import Sink
from paramedic.drills.watching import Watching


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A drill's outcome, and what is kept of it where it did not pass."""

    outcome: Outcome
    remains: Remains | None = None


async def run_all(
    drills: Sequence[Drill], lay_out: LayOut, *, jobs: int, done: Callable[[Done], None]
) -> tuple[Done, ...]:
    """Carry out drills, so many at a time, each with a patient of its own; ``done`` hears of each as it ends."""
    free = asyncio.Semaphore(jobs)

    async def one(drill: Drill) -> Done:
        async with free:
            result = await run_one(drill, lay_out)
            done(result)
            return result

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(drill), name=drill.id) for drill in drills]
    return tuple(task.result() for task in tasks)


async def run_one(drill: Drill, lay_out: LayOut) -> Done:
    """Carry out one drill. Whatever happens, its processes end; its folder stays only where it did not pass."""
    fault = FAULTS[drill.id]
    if why := fault.impossible():
        return Done(outcome=Outcome(id=drill.id, passed=None, why=why))
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix=f"paramedic-{drill.id}-"))
    keep = False
    try:
        patient = Patient(service_file=lay_out(folder / "patient"))
        watching = Watching(patient)
        async with cared_for(patient, watching, fault), Sink() as sink:
            try:
                url = sink.url
                patient.edit(lambda document: document.update(escalation={"L2": [url]}))
                await fault.prepare(patient)
                await watching.start()
                async with Records(patient) as records:
                    ward = Ward(patient=patient, watching=watching, records=records, sink=sink)
                    outcome = await Episode(drill, fault, ward).play()
            except DrillFailed as failed:
                outcome = Outcome(id=drill.id, passed=False, why=f"the drill failed: {failed}")
            log_tail = watching.log_tail()
        keep = not outcome.passed
        return Done(outcome=outcome, remains=Remains(folder=folder, log_tail=log_tail) if keep else None)
    finally:
        if not keep:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


@contextlib.asynccontextmanager
async def cared_for(patient: Patient, watching: Watching, *faults: Fault) -> AsyncIterator[None]:
    """At the end nothing of the patient runs any more, and what the faults changed around it is as before."""
    try:
        yield
    finally:
        try:
            await watching.stop()
        finally:
            patient.dismiss()
            for fault in faults:
                await fault.restore(patient)
