"""Orders to guards are plans: whoever carries them out leaves receipts, and nobody is kept from acting."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from guarded_program import Program

SERVICE = """
service: shop
components:
  guards: {kind: guards, folder: guards, tripwire: tripwire.json}
"""
MAKE = (
    "b = CircuitBreaker('model', failure_threshold=3); b.call(max, 1, 2)\n"
    "t = BudgetTripwire('tripwire.json', limits={'*': 1000}); t.record(100, 100)\n"
    "def deliver(order): raise ConnectionError('nobody there')\n"
    "q = FailedTaskQueue('calls.sqlite', handlers={'deliver': deliver}, max_retries=1, backoff_s=0.01)\n"
    "q.add('deliver', 7, task_id='order-7'); q.run_due()"
)
Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
async def program(home: Path) -> Any:
    """A program with guards of a service that is declared, once it shows them."""
    (home / "paramedic.yaml").write_text(SERVICE)
    found = Program(home)
    found.do(MAKE)
    await found.until(lambda: all(map(found.shows, ("breaker", "budget", "tasks"))), "every guard to show")
    yield found
    found.end()


@pytest.fixture
def watch(home: Path) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Starts ``paramedic watch``."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        with (home / "watch.log").open("wb") as log:
            command = [sys.executable, "-m", "paramedic", "watch"]
            started.append(subprocess.Popen(command, cwd=home, env=dict(os.environ), stdout=log, stderr=log))
        return started[-1]

    yield start
    for each in started:
        each.terminate()
        each.wait(60)


def receipts(paramedic: Command, plan: str) -> list[dict[str, Any]]:
    """The receipts of a plan, oldest first."""
    ran = paramedic("receipts", plan, "--format", "json")
    assert ran.returncode == 0, ran.stderr
    return sorted(json.loads(ran.stdout), key=lambda each: str(each["at"]))


async def test_an_order_leaves_receipts(paramedic: Command, program: Program) -> None:
    """Intent, then what was done, in the record that can be verified; the plan says who ordered it."""
    ran = paramedic("breakers", "open", "model", "--because", "maintenance", "--format", "json")
    assert ran.returncode == 0, ran.stderr
    program.do("assert b.state == 'open' and 'maintenance' in b.get_state()['because']")
    done = json.loads(ran.stdout)
    assert done["done"] == [program.pid]
    found = receipts(paramedic, done["plans"][0])
    assert [(each["phase"], each["action"]) for each in found] == [("intent", "guards.order"), ("done", "guards.order")]
    assert found[-1]["output"] == {"done": [program.pid], "told": []}
    assert "maintenance" in found[-1]["detail"]
    # a folder that the service file declares is its folder, however it is named
    ran = paramedic("breakers", "reset", "*", "--dir", str(program.guards.absolute()), "--format", "json")
    assert len(json.loads(ran.stdout)["plans"]) == 1
    program.do("assert b.state == 'closed'")
    assert paramedic("audit", "verify").returncode == 0


async def test_a_refused_order_leaves_a_receipt_too(paramedic: Command, program: Program) -> None:
    """What the guard answered is told, and stands in the record."""
    ran = paramedic("breakers", "tune", "model", "recovery_time=3", "--format", "json")
    assert ran.returncode == 64
    told = json.loads(ran.stdout)
    assert "did you mean `recovery_timeout`" in told["error"]
    found = receipts(paramedic, told["hint"].strip("`").split()[-1])
    assert found[-1]["phase"] == "failed"
    assert f"pid {program.pid}" in found[-1]["detail"]


async def test_orders_that_fail_say_whose_turn_it_is(paramedic: Command, program: Program, home: Path) -> None:
    """With receipts as without: a frozen process is worth a retry, a file that cannot be written is one of files."""
    os.kill(program.pid, signal.SIGSTOP)
    try:
        ran = paramedic("breakers", "open", "model")
    finally:
        os.kill(program.pid, signal.SIGCONT)
    assert (ran.returncode, "does not answer" in ran.stderr) == (75, True)
    program.end()
    (home / "tripwire.json").unlink(missing_ok=True)
    (home / "tripwire.json").mkdir()
    ran = paramedic("budget", "repair")
    assert (ran.returncode, "cannot be made whole" in ran.stderr) == (74, True)


async def test_a_state_folder_that_cannot_be_made_keeps_nobody_from_acting(
    paramedic: Command, program: Program, home: Path
) -> None:
    """Where the state of Paramedic itself has no place, the order is carried out and the lack of a receipt told."""
    (home / "taken").write_text("a file")
    (home / "paramedic.yaml").write_text(SERVICE + "settings: {state_dir: taken/state}\n")
    ran = paramedic("breakers", "open", "model")
    assert ran.returncode == 0, ran.stderr
    assert "leaves no receipt" in ran.stderr
    program.do("assert b.state == 'open'")


async def test_a_watch_carries_orders_out(paramedic: Command, program: Program, watch, home: Path) -> None:
    """Where a watch runs it is the one that acts: it says so in its log."""
    watch()
    log = home / "watch.log"
    await program.until(lambda: b"watching" in log.read_bytes(), "the watch to be there", 90)
    for order in (("breakers", "open", "model"), ("budget", "repair"), ("tasks", "revive", "order-7")):
        ran = paramedic(*order)
        assert ran.returncode == 0, ran.stderr
    program.do("assert b.state == 'open'")
    assert (home / "tripwire.json").exists()
    assert log.read_bytes().count(b"guards.order step 1 on guards: done") == 3


async def test_state_files_are_mended_with_receipts(paramedic: Command, program: Program, home: Path) -> None:
    """A damaged state file that nobody uses is put aside by a plan as well."""
    program.end()
    (home / "tripwire.json").write_text("garbage")
    ran = paramedic("budget", "repair", "--format", "json")
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert "set aside" in told["told"][0]
    assert "`tripwire.json.corrupt`" in receipts(paramedic, told["plans"][0])[-1]["detail"]
    assert (home / "tripwire.json.corrupt").read_text() == "garbage"


async def test_a_store_that_is_away_keeps_nobody_from_acting(paramedic: Command, program: Program, home: Path) -> None:
    """The order is carried out at once, and that it leaves no receipt is told."""
    (home / "paramedic.yaml").write_text(SERVICE + "store: postgresql://127.0.0.1:1/nothing\n")
    ran = paramedic("breakers", "open", "model")
    assert ran.returncode == 0, ran.stderr
    assert "leaves no receipt" in ran.stderr
    program.do("assert b.state == 'open'")


async def test_guards_of_other_programs_are_left_alone(paramedic: Command, program: Program, home: Path) -> None:
    """An order goes to the processes of the component; that there is none of them is told."""
    job = "  job: {kind: process, process: {command: [sleep, '60']}}\n"
    (home / "paramedic.yaml").write_text(SERVICE.replace("json}", "json, of: [job]}") + job)
    ran = paramedic("breakers", "open", "model")
    assert ran.returncode == 64
    assert "no process of the service" in ran.stderr
    program.do("assert b.state == 'closed'")
