"""One change of an incident with everything that must become true in the same transaction."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from paramedic.model.change import Change
from paramedic.model.finding import Finding, Transition
from paramedic.model.incident import Incident, IncidentState, TimelineEntry
from paramedic.model.playbook import Plan, PlanState
from paramedic.model.receipt import Message
from paramedic.store import Transaction


@dataclass(kw_only=True)
class Chapter:
    """What is written together: verdicts, the incident, its plan, its timeline and its announcements."""

    at: datetime
    incident: Incident | None = None
    plan: Plan | None = None
    transitions: list[Transition] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    timeline: list[TimelineEntry] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)

    def tell(self, what: str, text: str, details: Mapping[str, str] | None = None) -> None:
        """Add a line to the incident's timeline."""
        assert self.incident is not None, "a timeline belongs to an incident"
        self.timeline.append(
            TimelineEntry(incident=self.incident.id, at=self.at, what=what, text=text, details=dict(details or {}))
        )


def write(tx: Transaction, chapter: Chapter) -> None:
    """Commit the chapter in the transaction."""
    if chapter.findings:
        tx.findings.put(chapter.findings)
    for transition in chapter.transitions:
        tx.transitions.append(transition)
    for change in chapter.changes:
        tx.changes.append(change)
    if chapter.incident:
        tx.incidents.save(chapter.incident)
    if chapter.plan:
        tx.plans.save(chapter.plan)
    if chapter.incident and chapter.incident.state is IncidentState.RESOLVED:
        for plan in tx.plans.of(chapter.incident.id):
            if plan.state is PlanState.PROPOSED:
                over = replace(plan, state=PlanState.STALE, ended_at=chapter.at, why_ended="the incident is over")
                tx.plans.save(over)
    for entry in chapter.timeline:
        tx.timeline.append(entry)
    for message in chapter.messages:
        tx.outbox.add(message)
