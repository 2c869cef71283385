"""Who asks for recovery meets a watch that goes on meanwhile: what it did stays done."""

from types import SimpleNamespace
from typing import Any

from scene import DEAD

from paramedic.model.incident import IncidentState
from paramedic.model.receipt import Command
from paramedic.model.status import Status
from paramedic.report.redaction import Redactor
from paramedic.watch.recovering import Recovering
from scenery import part


def asking(here: Any, run: Any) -> Recovering:
    """The node of a scene, as far as recovery asks it; ``run`` reads its store."""
    node: Any = SimpleNamespace(
        clock=here.clock,
        triage=here.triage,
        attendant=here.attendant,
        store=SimpleNamespace(run=run),
        redactor=Redactor(()),
        service=here.service,
        runner=SimpleNamespace(due=lambda *_, **__: ()),
        is_idle=False,
    )
    return Recovering(node)


async def test_a_reason_given_beside_a_healing_watch_undoes_nothing(scene: Any) -> None:
    """What was healed while the earlier plans were read stays healed: the word of who asks is no second beginning."""
    here = await scene(part("api")).begin()

    async def when_healed(work: Any) -> Any:
        await here.until(lambda: not here.triage.incidents)
        return await here.store.run(work)

    await here.see("api", Status.CRITICAL, DEAD)
    command = Command(id="c", verb="recover", args={"reason": "ConnectionError"}, by="program", at=here.clock.now())
    told = await asking(here, when_healed).recover(command)
    (incident,) = here.recorded()
    assert (incident.state, incident.why) == (IncidentState.RESOLVED, "healed by `mend`")
    assert incident.tried == ("mend",)
    assert told["verified"]
    assert not here.triage.incidents


async def test_a_reason_is_noted_with_the_incident_as_it_is(scene: Any) -> None:
    """What people did to it in between stays: only the timeline gains a line."""
    here = await scene(part("api")).begin()
    here.attendant.is_idle = True
    await here.see("api", Status.CRITICAL, DEAD)

    async def when_taken_in_hand(work: Any) -> Any:
        for incident in here.triage.incidents.values():
            if incident.acknowledged_by is None:
                await here.attendant.acknowledge(incident, "kim", "")
        return await here.store.run(work)

    command = Command(id="c", verb="recover", args={"reason": "it hangs"}, by="program", at=here.clock.now())
    await asking(here, when_taken_in_hand).recover(command)
    (incident,) = here.recorded()
    assert incident.acknowledged_by == "kim"
    with here.store.read() as tx:
        told = [each.text for each in tx.timeline.of(incident.id) if each.what == "asked"]
    assert told == ["program asks for recovery: it hangs"]
