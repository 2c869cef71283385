"""Faults of environments and folders really break what they say."""

import os
import stat
import subprocess

import pytest

from paramedic.drills.faults import FAULTS
from paramedic.drills.patient import Patient


async def prepared(patient: Patient, scenario: str) -> None:
    fault = FAULTS[scenario]
    if why := fault.impossible():
        pytest.skip(why)
    await fault.prepare(patient)


async def break_it(patient: Patient, scenario: str) -> None:
    await FAULTS[scenario].inject(patient)
    assert patient.broken_at is not None, "a fault marks the moment at which it takes effect"


def asked(patient: Patient, code: str) -> str:
    """What the shop's own interpreter prints; the name of the error where it fails."""
    command = [patient.folder / "runtime/bin/python", "-I", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1].partition(":")[0]


@pytest.mark.parametrize(
    ("scenario", "code", "before", "after"),
    [
        ("not-in-virtualenv", "import sys; print(sys.prefix != sys.base_prefix)", "True", "False"),
        ("python-package-conflict", "import basket; print(basket.version)", "1.0", "2.0"),
        ("python-package-missing", "import basket; print(basket.version)", "1.0", "ModuleNotFoundError"),
    ],
)
async def test_environments(patient: Patient, scenario: str, code: str, before: str, after: str):
    """The interpreter itself says so, before and after."""
    await prepared(patient, scenario)
    assert asked(patient, code) == before

    await break_it(patient, scenario)

    assert asked(patient, code) == after


async def test_later_python(patient: Patient):
    """The shop declares a Python that does not run it."""
    await prepared(patient, "python-too-old")
    await break_it(patient, "python-too-old")
    assert ">=3.9" not in (patient.folder / "pyproject.toml").read_text()


async def test_closed_folder(patient: Patient):
    """The user who must write cannot; as root that is somebody else."""
    await prepared(patient, "directory-not-writable")
    folder = patient.folder / "uploads"

    def can_write() -> bool:
        more = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
        return subprocess.run(["test", "-w", folder], check=False, cwd="/", **more).returncode == 0

    for above in folder.parents:
        seen = above.stat()
        assert seen.st_uid != os.geteuid() or os.geteuid() or seen.st_mode & stat.S_IXOTH, "nobody else can pass"
    assert can_write()

    await break_it(patient, "directory-not-writable")

    assert not can_write()


async def test_missing_folder(patient: Patient):
    """The folder is gone."""
    await prepared(patient, "directory-missing")
    assert (patient.folder / "uploads").is_dir()

    await break_it(patient, "directory-missing")

    assert not (patient.folder / "uploads").exists()
