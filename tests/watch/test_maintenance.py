"""Planned work under a real watch: it is begun and ended by a command, and holds through a restart of the watch."""

import asyncio
import json
import signal
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from living import until
from paramedic.model.clock import SystemClock
from paramedic.model.incident import IncidentState
from paramedic.model.maintenance import ByHand
from paramedic.model.receipt import Command
from paramedic.report.redaction import Redactor
from paramedic.store import open_store
from paramedic.watch.maintenance import Upkeep, remembered
from scenery import make_service, part
from watch.station import Station


def told(station: Station, *arguments: str) -> dict[str, Any]:
    ran = station.run(*arguments, "--format", "json")
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def test_a_death_in_a_window_is_healed_after_it(tmp_path: Path) -> None:
    """Nothing disruptive begins by itself; status, check and list say why; a new watch knows it; the end lets it go."""
    station = Station(tmp_path, "worker", "other")
    try:
        station.watch()
        begun = told(station, "maintenance", "start", "worker", "--for", "2h", "--reason", "new disks")["begun"]
        station.signal(signal.SIGKILL)
        station.watch()
        station.kill("worker")
        waiting = station.incident("worker", IncidentState.WAITING)
        assert "maintenance window until" in waiting.why
        assert waiting.withheld == "waiting"
        station.kill("other")
        assert station.incident("other").state is IncidentState.RESOLVED, "what is not worked on is healed as ever"
        assert [each["id"] for each in told(station, "maintenance", "list")["now"]] == [begun["id"]]
        assert told(station, "status")["maintenance"][0]["reason"] == "new disks"
        assert any("new disks" in each for each in told(station, "check")["maintenance"])
        assert station.pid("worker") is None

        assert station.run("maintenance", "stop", "worker").returncode == 0
        healed = station.incident("worker", IncidentState.RESOLVED)
        assert healed.id == waiting.id
        until(lambda: station.pid("worker"), 20, "it runs again")
        kinds = [each.what for each in station.read(lambda tx: tx.timeline.of(waiting.id))]
        assert "silenced" in kinds
        assert told(station, "maintenance", "list")["now"] == []
    finally:
        station.stop()


async def test_of_two_windows_begun_at_once_none_is_lost(tmp_path: Path) -> None:
    """In memory and in the store."""
    service = make_service(tmp_path, part("db"), part("api"))
    store = open_store(service.settings.store, node="bench", clock=SystemClock())
    node: Any = SimpleNamespace(service=service, store=store, clock=SystemClock(), redactor=Redactor(()))

    def adopt(known: ByHand) -> None:
        node.service = replace(node.service, maintenance=replace(node.service.maintenance, by_hand=known))

    node.adopt_by_hand = adopt
    upkeep = Upkeep(node)
    commands = [
        Command(
            id=name,
            verb="maintenance",
            args={"do": "start", "components": [name], "for_s": 60},
            by="anna",
            at=node.clock.now(),
        )
        for name in ("db", "api")
    ]
    await asyncio.gather(*map(upkeep.carry_out, commands))
    kept = await remembered(node)
    store.close()
    assert sorted(each.components for each in kept.windows) == [("api",), ("db",)]
    assert node.service.maintenance.by_hand == kept
