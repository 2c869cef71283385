"""The demo heals everything that it breaks, and says so in every way it can."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from paramedic.demo.board import board, line, score
from paramedic.demo.show import Act, Show, Stage
from paramedic.drills.outcome import Outcome
from paramedic.sdk import proc


@pytest.mark.timeout(200)
def test_everything_is_healed(tmp_path: Path):
    """At least six different faults are found, named, healed and verified; nothing is left behind."""
    ran = subprocess.run(
        [sys.executable, "-m", "paramedic", "demo", "--json"],
        check=False,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=180,
    )

    assert ran.returncode == 0, ran.stderr + ran.stdout
    told = json.loads(ran.stdout)
    assert told["healed"] == told["of"] >= 6
    assert len({each["code"] for each in told["faults"]}) == told["of"], "all faults are different"
    assert all(each["recover_s"] > 0 for each in told["faults"])
    assert list(tmp_path.iterdir()) == []
    left = [pid for pid in proc.pids() if any(str(tmp_path) in part for part in proc.command(pid))]
    assert left == []


def a_show(*, healed: bool) -> Show:
    outcome = Outcome(
        id="process-killed", passed=healed, code="process.exited", component="model", ending="heal", detect_s=0.012,
        diagnose_s=0.02, recover_s=0.5, why="" if healed else "it stayed down",
    )  # fmt: skip
    act = Act(
        id="process-killed", words="kill -9 the model server", stage=Stage.HEALED if healed else Stage.FAILED,
        found="process.exited on model", playbook="restart-component", outcome=outcome,
    )  # fmt: skip
    return Show(acts=(act,), took_s=12.3, receipts=7, status="healthy")


def rendered(show: Show, *, ascii_only: bool = False) -> str:
    console = Console(width=80, no_color=True, force_terminal=False)
    with console.capture() as capture:
        console.print(board(show, ascii_only=ascii_only))
    return capture.get()


@pytest.mark.parametrize("ascii_only", [False, True])
def test_the_board_fits(ascii_only: bool):
    """Eighty columns are enough, in ASCII too, and the result is a word and not only a colour."""
    text = rendered(a_show(healed=True), ascii_only=ascii_only)

    assert max(map(len, text.splitlines())) <= 80
    assert "healed by restart-component" in text
    assert "1 of 1 faults found, named, healed" in text
    assert text.isascii() == ascii_only


def test_failure_is_shown():
    """What was not healed is said in words, with the reason, and the show is no success."""
    show = a_show(healed=False)

    assert not show.is_success
    assert "FAILED" in rendered(show)
    assert "it stayed down" in rendered(show)
    assert line(show.acts[0]) == "kill -9 the model server: FAILED: it stayed down"


def test_broken_records_are_no_success():
    """Healing everything is not enough when the records do not hold together or the patient is unwell."""
    show = a_show(healed=True)
    assert show.is_success

    show.breaks = ("receipts of node x: entry 3 was changed",)
    assert not show.is_success
    assert "their chains broken" in " ".join(score(show))

    show.breaks, show.status = (), "critical"
    assert not show.is_success


def test_an_act_never_reached_counts_as_missed():
    """A show that ends early does not pass by leaving acts out."""
    show = Show(took_s=1.0, status="healthy")

    assert not show.is_success
    assert all(each.passed is False for each in show.outcomes)
