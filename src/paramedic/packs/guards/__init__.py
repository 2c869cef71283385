"""The guards inside a service's processes: breakers, budgets, flags, kept calls, labels."""

from paramedic.packs.guards.breakers import Reset, Retune, breakers
from paramedic.packs.guards.budgets import Baseline, ResetTripwire, StopSpending, budgets
from paramedic.packs.guards.emergency import EnterEmergency, LeaveEmergency
from paramedic.packs.guards.flags import flags
from paramedic.packs.guards.labels import Cap, labels
from paramedic.packs.guards.operators import OperatorOrder
from paramedic.packs.guards.retrying import Retry
from paramedic.packs.guards.state_files import RepairState, states
from paramedic.packs.guards.target import Guards
from paramedic.packs.guards.tasks import tasks
from paramedic.packs.guards.telling import changed, tells, untold
from paramedic.sdk import Kind, Pack

pack = Pack(
    name="guards",
    kinds=(
        Kind(
            name="guards",
            summary="the guards of a service that uses `paramedic.guard`: breakers, budgets, flags, kept calls",
            target=Guards,
            files=lambda guards: tuple(each for each in (guards.tripwire, guards.energy, guards.flags) if each),
            keeps=lambda guards: (guards.flags,) if guards.flags else (),
            changed=changed,
            untold=untold,
            tells=tells,
        ),
    ),
    checks=(breakers, budgets, states, flags, tasks, labels),
    actions=(  # type: ignore[arg-type]  # mypy does not follow class decorators
        Reset,
        Retune,
        ResetTripwire,
        RepairState,
        StopSpending,
        Baseline,
        EnterEmergency,
        LeaveEmergency,
        Cap,
        Retry,
        OperatorOrder,
    ),
)
