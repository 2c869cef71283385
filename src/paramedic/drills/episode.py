"""One fault on one patient that is being watched: injected, followed to its end, judged."""

import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any

from paramedic.drills.catalogue import Drill, Ends
from paramedic.drills.fault import Fault
from paramedic.drills.judge import Verdict, ending_of, judge, waits_for_approval
from paramedic.drills.outcome import Outcome
from paramedic.drills.patient import DrillFailed, Patient, Ran
from paramedic.drills.records import Record, Records
from paramedic.drills.sink import Sink
from paramedic.drills.watching import Watching
from paramedic.model.incident import IncidentState
from paramedic.model.status import Severity, Status
from paramedic.recovery.last_good import LastGoodFiles
from paramedic.sdk.pack import load_packs

_POLL_S = 0.05
_WELL_S = 40.0
"""How long a patient may take to be wholly well."""
_LINGER_S = 1.0
"""How long a drill goes on looking after the ending, for whatever must not happen any more."""


def _unseen(_verdict: Verdict, _record: Record) -> None:
    """Nobody looks on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ward:
    """A patient under observation."""

    patient: Patient
    watching: Watching
    records: Records
    sink: Sink


class Episode:
    """A fault from its injection to the verdict."""

    def __init__(
        self,
        drill: Drill,
        fault: Fault,
        ward: Ward,
        *,
        seen: Callable[[Verdict, Record], None] = _unseen,
        is_thorough: bool = True,
    ) -> None:
        """``seen`` hears of every moment; what is not thorough ends when the expected ending is on record."""
        self._drill = drill
        self._fault = fault
        self._patient = ward.patient
        self._watching = ward.watching
        self._records = ward.records
        self._sink = ward.sink
        self._seen = seen
        self._is_thorough = is_thorough
        self._approved = False
        self._before = Record()
        self.severity: Severity | None = None
        """Of the incident, once it is over."""

    async def play(self) -> Outcome:
        """Wait until the patient is well, break it, follow the records to the end, confirm what they say."""
        self._before = await self.until_well()
        await self._fault.inject(self._patient)
        verdict, record = await self._follow()
        if not verdict.broken and not verdict.missing and self._is_thorough:
            verdict, record = await self._confirm()
        return self._outcome(verdict, record)

    async def until_well(self) -> Record:
        """Wait until every part is well, and every file that may need one has a last good copy."""
        deadline = self._patient.clock.monotonic() + _WELL_S
        while True:
            record = await self._records.read()
            # what is open would take the drill's trouble in as one of its own
            still = next((each for each in record.incidents if each.state is not IncidentState.RESOLVED), None)
            ill = self._ill(record) or (f"`{still.component}`: {still.code} is not over" if still else "")
            if not ill:
                return record
            if self._patient.clock.monotonic() > deadline:
                raise DrillFailed(f"the patient was not well within {_WELL_S:g} s: {ill}")
            await self._watching.insist()
            await self._patient.clock.sleep(_POLL_S)

    def _ill(self, record: Record, excused: Collection[str] = ()) -> str:
        seen = {each.component for each in record.findings}
        for name in self._records.service.components:
            if name not in seen:
                return f"`{name}` was not looked at"
        for each in record.findings:
            if each.status not in (Status.OK, Status.INFO) and each.code not in excused:
                return f"`{each.component}`: {each.code}: {each.observed}"
        kept = LastGoodFiles(self._records.service.settings.state_dir / "last-good", self._patient.clock)
        for component in self._records.service.components.values():
            for path in load_packs().kinds[component.kind].keeps(component.target):
                if not kept.newest(path):
                    return f"no copy of {path.name} was kept"
        return ""

    async def _follow(self) -> tuple[Verdict, Record]:
        """Look until the drill is over, or its time is."""
        clock, drill = self._patient.clock, self._drill
        deadline = clock.monotonic() + (drill.for_s or drill.within_s)
        while True:
            record = (await self._records.read()).since(self._before)
            verdict = judge(drill, record)
            self._seen(verdict, record)
            if verdict.is_over or clock.monotonic() > deadline:
                return verdict, record
            if not self._approved and (plan := waits_for_approval(drill, verdict)):
                self._approved = drill.ends is Ends.APPROVE
                if not self._approved:
                    return replace(verdict, broken=f"`{plan.playbook}` waits: {plan.needs_approval}"), record
                await self._patient.paramedic("approve", plan.id, within_s=60)
            await self._watching.insist()
            await clock.sleep(_POLL_S)

    async def _confirm(self) -> tuple[Verdict, Record]:
        """The ending was reached; now everything else that must hold, and hold for a while."""
        patient, drill = self._patient, self._drill
        broken: str | None = None
        match drill.ends:
            case Ends.HEAL | Ends.APPROVE:
                broken = await self._not_healthy()
            case Ends.ESCALATE:
                broken = await self._nobody_told() or self._guests_gone()
            case Ends.ADVISE:
                broken = await self._not_advised()
            case Ends.CONTROL:
                broken = await self._not_healthy()
        if drill.ends is not Ends.CONTROL:
            await patient.clock.sleep(_LINGER_S)
        record = (await self._records.read()).since(self._before)
        later = judge(drill, record)
        broken = broken or later.broken or later.missing or self._guests_gone()
        if not broken:
            try:
                await self._fault.afterwards(patient)
            except DrillFailed as failed:
                broken = str(failed)
        await self._watching.insist()
        return replace(later, broken=broken or None), record

    async def _not_healthy(self) -> str | None:
        """What ``paramedic status`` says against it, when it goes on saying so. Noise may last."""
        deadline = self._patient.clock.monotonic() + _WELL_S / 2
        if self._drill.herrings:
            while ill := self._ill(await self._records.read(), excused=self._drill.herrings):
                if self._patient.clock.monotonic() > deadline:
                    return f"afterwards {ill}"
                await self._patient.clock.sleep(_POLL_S)
            return None
        while (said := await overall(self._patient)) != "healthy":
            if self._patient.clock.monotonic() > deadline:
                return f"afterwards the service is {said}"
        return None

    async def _nobody_told(self) -> str | None:
        drill = self._drill
        try:
            await self._patient.until(
                lambda: self._sink.told("escalated", drill.code, drill.component), "a message to people"
            )
        except DrillFailed:
            heard = ", ".join(f"{each.get('kind')} {each.get('code')}" for each in self._sink.messages)
            return f"people were not called; what they heard: {heard or 'nothing'}"
        return None

    def _guests_gone(self) -> str | None:
        is_meant = self._drill.ends in (Ends.HEAL, Ends.APPROVE)
        gone = [each.pid for each in self._patient.guests if each.poll() is not None]
        return f"a stranger's process was ended: {gone}" if gone and not is_meant else None

    async def _not_advised(self) -> str | None:
        """What ``paramedic check`` says wrong, when it goes on doing so.

        On a busy machine a look at another part may be late, and the exit code tells of that as well.
        """
        deadline = self._patient.clock.monotonic() + _WELL_S
        while wrong := await self._badly_advised():
            if self._patient.clock.monotonic() > deadline:
                return wrong
        return None

    async def _badly_advised(self) -> str | None:
        drill = self._drill
        ran = await self._patient.paramedic("check", "--format", "json", within_s=60)
        told = [each for each in _mappings(_json(ran)) if each.get("code")]
        if not any(
            (each["code"], each.get("component")) == (drill.code, drill.component) and each.get("hint") for each in told
        ):
            return f"`paramedic check` does not tell the remedy for `{drill.code}` on `{drill.component}`"
        if ran.code != drill.exit:
            others = ", ".join(f"`{each.get('component')}`: {each['code']}" for each in told)
            return f"`paramedic check` ended with {ran.code}, expected {drill.exit}: {others} {ran.err.strip()[-200:]}"
        return None

    def _outcome(self, verdict: Verdict, record: Record) -> Outcome:
        why = verdict.broken or verdict.missing
        incident = verdict.incident
        self.severity = incident.severity if incident else None
        began = self._patient.broken_at
        entries = record.timelines.get(incident.id, ()) if incident else ()

        def after(*what: str) -> float | None:
            at = next((each.at for each in entries if each.what in what), None)
            return round((at - began).total_seconds(), 3) if at and began else None

        ending = ending_of(verdict, approved=self._approved)
        is_control = self._drill.ends is Ends.CONTROL
        return Outcome(
            id=self._drill.id,
            passed=not why,
            code=incident.code if incident else None,
            component=incident.component if incident else None,
            ending=(None if why else Ends.CONTROL) if is_control else ending,
            detect_s=after("detected"),
            diagnose_s=after("suspects", "planned", "escalated", "advised"),
            recover_s=after("resolved") if ending in (Ends.HEAL, Ends.APPROVE) else None,
            why=why,
        )


async def overall(patient: Patient) -> str:
    """How the service is, in the word of ``paramedic status``."""
    return str(_json(await patient.paramedic("status", "--format", "json")).get("overall"))


def _json(ran: Ran) -> Any:  # Any: what another process printed
    try:
        return json.loads(ran.out)
    except ValueError:
        raise DrillFailed(f"no JSON was printed, but {ran.out[:200]!r} and {ran.err[-200:]!r}") from None


def _mappings(data: Any) -> Iterator[dict[str, Any]]:  # Any: see above
    if isinstance(data, dict):
        yield data
        for each in data.values():
            yield from _mappings(each)
    elif isinstance(data, list):
        for each in data:
            yield from _mappings(each)
