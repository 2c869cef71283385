"""Which playbook is to heal an incident, bound to its first suspect; and what did not help rests for a while."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from paramedic.diagnosis import explained_by_a_stop
from paramedic.model.errors import ConfigurationError
from paramedic.model.ids import IncidentId
from paramedic.model.incident import Incident
from paramedic.model.playbook import Plan, PlanState, Playbook
from paramedic.model.status import Severity, worst
from paramedic.recovery.planning import Bench, blocked, blocked_for_s, draw_up, fingerprint
from paramedic.store import Store, insist
from paramedic.watch.triage import Triage


@dataclass(slots=True)
class Choice:
    """What may be done about an incident."""

    reasons: list[str]
    """Why there is no plan, or none with a better playbook."""
    plan: Plan | None = None
    playbook: Playbook | None = None
    again_in_s: float | None = None
    """Where there is none: when there may be one."""


class Choosing:
    """Binds playbooks to incidents."""

    def __init__(self, bench: Bench, triage: Triage, store: Store, playbooks: Mapping[str, Playbook]) -> None:
        self.bench = bench
        self.playbooks = playbooks
        self.urgency: dict[IncidentId, Severity] = {}
        """How urgent somebody says it is, who asked for it to be healed; steps get their time by that."""
        self._triage = triage
        self._store = store
        self._cooling: dict[tuple[str, str], float] = {}

    def load(self, recent: Iterable[Plan]) -> None:
        """Go on with cool-downs after a start."""
        now, wall = self.bench.clock.monotonic(), self.bench.clock.now()
        cooldown = self.bench.service.settings.recovery_cooldown_s
        for plan in recent:
            if plan.state in (PlanState.ROLLED_BACK, PlanState.FAILED) and plan.ended_at:
                left = min(cooldown, cooldown - (wall - plan.ended_at).total_seconds())
                tried = plan.playbook, plan.fingerprint
                self._cooling[tried] = max(self._cooling.get(tried, now), now + left)  # the latest failure counts

    async def choose(self, incident: Incident) -> Choice:
        """The first playbook for the first suspect that may and can be carried out; else why there is none."""
        if incident.attempts >= self.bench.service.settings.max_recovery_attempts:
            return Choice([f"{incident.attempts} attempts did not help"])
        reasons: list[str] = []
        choice = Choice(reasons)
        tried = await self._tried(incident)
        code, is_cause_gone = incident.code, self.is_cause_gone(incident)
        fitting = [
            each
            for each in self.playbooks.values()
            if code in each.heals or (is_cause_gone and code in each.after_cause)
        ]
        for playbook in sorted(fitting, key=lambda each: (each.attended, each.name)):
            if playbook.name in tried:
                reasons.append(f"`{playbook.name}` was tried")
                continue
            until = self._cooling.get((playbook.name, fingerprint(incident.component, incident.code)), 0.0)
            if until > self.bench.clock.monotonic():
                left = until - self.bench.clock.monotonic()
                reasons.append(f"`{playbook.name}` did not help before and cools down for {left:.0f} s")
                continue
            plan = await self.draw(incident, playbook)
            if plan is None:
                reasons.append(f"`{playbook.name}` needs an action that is not installed")
            elif why := blocked(plan):
                reasons.append(f"`{playbook.name}`: {why}")
                choice.again_in_s = blocked_for_s(plan) if choice.again_in_s is None else choice.again_in_s
            else:
                return Choice(reasons, plan, playbook)
        return choice

    async def draw(self, incident: Incident, playbook: Playbook) -> Plan | None:
        """The playbook bound to the incident; ``None`` where an action of it is gone."""
        try:
            return await draw_up(
                self.bench,
                playbook,
                incident.component,
                incident.code,
                self._triage.failed_checks(incident),
                incident=incident.id,
                attempt=len(incident.tried) + 1,
                baseline=self._baseline(incident),
                severity=self.urgency.get(incident.id, incident.severity),
            )
        except ConfigurationError:
            return None

    def cool(self, plan: Plan) -> None:
        """It did not help: for a while it is not tried again for the same trouble."""
        cooldown = self.bench.service.settings.recovery_cooldown_s
        self._cooling[plan.playbook, plan.fingerprint] = self.bench.clock.monotonic() + cooldown

    def warm(self, components: set[str]) -> None:
        """A person asks to try again: what was tried on these may be tried at once."""
        for each in [each for each in self._cooling if each[1].partition(":")[0] in components]:
            del self._cooling[each]

    def is_cooling(self, incident: Incident) -> bool:
        """Whether something was tried for just this trouble and did not help."""
        cause, now = fingerprint(incident.component, incident.code), self.bench.clock.monotonic()
        return any(each == cause and until > now for (_, each), until in self._cooling.items())

    async def _tried(self, incident: Incident) -> set[str]:
        """Playbooks that were run on this suspect since the incident began, or since a person asked to try again."""
        plans = await insist(self._store, lambda tx: tx.plans.of(incident.id), self.bench.clock.sleep)
        runs = [each for each in plans if each.state.is_over and each.state is not PlanState.STALE]
        return {each.playbook for each in runs[: len(incident.tried)] if each.suspect == incident.component}

    def _baseline(self, incident: Incident) -> dict[str, str]:
        found = {}
        for name in self.bench.service.needed_by(incident.component):
            statuses = [v.finding.status for (c, _), v in self._triage.verdicts.items() if c == name]
            is_excused = explained_by_a_stop(self.bench.service, name, self._triage.stopped)
            if statuses and name not in self._triage.stopped and not is_excused:
                found[name] = str(worst(statuses))
        return found

    def is_cause_gone(self, incident: Incident) -> bool:
        """Whether something that the suspect needs was a part of the incident and is well again."""
        needed = self.bench.service.needs(incident.component)
        causes = [each for each in incident.symptoms if each.component in needed]
        return bool(causes) and all(map(self._triage.is_well, causes))
