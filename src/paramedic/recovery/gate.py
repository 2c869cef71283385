"""May this plan run now? Pure rules over values; every answer has its reason."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from paramedic.model.component import Autonomy, Risk
from paramedic.model.playbook import Plan, Playbook
from paramedic.model.service import Service
from paramedic.recovery.limits import why_later
from paramedic.recovery.planning import is_ours_to_restart, losses

WHILE_PAUSED = "automation is paused"
IN_MAINTENANCE = "maintenance window"
WHILE_HALTED = "automation has stopped itself"


class Answer(StrEnum):
    """What the gate says."""

    GO = "go"
    APPROVAL = "approval"
    """A person must agree."""
    LATER = "later"
    """Too much is going on; ask again."""
    NEVER = "never"
    """Automation may not act here at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """The gate's answer and why."""

    answer: Answer
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What else is going on on this node."""

    is_paused: bool
    running: tuple[Plan, ...]
    halted: str | None = None
    """Why automation has stopped itself, until a person says that it may go on."""
    first: str | None = None
    """What else has to be seen to first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A person agrees to one plan, for a while."""

    by: str
    until: datetime
    """What has not begun by then does not begin."""
    reason: str = ""

    @property
    def said(self) -> str:
        """For the record."""
        return f"approved by {self.by}: {self.reason}" if self.reason else f"approved by {self.by}"


def rule(plan: Plan, playbook: Playbook, service: Service, traffic: Traffic) -> Ruling:
    """The autonomy ladder, then risk, then traffic; the first rule that fits decides."""
    component = service.components[plan.suspect]
    autonomy = component.autonomy or service.autonomy
    if not service.settings.auto_recovery:
        return Ruling(answer=Answer.NEVER, reason="automatic recovery is switched off")
    if autonomy is Autonomy.OBSERVE:
        return Ruling(answer=Answer.NEVER, reason=f"`{component.name}` may only be observed")
    if traffic.is_paused:
        return Ruling(answer=Answer.APPROVAL, reason=WHILE_PAUSED)
    if traffic.halted:
        return Ruling(answer=Answer.APPROVAL, reason=f"{WHILE_HALTED}: {traffic.halted}")
    if plan.risk.rank >= Risk.DISRUPTIVE.rank and (window := service.maintenance.over(_touched(plan), plan.created_at)):
        return Ruling(answer=Answer.APPROVAL, reason=f"{IN_MAINTENANCE} {window.said}")
    reason = _why_a_person(plan, playbook, service, autonomy)
    if reason:
        return Ruling(answer=Answer.APPROVAL, reason=reason)
    if why := why_later(plan, service, traffic.running) or traffic.first:
        return Ruling(answer=Answer.LATER, reason=why)
    return Ruling(answer=Answer.GO, reason=f"risk {plan.risk} is within what may run by itself")


def _why_a_person(plan: Plan, playbook: Playbook, service: Service, autonomy: Autonomy) -> str | None:
    if autonomy in (Autonomy.SUGGEST, Autonomy.APPROVE):
        return f"autonomy of `{plan.suspect}` is `{autonomy}`"
    if lost := losses(plan):
        return f"something would be lost for good: {'; '.join(lost)}"
    if playbook.attended:
        return f"`{playbook.name}` always waits for a person"
    if (code := plan.fingerprint.rpartition(":")[2]) in playbook.attended_for:
        return f"`{playbook.name}` waits for a person where it is to heal `{code}`"
    if plan.risk.rank <= service.max_risk.rank and plan.risk is not Risk.MANUAL:
        return None
    if plan.risk is Risk.DISRUPTIVE and playbook.is_restart and _is_ours(plan, service):
        return None
    return f"risk `{plan.risk}` is above `{service.max_risk}`"


def _is_ours(plan: Plan, service: Service) -> bool:
    """Whether the suspect, or else all that the plan disturbs, is started by us or by an owner that is declared."""
    disturbed = {step.component for step in plan.steps if step.risk is Risk.DISRUPTIVE} or {plan.suspect}
    return is_ours_to_restart(service.components[plan.suspect]) or all(
        is_ours_to_restart(service.components[each]) for each in disturbed
    )


def _touched(plan: Plan) -> tuple[str, ...]:
    return plan.suspect, *(step.component for step in plan.steps)
