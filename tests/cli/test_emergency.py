"""An emergency: what is down, what can be done, and that each order is taken back as it was given."""

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from guarded_program import Program
from living import Living, until
from paramedic.model.clock import SystemClock
from paramedic.model.component import Component, Desired, ProcessSpec
from paramedic.model.playbook import PlanState
from paramedic.model.receipt import Command
from paramedic.sdk import ProcessFacts
from paramedic.store import open_store
from paramedic.watch.emergency import Emergency, standing
from scenery import make_service, part

if TYPE_CHECKING:
    from paramedic.watch.node import Node

FLAGS = "overlays:\n  concise:\n    enabled: true\n"


@pytest.fixture
async def living(tmp_path: Path) -> Any:
    """A small service that runs from a release, with guards in a program beside it; nobody watches yet."""
    releases = tmp_path / "releases"
    found = Living(
        tmp_path,
        more=f"""
  app: {{kind: release, path: releases, current: current, component: web, interval: 300ms, thresholds: {{proven_s: 0}}}}
  web:
    kind: process
    interval: 300ms
    depends_on: [data]
    process: {{command: ["{sys.executable}", current/writer.py]}}
  guards: {{kind: guards, folder: guards, flags: config/overlay_feature_flags.yaml}}
""",
    )
    for name in ("r1", "r2"):
        (releases / name).mkdir(parents=True)
        (releases / name / "writer.py").write_text((tmp_path / "writer.py").read_text())
    (tmp_path / "current").symlink_to("releases/r1")
    (tmp_path / "config").mkdir()
    (tmp_path / "config/overlay_feature_flags.yaml").write_text(FLAGS)
    program = Program(tmp_path)
    program.do("f = FeatureFlags(); assert f.is_enabled('concise')")
    await program.until(lambda: program.shows("flags"), "the flags to show")
    try:
        yield found
    finally:
        found.stop()
        program.end()


@pytest.fixture
def watched(living: Living) -> Living:
    """The same under a watch."""
    living.watch()
    return living


def assessed(living: Living) -> dict[str, Any]:
    """What `assess` says."""
    ran = living.run("emergency", "assess", "--json")
    assert ran.stdout, ran.stderr
    told: dict[str, Any] = json.loads(ran.stdout)
    assert told["exit_code"] == ran.returncode
    return told


def way(told: dict[str, Any], verb: str) -> dict[str, Any]:
    """What it says of an order."""
    return next(each for each in (*told["possible"], *told["impossible"]) if each["verb"] == verb)


def passed(living: Living) -> list[str]:
    """Releases that are remembered."""
    try:
        return [each["name"] for each in json.loads((living.folder / ".paramedic/releases/app.json").read_text())]
    except OSError:
        return []


def test_everything_is_ordered_and_taken_back(watched: Living) -> None:
    """Under a watch: assess, roll back, shut down, baseline, resume; every act has its receipt."""
    living, flags = watched, watched.folder / "config/overlay_feature_flags.yaml"
    until(lambda: passed(living) == ["r1"], 30, "the first release is known to be good")
    told = assessed(living)
    assert (told["overall"], told["down"], told["exit_code"]) == ("healthy", [], 0)
    assert "no other release is known" in way(told, "rollback")["why_not"]
    assert "turn every overlay off" in way(told, "baseline")["would"][0]

    draft = living.folder / "draft"
    draft.symlink_to("releases/r2")
    draft.replace(living.folder / "current")
    assert living.run("restart", "web").returncode == 0
    ran = living.run("emergency", "rollback", "--dry-run")
    assert (ran.returncode, "from `r2` to `r1`" in ran.stdout) == (0, True), ran.stdout + ran.stderr
    assert os.readlink(living.folder / "current") == "releases/r2"
    ran = living.run("emergency", "rollback", "--json")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert os.readlink(living.folder / "current") == "releases/r1"
    (plan,) = json.loads(ran.stdout)["plans"]
    done = json.loads(living.run("receipts", plan["id"], "--json").stdout)
    assert [(each["action"], each["phase"]) for each in done] == [
        ("release.switch", "intent"),
        ("release.switch", "done"),
        ("process.restart", "intent"),
        ("process.restart", "done"),
    ]

    refused = living.run("emergency", "shutdown")
    assert refused.returncode == 64
    assert "nothing was stopped; this would stop, in this order: " in refused.stderr
    assert living.pids("server.py"), "nothing was stopped"
    living.run("stop", "writer")
    ran = living.run("emergency", "shutdown", "--confirm", "--json")
    stopped = [each["suspect"] for each in json.loads(ran.stdout)["plans"]]
    assert (ran.returncode, sorted(stopped)) == (0, ["api", "web"]), "what an operator had stopped is no part of it"
    assert not living.pids("server.py")
    ran = living.run("emergency", "baseline")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert flags.read_text() != FLAGS
    told = assessed(living)
    assert (told["down"], sorted(told["ordered"]["stopped"])) == ([], ["api", "web"])

    ran = living.run("emergency", "resume")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert flags.read_text() == FLAGS
    assert living.pids("server.py")
    assert not [pid for pid in living.pids("writer.py") if "current" not in _command(pid)], "it stays stopped"
    assert assessed(living)["ordered"] == {"baseline": {}, "stopped": [], "down": []}
    assert "nothing was to be taken back" in living.run("emergency", "resume").stdout
    assert not living.incidents()
    assert living.breaks() == ()


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


def test_without_a_watch(living: Living) -> None:
    """Each order is carried out by the command itself, and assessing writes nothing."""
    before = sorted(living.folder.rglob("*"))
    told = assessed(living)
    assert told["exit_code"] == 2, "nothing was started yet"
    assert sorted(living.folder.rglob("*")) == before
    assert {each["component"] for each in told["down"]} >= {"api", "web"}
    assert "everything" not in way(told, "shutdown")["why_not"]
    assert living.run("start", "api").returncode == 0
    assert living.run("emergency", "baseline").returncode == 0
    assert living.run("emergency", "rollback", "--to", "r2").returncode == 0
    assert os.readlink(living.folder / "current") == "releases/r2"
    assert living.run("emergency", "shutdown", "--confirm").returncode == 0
    assert not living.pids("server.py")
    assert "in an emergency" in living.run("status").stdout, "nobody takes it for an ordinary stop"
    assert living.run("emergency", "rollback", "--to", "r1").returncode == 0
    assert os.readlink(living.folder / "current") == "releases/r1"
    assert not living.pids("current/writer.py"), "what is stopped on purpose is not started with another release"
    assert living.run("emergency", "resume").returncode == 0
    assert living.pids("server.py")
    assert "in an emergency" not in living.run("status").stdout
    assert living.run("emergency", "shutdown", "--confirm").returncode == 0


def test_what_an_order_is_not_about(living: Living) -> None:
    """A wrong name, and a service without releases or guards, are told as what they are."""
    ran = living.run("emergency", "rollback", "api")
    assert (ran.returncode, "`api` is nothing that `rollback` is about" in ran.stderr) == (64, True)
    ran = living.run("emergency", "baseline", "--dry-run", "web")
    assert ran.returncode == 64
    assert living.run("emergency", "assess", "--within", "0").returncode == 64
    (living.folder / "paramedic.yaml").write_text("service: s\ncomponents: {data: {kind: sqlite, path: data.db}}\n")
    told = assessed(living)
    assert told["possible"] == []
    assert "names no component of kind `guards`" in way(told, "baseline")["why_not"]
    for order in ("rollback", "baseline"):
        for ran in (living.run("emergency", order), living.run("emergency", order, "--dry-run")):
            assert (ran.returncode, "names no component of kind" in ran.stderr) == (64, True), ran.stdout
    assert "no component that paramedic starts" in living.run("emergency", "shutdown").stderr
    text = living.run("emergency")
    assert "possible now:" in text.stdout
    assert "not paramedic emergency rollback" in text.stdout


def test_a_release_that_nobody_has(living: Living) -> None:
    """Is refused as a wrong name, with and without a rehearsal; none that was ever well is nothing of the caller's."""
    for more in ([], ["--dry-run"]):
        ran = living.run("emergency", "rollback", "--to", "r9", *more)
        assert (ran.returncode, "holds no release `r9`" in ran.stderr) == (64, True), ran.stdout
    ran = living.run("emergency", "rollback")
    assert (ran.returncode, "no other release is known" in ran.stdout.replace("\n  ", " ")) == (1, True), ran.stdout


class Pretended:
    """As much of a running program as orders need: a store, and processes that survive their first stop."""

    def __init__(self, folder: Path) -> None:
        self.clock = SystemClock()
        process = ProcessSpec(command=("sleep", "600"))
        self.service = make_service(
            folder, part("api", process=process), part("bot", process=process), part("guards", kind="guards")
        )
        self.store = open_store(self.service.settings.store, node="bench", clock=self.clock)
        self.desired = dict.fromkeys(("api", "bot"), Desired.RUNNING)
        self.pids: dict[str, int | None] = {"api": 1, "bot": 2}
        self.given: list[str] = []
        self.bench: Any = SimpleNamespace(service=self.service, processes=self, registry=None)
        self.attendant = self.orders = self

    def facts(self, component: Component) -> ProcessFacts:
        return ProcessFacts(desired=self.desired.get(component.name), pid=self.pids.get(component.name))

    async def resume(self) -> None:
        """Nothing waits."""

    async def give(self, verb: str, name: str, *_: object) -> Any:
        self.given.append(f"{verb} {name}")
        if verb == "stop":
            self.desired[name] = Desired.STOPPED
            await self.store.run(lambda tx: tx.desired.set(name, Desired.STOPPED, by="anna", at=self.clock.now()))
        return Given(state=PlanState.FAILED)

    async def wish(self, name: str, desired: Desired, by: str) -> None:
        self.desired[name] = desired
        await self.store.run(lambda tx: tx.desired.set(name, desired, by=by, at=self.clock.now()))

    async def order(self, what: str) -> Any:
        command = Command(id=what, verb="emergency", args={"what": what}, by="anna", at=self.clock.now())
        return await Emergency(cast("Node", self)).carry_out(command)


@dataclass(frozen=True)
class Given:
    """A plan that has come to its end."""

    state: PlanState


@pytest.fixture
def pretended(tmp_path: Path) -> Iterator[Pretended]:
    """All of it runs."""
    made = Pretended(tmp_path)
    yield made
    made.store.close()


async def test_what_survived_its_stop_is_stopped_again(pretended: Pretended) -> None:
    """Though nobody wants it to run any more; what is gone is left alone, and a person's own stop is not taken back."""
    pretended.desired["bot"] = Desired.STOPPED
    await pretended.store.run(lambda tx: tx.desired.set("bot", Desired.STOPPED, by="anna", at=pretended.clock.now()))
    pretended.pids["bot"] = None
    for _ in range(2):
        assert (await pretended.order("shutdown"))["verified"] is False
    assert pretended.given == ["stop api", "stop api"]
    pretended.pids["bot"] = 2
    await pretended.order("shutdown")
    assert sorted(pretended.given[2:]) == ["stop api", "stop bot"]
    assert (await pretended.store.run(standing)).stopped == ("api",)
    pretended.pids = {}
    assert (await pretended.order("shutdown")) == {"plans": [], "left": [], "verified": True}


async def test_what_did_not_run_before_is_not_started_by_resume(pretended: Pretended) -> None:
    """It is only wanted again, so that a watch may see to it; what was stopped is started."""
    pretended.pids["bot"] = None
    assert (await pretended.order("shutdown"))["left"] == []
    found = await pretended.store.run(standing)
    assert (found.stopped, found.down, found.is_over) == (("api",), ("bot",), False)
    assert pretended.desired == dict.fromkeys(("api", "bot"), Desired.STOPPED)
    pretended.pids = {}
    pretended.given.clear()
    assert (await pretended.order("resume"))["left"] == ["bot"]
    assert pretended.given == ["start api"]
    assert pretended.desired["bot"] is Desired.RUNNING
    assert (await pretended.store.run(standing)).down == ()


async def test_of_two_orders_at_once_both_are_remembered(pretended: Pretended) -> None:
    """So that `resume` takes back all of it."""
    await asyncio.gather(pretended.order("baseline"), pretended.order("shutdown"))
    found = await pretended.store.run(standing)
    assert (found.baseline, sorted(found.stopped)) == ({"guards": ["plan-baseline-guards"]}, ["api", "bot"])
