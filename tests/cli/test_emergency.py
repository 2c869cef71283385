"""An emergency: what is down, what can be done, and that each order is taken back as it was given."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from guarded_program import Program
from living import Living, until

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
    assert assessed(living)["ordered"] == {"baseline": {}, "stopped": []}
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
    assert living.run("emergency", "rollback", "--to", "r1").returncode == 0
    assert os.readlink(living.folder / "current") == "releases/r1"
    assert not living.pids("current/writer.py"), "what is stopped on purpose is not started with another release"
    assert living.run("emergency", "resume").returncode == 0
    assert living.pids("server.py")
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
    assert living.run("emergency", "rollback").returncode == 64
    assert "not possible" in living.run("emergency", "rollback", "--dry-run").stdout
    assert "no component that paramedic starts" in living.run("emergency", "shutdown").stderr
    text = living.run("emergency")
    assert "possible now:" in text.stdout
    assert "not paramedic emergency rollback" in text.stdout
