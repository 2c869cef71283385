"""The show: one patient, seven faults, one after the other."""

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from paramedic.demo.patient import lay_out
from paramedic.drills.catalogue import catalogue
from paramedic.drills.episode import Episode, Ward, overall
from paramedic.drills.faults import FAULTS
from paramedic.drills.judge import Verdict
from paramedic.drills.outcome import Outcome, Remains
from paramedic.drills.patient import DrillFailed, Patient
from paramedic.drills.records import Record, Records
from paramedic.drills.run import cared_for
from paramedic.drills.sink import Sink
from paramedic.drills.watching import Watching
from paramedic.model.clock import Clock, SystemClock
from paramedic.model.incident import IncidentState

_ACTS = {
    "process-killed": "kill -9 the model server",
    "config-unparseable": "cut the settings file in half",
    "http-error-burst": "fail 30 % of all requests",
    "sqlite-corrupt": "overwrite a page of the database",
    "connection-refused": "close the queue's port",
    "port-held-by-stale-self": "leave an old instance on a port",
    "process-hung": "freeze the front with SIGSTOP",
}


class Stage(StrEnum):
    """How far an act is."""

    WAITING = "waiting"
    BREAKING = "breaking"
    FOUND = "found"
    HEALING = "healing"
    HEALED = "healed"
    FAILED = "failed"


@dataclass(kw_only=True)
class Act:
    """One fault of the show."""

    id: str
    words: str
    """What is done to the patient."""
    stage: Stage = Stage.WAITING
    found: str = ""
    """What Paramedic named."""
    playbook: str = ""
    outcome: Outcome | None = None


@dataclass(kw_only=True)
class Show:
    """Everything that the audience sees."""

    acts: tuple[Act, ...] = field(
        default_factory=lambda: tuple(Act(id=name, words=words) for name, words in _ACTS.items())
    )
    doing: str = "setting up"
    parts: int = 0
    receipts: int = 0
    breaks: tuple[str, ...] = ()
    """Of the hash chains of the records."""
    status: str = ""
    """What ``paramedic status`` says at the end."""
    began: float = 0.0
    took_s: float = 0.0
    folder: Path | None = None
    remains: Remains | None = None
    clock: Clock = field(default_factory=SystemClock)

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """One for each act, those that were never reached included."""
        return tuple(
            act.outcome or Outcome(id=act.id, passed=False, why="the show ended before it") for act in self.acts
        )

    @property
    def is_success(self) -> bool:
        """Whether every fault was healed, every record is sound, and the patient is well at the end."""
        return all(each.passed for each in self.outcomes) and not self.breaks and self.status == "healthy"

    @property
    def elapsed_s(self) -> float:
        """Seconds since the curtain rose; stands still at the end."""
        return self.took_s or (self.clock.monotonic() - self.began if self.began else 0.0)


async def play(
    show: Show, changed: Callable[[], None], *, stay: bool = False, change: Callable[[Patient], None] | None = None
) -> None:
    """Play all acts until one fails; at the end nothing runs any more.

    Args:
        show: filled while it goes on.
        changed: called whenever there is something new to see.
        stay: go on watching after the last act, until cancelled.
        change: what the patient should be before it is started, such as ``with_a_real_model``.
    """
    show.began = show.clock.monotonic()
    show.folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="paramedic-demo-"))
    keep = False
    try:
        async with _ward(show.folder, change) as ward:
            show.parts = len(ward.records.service.components)
            for act in show.acts:
                await _perform(act, ward, show, changed)
                if act.stage is Stage.FAILED:
                    break
            show.receipts, show.breaks = await ward.records.proof()
            show.status = await overall(ward.patient)
            show.took_s = show.clock.monotonic() - show.began
            show.doing = "all well" if show.is_success else "not all well"
            changed()
            keep = not show.is_success
            if keep:
                show.remains = Remains(folder=show.folder, log_tail=ward.watching.log_tail())
            if stay:
                await asyncio.Event().wait()
    finally:
        if not keep:
            await asyncio.to_thread(shutil.rmtree, show.folder, ignore_errors=True)


@contextlib.asynccontextmanager
async def _ward(folder: Path, before: Callable[[Patient], None] | None) -> AsyncIterator[Ward]:
    patient = Patient(service_file=lay_out(folder / "patient"))
    if before:
        before(patient)
    watching = Watching(patient)
    async with cared_for(patient, watching), Sink() as sink:
        url = sink.url

        def change(document: dict[str, Any]) -> None:  # Any: the service file as it stands
            document["escalation"] = {"L2": [url]}
            # Seven faults in a minute look like flapping, and would rightly be handed to people.
            document["settings"]["flapping_changes"] = 1000

        patient.edit(change)
        await watching.start()
        async with Records(patient) as records:
            yield Ward(patient=patient, watching=watching, records=records, sink=sink)


async def _perform(act: Act, ward: Ward, show: Show, changed: Callable[[], None]) -> None:
    def seen(verdict: Verdict, _record: Record) -> None:
        before = (act.stage, act.found, act.playbook)
        incident = verdict.incident
        if incident:
            act.found = f"{incident.code} on {incident.component}"
            act.playbook = verdict.plan.playbook if verdict.plan else ""
            act.stage = Stage.HEALING if incident.state is IncidentState.RECOVERING else Stage.FOUND
        if before != (act.stage, act.found, act.playbook):
            changed()

    act.stage = Stage.BREAKING
    show.doing = act.words
    changed()
    episode = Episode(catalogue()[act.id], FAULTS[act.id], ward, seen=seen, is_thorough=False)
    try:
        act.outcome = await episode.play()
    except DrillFailed as failed:
        act.outcome = Outcome(id=act.id, passed=False, why=str(failed))
    act.stage = Stage.HEALED if act.outcome.passed else Stage.FAILED
    changed()
