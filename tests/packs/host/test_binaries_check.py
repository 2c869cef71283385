"""Programs that the service calls."""

import sys
from pathlib import Path

import pytest

from paramedic.packs.host.programs import binaries
from paramedic.packs.host.target import Host, wanted
from paramedic.sdk import Need, Status


@pytest.fixture
def program(tmp_path: Path, monkeypatch):
    """Installs a small program in a folder that is the only one on the ``PATH``."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def install(name: str, script: str = "exit 0") -> Path:
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    return install


@pytest.mark.parametrize(
    ("need", "status"),
    [("required", Status.CRITICAL), ("recommended", Status.WARNING), ("optional", Status.INFO)],
)
async def test_a_missing_program_weighs_as_much_as_it_is_needed(look, program, need, status):
    """Exit 2, exit 1, or only a word about it."""
    [found] = await look(binaries, Host(binaries={"no-such-program": need}))
    assert (found.status, found.code) == (status, "binary.missing")


async def test_what_is_there_is_well(look, program, tmp_path):
    """By name along the `PATH`, or by path; each has a finding of its own."""
    there = program("transcode")
    found = await look(binaries, Host(binaries={"transcode": "required", str(there): "required", "gone": "optional"}))
    assert [each.status for each in found] == [Status.OK, Status.OK, Status.INFO]
    there.chmod(0o644)
    [found] = await look(binaries, Host(binaries={"transcode": "required"}))
    assert found.code == "binary.missing"


@pytest.mark.parametrize(
    ("said", "asked", "status"),
    [
        ("echo transcode version 4.2.1-0+deb12", ">=4.2", Status.OK),
        ("echo transcode version 4.2", ">= 4.2.0", Status.OK),
        ("echo v4.10", "required >=4.9", Status.OK),
        ("echo 3.9 >&2", "required >=4", Status.CRITICAL),
        ("echo 3.9", "recommended >=4", Status.WARNING),
        ("echo 3.9", "optional >=4", Status.INFO),
        ('test "$1" = -version && echo 5.1', ">=5.1", Status.OK),
    ],
)
async def test_versions(look, program, said, asked, status):
    """The first number that it prints, compared as numbers."""
    program("transcode", said)
    [found] = await look(binaries, Host(binaries={"transcode": asked}))
    assert found.status is status
    assert found.code == (None if status is Status.OK else "binary.too-old")


async def test_the_version_of_a_real_program(look):
    """The interpreter of the tests, by its path."""
    [found] = await look(binaries, Host(binaries={sys.executable: ">=3.11"}))
    assert found.status is Status.OK


async def test_a_program_that_does_not_tell_is_unknown(look, program):
    """It is there, and how old it is nobody knows."""
    program("transcode", "exit 3")
    [found] = await look(binaries, Host(binaries={"transcode": ">=1"}))
    assert found.status is Status.UNKNOWN


async def test_a_version_is_asked_for_once(look, program, tmp_path):
    """And again when the file has changed."""
    program("transcode", f"echo call >> {tmp_path}/calls; echo 4.2")
    for _ in range(3):
        await look(binaries, Host(binaries={"transcode": ">=4"}))
    assert (tmp_path / "calls").read_text() == "call\n"


async def test_without_programs_nothing_is_looked_for(look):
    """Most services declare none."""
    [found] = await look(binaries, Host())
    assert found.status is Status.OK


@pytest.mark.parametrize("said", ["", "needed", "required 4.2", ">=", "required >=x"])
def test_what_is_not_understood_is_refused(said):
    """The service file is invalid, and the message says what would be right."""
    with pytest.raises(ValueError, match=r"binaries\.ffmpeg` is"):
        Host(binaries={"ffmpeg": said})


def test_what_is_understood():
    """A version alone means required."""
    assert wanted(">=4.2").need is Need.REQUIRED
    assert (wanted("Recommended >= 4.2").need, wanted("Recommended >= 4.2").at_least) == (Need.RECOMMENDED, "4.2")
