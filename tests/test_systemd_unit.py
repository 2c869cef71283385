"""The unit that is shipped for systemd keeps what supervision needs."""

import re
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from paramedic.cli.main import cli

UNIT = Path(__file__).parent.parent / "contrib" / "systemd" / "paramedic.service"


def keys() -> dict[str, dict[str, str]]:
    """Section to its keys; a key that stands twice is a mistake here."""
    found: dict[str, dict[str, str]] = {}
    section = ""
    for line in UNIT.read_text().splitlines():
        if head := re.fullmatch(r"\[(\w+)\]", line):
            section = head[1]
            found[section] = {}
        elif line and not line.startswith("#"):
            key, separator, value = line.partition("=")
            assert separator, line
            assert key not in found[section], f"`{key}` stands twice"
            found[section][key] = value
    return found


def test_what_it_starts_outlives_it():
    """Neither an end of Paramedic nor one child without memory takes the service down."""
    service = keys()["Service"]
    assert service["Type"] == "simple"
    assert service["KillMode"] == "process"
    assert service["OOMPolicy"] == "continue"
    assert service["KillSignal"] == "SIGTERM"


def test_it_always_comes_back():
    """Systemd never gives up on it."""
    assert keys()["Service"]["Restart"] == "always"
    assert keys()["Unit"]["StartLimitIntervalSec"] == "0"
    assert keys()["Install"]["WantedBy"] == "multi-user.target"


def test_its_command_line_is_one():
    """What it starts is a command line that Paramedic understands; a reload is SIGHUP."""
    service = keys()["Service"]
    assert service["ExecReload"] == "/bin/kill -HUP $MAINPID"
    program, *arguments = service["ExecStart"].split()
    assert program.startswith("/")
    assert arguments[0] == "-f"
    assert arguments[1].startswith("/")
    watch = cli.get_command(click.Context(cli), arguments[2])
    assert watch is not None
    watch.make_context("watch", arguments[3:])


def test_hardening_leaves_sight_and_freedom():
    """Nothing hides processes, ports or files from it, and it gains no rights."""
    service = keys()["Service"]
    assert service["NoNewPrivileges"] == "yes"
    assert service["ProtectSystem"] == "full"
    hiding = {"ProtectProc", "ProcSubset", "PrivatePIDs", "PrivateNetwork", "PrivateUsers", "PrivateTmp", "DynamicUser"}
    assert hiding & set(service) == set()
    assert {"SystemCallFilter", "MemoryDenyWriteExecute", "RestrictAddressFamilies"} & set(service) == set()


def test_systemd_understands_it(tmp_path: Path):
    """`systemd-analyze verify` has nothing to say about it."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed: the unit was read, but not by systemd")
    here = re.sub(r"/opt/paramedic/bin/paramedic", shutil.which("true") or "/bin/true", UNIT.read_text())
    copy = tmp_path / UNIT.name
    copy.write_text(here.replace("User=shop\n", "User=root\n").replace("/srv/shop", str(tmp_path)))
    ran = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(copy)], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.stderr == ""
    assert ran.returncode == 0
