"""What components tell of themselves stands in the timelines of the incidents that they are part of."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

from scene import DEAD, OK, Scene
from station import Station, until

from guarded_program import Program
from paramedic.model.happening import Happening
from paramedic.model.ids import IncidentId
from paramedic.model.incident import TimelineEntry
from paramedic.model.status import Status
from paramedic.report.redaction import Redactor
from paramedic.sdk import Context, Kind, Pack, Registry
from paramedic.watch.happenings import Happenings
from scenery import part


class Told:
    """A kind of component that tells what the test says, and the job over a scene."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.says: list[Happening] = []
        self.asked = 0
        self.known: set[IncidentId] = set()
        kind = Kind(name="guards", summary="tells", target=object, tells=self._tells)
        self.node = SimpleNamespace(
            triage=scene.triage, service=scene.service, registry=Registry((Pack(name="it", kinds=(kind,)),)),
            clock=scene.clock, store=scene.store, journal=scene.journal, supervisor=None,
            redactor=Redactor(("swordfish",)),
        )  # fmt: skip
        self.job = Happenings(self.node)  # type: ignore[arg-type]

    async def _tells(self, context: Context, since: datetime) -> tuple[Happening, ...]:
        assert context.component.name == "guards"
        self.asked += 1
        return tuple(each for each in self.says if each.at >= since)

    def says_now(self, text: str, *about: str, ago_s: float = 0.0) -> None:
        at = self.scene.clock.now() - timedelta(seconds=ago_s)
        self.says.append(Happening(at=at, what="breaker", text=text, about=about))

    async def lines(self) -> list[str]:
        """The breaker's lines of every incident."""
        self.known |= set(self.scene.triage.incidents)
        await self.scene.triage.recorded()
        found = [each for name in self.known for each in await self._timeline(name)]
        return [each.text for each in found if each.what == "breaker"]

    async def _timeline(self, name: IncidentId) -> tuple[TimelineEntry, ...]:
        return await self.scene.store.run(lambda tx: tx.timeline.of(name))


async def sick(make: Callable[..., Scene]) -> Told:
    """A service of a model, its guards and something else; the model is dead and cannot be mended now."""
    scene = make(part("model"), part("other"), part("guards", kind="guards"))
    scene.blocks = "not now"
    await scene.begin()
    told = Told(scene)
    told.says_now("opened long ago", "model", ago_s=3600)
    told.says_now("opened", "model", ago_s=5)
    told.says_now("of another", "other")
    await told.job.take_down()
    assert told.asked == 0, "nobody is asked while all is well"
    await scene.see("model", Status.CRITICAL, DEAD)
    told.known |= set(scene.triage.incidents)
    return told


async def test_a_breaker_that_opened_for_an_incident_stands_in_its_timeline(scene) -> None:
    """Shortly before it was noticed, and while it lasts; each thing once; what is none of its business is left out."""
    told = await sick(scene)
    await told.job.take_down()
    await told.job.take_down()
    assert await told.lines() == ["opened"]
    told.says_now("half open", "model")
    await told.job.take_down()
    assert await told.lines() == ["opened", "half open"]


async def test_what_is_recorded_is_not_recorded_again_after_a_restart(scene) -> None:
    """Whoever begins anew reads first what stands there already."""
    told = await sick(scene)
    await told.job.take_down()
    assert await told.lines() == ["opened"]
    told.job = Happenings(told.node)  # type: ignore[arg-type]
    await told.job.take_down()
    assert await told.lines() == ["opened"]


async def test_what_happened_at_the_very_end_is_not_lost(scene) -> None:
    """An incident that has ended is looked after once more, and then no longer."""
    told = await sick(scene)
    await told.job.take_down()
    told.says_now("closed", "model")
    await told.scene.see("model", *OK)
    await told.scene.see("model", *OK)
    for each in list(told.scene.triage.incidents.values()):
        await told.scene.triage.resolve(each, "well again", by_itself=True)
    await told.job.take_down()
    assert await told.lines() == ["opened", "closed"]
    asked = told.asked
    await told.job.take_down()
    assert told.asked == asked


async def test_a_component_that_is_sick_itself_tells_of_itself(scene) -> None:
    """What the guards of a sick component of guards do needs no other component; a flood of it is cut."""
    told = await sick(scene)
    await told.scene.see("guards", Status.CRITICAL, DEAD)
    for number in range(300):
        told.says_now(f"flaps {number}")
    await told.job.take_down()
    lines = await told.lines()
    assert "flaps 0" in lines
    assert len(lines) <= 200


def test_a_running_watch_takes_down_what_a_running_breaker_did(tmp_path: Path) -> None:
    """The breaker of a program opened because its model died: both stand in one story."""
    guards = {"kind": "guards", "folder": "guards", "dependencies": {"calls": "model"}}
    station, program = Station(tmp_path, "model", more={"guards": guards}), Program(tmp_path)
    try:
        program.do("b = CircuitBreaker(name='calls'); b.call(max, 1, 2); b.force_open('its model is gone')")
        station.watch()
        station.kill("model")
        incident = station.incident("model")

        def told() -> list[str]:
            found = station.read(lambda tx: tx.timeline.of(incident.id))
            return [each.text for each in found if each.what == "breaker"]

        lines = until(told, 30, "the breaker to be told")
        assert lines == [f"`calls` of pid {program.pid} opened: its model is gone"]
    finally:
        station.stop()
        program.end()


async def test_one_that_cannot_tell_silences_nobody(scene, caplog) -> None:
    """An odd answer of one component is logged; what the others tell is taken down."""
    told = await sick(scene)
    honest = told.node.registry.kinds["guards"].tells

    async def odd(context: Context, since: datetime) -> tuple[Happening, ...]:
        if context.component.name == "odd":
            raise KeyError("at")
        return await honest(context, since)

    kind = Kind(name="guards", summary="tells", target=object, tells=odd)
    told.node.registry = Registry((Pack(name="it", kinds=(kind,)),))
    components = {"odd": part("odd", kind="guards"), **told.node.service.components}
    told.node.service = SimpleNamespace(components=components)
    await told.job.take_down()
    assert await told.lines() == ["opened"]
    assert "what odd tells is not known" in caplog.text


async def test_no_secret_gets_into_a_timeline(scene) -> None:
    """What a guard tells is somebody's text: it is made safe before it is recorded."""
    told = await sick(scene)
    told.says_now("opened: login with swordfish failed", "model")
    await told.job.take_down()
    assert await told.lines() == ["opened", "opened: login with [redacted] failed"]
