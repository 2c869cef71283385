"""`paramedic recover ISSUE --severity … --component …`, `approve --reason`, `restart GROUP`: as people type them."""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
SERVICE = """
service: shop
components:
  bot: {kind: process, process: {command: [sleep, "601"]}}
  database: {kind: process, process: {command: [sleep, "602"]}, autonomy: approve}
  settings: {kind: config, path: settings.yaml, required: [name]}
  one: {kind: process, process: {command: [sleep, "603"]}, group: worker}
  two: {kind: process, process: {command: [sleep, "604"]}, group: worker}
"""


class Shop:
    """A folder with a service whose processes sleep."""

    def __init__(self, folder: Path, run: Run) -> None:
        self.folder = folder
        self.run = run
        (folder / "paramedic.yaml").write_text(SERVICE)
        (folder / "settings.yaml").write_text("name: shop\n")

    def begin(self, *names: str) -> None:
        assert self.run("start", *names).returncode == 0

    def pid(self, number: str) -> int | None:
        """The sleeper of this folder that sleeps so long."""
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                command = Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0")
                here = os.readlink(f"/proc/{name}/cwd") == str(self.folder)
            except OSError:
                continue
            if here and number.encode() in command:
                return int(name)
        return None

    def kill(self, number: str) -> None:
        pid = self.pid(number)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)


@pytest.fixture
def shop(home: Path, paramedic: Run) -> Iterator[Shop]:
    """The service, running; all of it is stopped after the test."""
    made = Shop(home, paramedic)
    yield made
    for number in ("601", "602", "603", "604"):
        if pid := made.pid(number):
            os.kill(pid, signal.SIGKILL)


def test_an_issue_a_component_and_a_severity_narrow_what_is_healed(shop: Shop) -> None:
    """Nothing else is touched; in any of the words for a severity; what was done stands in the answer."""
    shop.begin("bot", "one")
    shop.kill("601")
    shop.kill("603")
    other = shop.run("recover", "performance")
    assert (other.returncode, other.stdout) == (0, "nothing is wrong that needs recovery of performance\n")
    assert shop.pid("601") is None
    shown = shop.run("recover", "--component", "bot", "--severity", "critical", "--dry-run", "--json")
    (plan,) = json.loads(shown.stdout)["plans"]
    assert (plan["step_limit_s"], plan["step_tries"]) == (30.0, 3), "as it would be done"
    done = shop.run("recover", "general", "--component", "bot", "--severity", "sev2", "--reason", "it beeps", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    (plan,) = found["plans"]
    assert (plan["suspect"], plan["state"], plan["step_limit_s"], plan["step_tries"]) == ("bot", "verified", 60.0, 5)
    assert [each["component"] for each in found["incidents"]] == ["bot"]
    assert (shop.pid("601") is not None, shop.pid("603")) == (True, None)
    shown = shop.run("incidents", "show", found["incidents"][0]["id"]).stdout
    assert "asks for recovery: it beeps" in shown
    assert shop.run("recover", "worker").returncode == 0, "a group is a name, too"
    assert shop.pid("603")
    assert shop.pid("602") is None


def test_a_name_that_is_an_issue_too_is_asked_about(shop: Shop) -> None:
    """Neither is guessed; both can be said."""
    shop.begin("database")
    shop.kill("602")
    doubtful = shop.run("recover", "database")
    assert doubtful.returncode == 64
    assert "`database` is an issue and a component" in doubtful.stderr
    assert "--component database" in doubtful.stderr
    assert shop.run("recover", "--type", "database").returncode == 0, "no data store is ill"
    assert shop.run("recover", "--component", "database").returncode == 1, "it waits for somebody"
    assert [shop.run("recover", *words).returncode for words in (("nobody",), ("--type", "nothing"))] == [64, 64]


def test_approvals_are_kept_with_reason_and_end(shop: Shop) -> None:
    """Who, why and until when stands in the plan; an approval of no time runs nothing."""
    shop.begin("database")
    shop.kill("602")
    assert shop.run("recover", "--component", "database").returncode == 1
    (waiting,) = json.loads(shop.run("incidents", "list", "--open", "--json").stdout)
    late = shop.run("approve", waiting["id"], "--valid", "1ms")
    assert late.returncode == 1
    assert "was not run: the approval of" in late.stderr
    assert "may be asked for again" in " ".join(late.stderr.split())
    assert shop.pid("602") is None
    why = ("--reason", "nobody uses it now", "--valid", "10m", "--json")
    done = shop.run("approve", waiting["id"], *why, LOGNAME="somebody else", USER="somebody else")
    assert done.returncode == 0, done.stderr
    (plan,) = json.loads(done.stdout)["plans"]
    assert (plan["state"], plan["approved_because"]) == ("verified", "nobody uses it now")
    assert plan["approved_by"].endswith(f"uid {os.getuid()})") or plan["approved_by"] == f"uid {os.getuid()}"
    assert "somebody else" not in plan["approved_by"], "whatever the environment says"
    assert plan["approved_until"] > plan["created_at"]


def test_the_instances_of_a_group_are_restarted_one_after_the_other(shop: Shop) -> None:
    """By the name of the group; each is well again before the next, proved by its own checks."""
    shop.begin("one", "two")
    before = shop.pid("603"), shop.pid("604")
    done = shop.run("restart", "worker", "--json")
    assert done.returncode == 0, done.stderr
    first, second = json.loads(done.stdout)["plans"]
    assert {first["suspect"], second["suspect"]} == {"one", "two"}
    assert first["ended_at"] <= second["created_at"]
    assert "process.alive" in [each["check"] for each in first["verify"]]
    after = shop.pid("603"), shop.pid("604")
    assert None not in before + after
    assert not set(before) & set(after)
