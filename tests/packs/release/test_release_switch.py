"""Back to the last release that passed its checks, in one instant."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from packs.release.conftest import Yard
from paramedic.packs.release import actions
from paramedic.packs.release.actions import Switch
from paramedic.sdk import ActionFailed, DidIt

ACTION = Switch.action


@pytest.fixture
def bad(yard: Yard) -> Yard:
    """`r1` passed its checks, `r2` is current."""
    yard.passed("r1")
    yard.switch("r2")
    return yard


async def test_switches_and_takes_back(bad: Yard, tmp_path: Path) -> None:
    """A preview changes nothing; afterwards the link leads to the good one; undoing it leads to the bad one again."""
    before = sorted(tmp_path.rglob("*"))
    context = bad.act()
    preview = await ACTION.preview(context)
    assert preview.blocked is None
    assert "from `r2` to `r1`" in preview.summary
    assert sorted(tmp_path.rglob("*")) == sorted({*before, tmp_path / "workspace"}), "a preview makes nothing"
    assert await ACTION.reconcile(context) is DidIt.NO

    done = await ACTION.apply(context)

    assert bad.current() == "r1"
    assert dict(done.output) == {"from": "r2", "to": "r1"}
    await ACTION.verify(context, done.output)
    assert await ACTION.reconcile(context) is DidIt.YES
    assert os.readlink(tmp_path / "current") == "releases/r1", "a relative link stays one"
    bad.ready(uptime_s=3600.0)
    for _ in range(2):  # more than once if asked
        assert "leads to `releases/r2` again" in await ACTION.undo(context, {})
    assert bad.current() == "r2"
    assert bad.bench.processes.asked == [], "what was not restarted runs on"


async def test_undoing_restarts_what_was_started_meanwhile(bad: Yard) -> None:
    """What runs from the good release must not stay beside a link to the other."""
    context = bad.act()
    await ACTION.apply(context)
    bad.ready(uptime_s=0.0)
    assert "restarted `api`" in await ACTION.undo(context, {})
    assert bad.bench.processes.asked == [("stop", "api"), ("start", "api")]


async def test_an_absolute_link_stays_one(bad: Yard, tmp_path: Path) -> None:
    """As whoever deploys wrote it."""
    (tmp_path / "current").unlink()
    (tmp_path / "current").symlink_to(tmp_path / "releases/r2")
    await ACTION.apply(bad.act())
    assert os.readlink(tmp_path / "current") == str(tmp_path.resolve() / "releases/r1")


async def test_after_a_crash(bad: Yard, tmp_path: Path) -> None:
    """Between choosing and doing: nothing has happened, the same is done, and nothing is left beside the link."""

    class Crashed(Exception):
        """Stands for the end of the program."""

    def crash(_point: str) -> None:
        raise Crashed

    context = bad.act()
    with pytest.raises(Crashed):
        await ACTION.apply(replace(context, checkpoint=crash))
    assert await ACTION.reconcile(context) is DidIt.NO
    bad.lay("r0")
    bad.passed("r0")
    await ACTION.apply(context)
    assert bad.current() == "r1", "what was chosen before the crash"
    assert not list(tmp_path.glob(".current*"))


async def test_a_crash_around_the_switch_leaves_the_bad_one_struck(bad: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is found to be done after a crash, the release that was left is nothing to go back to."""
    bad.passed("r2")
    put = actions._put

    def crash(*args: Any) -> None:
        put(*args)
        raise InterruptedError

    monkeypatch.setattr(actions, "_put", crash)
    context = bad.act()
    with pytest.raises(InterruptedError):
        await ACTION.apply(context)
    assert await ACTION.reconcile(context) is DidIt.YES
    assert bad.remembered() == ["r1"]


async def test_what_is_left_is_nothing_to_go_back_to(bad: Yard) -> None:
    """Not even where it had passed its checks for a while."""
    bad.passed("r2")
    await ACTION.apply(bad.act())
    assert bad.remembered() == ["r1"]


@pytest.mark.parametrize("case", ["none", "gone", "unfinished", "emptied", "no link", "unknown name"])
async def test_where_there_is_no_way_back(bad: Yard, tmp_path: Path, case: str) -> None:
    """The reason is told before anything is done, and refused when it is done all the same."""
    params = {"release": "r7"} if case == "unknown name" else {}
    match case:
        case "none":
            (tmp_path / ".paramedic/releases/it.json").unlink()
        case "gone":
            (tmp_path / "releases/r1").rename(tmp_path / "r1")
        case "unfinished":
            (tmp_path / "releases/r1/app.py").rename(tmp_path / "releases/r1/app.py.part")
        case "emptied":
            (tmp_path / "releases/r1/app.py").write_text("")
        case "no link":
            (tmp_path / "current").unlink()
            (tmp_path / "current").mkdir()
    said = {
        "none": "no other release is known",
        "gone": "`r1` is not there any more",
        "unfinished": "it lacks `app.py`",
        "emptied": "`app.py` is missing or empty",
        "no link": "is no link",
        "unknown name": "holds no release `r7`",
    }[case]
    context = bad.act(params=params)
    preview = await ACTION.preview(context)
    assert said in (preview.blocked or "")
    with pytest.raises(ActionFailed, match="there is no way back"):
        await ACTION.apply(context)


async def test_a_person_may_name_another_release(bad: Yard) -> None:
    """Even one of which nothing is known."""
    bad.lay("r0")
    await ACTION.apply(bad.act(params={"release": "r0"}))
    assert bad.current() == "r0"


@pytest.mark.parametrize("case", ["link", "file", "above"])
async def test_a_person_may_name_only_a_real_release(bad: Yard, tmp_path: Path, case: str) -> None:
    """A link beside the releases, such as the current one itself, a file, and what lies elsewhere are refused."""
    (tmp_path / "releases/current").symlink_to("r2")
    (tmp_path / "releases/note").touch()
    context = bad.act(params={"release": {"link": "current", "file": "note", "above": "../releases/r1"}[case]})
    said = {"link": "is a link, no release", "file": "is not there any more", "above": "holds no release"}[case]
    assert said in ((await ACTION.preview(context)).blocked or "")
    with pytest.raises(ActionFailed, match="there is no way back"):
        await ACTION.apply(context)
    assert bad.current() == "r2"


async def test_a_migration_that_cannot_be_taken_back_is_a_loss(bad: Yard, tmp_path: Path) -> None:
    """Then a person decides."""
    (tmp_path / "releases/r2/IRREVERSIBLE").touch()
    preview = await ACTION.preview(bad.act())
    assert preview.loss
    assert "cannot be taken back" in preview.loss[0]


async def test_somebody_elses_switch_is_not_taken_back(bad: Yard) -> None:
    """Undoing stops where the link is another by now."""
    context = bad.act()
    await ACTION.apply(context)
    bad.lay("r3")
    bad.switch("r3")
    with pytest.raises(ActionFailed, match="by somebody since"):
        await ACTION.undo(context, {})
    assert bad.current() == "r3"


async def test_nothing_was_switched(bad: Yard) -> None:
    """A crash before the act leaves nothing to undo."""
    assert await ACTION.undo(bad.act(), {}) == "nothing was switched"


async def test_a_link_that_is_missing_is_made(bad: Yard, tmp_path: Path) -> None:
    """And removed again by undoing."""
    (tmp_path / "current").unlink()
    context = bad.act()
    await ACTION.apply(context)
    assert bad.current() == "r1"
    bad.ready(uptime_s=3600.0)
    await ACTION.undo(context, {})
    assert not (tmp_path / "current").is_symlink()


async def test_where_it_may_not_be_replaced(bad: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the system refuses is told in its words, and nothing is left behind."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    context = bad.act()
    with pytest.raises(ActionFailed, match="Permission denied"):
        await ACTION.apply(context)
    assert bad.current() == "r2"
