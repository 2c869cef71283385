"""Whether there is a current release, and whether it is to blame."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from packs.release.conftest import Yard
from paramedic.packs.release import memory, seeing
from paramedic.packs.release.checks import current
from paramedic.sdk import Desired, Status


async def test_a_whole_release_is_well(yard: Yard, look: Any) -> None:
    """Its name and when it was switched to are told."""
    [found] = await look(current, yard.target)
    assert found.status is Status.OK
    assert "`r1` is current since" in found.observed


@pytest.mark.parametrize("case", ["missing", "no link", "dangling", "elsewhere", "a file"])
async def test_a_broken_link(yard: Yard, look: Any, tmp_path: Path, case: str) -> None:
    """Missing, no link at all, dangling, leading to what is no release: each is told in its own words."""
    link = tmp_path / "current"
    link.unlink()
    (tmp_path / "other").mkdir()
    (tmp_path / "releases/note").touch()
    match case:
        case "no link":
            link.mkdir()
        case "dangling":
            link.symlink_to("releases/r9")
        case "elsewhere":
            link.symlink_to("other")
        case "a file":
            link.symlink_to("releases/note")
    [found] = await look(current, yard.target)
    assert (found.status, found.code) == (Status.CRITICAL, "release.link-broken")
    said = {"missing": "there is no", "no link": "is no link", "dangling": "is not there", "elsewhere": "none of the"}
    assert said.get(case, "is no folder") in found.observed


@pytest.mark.parametrize("case", ["empty", "lacks"])
async def test_an_unfinished_release(yard: Yard, look: Any, tmp_path: Path, case: str) -> None:
    """An empty release, and one without a declared file."""
    (tmp_path / "releases/r1/app.py").unlink()
    if case == "lacks":
        (tmp_path / "releases/r1/readme").touch()
    [found] = await look(current, yard.target)
    assert (found.status, found.code) == (Status.CRITICAL, "release.unfinished")
    assert ("it is empty" if case == "empty" else "it lacks `app.py`") in found.observed


@pytest.mark.skipif(os.geteuid() == 0, reason="root may see everything")
async def test_what_may_not_be_seen_is_unknown(yard: Yard, look: Any, tmp_path: Path) -> None:
    """It says nothing about the release."""
    tmp_path.chmod(0)
    try:
        [found] = await look(current, yard.target)
    finally:
        tmp_path.chmod(0o700)
    assert found.status is Status.UNKNOWN


async def test_what_cannot_be_read_is_unknown(yard: Yard, look: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal of the system is no verdict."""

    def refuse(_target: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(seeing, "current", refuse)
    [found] = await look(current, yard.target)
    assert (found.status, found.code) == (Status.UNKNOWN, "paramedic.cannot-look")


async def test_what_passes_for_a_while_is_remembered(yard: Yard) -> None:
    """Only after its time, and only where the process was started from it."""
    yard.says(Status.OK)
    assert (await yard.judge(thresholds={"proven_s": 3600})).status is Status.OK
    assert yard.remembered() == []
    yard.ready(uptime_s=3600.0)
    await yard.judge(thresholds={"proven_s": 0})
    assert yard.remembered() == [], "the process runs from the release before"
    yard.ready()
    await yard.judge(thresholds={"proven_s": 0})
    assert yard.remembered() == ["r1"]


async def test_what_could_not_be_written_is_remembered_later(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk costs one look, not the memory of the release."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    yard.says(Status.OK)
    with monkeypatch.context() as full:
        full.setattr(memory, "write_whole", refuse)
        with suppress(OSError):
            await yard.judge(thresholds={"proven_s": 0})
    assert yard.remembered() == []
    await yard.judge(thresholds={"proven_s": 0})
    assert yard.remembered() == ["r1"]


async def test_a_release_that_cannot_start_is_bad(yard: Yard) -> None:
    """The process that was started from it has ended; the one before had passed its checks."""
    yard.passed("r1")
    yard.switch("r2")
    yard.says(Status.CRITICAL, "process.exited", check="process.alive")
    yard.ready(pid=None, uptime_s=None, exits=(yard.ended(),))
    found = await yard.judge()
    assert (found.status, found.code) == (Status.CRITICAL, "release.bad")
    assert "process.exited" in found.because
    assert "`r1`" in (found.hint or "")


async def test_a_release_that_degrades_is_bad(yard: Yard) -> None:
    """It passed, then began to fail soon after the switch; one look alone is not enough."""
    yard.passed("r1")
    yard.switch("r2")
    yard.says(Status.OK)
    await yard.judge(thresholds={"proven_s": 0})
    yard.says(Status.CRITICAL, "http.status", after_s=20)
    assert "another look will tell" in (await yard.judge()).observed
    yard.says(Status.CRITICAL, "http.status", after_s=21)
    found = await yard.judge()
    assert (found.status, found.code) == (Status.CRITICAL, "release.bad")
    assert "soon after the switch" in found.because


async def _bad(yard: Yard) -> None:
    yard.passed("r1")
    yard.switch("r2")
    yard.says(Status.CRITICAL, "process.exited", check="process.alive")
    yard.ready(pid=None, uptime_s=None, exits=(yard.ended(), yard.ended()))


@pytest.mark.parametrize(
    "case",
    [
        "nothing before",
        "damaged",
        "another cause",
        "another stopped",
        "another unseen",
        "not restarted",
        "failed before",
        "starting",
        "long after",
        "ended once",
        "stopped",
    ],
)
async def test_what_is_not_blamed(yard: Yard, tmp_path: Path, case: str) -> None:
    """Each reason to leave the release in its place is told, and nothing fails for it."""
    await _bad(yard)
    said = {
        "nothing before": "no other release is known",
        "damaged": "is missing or empty",
        "another cause": "and so does `db`",
        "another stopped": "and `db` is stopped",
        "another unseen": "and nobody knows how `db` is",
        "not restarted": "was not started since",
        "failed before": "failed already before",
        "starting": "is starting",
        "long after": "ran well with `r2`",
        "ended once": "a restart is tried first",
        "stopped": "stopped on purpose",
    }
    match case:
        case "nothing before":
            (tmp_path / ".paramedic/releases/it.json").unlink()
        case "damaged":
            (tmp_path / "releases/r1/app.py").write_text("")
        case "another cause":
            yard.says(Status.CRITICAL, "tcp.refused", of="db")
        case "another stopped":
            yard.bench.processes.set("db", desired=Desired.STOPPED)
        case "another unseen":
            yard.says(Status.UNKNOWN, of="db")
        case "not restarted":
            yard.ready(uptime_s=3600.0, exits=())
        case "failed before":
            yard.onset = yard.later(-60)
        case "starting":
            yard.ready(is_starting=True)
        case "long after":
            yard.passed("r2")
            yard.onset = yard.later(3600)
        case "ended once":
            yard.passed("r2")
            yard.ready(pid=None, uptime_s=None, exits=(yard.ended(was_ready=True),))
        case "stopped":
            yard.ready(desired=Desired.STOPPED)
    found = await yard.judge()
    assert found.status is Status.INFO
    assert said[case] in found.observed


async def test_what_began_while_another_was_away_is_not_blamed_when_it_is_back(yard: Yard) -> None:
    """The component may need a moment, or a restart; the release was not the reason."""
    await _bad(yard)
    yard.onset = yard.later(0)
    yard.bench.processes.set("db", desired=Desired.STOPPED)
    assert "is stopped" in (await yard.judge()).observed
    yard.bench.processes.set("db", desired=Desired.RUNNING)
    found = await yard.judge()
    assert found.status is Status.INFO
    assert "while something that it needs was away" in found.observed
    yard.onset = yard.later(3600)
    assert (await yard.judge()).status is Status.CRITICAL, "this time it fails by itself"


@pytest.mark.parametrize("case", ["starting", "not looked at", "passing at once", "first look"])
async def test_a_bad_release_stays_blamed_while_it_is_started_again(yard: Yard, case: str) -> None:
    """A second start of it proves nothing; passing its checks, or another release, does."""
    await _bad(yard)
    assert (await yard.judge()).code == "release.bad"
    yard.ready(is_starting=True)
    match case:
        case "not looked at":
            yard.found.clear()
        case "passing at once":
            yard.says(Status.OK)
        case "first look":
            yard.ready()
            yard.onset = None
    assert (await yard.judge()).code == "release.bad"
    yard.ready()
    yard.says(Status.OK)
    assert (await yard.judge()).status is Status.OK
    yard.ready(is_starting=True)
    yard.says(Status.CRITICAL, "http.status")
    assert (await yard.judge()).status is Status.INFO, "it passed, so that it is judged anew"


async def test_another_release_begins_without_blame(yard: Yard) -> None:
    """What was said of one is not said of the next."""
    await _bad(yard)
    assert (await yard.judge()).code == "release.bad"
    yard.switch("r1")
    yard.found.clear()
    assert (await yard.judge()).status is Status.INFO


async def test_a_lone_look_needs_the_others(yard: Yard, look: Any) -> None:
    """Where nothing was looked at, nothing is said to be well."""
    from paramedic.packs.release.checks import serves

    [found] = await look(serves, yard.target)
    assert found.status is Status.UNKNOWN
    assert "was not looked at" in found.observed


async def test_a_broken_link_is_judged_by_the_other_check(yard: Yard, tmp_path: Path) -> None:
    """One trouble, one finding."""
    (tmp_path / "current").unlink()
    assert (await yard.judge()).status is Status.INFO


async def test_no_more_are_remembered_than_wished(yard: Yard) -> None:
    """The newest stay."""
    for name in ("r1", "r2", "r1"):
        yard.passed(name)
    assert yard.remembered() == ["r1", "r2"]
