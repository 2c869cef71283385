"""What people change, and what comes of it; and what fails at once for no reason that is shared."""

import os
import shutil
import signal
import subprocess
import sys
from typing import Any

from paramedic.drills.fault import fault
from paramedic.drills.patient import DrillFailed, Patient
from paramedic.drills.ports import free_ports

_SETTINGS = "config/till.yaml"
_TEXT = "# Of the till.\nshelves: 3\ndiscount: 0.1\n"


def _no_git() -> str | None:
    return None if shutil.which("git") else "needs the program `git`"


def _git(patient: Patient, *command: str) -> None:
    done = subprocess.run(
        ["git", "-C", str(patient.folder), "-c", "user.name=drill", "-c", "user.email=drill@localhost", *command],
        capture_output=True,
        check=False,
        timeout=20,
    )
    if done.returncode:
        raise DrillFailed(f"git ended with {done.returncode}: {done.stderr.decode(errors='replace')[-200:]}")


def _with_a_till(patient: Patient) -> None:
    """A server with settings of its own, and a counter that asks it."""
    (patient.folder / _SETTINGS).write_text(_TEXT)
    till, counter = free_ports(2)
    server = [sys.executable, "-m", "paramedic.drills.servers"]
    url = f"http://127.0.0.1:{till}/health"

    def http(port: int, needs: str, module: str, argument: str) -> dict[str, Any]:
        return {
            "kind": "http",
            "url": f"http://127.0.0.1:{port}/health",
            "interval": "500ms",
            "timeout": "3s",
            "depends_on": [needs],
            "process": {"command": [*server[:2], f"{server[2]}.{module}", str(port), argument], "stop_timeout": "2s"},
        }

    parts = {
        "tariff": {
            "kind": "config",
            "path": _SETTINGS,
            "required": ["shelves", "discount"],
            "rules": {"shelves": {"type": "integer", "min": 1}, "discount": {"type": "number"}},
            "interval": "500ms",
        },
        "till": http(till, "tariff", "till", _SETTINGS),
        "counter": http(counter, "till", "desk", url),
    }
    patient.edit(lambda document: document["components"].update(parts))


async def _under_version_control(patient: Patient) -> None:
    _with_a_till(patient)
    _git(patient, "init", "--quiet")
    _git(patient, "add", _SETTINGS)
    _git(patient, "commit", "--quiet", "--message", "the tariff")


async def _reverted(patient: Patient) -> None:
    """The file is what was committed, and the repository is as it was."""
    if (patient.folder / _SETTINGS).read_text() != _TEXT:
        raise DrillFailed("the change is still there")
    _git(patient, "diff", "--quiet", "HEAD", "--", _SETTINGS)


@fault("bad-change", prepare=_under_version_control, afterwards=_reverted, impossible=_no_git)
async def edit_the_settings(patient: Patient) -> None:
    """Set a discount that every rule allows and that no till can work with."""
    patient.mark()
    (patient.folder / _SETTINGS).write_text(_TEXT.replace("0.1", "10"))


async def _prepared(patient: Patient) -> None:
    _with_a_till(patient)


@fault("bad-config-restart", prepare=_prepared)
async def restart_with_bad_settings(patient: Patient) -> None:
    """Set a number of shelves that cannot be, and end the till, which does not start again with that."""
    pid = patient.pid("till")
    patient.mark()
    (patient.folder / _SETTINGS).write_text(_TEXT.replace("3", "-3"))
    os.kill(pid, signal.SIGTERM)


_LISTEN = (
    "import socket, sys, time\n"
    "held = socket.create_server(('127.0.0.1', int(sys.argv[1])))\n"
    "held.listen(64)\n"
    "while True:\n"
    "    held.accept()[0].close()\n"
)
_STRANGERS = ("billing", "mail", "search")


async def _with_strangers(patient: Patient) -> None:
    """Three services of others, each on its own."""
    ports = dict(zip(_STRANGERS, free_ports(3), strict=True))
    for port in ports.values():
        patient.invite([sys.executable, "-c", _LISTEN, str(port)])
    parts = {
        name: {"kind": "tcp", "host": "127.0.0.1", "port": port, "interval": "500ms"} for name, port in ports.items()
    }
    patient.edit(lambda document: document["components"].update(parts))


@fault("multi-component-failure", prepare=_with_strangers)
async def end_three_at_once(patient: Patient) -> None:
    """End three services that have nothing to do with each other and that nobody here can start."""
    patient.mark()
    for guest in patient.guests:
        guest.kill()
        guest.wait()
    patient.guests.clear()  # it was we who ended them
