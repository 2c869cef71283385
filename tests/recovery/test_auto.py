"""AutoRecovery: a program's error becomes a recovery by the same way that people take, and never an error of its own."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from paramedic.recovery import AutoRecovery, Recovered, auto

SERVICE = """
service: shop
components:
  bot: {kind: process, process: {command: [sleep, "611"]}}
"""
WELL = {"verified": True, "incidents": [], "plans": [], "limits": {"attempts": 2, "cooldown_s": 100.0}}
ILL = {**WELL, "verified": False, "incidents": [{"id": "inc-1", "component": "db", "code": "x", "why": "no"}]}
HEALED: dict[str, Any] = {
    **WELL,
    "incidents": [{"id": "inc-2", "component": "db", "code": "x", "why": "healed by `mend`"}],
    "plans": [{"playbook": "mend", "suspect": "db", "state": "verified", "why_ended": "passed"}],
}


class Clock:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.passed = 0.0

    def monotonic(self) -> float:
        return self.passed


class Paramedic:
    """Stands in for the command line: remembers how it was called, answers as told."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.environ: dict[str, str] = {}
        self.answer: tuple[int | None, str, str] = (0, json.dumps(WELL), "")
        self.hold: threading.Event | None = None
        self.entered = threading.Event()

    def says(self, code: int | None, found: object, told: str = "") -> None:
        self.answer = (code, json.dumps(found), told)

    def run(self, argv: list[str], environ: dict[str, str], limit_s: float) -> tuple[int | None, str, str]:
        assert limit_s > 0
        self.calls.append(argv[argv.index("paramedic") + 1 :])
        self.environ = environ
        self.entered.set()
        if self.hold:
            assert self.hold.wait(30)
        return self.answer


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Paramedic:
    """The command line, replaced."""
    stand_in = Paramedic()
    monkeypatch.setattr(auto, "_run", stand_in.run)
    return stand_in


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def recovery(command: Paramedic, clock: Clock) -> AutoRecovery:
    assert command.calls == []
    return AutoRecovery("shop.yaml", clock=clock)  # type: ignore[arg-type]  # only monotonic time is asked for


def test_the_class_of_the_error_says_what_is_looked_for(recovery: AutoRecovery, command: Paramedic) -> None:
    """As a program that asks, with what it saw for the record; passwords in it do not leave the program."""
    found = recovery.attempt_recovery(ConnectionRefusedError("postgres://anna:hush-hush@db/shop"), {"user": 7})
    (call,) = command.calls
    reason = command.environ["PARAMEDIC_REASON"]
    assert "caught" not in " ".join(call), "everybody on the machine may read a command line"
    assert call[:2] == ["--file", "shop.yaml"]
    assert call[2:7] == ["recover", "--type", "connectivity", "--unattended", "--json"]
    assert f"(pid {os.getpid()}) has caught ConnectionRefusedError: postgres://" in reason
    assert reason.endswith(", user=7")
    assert "hush-hush" not in reason
    assert found == Recovered(
        recovered=False,
        verified=True,
        issue="connectivity",
        component=None,
        incident=None,
        done=(),
        why="every check passes: nothing is wrong that could be healed",
    )


def test_who_knows_better_says_so(recovery: AutoRecovery, command: Paramedic) -> None:
    """A component, an issue and a severity in the context win over the class of the error."""
    recovery.attempt_recovery(RuntimeError("x"), {"component": "db", "severity": "high"})
    recovery.attempt_recovery(RuntimeError("x"), {"issue": "ai"})
    recovery.attempt_recovery(RuntimeError("x"), {"issue": "nonsense"})
    assert [call[3:5] for call in command.calls] == [["--component", "db"], ["--type", "ai"], ["--type", "general"]]
    assert command.calls[0][-2:] == ["--severity", "P1"]


@pytest.mark.parametrize("context", ["checkout", ["checkout"], 7, {"severity": "checkout"}, {"issue": "checkout"}])
def test_a_slip_of_the_pen_keeps_nobody_from_being_healed(
    recovery: AutoRecovery, command: Paramedic, context: Any
) -> None:
    """What is no context, no severity or no issue is kept for the record, and nothing is raised."""
    assert recovery.attempt_recovery(TimeoutError(), context).verified
    (call,) = command.calls
    assert "--severity" not in call
    assert ("checkout" in command.environ["PARAMEDIC_REASON"]) is (context != 7)


@pytest.mark.parametrize("code", [64, 74, 75, 78])
def test_what_was_refused_is_no_attempt(recovery: AutoRecovery, command: Paramedic, code: int) -> None:
    """A name that does not exist or a store that is away starts no cool-down; the next call asks again."""
    command.says(code, {"error": "not now"})
    assert [recovery.attempt_recovery(TimeoutError()).why for _ in range(3)] == ["not now"] * 3
    command.says(0, WELL)
    assert recovery.attempt_recovery(TimeoutError()).verified
    command.says(70, {"error": "a fault"})
    assert recovery.attempt_recovery(TimeoutError()).why == "a fault"
    assert "cools down" in recovery.attempt_recovery(TimeoutError()).why, "nobody knows how far it came"


def test_what_was_done_is_told(recovery: AutoRecovery, command: Paramedic) -> None:
    """Recovered only where something was wrong, was healed, and is proved."""
    command.says(0, HEALED)
    found = recovery.attempt_recovery(TimeoutError())
    assert (found.recovered, found.verified, found.incident) == (True, True, "inc-2")
    assert found.done == ("mend on db: verified: passed",)
    assert found.why == "db: x: healed by `mend`"


def test_what_did_not_help_rests(recovery: AutoRecovery, command: Paramedic, clock: Clock) -> None:
    """For the cool-down after each attempt, and for as many cool-downs as attempts are allowed after the last."""
    command.says(1, ILL)
    assert recovery.attempt_recovery(TimeoutError()).why == "db: x: no"
    assert recovery.attempt_recovery(TimeoutError()).why == "the last attempt did not help; it cools down for 100 s"
    assert recovery.attempt_recovery(MemoryError()).incident == "inc-1", "another trouble is another matter"
    clock.passed = 101
    assert recovery.attempt_recovery(TimeoutError()).incident == "inc-1"
    clock.passed = 202
    why = recovery.attempt_recovery(TimeoutError()).why
    assert why == "2 attempts did not help; the next one may follow in 99 s"
    clock.passed = 302
    command.says(0, WELL)
    assert recovery.attempt_recovery(TimeoutError()).verified
    assert recovery.attempt_recovery(TimeoutError()).verified, "what is well rests no longer"
    assert len(command.calls) == 5


def test_one_call_at_a_time_works_on_one_trouble(recovery: AutoRecovery, command: Paramedic) -> None:
    """A hundred requests fail at once: one of them asks, the others are told so at once."""
    command.hold = threading.Event()
    found: list[Recovered] = []
    first = threading.Thread(target=lambda: found.append(recovery.attempt_recovery(TimeoutError())))
    first.start()
    assert command.entered.wait(30)
    others = [recovery.attempt_recovery(TimeoutError()) for _ in range(100)]
    command.hold.set()
    first.join(30)
    assert {each.why for each in others} == {"a recovery of the same is under way in this process"}
    assert (len(found), len(command.calls)) == (1, 1)


async def test_the_event_loop_goes_on(recovery: AutoRecovery, command: Paramedic) -> None:
    """`attempt_recovery_async` holds up nobody."""
    command.hold = threading.Event()
    asking = asyncio.create_task(recovery.attempt_recovery_async(TimeoutError()))
    assert await asyncio.to_thread(command.entered.wait, 30)
    command.hold.set()
    assert (await asking).verified


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ((None, "", ""), "it did not end within 600 s; `paramedic status` says how it stands"),
        ((64, json.dumps({"error": "there is no component `x`"}), ""), "there is no component `x`"),
        ((78, "", "no paramedic.yaml here\n"), "no paramedic.yaml here"),
        ((-9, "", ""), "paramedic said nothing"),
    ],
)
def test_nothing_of_ours_is_raised(
    recovery: AutoRecovery, command: Paramedic, answer: tuple[int | None, str, str], why: str
) -> None:
    """Whatever goes wrong with us is told in the answer."""
    command.answer = answer
    found = recovery.attempt_recovery(TimeoutError())
    assert (found.recovered, found.verified, found.why) == (False, False, why)


def test_it_does_not_end_with_the_component_that_it_restarts(
    recovery: AutoRecovery, command: Paramedic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the program is a component itself, the recovery is not taken for a part of it."""
    monkeypatch.setenv("PARAMEDIC_LAUNCH", "token")
    recovery.attempt_recovery(TimeoutError())
    assert "PARAMEDIC_LAUNCH" not in command.environ
    assert "PATH" in command.environ


def test_to_import_it_costs_next_to_nothing() -> None:
    """No store, no engine, no parser is loaded into the program."""
    code = (
        "import sys, paramedic.recovery; print(sorted({'sqlalchemy', 'dbos', 'ruamel', 'pydantic'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def kill(folder: Path) -> None:
    """End the process of the shop as the kernel would."""
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            command = Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0")
            if b"611" in command and os.readlink(f"/proc/{name}/cwd") == str(folder):
                os.kill(int(name), signal.SIGKILL)
        except OSError:
            continue


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Path]:
    """A real service whose process was started and has died."""
    (tmp_path / "paramedic.yaml").write_text(SERVICE)
    run(tmp_path, "start")
    kill(tmp_path)
    yield tmp_path
    kill(tmp_path)


def run(folder: Path, *arguments: str) -> str:
    """A command of ours to its end."""
    argv = [sys.executable, "-m", "paramedic", *arguments]
    return subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=100, check=True).stdout


def test_a_dead_component_is_healed_by_the_orders_of_everybody(shop: Path) -> None:
    """For real: the error asks for connectivity, what has died is healed all the same, with receipts and a record."""
    found = AutoRecovery(shop / "paramedic.yaml").attempt_recovery(ConnectionRefusedError("bot does not answer"))
    assert (found.recovered, found.verified) == (True, True), found
    assert found.done[0].startswith("restart-component on bot: verified: ")
    assert found.incident is not None
    shown = " ".join(run(shop, "incidents", "show", found.incident).split())
    assert "has caught" in shown
    assert "bot does not answer" in shown
    again = AutoRecovery(shop / "paramedic.yaml").attempt_recovery(ConnectionRefusedError("once more"))
    assert (again.recovered, again.verified, again.incident) == (False, True, None)
