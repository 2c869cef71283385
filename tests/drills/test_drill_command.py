"""`paramedic drill` and `paramedic demo` as commands."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from paramedic.drills.catalogue import catalogue
from paramedic.sdk import proc


def paramedic(*args: str, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "paramedic", *args], check=False, capture_output=True, text=True, timeout=100, **options
    )


def test_list():
    """Every drill is listed, for people and for machines."""
    assert [each["id"] for each in json.loads(paramedic("drill", "list", "--json").stdout)] == list(catalogue())
    assert paramedic("drill", "list", "--format", "json").stdout == paramedic("drill", "list", "--json").stdout
    assert "process-killed" in paramedic("drill", "list").stdout


def test_unknown_drill():
    """A drill that does not exist is a mistake in usage, with a way on."""
    ran = paramedic("drill", "run", "no-such")

    assert ran.returncode == 64
    assert "paramedic drill list" in ran.stderr


def test_run_prints_the_agreed_keys(tmp_path: Path):
    """`--json` is a list of objects with exactly the documented keys; the exit code says that all passed."""
    ran = paramedic("drill", "run", "connection-refused", "--json", env={**os.environ, "TMPDIR": str(tmp_path)})

    assert ran.returncode == 0, ran.stderr
    (found,) = json.loads(ran.stdout)
    keys = ["id", "passed", "code", "component", "ending", "detect_s", "diagnose_s", "recover_s", "why"]
    assert list(found) == keys
    assert (found["passed"], found["code"], found["component"], found["ending"]) == (
        True,
        "tcp.refused",
        "queue",
        "heal",
    )
    assert 0 <= found["detect_s"] <= found["diagnose_s"] <= found["recover_s"]
    assert list(tmp_path.glob("paramedic-connection-refused-*")) == []


def test_the_board_is_written_wherever_it_is(tmp_path: Path):
    """Without a folder of one's own it is in `board`: as data, as text and as a page."""
    ran = paramedic("drill", "all", "--only", "connection-refused", "--format", "json", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert [each["id"] for each in json.loads(ran.stdout)] == ["connection-refused"]
    assert sorted(each.name for each in (tmp_path / "board").iterdir()) == ["board.html", "board.json", "board.md"]


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_drill_leaves_nothing(tmp_path: Path, end: signal.Signals):
    """Ctrl-C in the middle of a drill: exit 130, no process and no folder is left."""
    drill = subprocess.Popen(
        [sys.executable, "-m", "paramedic", "drill", "run", "healthy-idle"],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not living_in(tmp_path):
        assert time.monotonic() < deadline, "the patient never came up"
        time.sleep(0.05)

    drill.send_signal(end)

    assert drill.wait(timeout=60) == 130
    assert living_in(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def living_in(folder: Path) -> list[int]:
    """Processes of a patient below a folder."""
    found = []
    for pid in proc.pids():
        try:
            here = os.readlink(f"/proc/{pid}/cwd")
        except OSError:
            continue
        if here.startswith(f"{folder}/") and "paramedic.demo.patient.worker" in proc.command(pid):
            found.append(pid)
    return found


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "process-killed", "--rto", "soon"),
        ("run", "process-killed", "--rto", "=3s"),
        ("run", "process-killed", "--rto", "P9=3s"),
        ("all", "--only", "no-such"),
    ],
)
def test_wishes_that_cannot_be_understood(arguments: tuple[str, ...]):
    """An objective that is none, and a choice that fits nothing, are mistakes in usage; nothing is broken."""
    assert paramedic("drill", *arguments).returncode == 64
