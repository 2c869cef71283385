"""From findings to incidents: what changed, whether it counts, and to which story it belongs.

Everything here runs on the loop of the one process that owns this node, so memory is the truth and the store its
record: memory changes first and at once, the record follows in one transaction per change. Where the store takes
nothing, the record waits in the journal, and the story goes on.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from paramedic.diagnosis import Trouble, belongs_together, classify, explained_by_a_stop, rank_suspects, severity_of
from paramedic.incident import Chapter, announce
from paramedic.model.code import Code, Ending
from paramedic.model.component import Desired
from paramedic.model.finding import Finding, Transition
from paramedic.model.ids import IncidentId, new_id
from paramedic.model.incident import Incident, IncidentState, Symptom
from paramedic.model.playbook import FailedCheck
from paramedic.model.service import Service
from paramedic.model.status import Status
from paramedic.sdk.pack import Registry
from paramedic.store import Transaction
from paramedic.watch.journal import Journal

FLAPPING = "component.flapping"
EXHAUSTED = "recovery.exhausted"
BLIND = "paramedic.blind"
OURSELVES = "paramedic"
"""The component of troubles of our own."""
_SIGHT = "paramedic.sight"
_EVIDENCE, _EVIDENCE_CHARS = 5, 2000
"""So much of it goes with an incident; the end of a text, because the last lines of a log say most."""
_BLIND_LOOKS = 2
_BLIND_CHECKS = 3
"""Fewer may be blind for reasons of their own."""
_REOPEN_S = 60.0
"""Trouble that comes back this soon after it went by itself continues the old incident."""


@dataclass(slots=True)
class Verdict:
    """What one check last said of one component, and since when."""

    finding: Finding
    since_s: float
    """Monotonic."""
    doubt: tuple[Status, str | None] | None = None
    """A different verdict that still has to be confirmed."""
    looks: int = 0
    """How often running the doubt was seen."""
    is_new: bool = True
    """Nothing was ever recorded of this check."""
    flips: deque[float] = field(default_factory=lambda: deque(maxlen=50))
    blind: int = 0
    """How many looks running could not look."""

    @property
    def is_failing(self) -> bool:
        return self.finding.status.is_failing


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
        self._fresh: dict[tuple[str, str], tuple[Finding, ...]] = {}
        self._gone: dict[str, tuple[Incident, float]] = {}
        """Component to the incident that last went by itself, and when."""

    async def load(self) -> None:
        """Take up what the store remembers."""

        def read(tx: Transaction) -> tuple[Sequence[Finding], Sequence[Incident], dict[str, Desired]]:
            return tx.findings.latest(), tx.incidents.unresolved(), tx.desired.all()

        findings, incidents, desired = await self._journal.store.run(read)
        now = self._clock.monotonic()
        self.incidents = {each.id: each for each in incidents}
        for finding in sorted(findings, key=self._gravity):
            key = (finding.component, finding.check)
            is_ours = finding.component in self.service.components or finding.component == OURSELVES
            # What failed without being confirmed before the end is looked at as if for the first time.
            if is_ours and (not finding.status.is_failing or self._is_told(key)):
                self.verdicts[key] = Verdict(finding, now, is_new=False)
        self.stopped = {name for name, wish in desired.items() if wish is Desired.STOPPED}

    async def judge(self, findings: Sequence[Finding], cause: str) -> bool:
        """Take in the findings of one look of one check. True when a second look should follow at once."""
        again = await self._take_in(findings, cause)
        if sight := self._sight():
            await self._take_in((sight,), cause)
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
        """What still fails among everything that belongs to the incident."""
        names = [each.component for each in incident.symptoms]
        found = []
        for (component, check), verdict in self.verdicts.items():
            code = self.code(verdict.finding.code)
            if verdict.is_failing and belongs_together(self.service, component, names):
                found.append(
                    Trouble(
                        component=component,
                        check=check,
                        code=code.id,
                        status=verdict.finding.status,
                        depth=code.depth,
                        onset_s=verdict.since_s,
                    )
                )
        return found

    def diagnose(self, incident: Incident) -> Incident:
        """The incident with its suspects, type and severity made anew from what fails now."""
        suspects = rank_suspects(self.service, self.troubles(incident))
        if not suspects:
            return incident
        first = suspects[0]
        code = self.code(first.code)
        type_, path = classify(code)
        symptoms = incident.symptoms
        status = max(
            (v.finding.status for (c, _), v in self.verdicts.items() if c == first.component and v.is_failing),
            key=lambda each: each.rank,
        )
        known = {(each.component, each.check) for each in symptoms}
        for (component, check), verdict in self.verdicts.items():
            if (
                verdict.is_failing
                and (component, check) not in known
                and component in {each.component for each in suspects}
            ):
                symptoms = (*symptoms, self._symptom(verdict.finding))
        failing = {each.component for each in suspects}
        looked = {component for component, _ in self.verdicts}
        related = (first.component, *self.service.needs(first.component), *self.service.needed_by(first.component))
        unknown = {c for (c, _), v in self.verdicts.items() if v.finding.status is Status.UNKNOWN}
        severity = severity_of(code, status, self.service.components.get(first.component))
        return replace(
            incident,
            code=first.code,
            component=first.component,
            type=type_,
            path=path,
            severity=min(severity, incident.severity) if incident.suspects else severity,
            suspects=suspects,
            symptoms=symptoms,
            ruled_out=tuple(each for each in related if each in looked and each not in failing | unknown),
            not_looked_at=tuple(each for each in related if each not in looked or each in unknown),
        )

    def failed_checks(self, incident: Incident) -> tuple[FailedCheck, ...]:
        """The failing checks of the first suspect: they must pass for a plan to count."""
        return tuple(
            FailedCheck(component=component, check=check, code=self.code(verdict.finding.code).id)
            for (component, check), verdict in self.verdicts.items()
            if component == incident.component and verdict.is_failing
        )

    def still_failing(self, incident: Incident) -> bool:
        """Whether any symptom of the incident still holds."""
        return any(
            verdict.is_failing
            for each in incident.symptoms
            if (verdict := self.verdicts.get((each.component, each.check)))
        )

    def is_over(self, incident: Incident) -> bool:
        """Whether every symptom of the incident is known to hold no longer: a check that cannot look says nothing."""
        known = [self.verdicts.get((each.component, each.check)) for each in incident.symptoms]
        return not any(each and (each.is_failing or each.finding.status is Status.UNKNOWN) for each in known)

    async def save(self, chapter: Chapter, *, must: bool = False) -> None:
        """Make a chapter true, in memory at once and in the store before returning.

        Where the store cannot be used, the chapter waits for it; with ``must`` the caller waits, too.
        """
        incident = chapter.incident
        if incident:
            if incident.state is IncidentState.RESOLVED:
                self.incidents.pop(incident.id, None)
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
            self._gone[incident.component] = (chapter.incident, self._clock.monotonic())
        await self.save(chapter)

    def forget(self, components: set[str]) -> None:
        """Drop verdicts of components that are no longer declared."""
        for key in [key for key in self.verdicts if key[0] in components]:
            del self.verdicts[key]
        for incident in self.incidents.values():
            if any(each.component in components for each in incident.symptoms):
                self._wake(incident.id)

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
        from paramedic.model.code import IssueType

        known = self._registry.codes.get(code or "")
        return known or Code(id=code or "unknown", type=IssueType.UNKNOWN, summary="", ending=Ending.ESCALATE)

    async def _change(self, verdict: Verdict, finding: Finding, cause: str, now: float) -> None:
        old = verdict.finding
        was_failing = verdict.is_failing
        if was_failing != finding.status.is_failing:
            verdict.flips.append(now)
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

    def _sight(self) -> Finding | None:
        """What is to be said of our own sight: that most checks cannot look, or that they can again."""
        known = {key: each for key, each in self.verdicts.items() if key[0] != OURSELVES}
        blind = [each.finding for each in known.values() if each.blind >= _BLIND_LOOKS]
        is_blind = len(blind) >= _BLIND_CHECKS and 2 * len(blind) > len(known)
        mine = self.verdicts.get((OURSELVES, _SIGHT))
        if is_blind == (mine is not None and mine.is_failing):
            return None
        code = self.code(BLIND if is_blind else None)
        return Finding(
            component=OURSELVES,
            kind=OURSELVES,
            check=_SIGHT,
            status=Status.CRITICAL if is_blind else Status.OK,
            code=BLIND if is_blind else None,
            type=code.type if is_blind else None,
            observed=f"{len(blind)} of {len(known)} checks cannot look",
            because=f"`{blind[0].component}`: {blind[0].observed}" if is_blind else "",
            hint="see whether paramedic may still read files and open connections" if is_blind else None,
            at=self._clock.now(),
        )

    def _join(self, chapter: Chapter, finding: Finding, now: float) -> list[IncidentId]:
        """Put a new trouble into the incident where it belongs, opening one where there is none."""
        code = self.code(finding.code)
        symptom = self._symptom(finding)
        home = self._home(finding)
        if home:
            kept = tuple(
                each for each in home.symptoms if (each.component, each.check) != (symptom.component, symptom.check)
            )
            chapter.incident = replace(home, symptoms=(*kept, symptom))
            chapter.tell("symptom", f"{finding.component}: {code.id}: {finding.observed}")
        elif (gone := self._gone.pop(finding.component, None)) and now - gone[1] < _REOPEN_S:
            chapter.incident = replace(
                gone[0], state=IncidentState.OPEN, resolved_at=None, symptoms=(symptom,), why="it came back"
            )
            chapter.tell("detected", f"again: {finding.component}: {code.id}: {finding.observed}")
        else:
            type_, path = classify(code)
            component = self.service.components.get(finding.component)
            chapter.incident = Incident(
                id=IncidentId(new_id("inc", chapter.at)),
                state=IncidentState.OPEN,
                severity=severity_of(code, finding.status, component),
                type=type_,
                code=code.id,
                component=finding.component,
                opened_at=chapter.at,
                symptoms=(symptom,),
                path=path,
            )
            chapter.tell("detected", f"{finding.component}: {code.id}: {finding.observed}")
            announce(chapter, self.service, "opened")
        assert chapter.incident is not None
        return [chapter.incident.id]

    def _excused(self, finding: Finding) -> Finding:
        """What fails because somebody ordered it is worth knowing and nothing more."""
        if not finding.status.is_failing:
            return finding
        reason = self.quiet.get(finding.component)
        if reason is None and self.code(finding.code).depth == 0:
            needed = explained_by_a_stop(self.service, finding.component, (*self.stopped, *self.quiet))
            reason = needed and f"it needs `{needed}`, which is {self.quiet.get(needed, 'stopped on purpose')}"
        return replace(finding, status=Status.INFO, because=reason) if reason else finding

    def _home(self, finding: Finding) -> Incident | None:
        for incident in sorted(self.incidents.values(), key=lambda each: each.component != finding.component):
            still = [
                each.component
                for each in incident.symptoms
                if (verdict := self.verdicts.get((each.component, each.check))) and verdict.is_failing
            ]
            # An incident whose troubles are over still owns what its own recovery stirs up.
            names = still or [incident.component]
            if belongs_together(self.service, finding.component, names) and self._is_recent(incident, finding):
                return incident
        return None

    def _is_recent(self, incident: Incident, finding: Finding) -> bool:
        """An old incident of another component is an old story, unless one of the two needs the other."""
        if any(each.component == finding.component for each in incident.symptoms):
            return True
        warning_only = all(each.status == Status.WARNING for each in incident.symptoms)
        age = self._clock.now() - incident.opened_at
        return not (warning_only and finding.status is Status.CRITICAL and age > timedelta(seconds=_REOPEN_S))

    def _part(self, finding: Finding) -> list[IncidentId]:
        """Whoever waits for this check to pass."""
        return [
            each.id
            for each in self.incidents.values()
            if any((s.component, s.check) == (finding.component, finding.check) for s in each.symptoms)
        ]

    def _flapping(self, finding: Finding, verdict: Verdict | None, now: float) -> Finding:
        settings = self.service.settings
        if verdict is None or finding.status is Status.UNKNOWN or self.code(finding.code).depth:
            return finding  # ends of a process are counted by the crash-loop rule
        recent = [each for each in verdict.flips if now - each <= settings.flapping_window_s]
        if len(recent) < settings.flapping_changes:
            return finding
        code = self.code(FLAPPING)
        return replace(
            finding,
            status=Status.CRITICAL,
            code=code.id,
            type=code.type,
            because=f"{len(recent)} changes between well and failing in {settings.flapping_window_s:.0f} s",
            hint="look for what happens every few seconds: a watchdog, a limit, an unstable network",
        )

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
