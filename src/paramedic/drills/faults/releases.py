"""Releases that should not have been deployed."""

import json
from typing import Any

from paramedic.drills.fault import fault
from paramedic.drills.patient import DrillFailed, Patient

_GOOD = "from paramedic.demo.patient.api import main\n\nmain()\n"
_CANNOT_START = "import sys\n\nsys.exit(\"cannot import name 'checkout' from 'shop.payments'\")\n"
_DEGRADES = """import json, sys, threading, time, urllib.request
from pathlib import Path
from paramedic.demo.patient.api import main

def degrade():
    while not Path("degrade").exists():
        time.sleep(0.05)
    urllib.request.urlopen(urllib.request.Request(
        f"http://127.0.0.1:{sys.argv[1]}/sickness", data=json.dumps({"failing_share": 1.0}).encode(),
        headers={"Content-Type": "application/json"}), timeout=10).close()

threading.Thread(target=degrade, daemon=True).start()
main()
"""
_OLD, _NEW = "2024-11-05", "2024-11-06"


async def _with_releases(patient: Patient) -> None:
    """Have the front run from a release in a folder of its own."""
    _lay_out(patient, _OLD, _GOOD)
    (patient.folder / "current").symlink_to(f"releases/{_OLD}")

    def change(document: dict[str, Any]) -> None:  # Any: the service file as it stands
        command = document["components"]["api"]["process"]["command"]
        document["components"]["api"]["process"]["command"] = [command[0], "current/front.py", command[-1]]
        document["components"]["app"] = {
            "kind": "release",
            "interval": "500ms",
            "path": "releases",
            "current": "current",
            "component": "api",
            "requires": ["front.py"],
            "thresholds": {"proven_s": 0.2},
        }

    patient.edit(change)


def _lay_out(patient: Patient, name: str, program: str) -> None:
    folder = patient.folder / "releases" / name
    folder.mkdir(parents=True)
    (folder / "front.py").write_text(program)


def _passed(patient: Patient) -> list[str]:
    """The releases that are remembered as good."""
    try:
        known = json.loads((patient.folder / ".paramedic/releases/app.json").read_text())
    except (OSError, ValueError):
        return []
    return [each["name"] for each in known]


async def _deploy(patient: Patient, program: str) -> None:
    """As a deployment does: a new folder, the link in one instant, a restart."""
    await patient.until(lambda: _passed(patient) == [_OLD], "the old release to be known as good", within_s=30)
    _lay_out(patient, _NEW, program)
    draft = patient.folder / "current.new"
    draft.symlink_to(f"releases/{_NEW}")
    patient.mark()
    draft.replace(patient.folder / "current")
    await patient.paramedic("restart", "api", within_s=60)


async def _runs_the_old_one(patient: Patient) -> None:
    if (patient.folder / "current").resolve().name != _OLD:
        raise DrillFailed("afterwards the link does not lead to the release before")
    if not (patient.folder / "releases" / _NEW / "front.py").exists():
        raise DrillFailed("the bad release was deleted")
    if _passed(patient) != [_OLD]:
        raise DrillFailed(f"the releases remembered as good are {_passed(patient)}")


@fault("deploy-release", prepare=_with_releases)
async def deploy_what_is_good(patient: Patient) -> None:
    """Deploy a release that is as good as the one before."""
    await _deploy(patient, _GOOD)
    await patient.until(lambda: _passed(patient) == [_NEW, _OLD], "the new release to be known as good", within_s=30)


@fault("total-outage-bad-release", prepare=_with_releases, afterwards=_runs_the_old_one)
async def deploy_what_cannot_start(patient: Patient) -> None:
    """Deploy a release whose program ends as soon as it is started."""
    await _deploy(patient, _CANNOT_START)


@fault("release-degrades", prepare=_with_releases, afterwards=_runs_the_old_one)
async def deploy_what_degrades(patient: Patient) -> None:
    """Deploy a release that starts well and, once it has, answers every request with 500."""
    await _deploy(patient, _DEGRADES)
    patient.mark()
    (patient.folder / "degrade").touch()
