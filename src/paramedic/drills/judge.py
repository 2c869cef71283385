"""Judges one moment of the records: is the drill at its end, and was it the right one? Pure functions over values."""

from collections.abc import Sequence
from dataclasses import dataclass

from paramedic.drills.catalogue import Drill, Ends
from paramedic.drills.records import Record
from paramedic.model.incident import Incident, IncidentState
from paramedic.model.playbook import Plan, PlanState


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a moment says."""

    is_over: bool = False
    """Nothing that happens later can change it, or the expected ending is reached."""
    broken: str | None = None
    """What must not have happened, where something did."""
    missing: str = ""
    """What has yet to happen."""
    incident: Incident | None = None
    """The one that the drill is about."""
    plan: Plan | None = None
    """The newest plan of that incident."""


def judge(drill: Drill, record: Record) -> Verdict:
    """The verdict on what is new since the fault."""
    incident = the_incident(drill, record.incidents)
    plans = [each for each in record.plans if incident and each.incident == incident.id]
    plan = plans[0] if plans else None

    def verdict(*, is_over: bool = False, broken: str | None = None, missing: str = "") -> Verdict:
        return Verdict(is_over=is_over, broken=broken, missing=missing, incident=incident, plan=plan)

    if wrong := _wrongly_touched(drill, record):
        return verdict(is_over=True, broken=wrong)
    if drill.ends is Ends.CONTROL:
        wrong = _reported(record)
        return verdict(is_over=wrong is not None, broken=wrong)
    if incident is None:
        return verdict(missing="no incident")
    if not _is_right(drill, incident):
        wanted = f"`{drill.code}` on `{drill.component}`"
        return verdict(missing=f"the first suspect is `{incident.code}` on `{incident.component}`, expected {wanted}")
    others = [each for each in record.incidents if each.id != incident.id and each.code not in drill.herrings]
    if others:
        told = ", ".join(f"`{each.code}` on `{each.component}`" for each in others)
        return verdict(is_over=True, broken=f"a second incident for one fault: {told}")
    match drill.ends:
        case Ends.HEAL | Ends.APPROVE:
            missing = _not_healed(drill, incident, plans)
        case Ends.ESCALATE:
            missing = "" if incident.state is IncidentState.ESCALATED else f"the incident is {incident.state}"
        case Ends.ADVISE:
            missing = f"there is a plan: `{plan.playbook}`" if plan else ""
            missing = missing or ("" if _is_settled(record, incident) else "its remedy was not told")
    missing = missing or _not_told_apart(drill, incident, record)
    return verdict(is_over=not missing, missing=missing)


def the_incident(drill: Drill, incidents: Sequence[Incident]) -> Incident | None:
    """The incident with the expected first suspect, else the first that was opened."""
    oldest_first = sorted(incidents, key=lambda each: each.opened_at)
    return next((each for each in oldest_first if _is_right(drill, each)), next(iter(oldest_first), None))


def waits_for_approval(drill: Drill, verdict: Verdict) -> Plan | None:
    """The plan that a person must agree to now, where the drill is about that."""
    incident, plan = verdict.incident, verdict.plan
    is_waiting = incident is not None and incident.state is IncidentState.WAITING and _is_right(drill, incident)
    return plan if is_waiting and plan and plan.state is PlanState.PROPOSED else None


def ending_of(verdict: Verdict, *, approved: bool) -> str | None:
    """What really happened, in the words of the catalogue."""
    match verdict.incident:
        case Incident(state=IncidentState.ESCALATED):
            return Ends.ESCALATE
        case Incident(state=IncidentState.RESOLVED) if verdict.plan and verdict.plan.state is PlanState.VERIFIED:
            return Ends.APPROVE if approved else Ends.HEAL
        case Incident(state=IncidentState.OPEN) if verdict.plan is None:
            return Ends.ADVISE
    return None


def _is_right(drill: Drill, incident: Incident) -> bool:
    return (incident.code, incident.component) == (drill.code, drill.component)


def _not_healed(drill: Drill, incident: Incident, plans: Sequence[Plan]) -> str:
    if incident.state is not IncidentState.RESOLVED:
        return f"the incident is {incident.state}: {incident.why}"
    if not any(each.state is PlanState.VERIFIED and each.playbook == drill.playbook for each in plans):
        return f"resolved without a verified `{drill.playbook}`: {incident.why}"
    return ""


def _not_told_apart(drill: Drill, incident: Incident, record: Record) -> str:
    """Noise that nobody told, or that the incident holds for a cause."""
    others = {each.code for each in record.incidents if each.id != incident.id}
    told = [each.text for each in record.timelines.get(incident.id, ()) if each.what in ("detected", "symptom")]
    for code in drill.herrings:
        # a symptom may have become another one meanwhile; the timeline forgets nothing
        if code not in others and not any(f": {code}: " in text for text in told):
            return f"`{code}` was not told"
        for each in incident.suspects:
            if each.code == code and each.component != incident.component and each.is_symptom_of is None:
                return f"`{code}` on `{each.component}` is taken for a cause, too"
    return ""


def _wrongly_touched(drill: Drill, record: Record) -> str | None:
    for plan in record.run_for_incidents():
        done = f"`{plan.playbook}` was run on `{plan.suspect}`"
        if drill.ends in (Ends.ADVISE, Ends.CONTROL) or (drill.ends is Ends.ESCALATE and not drill.acts):
            return f"{done}, where nothing may be touched"
        if plan.suspect != drill.component or (drill.playbook and plan.playbook != drill.playbook):
            return f"{done}, which is not what the fault needs"
        if drill.ends is Ends.APPROVE and plan.approved_by is None:
            return f"{done} without an approval"
    return None


def _reported(record: Record) -> str | None:
    if record.incidents:
        first = record.incidents[-1]
        return f"an incident was opened: `{first.code}` on `{first.component}`"
    for each in record.transitions:
        if each.new.is_failing:
            return f"`{each.check}` of `{each.component}` said {each.new}: {each.new_code}: {each.reason}"
    return None


def _is_settled(record: Record, incident: Incident) -> bool:
    return any(entry.what == "advised" for entry in record.timelines.get(incident.id, ()))
