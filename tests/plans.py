"""Plans made of values, for tests that carry nothing out."""

from datetime import UTC, datetime

from paramedic.model.component import Risk
from paramedic.model.ids import PlanId
from paramedic.model.playbook import Plan, PlanState, PlanStep, Preview


def make_plan(risk: Risk = Risk.REVERSIBLE, *, suspect: str = "api", loss: tuple[str, ...] = ()) -> Plan:
    """A plan of one step that was only proposed."""
    preview = Preview(summary="x", loss=loss)
    step = PlanStep(action="a.b", component=suspect, params={}, risk=risk, preview=preview, undoable=True)
    return Plan(
        id=PlanId("plan-1"),
        incident=None,
        playbook="mend",
        suspect=suspect,
        fingerprint=f"{suspect}:x",
        state=PlanState.PROPOSED,
        steps=(step,),
        verify=(),
        verify_times=2,
        verify_within_s=1,
        risk=risk,
        blast_radius=(suspect,),
        needs_approval=None,
        attempt=1,
        created_at=datetime.now(UTC),
    )
