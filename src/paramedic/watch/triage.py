"""From findings to incidents: what changed, whether it counts, and to which story it belongs.

Everything here runs on the loop of the one process that owns this node, so memory is the truth and the store its
record: memory changes first and at once, the record follows in one transaction per change. Where the store takes
nothing, the record waits in the journal, and the story goes on.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

from paramedic.diagnosis import (
    FLAPPING,
    SUSPECT,
    Trouble,
    classify,
    diagnose,
    explained_by_a_stop,
    explains,
    is_host,
    is_one_story,
    is_with_people,
    related,
    severity_of,
    shipped,
    takes,
)
from paramedic.incident import Chapter, announce, call_first
from paramedic.model.code import Code, Ending, IssueType
from paramedic.model.component import Desired
from paramedic.model.finding import Finding, Transition
from paramedic.model.ids import IncidentId, new_id
from paramedic.model.incident import Incident, IncidentState, Symptom
from paramedic.model.playbook import FailedCheck
from paramedic.model.service import Service
from paramedic.model.status import Severity, Status
from paramedic.sdk.pack import Registry
from paramedic.store import Transaction
from paramedic.watch.blindness import OURSELVES as OURSELVES  # noqa: PLC0414  # for whoever knows the triage
from paramedic.watch.blindness import blindness
from paramedic.watch.changes import Changes
from paramedic.watch.flapping import flapping
from paramedic.watch.journal import Journal
from paramedic.watch.seeing import Seeing
from paramedic.watch.together import CHECK, SYSTEM, as_finding, at_once
from paramedic.watch.verdict import Verdict

_log = logging.getLogger("paramedic.watch")
EXHAUSTED = "recovery.exhausted"
BY_HAND = "escalation.by-hand"
_EVIDENCE, _EVIDENCE_CHARS = 5, 2000
"""So much of it goes with an incident; the end of a text, because the last lines of a log say most."""
_BLIND_LOOKS = 2
_NEWS = frozenset({"detected", "escalated", "advised", "acknowledged", "planned", "resolved"})
"""What of an incident's history whoever reads the log must not miss."""
_REOPEN_S = 60.0
"""Trouble that comes back this soon after it went by itself continues the old incident."""


class Triage:
    """Keeps every verdict and every unresolved incident."""

    def __init__(
        self, service: Service, registry: Registry, journal: Journal, wake: Callable[[IncidentId], None]
    ) -> None:
        self.service = service
        self.verdicts: dict[tuple[str, str], Verdict] = {}
        self.incidents: dict[IncidentId, Incident] = {}
        self.quiet: dict[str, str] = {}
        """Components that an order works on, and whose: what fails there meanwhile was asked for."""
        self.stopped: set[str] = set()
        self._registry = registry
        self._journal = journal
        self._clock = journal.clock
        self._wake = wake
        self.changes = Changes(registry, journal)
        self._seeing = Seeing(registry)
        self._moved = False
        """Some incident is another one than when they were last looked at together."""
        self._acquitted: dict[IncidentId, set[str]] = {}
        """Components whose change was suspected in vain."""
        self._fresh: dict[tuple[str, str], tuple[Finding, ...]] = {}
        self._blind: set[tuple[str, str]] = set()
        """Checks that cannot look; kept apart, because it is asked at every look."""
        self._gone: dict[str, tuple[Incident, float]] = {}
        """Component to the incident that last went by itself, and when."""

    async def load(self) -> None:
        """Take up what the store remembers."""

        def read(tx: Transaction) -> tuple[Sequence[Finding], Sequence[Incident], dict[str, Desired]]:
            self.changes.load(tx.changes.recent(), tx.receipts.recent())
            return tx.findings.latest(), tx.incidents.unresolved(), tx.desired.all()

        findings, incidents, desired = await self._journal.store.run(read)
        now = self._clock.monotonic()
        self.incidents = {each.id: each for each in incidents}
        for finding in sorted(findings, key=self._gravity):
            key = (finding.component, finding.check)
            # What failed without being confirmed before the end is looked at as if for the first time.
            if self._is_looked_at(finding) and (not finding.status.is_failing or self._is_told(key)):
                told = self.told_in(*key) if finding.status.is_failing else None
                began = next((s.since for s in told.symptoms if (s.component, s.check) == key), None) if told else None
                age_s = (self._clock.now() - began).total_seconds() if began else 0.0
                self.verdicts[key] = Verdict(finding, now - max(0.0, age_s), is_new=False)
        self.stopped = {name for name, wish in desired.items() if wish is Desired.STOPPED}

    async def judge(self, findings: Sequence[Finding], cause: str) -> bool:
        """Take in the findings of one look of one check. True when a second look should follow at once."""
        again = await self._take_in(findings, cause)
        if blind := blindness(self.verdicts, self._blind, self._clock.now()):
            await self._take_in((blind,), cause)
        await self._link(cause)
        return again

    async def _take_in(self, findings: Sequence[Finding], cause: str) -> bool:
        findings = [self._excused(each) for each in findings]
        worst = max(findings, key=self._gravity)
        key = (worst.component, worst.check)
        now = self._clock.monotonic()
        verdict = self.verdicts.get(key)
        self._fresh[key] = tuple(findings)
        worst = self._flapping(worst, verdict, now)
        seen = (worst.status, worst.code)
        if verdict is None:
            verdict = self.verdicts[key] = Verdict(replace(worst, status=Status.UNKNOWN, code=None), now)
        verdict.blind = verdict.blind + 1 if worst.status is Status.UNKNOWN else 0
        if verdict.blind < _BLIND_LOOKS:
            self._blind.discard(key)
        else:
            self._blind.add(key)
        is_known = not worst.status.is_failing or self._is_told(key)
        if not verdict.is_new and is_known and seen == (verdict.finding.status, verdict.finding.code):
            verdict.finding, verdict.doubt, verdict.looks = worst, None, 0
            return False
        verdict.looks = verdict.looks + 1 if verdict.doubt == seen else 1
        verdict.doubt = seen
        code = self.code(worst.code)
        if worst.status.is_failing and not code.instant and verdict.looks < self.service.settings.confirm_looks:
            return True
        await self._change(verdict, worst, cause, now)
        return False

    def troubles(self, incident: Incident) -> list[Trouble]:
        """What still fails of the incident, and what else fails that is one story with it."""
        mine = self._failing(incident)
        keys = {(each.component, each.check) for each in mine}
        symptoms = [each for each in _chiefs(mine) if each.depth == 0]
        near = self._near(mine)
        homes = {
            (s.component, s.check): each
            for each in reversed(self.incidents.values())
            for s in each.symptoms
            if s.component in near
        }

        def is_part(other: Trouble) -> bool:
            home = homes.get((other.component, other.check))
            if home and is_with_people(home) and home.id != incident.id:
                # What people have explains what only looks sick, and is no reason to leave the dead alone.
                return any(explains(self.service, other, each) for each in symptoms)
            return any(is_one_story(self.service, each, other) for each in mine)

        others = [self._trouble(key, each) for key, each in self.verdicts.items() if key[0] in near and each.is_failing]
        return mine + [each for each in others if (each.component, each.check) not in keys and is_part(each)]

    def diagnose(self, incident: Incident) -> Incident:
        """The incident with its suspects, type and severity made anew from what fails now."""
        troubles = self.troubles(incident)
        found = diagnose(
            self.service,
            troubles,
            code_of=self.code,
            sight=self._seeing.of(
                self.service, related(self.service, troubles), self.verdicts, self.stopped, self.quiet
            ),
            weighing=shipped(),
            changes=self.changes.recent(incident.changes),
            excused=self._acquitted.get(incident.id, ()),
            is_stubborn=bool(incident.tried),
        )
        if found is None:
            return incident
        known = {(each.component, each.check) for each in incident.symptoms}
        mine = [each for each in troubles if (self._told_in(each) or incident).id == incident.id]
        fresh = [self.verdicts[key] for each in mine if (key := (each.component, each.check)) not in known]
        return replace(
            incident,
            code=found.first.code,
            component=found.first.component,
            type=found.type,
            path=found.path,
            severity=min([*map(self._severity, mine or troubles), incident.raised_to or Severity.P3]),
            suspects=found.suspects,
            symptoms=(*incident.symptoms, *(self._symptom(each.finding) for each in fresh)),
            ruled_out=found.ruled_out,
            not_looked_at=found.not_looked_at,
            abstained=found.abstained,
            changes=found.changes,
        )

    async def news(self, incident: Incident) -> dict[str, None]:
        """What the incident may come from and was changed after it was looked at last."""
        names = (incident.component, *self.service.needs(incident.component))
        looked = {name: self._seeing.last_look(self.service, name, self.verdicts) for name in names}
        return await self.changes.news(self.service, looked)

    async def excuse(self, incident: Incident, why: str) -> bool:
        """A change that cannot be taken back is suspected no longer, so that the next suspect is seen to."""
        if incident.code != SUSPECT:
            return False
        self._acquitted.setdefault(incident.id, set()).add(incident.component)
        chapter = Chapter(at=self._clock.now(), incident=self.diagnose(incident))
        chapter.tell("suspects", f"the change of {incident.component} is not taken back: {why}")
        await self.save(chapter)
        return True

    def gravity(self, incident: Incident, component: str) -> Status:
        """How badly a component of the incident fails now."""
        mine = [each.status for each in self._failing(incident) if each.component == component]
        return max(mine, key=lambda each: each.rank, default=Status.OK)

    def elsewhere(self, incident: Incident) -> Incident | None:
        """The other incident that tells of the first suspect of this one."""
        first = incident.suspects[0] if incident.suspects else None
        homes = [self._told_in(each) for each in self.troubles(incident) if first and each.component == first.component]
        return homes[0] if homes and homes[0] and all(each and each.id != incident.id for each in homes) else None

    async def move(self, incident: Incident, to: Incident) -> None:
        """Two incidents turned out to be one story: what still fails of the first goes on in the other."""
        failing = {(each.component, each.check) for each in self._failing(incident)}
        moved = tuple(each for each in incident.symptoms if (each.component, each.check) in failing)
        chapter = Chapter(at=self._clock.now(), incident=replace(to, symptoms=(*to.symptoms, *moved)))
        chapter.tell("symptom", f"`{incident.id}` is the same story: {', '.join(each.component for each in moved)}")
        await self.save(chapter)
        await self.resolve(incident, f"goes on as a part of `{to.id}`", by_itself=False)
        self._wake(to.id)

    async def set_free(self, incident: Incident) -> None:
        """People have this incident: what fails in it for a reason of its own is seen to as an incident of its own."""
        own = [each.component for each in incident.suspects if each.is_symptom_of is None]
        for component in own:
            now = self.incidents.get(incident.id)
            if now is None or component == incident.component:
                continue
            leaving = tuple(each for each in now.symptoms if each.component == component)
            staying = tuple(each for each in now.symptoms if each.component != component)
            failing = [each for each in self._failing(now) if each.component == component]
            if not (leaving and staying and failing):
                continue
            chapter = Chapter(at=self._clock.now(), incident=replace(now, symptoms=staying))
            chapter.tell("symptom", f"{component} is seen to on its own")
            await self.save(chapter)
            chapter = Chapter(at=self._clock.now())
            self._open(chapter, leaving, max(failing, key=lambda each: (each.status.rank, each.depth)))
            await self.save(chapter)
            assert chapter.incident is not None
            self._wake(chapter.incident.id)

    def failed_checks(self, incident: Incident) -> tuple[FailedCheck, ...]:
        """The failing checks of the first suspect: they must pass for a plan to count. Of a change, what it broke."""

        def is_meant(component: str) -> bool:
            if incident.code == SUSPECT:
                return incident.component in self.service.needs(component)
            return component == incident.component

        return tuple(
            FailedCheck(component=each.component, check=each.check, code=each.code)
            for each in self.troubles(incident)
            if is_meant(each.component)
        )

    def still_failing(self, incident: Incident) -> bool:
        """Whether any symptom of the incident still holds."""
        return any(map(self.is_failing, incident.symptoms))

    def is_failing(self, symptom: Symptom) -> bool:
        """Whether a symptom still holds."""
        verdict = self.verdicts.get((symptom.component, symptom.check))
        return verdict is not None and verdict.is_failing

    def is_well(self, symptom: Symptom) -> bool:
        """Whether a symptom is known to hold no longer: a check that cannot look says nothing."""
        verdict = self.verdicts.get((symptom.component, symptom.check))
        return verdict is not None and not verdict.is_failing and verdict.finding.status is not Status.UNKNOWN

    def is_seen(self, symptom: Symptom) -> bool:
        """Whether anything is known of a symptom; not after its check or its component is gone."""
        return (symptom.component, symptom.check) in self.verdicts

    def forgive(self, components: Iterable[str]) -> None:
        """What we healed, and stirred up on the way, is no coming and going by itself."""
        for key, verdict in self.verdicts.items():
            if key[0] in components:
                verdict.flips.clear()

    def is_over(self, incident: Incident) -> bool:
        """Whether every symptom of the incident is known to hold no longer: a check that cannot look says nothing."""
        known = [self.verdicts.get((each.component, each.check)) for each in incident.symptoms]
        return not any(each and (each.is_failing or each.finding.status is Status.UNKNOWN) for each in known)

    async def save(self, chapter: Chapter, *, must: bool = False) -> None:
        """Make a chapter true, in memory at once and in the store before returning.

        Where the store cannot be used, the chapter waits for it; with ``must`` the caller waits, too.
        """
        incident = chapter.incident
        self._moved = True
        for entry in chapter.timeline:
            if entry.what in _NEWS:
                _log.info("%s %s: %s", entry.incident, entry.what, entry.text)
        if incident:
            if incident.state is IncidentState.RESOLVED:
                self.incidents.pop(incident.id, None)
                self._acquitted.pop(incident.id, None)
            else:
                self.incidents[incident.id] = incident
        await self._journal.write(chapter, must=must)

    async def recorded(self) -> None:
        """Return when the store has everything that memory has."""
        await self._journal.written()

    async def resolve(self, incident: Incident, why: str, *, by_itself: bool) -> None:
        """Close the incident and tell everybody who was told of it."""
        now = self._clock.now()
        chapter = Chapter(at=now)
        chapter.incident = replace(incident, state=IncidentState.RESOLVED, resolved_at=now, why=why)
        chapter.tell("resolved", why)
        announce(chapter, self.service, "resolved")
        if by_itself:
            for each in incident.symptoms:
                if each.component == incident.component:
                    story = self._story(each.component, each.check)
                    self._gone[story] = (chapter.incident, self._clock.monotonic())
        await self.save(chapter)

    def adopt(self, service: Service) -> None:
        """Go on with a changed service file: verdicts of what is no longer looked at are dropped."""
        self.service = service
        gone = {key for key, each in self.verdicts.items() if not self._is_looked_at(each.finding)}
        for key in gone:
            del self.verdicts[key]
            self._blind.discard(key)
        for incident in self.incidents.values():
            if any((each.component, each.check) in gone for each in incident.symptoms):
                self._wake(incident.id)

    def _is_looked_at(self, finding: Finding) -> bool:
        """Whether somebody will look again, so that what was found cannot stay for ever."""
        return finding.component in (OURSELVES, SYSTEM) or self._seeing.is_looked_at(self.service, finding)

    def put_back(self, findings: Sequence[Finding]) -> None:
        """What was taken could not be stored; what was found since then is newer."""
        newer = set(self._fresh)
        for finding in findings:
            key = (finding.component, finding.check)
            if key not in newer:
                self._fresh[key] = (*self._fresh.get(key, ()), finding)

    def take_fresh(self) -> list[Finding]:
        """Findings since the last call, to be stored by whoever asks."""
        fresh = [finding for group in self._fresh.values() for finding in group]
        self._fresh.clear()
        return fresh

    def code(self, code: str | None) -> Code:
        """The declaration of a code; a placeholder for one whose pack is gone."""
        known = self._registry.codes.get(code or "")
        return known or Code(id=code or "unknown", type=IssueType.UNKNOWN, summary="", ending=Ending.ESCALATE)

    async def _change(self, verdict: Verdict, finding: Finding, cause: str, now: float) -> None:
        old = verdict.finding
        was_failing = verdict.is_failing
        if was_failing != finding.status.is_failing:
            verdict.flips.append(now)
            verdict.worst = finding.status if not was_failing else verdict.worst
        elif was_failing:
            verdict.worst = max(verdict.worst, finding.status, key=lambda each: each.rank)
        if not was_failing or not finding.status.is_failing:
            verdict.since_s = now
        verdict.finding, verdict.doubt, verdict.looks = finding, None, 0
        is_new, verdict.is_new = verdict.is_new, False
        chapter = Chapter(at=self._clock.now())
        chapter.findings.extend(self._fresh.pop((finding.component, finding.check), ()))
        chapter.transitions.append(
            Transition(
                component=finding.component,
                check=finding.check,
                old=None if is_new else old.status,
                new=finding.status,
                old_code=None if is_new else old.code,
                new_code=finding.code,
                reason=finding.observed,
                at=chapter.at,
                node=self.service.settings.node,
                cause=cause,
            )
        )
        woken = self._join(chapter, finding, now) if finding.status.is_failing else self._part(finding)
        await self.save(chapter)
        for incident in woken:
            self._wake(incident)

    def _is_told(self, key: tuple[str, str]) -> bool:
        """Whether some incident tells of this check."""
        return any((s.component, s.check) == key for each in self.incidents.values() for s in each.symptoms)

    async def _link(self, cause: str) -> None:
        """Say when several troubles that have nothing to do with each other began at once, and when that is over."""
        if not self._moved:
            return
        self._moved = False
        together = at_once(tuple(self.incidents.values()), self.still_failing)
        known = self.verdicts.get((SYSTEM, CHECK))
        if bool(together) != (known is not None and known.is_failing):
            await self._take_in((as_finding(together, self._clock.now()),), cause)
        mine, linked = self.told_in(SYSTEM, CHECK), tuple(each.id for each in together)
        if mine and together and linked != mine.linked:
            chapter = Chapter(at=self._clock.now(), incident=replace(mine, linked=linked))
            chapter.tell("linked", ", ".join(linked))
            await self.save(chapter)

    def _join(self, chapter: Chapter, finding: Finding, now: float) -> list[IncidentId]:
        """Put a new trouble into the incident where it belongs, opening one where there is none."""
        trouble = self._trouble((finding.component, finding.check), self.verdicts[finding.component, finding.check])
        symptom = self._symptom(finding)
        home = self._home(trouble)
        if home:
            kept = tuple(
                each for each in home.symptoms if (each.component, each.check) != (symptom.component, symptom.check)
            )
            chapter.incident = replace(home, symptoms=(*kept, symptom))
            chapter.tell("symptom", f"{finding.component}: {trouble.code}: {finding.observed}")
        elif gone := self._gone_lately(finding, now):
            chapter.incident = replace(
                gone, state=IncidentState.OPEN, resolved_at=None, symptoms=(symptom,), why="it came back"
            )
            chapter.tell("detected", f"again: {finding.component}: {trouble.code}: {finding.observed}")
        else:
            self._open(chapter, (symptom,), trouble)
        assert chapter.incident is not None
        return [chapter.incident.id]

    def _gone_lately(self, finding: Finding, now: float) -> Incident | None:
        incident, at = self._gone.pop(self._story(finding.component, finding.check), (None, 0.0))
        return incident if incident and incident.id not in self.incidents and now - at < _REOPEN_S else None

    def _open(self, chapter: Chapter, symptoms: tuple[Symptom, ...], first: Trouble) -> None:
        type_, path = classify(self.code(first.code), first.component)
        chapter.incident = Incident(
            id=IncidentId(new_id("inc", chapter.at)),
            state=IncidentState.OPEN,
            severity=self._severity(first),
            type=type_,
            code=first.code,
            component=first.component,
            opened_at=chapter.at,
            symptoms=symptoms,
            path=path,
        )
        for each in symptoms:
            chapter.tell("detected", f"{each.component}: {each.code}: {each.observed}")
        if self.code(first.code).is_damage:
            call_first(chapter, self.service, "damaged")
        else:
            announce(chapter, self.service, "opened")

    def _severity(self, trouble: Trouble) -> Severity:
        return severity_of(self.code(trouble.code), trouble.status, self.service.components.get(trouble.component))

    def _trouble(self, key: tuple[str, str], verdict: Verdict) -> Trouble:
        code = self.code(verdict.finding.code)
        return Trouble(
            component=key[0],
            check=key[1],
            code=code.id,
            type=code.type,
            status=verdict.finding.status,
            depth=code.depth,
            onset_s=verdict.since_s,
        )

    def _failing(self, incident: Incident) -> list[Trouble]:
        """What still fails of what the incident tells of."""
        keys = dict.fromkeys((each.component, each.check) for each in incident.symptoms)
        found = [(key, self.verdicts.get(key)) for key in keys]
        return [self._trouble(key, verdict) for key, verdict in found if verdict and verdict.is_failing]

    def _near(self, troubles: Sequence[Trouble]) -> Collection[str]:
        """Components that can be one story with these: the others are not asked, though a thousand of them fail."""
        if any(is_host(self.service, each.component) for each in troubles):
            return {*self.service.components, OURSELVES, SYSTEM}
        return frozenset(related(self.service, troubles))

    def told_in(self, component: str, check: str) -> Incident | None:
        """The incident that tells of what this check found of a component."""
        key = (component, check)
        return next((i for i in self.incidents.values() if key in [(s.component, s.check) for s in i.symptoms]), None)

    def _told_in(self, trouble: Trouble) -> Incident | None:
        return self.told_in(trouble.component, trouble.check)

    def _story(self, component: str, check: str) -> str:
        """Under what an incident is remembered that went by itself."""
        return f"{component} {check}" if is_host(self.service, component) else component

    def _excused(self, finding: Finding) -> Finding:
        """What fails because somebody ordered it is worth knowing and nothing more."""
        if not finding.status.is_failing:
            return finding
        reason = self.quiet.get(finding.component)
        if reason is None and self.code(finding.code).depth == 0:
            needed = explained_by_a_stop(self.service, finding.component, (*self.stopped, *self.quiet))
            reason = needed and f"it needs `{needed}`, which is {self.quiet.get(needed, 'stopped on purpose')}"
        return replace(finding, status=Status.INFO, because=reason) if reason else finding

    def _home(self, trouble: Trouble) -> Incident | None:
        told = self._told_in(trouble)
        if told:
            return told
        near = self._near([trouble])
        known = [i for i in self.incidents.values() if any(s.component in near for s in i.symptoms)]
        for incident in sorted(known, key=lambda each: each.component != trouble.component):
            failing = [
                each
                for each in self._failing(incident)
                if (each.component, each.check) != (trouble.component, trouble.check)
            ]
            if takes(self.service, incident, failing, trouble) and self._is_recent(incident, trouble):
                return incident
        return None

    def _is_recent(self, incident: Incident, trouble: Trouble) -> bool:
        """An old incident of another component is an old story, unless one of the two needs the other."""
        if any(each.component == trouble.component for each in incident.symptoms):
            return True
        warning_only = all(each.status == Status.WARNING for each in incident.symptoms)
        age = self._clock.now() - incident.opened_at
        return not (warning_only and trouble.status is Status.CRITICAL and age > timedelta(seconds=_REOPEN_S))

    def _part(self, finding: Finding) -> list[IncidentId]:
        """Whoever waits for this check to pass."""
        return [
            each.id
            for each in self.incidents.values()
            if any((s.component, s.check) == (finding.component, finding.check) for s in each.symptoms)
        ]

    def _flapping(self, found: Finding, verdict: Verdict | None, now: float) -> Finding:
        if verdict is None or found.status is Status.UNKNOWN or self.code(found.code).depth:
            return found  # ends of a process are counted by the crash-loop rule
        return flapping(found, verdict, self.code(FLAPPING), self.service.settings, now)

    def _symptom(self, finding: Finding) -> Symptom:
        return Symptom(
            component=finding.component,
            check=finding.check,
            code=finding.code or "unknown",
            status=finding.status,
            since=self._clock.now(),
            observed=finding.observed,
            hint=finding.hint,
            evidence=tuple(replace(each, text=each.text[-_EVIDENCE_CHARS:]) for each in finding.evidence[:_EVIDENCE]),
        )

    def _gravity(self, finding: Finding) -> tuple[int, int]:
        return finding.status.rank, self.code(finding.code).depth


def by_hand(component: str, kind: str, reason: str, *, is_over: bool) -> Finding:
    """What a person says about a component that no check has found; or that it is over."""
    return Finding(
        component=component,
        kind=kind,
        check=BY_HAND,
        status=Status.OK if is_over else Status.CRITICAL,
        code=None if is_over else BY_HAND,
        type=None if is_over else IssueType.UNKNOWN,
        observed=reason or ("somebody says that it is over" if is_over else "somebody calls for help"),
        hint=None if is_over else "see to it; `paramedic escalate --over` ends it",
    )


def _chiefs(troubles: Sequence[Trouble]) -> list[Trouble]:
    """The deepest trouble of each component."""
    found: dict[str, Trouble] = {}
    for each in sorted(troubles, key=lambda each: each.depth):
        found[each.component] = each
    return list(found.values())
