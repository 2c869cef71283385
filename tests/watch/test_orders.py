"""Start, stop, restart: an operator's word is a plan with receipts, holds until the next word, and alarms nobody."""

import asyncio
import json
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from scene import DEAD, Scene
from station import IncidentState, Station, until, words

from living import Living, free_port
from paramedic.model.playbook import Plan, PlanState
from paramedic.model.receipt import Phase
from paramedic.model.status import Status
from paramedic.model.wire import Json
from paramedic.watch.orders import Orders
from scenery import part

CHILD = """
import sys, time
if len(sys.argv) > 2:
    print("no license found for", sys.argv[2], flush=True)
    sys.exit(3)
time.sleep(600)
"""


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Any]:
    """Makes a station; what it started is ended after the test."""
    made: list[Station] = []

    def build(*sleepers: str, **more: Any) -> Station:
        made.append(Station(tmp_path, *sleepers, **more))
        return made[-1]

    yield build
    for each in made:
        each.stop()


def chain(station: Station) -> None:
    """`top` needs `middle`, which needs `base`."""
    station.write(
        {
            "top": station.sleeper("top", depends_on=["middle"]),
            "base": station.sleeper("base"),
            "middle": station.sleeper("middle", depends_on=["base"]),
        }
    )


def acts(station: Station, action: str) -> list[str]:
    """Components on which an action was done, in order."""
    return [each.component for each in station.all_receipts() if (each.phase, each.action) == (Phase.DONE, action)]


def test_without_a_watch_orders_are_carried_out_by_the_command(make: Any) -> None:
    """One and all, in the order of their needs; each order is one plan with its receipts."""
    station = make("top", "middle", "base")
    chain(station)
    began = station.run("start", "--format", "json")
    assert began.returncode == 0, words(began)
    plans = json.loads(began.stdout)["plans"]
    assert [each["suspect"] for each in plans] == ["base", "middle", "top"]
    assert {each["state"] for each in plans} == {"verified"}
    before = station.pid("middle")
    told = station.run("start", "middle")
    assert (told.returncode, f"pid {before}" in told.stdout) == (0, True), words(told)
    assert json.loads(station.run("start", "--json").stdout)["plans"] == [], "what runs is left as it is"
    again = station.run("restart", "top", "middle")
    assert again.returncode == 0, words(again)
    assert station.pid("middle") not in (before, None)
    assert station.run("stop").returncode == 0
    assert [station.pid(name) for name in ("top", "middle", "base")] == [None] * 3
    receipts = [each for each in station.all_receipts() if each.phase is Phase.DONE]
    order = [each.component for each in sorted(receipts, key=lambda each: each.at) if each.action != "wait.answers"]
    assert order == ["base", "middle", "top", "middle", "top", "top", "middle", "base"]
    station.once()
    assert not station.incidents()
    assert station.run("start", "nobody").returncode == 64


def test_a_stop_holds_until_start_and_alarms_nobody(make: Any) -> None:
    """Also when Paramedic is restarted or killed; what fails because of it is excused for as long."""
    port = free_port()
    api = {"kind": "http", "url": f"http://127.0.0.1:{port}/", "interval": "300ms"}
    server = {"process": {"command": [sys.executable, "server.py", str(port)]}}
    watcher = {**api, "depends_on": ["api"]}
    station = make("base", more={"api": {**api, **server, "depends_on": ["base"]}, "through": watcher})
    station.watch()
    until(station.is_well, 30, f"all is well {station.told()}")
    restarted = station.run("restart", "api")
    assert restarted.returncode == 0, words(restarted)
    assert station.run("stop", "api").returncode == 0
    until(lambda: "needs `api`" in str(station.read(lambda tx: tx.findings.latest())), 20, "the dependant is excused")
    assert station.status()["overall"] == "healthy"
    station.kill("base")
    station.incident("base", IncidentState.RESOLVED)
    station.signal(signal.SIGKILL)
    station.watching.wait()
    station.watch()
    until(station.is_well, 30, f"all else is well {station.told()}")
    assert not station.pids("server.py"), "a stop is a stop"
    (shown,) = [each for each in station.status()["components"] if each["name"] == "api"]
    assert (shown["desired"], shown["status"], shown["kind"]) == ("stopped", "info", "http")
    assert station.run("start", "api").returncode == 0
    until(lambda: len(station.pids("server.py")) == 1, 20, "it runs again")
    until(station.is_well, 30, "all is well again")
    assert {each.component for each in station.incidents()} == {"base"}, station.told()
    station.once()


def test_what_is_stopped_is_named_where_it_is_missed(tmp_path: Path) -> None:
    """A start that fails while what it needs is stopped says so, and how both are started."""
    asks = "import sys, urllib.request as r; r.urlopen(sys.argv[2], timeout=5); exec(open('server.py').read())"
    port = free_port()
    living = Living(
        tmp_path,
        more=f"""
  front:
    kind: http
    url: http://127.0.0.1:{port}/
    interval: 500ms
    depends_on: [api]
    process: {{command: ["{sys.executable}", "-c", "{asks}", "{port}", "{{{{api}}}}"]}}
""".replace("{{api}}", "http://127.0.0.1:$PORT/"),
    )
    file = tmp_path / "paramedic.yaml"
    file.write_text(file.read_text().replace("$PORT", str(living.port)))
    try:
        assert living.run("start", "api").returncode == 0
        assert living.run("stop", "api").returncode == 0
        ran = living.run("start", "front", COLUMNS="200", PARAMEDIC_STEP_LIMIT_P0_S="3")
        assert ran.returncode == 1, words(ran)
        assert "step 1 failed: " in ran.stdout
        assert "; `api`, which it needs, is stopped" in " ".join(ran.stdout.split())
        assert "hint: `paramedic start api front` starts what it needs, too" in ran.stdout
        both = living.run("start", "api", "front")
        assert (both.returncode, "hint" in both.stdout) == (0, False), words(both)
        assert living.run("stop").returncode == 0
    finally:
        living.stop()


def test_a_restart_that_does_not_come_up_becomes_an_incident(make: Any) -> None:
    """The order says that it failed; then it is a trouble like any other: healed where possible, else for people."""
    station = make("job")
    (station.folder / "child.py").write_text(CHILD)
    command = [sys.executable, "child.py", "well"]
    station.write({"job": {"kind": "process", "process": {"command": command}, "interval": "300ms"}})
    station.watch()
    until(lambda: station.pids("child.py"), 20, "it runs")
    job = {"kind": "process", "process": {"command": [*command, "shop"]}, "interval": "300ms"}
    station.write({"job": job})
    log = station.folder / "watch.log"
    until(lambda: b"the service file was read again" in log.read_bytes(), 20, "reloaded")
    failed = station.run("restart", "job")
    assert failed.returncode == 1, words(failed)
    (plan,) = [each for each in station.read(lambda tx: tx.plans.recent(10)) if each.playbook == "operator-restart"]
    assert plan.state == "failed"
    incident = station.incident("job", IncidentState.ESCALATED, within_s=60)
    assert incident.code == "process.crash-loop"
    assert "no license found for shop" in str(station.read(lambda tx: tx.findings.latest()))


def several(here: Scene, name: str, *names: str) -> asyncio.Task[Plan]:
    """An order on one component whose steps touch several."""
    supervisor: Any = None  # nothing is started here
    orders = Orders(here.bench, here.triage, here.attendant, here.store, supervisor)
    params: dict[str, Json] = {"action": "scene.mend", "with": {"components": list(names)}, "checks": []}
    return asyncio.create_task(orders.give("act", name, "anna", f"order-{name}", params))


async def test_an_order_waits_for_all_that_it_touches(scene: Callable[..., Scene]) -> None:
    """A recovery works on one of its components, not on the one that was named: the order comes after it."""
    here = scene(part("a"), part("b"))
    here.luck.hold = asyncio.Event()
    await here.begin()
    await here.see("b", Status.CRITICAL, DEAD)
    await here.until(lambda: here.luck.now == 1)
    ordered = several(here, "a", "a", "b")
    await here.until(lambda: here.previews > 2)
    await asyncio.sleep(0.1)
    assert here.luck.done == ["b"]
    here.luck.hold.set()
    assert (await ordered).state is PlanState.VERIFIED
    assert (sorted(here.luck.done), here.luck.most) == (["a", "b", "b"], 1)


async def test_two_orders_at_once_on_the_same_component_follow_each_other(scene: Callable[..., Scene]) -> None:
    """Neither runs yet when both look: one has its place all the same, the other waits."""
    here = await scene(part("a"), part("b"), part("c")).begin()
    both = await asyncio.gather(several(here, "a", "a", "b"), several(here, "c", "c", "b"))
    assert [each.state for each in both] == [PlanState.VERIFIED] * 2
    assert (sorted(here.luck.done), here.luck.most) == (["a", "b", "b", "c"], 1)
    assert not here.attendant.running
