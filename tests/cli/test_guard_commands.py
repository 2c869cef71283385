"""Guards of a running program, seen and changed from the command line."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from guarded_program import Program
from paramedic.cli.main import main

Run = Callable[..., "Ran"]
MAKE = (
    "b = CircuitBreaker('model', failure_threshold=3); b.call(max, 1, 2)\n"
    "t = BudgetTripwire('tripwire.json', limits={'*': 1000}); t.record(100, 100)\n"
    "f = FeatureFlags({'concise': True, 'wordy': False}); f.is_enabled('concise')\n"
    "def deliver(order): raise ConnectionError('nobody there')\n"
    "q = FailedTaskQueue('calls.sqlite', handlers={'deliver': deliver}, max_retries=1, backoff_s=0.01)\n"
    "q.add('deliver', 7, task_id='order-7'); q.run_due()"
)


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    def json(self) -> dict[str, list[dict[str, object]]]:
        return json.loads(self.out)


@pytest.fixture
def program(home: Path) -> Iterator[Program]:
    """A program that uses every guard, and shows it."""
    found = Program(home)
    found.do(MAKE)
    yield found
    found.end()


@pytest.fixture
def run(home: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process, in the program's folder."""

    def one(*arguments: str) -> Ran:
        code = main(arguments)
        said = capsys.readouterr()
        return Ran(code, said.out, said.err)

    return one


@pytest.fixture
async def shown(program: Program) -> Program:
    """The program, once it shows every guard that it has."""
    kinds = ("breaker", "budget", "flags", "tasks")
    await program.until(lambda: all(program.shows(kind) for kind in kinds), "every guard to show")
    return program


async def test_breakers_are_listed(run: Run, shown: Program) -> None:
    """A list names every breaker with its state, for people and as JSON."""
    assert "model" in run("breakers", "--dir", "guards").out
    (found,) = run("breakers", "list", "--dir", "guards", "--format", "json").json()["breakers"]
    assert (found["name"], found["state"], found["pid"]) == ("model", "closed", shown.pid)


async def test_a_breaker_is_opened_and_closed_within_a_second(run: Run, shown: Program) -> None:
    """What is ordered is in force in the running program when the command ends, within one second."""
    began = time.monotonic()
    assert run("breakers", "open", "model", "--because", "maintenance", "--dir", "guards").code == 0
    took_s = time.monotonic() - began
    shown.do("assert b.state == 'open' and 'maintenance' in b.get_state()['because']")
    assert run("breakers", "reset", "*", "--dir", "guards").code == 0
    shown.do("assert b.state == 'closed'")
    assert took_s < 2  # one second on a machine that does nothing else


async def test_a_breaker_is_tuned_as_a_whole_or_not_at_all(run: Run, shown: Program) -> None:
    """Settings change while calls run; a wrong one is refused with its reason, and nothing is changed."""
    assert run("breakers", "tune", "model", "failure_threshold=8", "recovery_timeout=1.5", "--dir", "guards").code == 0
    shown.do("assert (b.failure_threshold, b.recovery_timeout) == (8, 1.5)")
    ran = run("breakers", "tune", "model", "failure_threshold=9", "recovery_time=3", "--dir", "guards")
    assert ran.code == 64
    assert "did you mean `recovery_timeout`" in ran.err
    shown.do("assert b.failure_threshold == 8")
    assert run("breakers", "tune", "model", "recovery_timeout=1e2", "--dir", "guards").code == 0
    shown.do("assert b.recovery_timeout == 100")
    ran = run("breakers", "tune", "model", "recovery_timeout=nan", "--dir", "guards")
    assert "`recovery_timeout` is a number of seconds, not `nan`" in ran.err
    assert run("breakers", "tune", "model", "--dir", "guards").code == 64
    assert run("breakers", "tune", "model", "patience", "--dir", "guards").code == 64


async def test_a_name_that_nobody_has(run: Run, shown: Program) -> None:
    """An unknown breaker is a usage error that names those that there are."""
    ran = run("breakers", "reset", "modle", "--dir", "guards")
    assert ran.code == 64
    assert "`model`" in ran.err


def test_nobody_runs(run: Run, home: Path) -> None:
    """Lists are empty where no process shows guards, and nothing is made there; orders are refused."""
    for name in ("breakers", "flags", "budget", "tasks"):
        ran = run(name, "--dir", str(home / "nowhere"))
        assert (ran.code, "no " in ran.out) == (0, True)
    assert run("breakers", "reset", "model", "--dir", str(home / "nowhere")).code == 64
    assert not (home / "nowhere").exists()


async def test_a_program_that_does_not_answer_may_later(run: Run, shown: Program) -> None:
    """A frozen process is no fault of ours: the exit code says that a retry may help."""
    os.kill(shown.pid, signal.SIGSTOP)
    try:
        ran = run("breakers", "open", "model", "--dir", "guards")
    finally:
        os.kill(shown.pid, signal.SIGCONT)
    assert ran.code == 75
    assert f"pid {shown.pid}: does not answer" in ran.err


async def test_flags_are_switched_in_the_running_program(run: Run, shown: Program) -> None:
    """A flag goes on and off over file and environment, until that is cleared; the baseline turns all off."""
    at = ("--dir", "guards")
    assert run("flags", "enable", "wordy", *at).code == 0
    shown.do("assert f.is_enabled('wordy')")
    switched = run("flags", "disable", "concise", *at)
    assert (switched.code, switched.err) == (0, "")
    shown.do("assert not f.is_enabled('concise')")
    assert run("flags", "clear", "concise", *at).code == 0
    shown.do("assert f.is_enabled('concise')")
    assert run("flags", "baseline", *at).code == 0
    shown.do("assert f.active() == []")
    assert run("flags", "baseline", "--off", *at).code == 0
    shown.do("assert f.active() == ['concise', 'wordy']")
    await shown.until(lambda: (shown.shows("flags") or {})["active"] == ["concise", "wordy"], "the flags to show")
    assert "wordy on by hand" in run("flags", *at).out
    (found,) = run("flags", "list", "--format", "json", *at).json()["processes"]
    assert found["active"] == ["concise", "wordy"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("overlays: {concise: true}\n", 0),
        ("overlays:\n  concise: true\n  wordy: true\n", 1),
        ("overlays: {\n", 2),
        (None, 2),
    ],
)
def test_a_file_of_flags_is_validated(run: Run, home: Path, text: str | None, code: int) -> None:
    """Exit 0 valid, 1 some flags are off for it, 2 no use at all; problems are told with their lines."""
    (home / "configs/fusion/micro_overlays").mkdir(parents=True)
    (home / "configs/fusion/micro_overlays/concise.txt").write_text("Be brief.")
    (home / "config").mkdir()
    if text is not None:
        (home / "config/overlay_feature_flags.yaml").write_text(text)
    ran = run("flags", "validate")
    assert ran.code == code
    assert run("flags", "validate", "config/overlay_feature_flags.yaml", "--format", "json").code == code
    assert ("line 3" in ran.out) == (code == 1)


async def test_trial_calls_may_pass_before_their_time(run: Run, shown: Program) -> None:
    """Of a breaker that is open; one that is closed stays so."""
    assert run("breakers", "half-open", "model", "--dir", "guards").code == 0
    shown.do("assert b.state == 'closed'")
    assert run("breakers", "open", "model", "--dir", "guards").code == 0
    assert run("breakers", "half-open", "model", "--dir", "guards").out.startswith("trial calls of model may pass")
    shown.do("assert b.state == 'half_open'")


async def test_a_limit_is_changed_from_the_next_call_on(run: Run, shown: Program) -> None:
    """Of one budget, for one scope or for all that have none of their own."""
    ran = run("budget", "limit", "tokens", "anna=50", "--dir", "guards")
    assert (ran.code, ran.out[:23]) == (0, "anna may spend 50 a day")
    shown.do("assert t.spent()['anna']['limit'] == 50")
    assert run("budget", "limit", "tokens", "anna=none", "--dir", "guards").out.startswith("anna may spend without")
    shown.do("assert t.spent().get('anna') is None")
    assert run("budget", "limit", "tokens", "*=7.5", "--dir", "guards").code == 0
    shown.do("t.reserve(7.5, 'bob').commit()")
    ran = run("budget", "limit", "tokens", "anna=-1", "--dir", "guards")
    assert (ran.code, "is a number of at least 0, not `-1`" in ran.err) == (64, True)
    ran = run("budget", "limit", "tokens", "anna=much", "--dir", "guards")
    assert (ran.code, "the limit of `anna` is a number of at least 0, not `much`" in ran.err) == (64, True)
    assert run("budget", "limit", "energy", "anna=5", "--dir", "guards").code == 64


async def test_a_slip_of_the_pen_is_told(run: Run, shown: Program) -> None:
    """The order is carried out, a flag may be known later; but nobody goes on believing that `concise` is off."""
    ran = run("flags", "disable", "consice", "--dir", "guards")
    assert (ran.code, ran.out[:14]) == (0, "consice is off")
    assert ran.err == "no process knew a flag `consice`, did you mean `concise`?\n"
    assert run("flags", "enable", "xyz", "--dir", "guards").err == "no process knew a flag `xyz`\n"


async def test_budgets_are_shown_reset_and_repaired(run: Run, shown: Program, home: Path) -> None:
    """A downgrade is lifted in the running program, its state file is made whole, and a scope is stopped."""
    at = ("--dir", "guards")
    shown.do("for _ in range(3): t.record(300, 100)\nassert t.downgrade_active\nt.reserve(200, 'anna').commit()")
    await shown.until(lambda: (shown.shows("budget") or {})["downgrade_active"], "the downgrade to show")
    assert "active" in run("budget", *at).out
    assert run("budget", "reset", *at).code == 0
    shown.do("assert not t.downgrade_active")
    assert run("budget", "stop", "anna", *at).code == 0
    shown.do("try: t.reserve(1, 'anna'); stopped = False\nexcept BudgetExhausted: stopped = True\nassert stopped")
    assert run("budget", "allow", "anna", *at).code == 0
    shown.do("t.reserve(1, 'anna').commit()")
    (home / "tripwire.json").unlink()
    assert run("budget", "repair", *at).code == 0
    assert json.loads((home / "tripwire.json").read_text())["spending"]["scopes"]["anna"] >= 200


def test_a_state_file_is_repaired_while_nobody_uses_it(run: Run, home: Path) -> None:
    """A damaged state file is set aside and a whole one stands in its place, before the program starts."""
    (home / "state.json").write_text("garbage")
    ran = run("budget", "repair", "state.json", "--dir", "guards")
    assert ran.code == 0
    assert "set aside" in ran.out
    assert (home / "state.json.corrupt").read_text() == "garbage"
    assert json.loads((home / "state.json").read_text())["downgrade_active"] is False
    assert run("budget", "repair", "--dir", "guards").code == 64
    assert run("budget", "repair", "gone/state.json", "--dir", "guards").code == 74


def test_a_state_file_that_cannot_be_written_is_told(run: Run, home: Path) -> None:
    """A file that cannot be put in place is a matter of files, not a fault of ours."""
    (home / "state.json").mkdir()
    ran = run("budget", "repair", "state.json", "--dir", "guards")
    assert ran.code == 74
    assert "cannot be made whole" in ran.err


async def test_given_up_calls_are_tried_again_or_dropped(run: Run, shown: Program) -> None:
    """People see what was given up, have it tried again, or drop it."""
    at = ("--dir", "guards")
    assert "order-7" in run("tasks", *at).out
    assert run("tasks", "revive", "order-7", *at).code == 0
    shown.do("q.run_due(); assert q.counts()['dead'] == 1")
    await shown.until(lambda: (shown.shows("tasks") or {})["dead"] == 1, "the call to be given up again")
    assert run("tasks", "discard", "order-7", *at).code == 0
    shown.do("assert q.counts()['dead'] == 0")
    await shown.until(lambda: not (shown.shows("tasks") or {})["dead_letters"], "the list to be empty")
    assert run("tasks", "discard", "order-7", *at).code == 64
    assert run("tasks", "retry", *at).code == 0


async def test_the_service_file_says_where_the_guards_are(run: Run, shown: Program, home: Path) -> None:
    """With a service file no folder has to be named; a wrong one keeps nobody from looking with `--dir`."""
    service = home / "paramedic.yaml"
    service.write_text(
        "service: shop\ncomponents:\n  guards: {kind: guards, folder: guards, tripwire: tripwire.json}\n"
    )
    assert "model" in run("breakers").out
    service.write_text("service: shop\ncomponents: nonsense\n")
    assert "model" in run("breakers", "--dir", "guards").out
    assert run("breakers").code == 0
