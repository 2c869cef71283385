"""Carries drills out, each on a patient of its own, and puts everything right afterwards."""

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from paramedic.drills.catalogue import Drill
from paramedic.drills.episode import Episode, Ward
from paramedic.drills.fault import Fault
from paramedic.drills.gathering import all_drills
from paramedic.drills.outcome import Outcome, Remains
from paramedic.drills.patient import DrillFailed, LayOut, Patient
from paramedic.drills.records import Record, Records
from paramedic.drills.sink import Sink
from paramedic.drills.watching import Watching
from paramedic.model.status import Severity

_AFTER_A_CRASH_S = 10.0
"""How long a recovery that a crash interrupted may take to its end after the restart."""
_TWICE = 2.0
"""On a busy machine, or where looks are slow, it may take longer: so many times what the first start and the diagnosis
took, since it starts again and looks again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A drill's outcome, and what is kept of it where it did not pass."""

    outcome: Outcome
    remains: Remains | None = None
    severity: Severity | None = None
    """Of its incident."""


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


async def run_one(drill: Drill, lay_out: LayOut, failpoint: str | None = None) -> Done:
    """Carry out one drill. Whatever happens, its processes end; its folder stays only where it did not pass.

    With a ``failpoint`` Paramedic is killed there and started again; the drill must pass all the same, soon.
    """
    fault = all_drills().faults[drill.id]
    if why := fault.impossible():
        return Done(outcome=Outcome(id=drill.id, passed=None, why=why))
    severity: Severity | None = None
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix=f"paramedic-{drill.id}-"))
    keep = False
    try:
        patient = Patient(service_file=lay_out(folder / "patient"))
        watching = Watching(patient, failpoint)
        async with cared_for(patient, watching, fault), Sink() as sink:
            try:
                url = sink.url
                patient.edit(lambda document: document.update(escalation={"L2": [url]}))
                await fault.prepare(patient)
                await watching.start()
                async with Records(patient) as records:
                    ward = Ward(patient=patient, watching=watching, records=records, sink=sink)
                    episode = Episode(drill, fault, ward)
                    outcome = await episode.play()
                    severity = episode.severity
                    if failpoint and outcome.passed:
                        outcome = _survived(outcome, watching, await records.read())
            except DrillFailed as failed:
                outcome = Outcome(id=drill.id, passed=False, why=f"the drill failed: {failed}")
            log_tail = watching.log_tail()
        keep = not outcome.passed
        remains = Remains(folder=folder, log_tail=log_tail) if keep else None
        return Done(outcome=outcome, remains=remains, severity=severity)
    finally:
        if not keep:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _survived(outcome: Outcome, watching: Watching, record: Record) -> Outcome:
    """The outcome, unless the crash did not come or its consequences took too long."""
    if watching.revived_at is None:
        return replace(outcome, passed=False, why="the failpoint was not reached")
    ends = [end for each in record.incidents if (end := each.resolved_at or each.escalated_at)]
    took_s = (max(ends) - watching.revived_at).total_seconds() if ends else 0.0
    before_s = (watching.first_start_s or 0.0) + (outcome.diagnose_s or 0.0)
    if took_s > max(_AFTER_A_CRASH_S, _TWICE * before_s):
        return replace(outcome, passed=False, why=f"the incident ended {took_s:.1f} s after the restart")
    return outcome


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
