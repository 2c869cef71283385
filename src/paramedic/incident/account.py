"""An incident as a document: what was seen, suspected, done, verified, and who was called. Nothing is made up."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from paramedic.model.ids import PlanId
from paramedic.model.incident import Incident, IncidentState, Suspect, Symptom, TimelineEntry
from paramedic.model.playbook import Plan, PlanState
from paramedic.model.receipt import Message, Phase, Receipt
from paramedic.model.service import Service
from paramedic.model.status import Status
from paramedic.model.wire import dump
from paramedic.report.chronicle import after
from paramedic.report.document import (
    Block,
    Document,
    Facts,
    Moment,
    Moments,
    Points,
    Rows,
    Section,
    Verbatim,
    Verdict,
    Words,
)
from paramedic.report.words import count, duration

_LANES = ("seen", "judged", "done", "people")
_LANE = {
    "detected": "seen",
    "symptom": "seen",
    "resolved": "seen",
    "verified": "done",
    "undone": "done",
    "step": "done",
    "planned": "done",
    "approved": "people",
    "escalated": "people",
    "notified": "people",
    "silenced": "people",
    "untold": "people",
    "acknowledged": "people",
}
"""The kind of a timeline's entry to where it is drawn; what is not named here was thought, not done."""
_TONES = {
    "detected": Status.CRITICAL,
    "symptom": Status.WARNING,
    "verified": Status.OK,
    "resolved": Status.OK,
    "undone": Status.WARNING,
    "escalated": Status.CRITICAL,
    "notified": Status.WARNING,
}
_STATES = {
    IncidentState.RESOLVED: Status.OK,
    IncidentState.ESCALATED: Status.CRITICAL,
}
_PLANS = {
    PlanState.VERIFIED: Status.OK,
    PlanState.FAILED: Status.CRITICAL,
    PlanState.ROLLED_BACK: Status.WARNING,
}
_RAN = (PlanState.VERIFIED, PlanState.FAILED, PlanState.ROLLED_BACK)
_FAILED = (Phase.FAILED, Phase.UNDO_FAILED)
_ANCHOR = "t"
_AT_LEVELS = re.compile(r"[\w-]+: (L\d(?:, L\d)*): [1-9]\d* told")
"""A line of the timeline of kind ``notified``, where levels were called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """Everything that is recorded of one incident."""

    incident: Incident
    timeline: Sequence[TimelineEntry] = ()
    plans: Sequence[Plan] = ()
    """In the order in which they were made."""
    receipts: Sequence[Receipt] = ()
    messages: Sequence[Message] = ()
    summaries: Mapping[str, str] = field(default_factory=dict)
    """What a code means, in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Event:
    at: datetime
    what: str
    text: str
    tone: Status
    plan: str | None = None


def account(service: Service, dossier: Dossier, now: datetime, *, made_by: str = "") -> Document:
    """The incident from its first sign to its end, or to now where it is not over."""
    incident = dossier.incident
    end = incident.resolved_at or now
    took = duration((end - incident.opened_at).total_seconds() * 1000)
    ended = f"resolved after {took}" if incident.resolved_at else f"not over after {took}, as of {_moment(now)}"
    return Document(
        title=f"{incident.code} on {incident.component}",
        verdict=Verdict(tone=_STATES.get(incident.state, Status.WARNING), word=incident.state.value),
        lead=f"{incident.severity} {incident.type} of {service.name}; opened {_moment(incident.opened_at)}; {ended}",
        blocks=tuple(_blocks(service, dossier)),
        made_by=made_by,
    )


def _blocks(service: Service, dossier: Dossier) -> Iterator[Block]:
    incident, events = dossier.incident, _events(dossier)
    ends = {each.id: each.ended_at for each in dossier.plans if each.state in _RAN}
    yield Section(heading="In short", blocks=(Facts(pairs=tuple(_in_short(service, dossier))),))
    yield Moments(
        lanes=_LANES,
        anchor=_ANCHOR,
        moments=tuple(
            Moment(
                at=each.at,
                lane=_LANE.get(each.what, "judged"),
                tone=each.tone,
                text=f"{each.what}: {each.text}",
                until=ends.get(PlanId(each.plan)) if each.plan and each.what == "planned" else None,
            )
            for each in events
        ),
    )
    seen = tuple(_seen(each) for each in incident.symptoms)
    yield Section(heading="What was seen", blocks=seen or (Words(text="nothing is recorded"),))
    yield Section(heading="What was made of it", blocks=tuple(_made_of(incident)))
    done = tuple(_done(each, dossier.receipts) for each in dossier.plans)
    yield Section(heading="What was done", blocks=done or (Words(text="nothing was planned and nothing was touched"),))
    yield Section(heading="Who was called", blocks=tuple(_called(dossier)))
    yield Section(heading="Timeline", blocks=(_timeline(events),))


def _in_short(service: Service, dossier: Dossier) -> Iterator[tuple[str, str]]:
    incident = dossier.incident
    yield "incident", incident.id
    yield "trouble", f"`{incident.code}` {dossier.summaries.get(incident.code, '')}"
    yield "component", incident.component
    yield "needed by", ", ".join(service.needed_by(incident.component))
    yield "severity", incident.severity.value
    yield "type", incident.type.value
    yield "opened", _moment(incident.opened_at)
    yield "resolved", _moment(incident.resolved_at) if incident.resolved_at else ""
    yield "why", incident.why
    yield "tried", ", ".join(f"`{each}`" for each in incident.tried)
    yield "called", _levels(service, dossier)
    who = incident.acknowledged_by
    yield "in hand of", f"{who}, {_moment(incident.acknowledged_at)}" if who and incident.acknowledged_at else who or ""


def _levels(service: Service, dossier: Dossier) -> str:
    """The levels at which somebody was called, and whether anything arrived there, as far as their addresses tell."""
    texts = [
        found[1] for each in dossier.timeline if each.what == "notified" and (found := _AT_LEVELS.match(each.text))
    ]
    calls = [each for each in dossier.messages if each.kind != "resolved"]
    told = []
    for level in sorted({level for text in texts for level in text.split(", ")}):
        known = service.escalation.get(level, ())
        mine = [each for each in calls if each.address in known]
        if not mine:
            told.append(level)
        else:
            told.append(f"{level} ({'arrived' if any(each.delivered_at for each in mine) else 'nothing arrived'})")
    return ", ".join(told)


def _seen(symptom: Symptom) -> Section:
    tone = Status(symptom.status)
    facts = (
        ("check", f"`{symptom.check}`"),
        ("since", _moment(symptom.since)),
        ("observed", symptom.observed),
        ("hint", symptom.hint or ""),
    )
    return Section(
        heading=f"{symptom.component}: `{symptom.code}`",
        verdict=Verdict(tone=tone, word=tone.value),
        is_part=True,
        blocks=(Facts(pairs=facts), *(Verbatim(label=each.label, text=each.text) for each in symptom.evidence)),
    )


def _made_of(incident: Incident) -> Iterator[Block]:
    if incident.abstained:
        yield Words(text=f"The first suspect is a guess only: {incident.abstained}")
    if incident.path:
        yield Words(text="The way through the decision tree:")
        yield Points(points=incident.path)
    if incident.suspects:
        yield Rows(
            heads=("suspect", "code", "score", "votes"),
            rows=tuple(
                (each.component, f"`{each.code}`", f"{each.score:.2f}", _votes(each)) for each in incident.suspects
            ),
        )
    changes = "; ".join(
        f"{each.at:%H:%M:%S} {each.kind} of {each.component or 'the service'}: {each.what}"
        + (f" ({each.by})" if each.by else "")
        for each in incident.changes
    )
    yield Facts(
        pairs=(
            ("changed before", changes or "nothing that is known"),
            ("ruled out", "; ".join(incident.ruled_out) or "nothing"),
            ("not looked at", "; ".join(incident.not_looked_at) or "nothing"),
            ("linked", ", ".join(incident.linked)),
        )
    )


def _votes(suspect: Suspect) -> str:
    told = [f"{each.kind} {each.weight:.2f}: {each.reason}" for each in suspect.votes]
    if suspect.is_symptom_of:
        told.insert(0, f"a symptom of {suspect.is_symptom_of}")
    return "; ".join(told)


def _done(plan: Plan, receipts: Sequence[Receipt]) -> Section:
    mine = [each for each in receipts if each.plan == plan.id]
    undo = [str(number) for number, step in enumerate(plan.steps, 1) if step.undoable]
    checks = ", ".join(f"`{each.check}` of {each.component}" for each in plan.verify)
    approval = f"by {plan.approved_by}" if plan.approved_by else plan.needs_approval or "not needed"
    facts = (
        ("plan", plan.id),
        ("made", _moment(plan.created_at)),
        ("ended", _moment(plan.ended_at) if plan.ended_at else ""),
        ("risk", plan.risk.value),
        ("approval", approval),
        ("blast radius", ", ".join(plan.blast_radius)),
        ("undo", f"steps {', '.join(undo)}" if undo else "nothing can be taken back"),
        ("verified by", f"{checks}, {plan.verify_times} times within {plan.verify_within_s:g} s" if checks else ""),
        ("outcome", plan.why_ended),
    )
    steps = Rows(
        heads=("step", "action", "component", "phase", "at", "output"),
        rows=tuple(
            (f"{each.step + 1}.{each.attempt}", f"`{each.action}`", each.component, _phase(each), f"{each.at:%H:%M:%S}",
             each.detail)
            for each in mine
        ),
        tones=tuple(Status.WARNING if each.phase in _FAILED else None for each in mine),
    )  # fmt: skip
    diffs = [(number, each) for number, each in enumerate(plan.steps, 1) if each.preview.diff]
    outputs = [each for each in mine if each.output]
    return Section(
        heading=f"`{plan.playbook}` on {plan.suspect}",
        verdict=Verdict(tone=_PLANS.get(plan.state, Status.INFO), word=plan.state.value),
        is_part=True,
        blocks=(
            Facts(pairs=facts),
            *((steps,) if mine else (Words(text="no step was begun"),)),
            *(Verbatim(label=f"difference of step {number}", text=each.preview.diff) for number, each in diffs),
            *(
                Verbatim(label=f"step {each.step + 1} {each.phase}", text=json.dumps(dump(each.output), indent=2))
                for each in outputs
            ),
        ),
    )


def _phase(receipt: Receipt) -> str:
    return f"{receipt.phase.value} (found after a crash)" if receipt.reconciled else receipt.phase.value


def _called(dossier: Dossier) -> Iterator[Block]:
    if not dossier.messages:
        yield Words(text="nobody was told")
        return
    yield Rows(
        heads=("at", "what", "by", "result"),
        rows=tuple(
            (_moment(each.at), each.kind, each.address.partition("://")[0], _arrival(each)) for each in dossier.messages
        ),
        tones=tuple(None if each.delivered_at else Status.WARNING for each in dossier.messages),
    )


def _arrival(message: Message) -> str:
    tries = f" after {count(message.attempts, 'try').replace('trys', 'tries')}" if message.attempts > 1 else ""
    if message.delivered_at:
        return f"arrived{tries}"
    if message.dropped_at:
        return f"never arrived{tries}, and dropped when the incident was over: {message.error}".removesuffix(": ")
    return f"not arrived{tries}: {message.error or 'not tried yet'}"


def _events(dossier: Dossier) -> tuple[_Event, ...]:
    found = [
        _Event(
            at=each.at,
            what=each.what,
            text=each.text,
            tone=_TONES.get(each.what, Status.INFO),
            plan=each.details.get("plan"),
        )
        for each in dossier.timeline
    ]
    found += [
        _Event(
            at=each.at,
            what="step",
            text=f"{each.step + 1}. {each.action} {each.component} {_phase(each)}: {each.detail}".removesuffix(": "),
            tone=Status.WARNING if each.phase in _FAILED else Status.INFO,
        )
        for each in dossier.receipts
    ]
    return tuple(sorted(found, key=lambda each: each.at))  # a stable sort: within one moment as written


def _timeline(events: Sequence[_Event]) -> Rows:
    begin = events[0].at if events else None
    return Rows(
        heads=("", "at", "after", "what", ""),
        rows=tuple(
            (str(number), f"{each.at:%H:%M:%S.%f}"[:-3], after(each.at, begin or each.at), each.what, each.text)
            for number, each in enumerate(events, 1)
        ),
        anchor=_ANCHOR,
    )


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
