"""After a recovery the synthetic probes that need what was healed are looked at, too: users only know the whole way."""

from paramedic.model.playbook import Plan
from paramedic.model.status import Status, worst
from paramedic.recovery.planning import Bench

_PAUSES_S = (1.0, 2.0)
"""What needs the healed part may take a moment to find it again."""


async def probed(bench: Bench, plan: Plan) -> str:
    """What the probes of everything that needs the suspect say, in words; empty where there are none.

    A look counts like any other, so that what fails here is told even where it says nothing about this plan.
    """
    said = []
    for name, check in _probes(bench, plan.suspect):
        for pause_s in (*_PAUSES_S, None):
            found = await bench.look(name, (check,))
            status = worst(each.status for each in found) if found else Status.OK
            if not status.is_failing or pause_s is None:
                break
            await bench.clock.sleep(pause_s)
        if status.is_failing:
            said.append(f"`{name}` still fails: {found[0].observed}")
        elif found:
            said.append(f"`{name}` comes to its end" if status is not Status.UNKNOWN else f"`{name}` could not look")
    return "; ".join(said)


def _probes(bench: Bench, suspect: str) -> list[tuple[str, str]]:
    return [
        (name, spec.id)
        for name in bench.service.needed_by(suspect)
        for spec in bench.registry.checks
        if spec.probes and spec.target(bench.service.components[name]) is not None
    ]
