"""Declared folders are made as declared, and only they."""

import os
import stat

import pytest

from packs.files.conftest import NOBODY
from paramedic.packs.files import actions
from paramedic.packs.files.actions import CreateDirectory
from paramedic.packs.files.checks import exists
from paramedic.packs.files.target import Entry, Files, PathType
from paramedic.sdk import ActionFailed, DidIt, Status

ACTION = CreateDirectory.action


def folders(*paths, **more) -> Files:
    return Files(paths=tuple(Entry(path=each, type=PathType.DIRECTORY, **more) for each in paths))


async def test_makes_and_takes_back(act, look, tmp_path):
    """What is missing is made with its mode, folders before what lies in them; undoing removes what is empty."""
    target = folders(tmp_path / "data/deep", tmp_path / "data", mode="0750")
    context = act(target)
    before = sorted(tmp_path.rglob("*"))
    preview = await ACTION.preview(context)
    assert preview.blocked is None
    assert "mode 0750" in preview.diff
    assert sorted(tmp_path.rglob("*")) == before, "a preview makes nothing"
    assert await ACTION.reconcile(context) is DidIt.NO

    done = await ACTION.apply(context)

    assert done.output["made"] == [str(tmp_path / "data"), str(tmp_path / "data/deep")]
    assert stat.S_IMODE((tmp_path / "data/deep").stat().st_mode) == 0o750
    await ACTION.verify(context, done.output)
    assert await ACTION.reconcile(context) is DidIt.YES
    [found] = await look(exists, target)
    assert found.status is Status.OK

    assert "removed" in await ACTION.undo(context, {})
    assert not (tmp_path / "data").exists()
    assert await ACTION.undo(context, {}) == "nothing to remove", "it may be asked for again"


async def test_undo_keeps_what_is_used(act, tmp_path):
    """A folder in which something is by now stays."""
    context = act(folders(tmp_path / "data"))
    await ACTION.apply(context)
    (tmp_path / "data/upload").touch()
    assert "stays" in await ACTION.undo(context, {})
    assert (tmp_path / "data/upload").exists()


async def test_nothing_missing(act, tmp_path):
    """Where all is there, nothing is done, and nothing of it is ever taken away."""
    context = act(folders(tmp_path))
    assert (await ACTION.preview(context)).summary.startswith("nothing")
    assert (await ACTION.apply(context)).output == {}
    assert await ACTION.undo(context, {}) == "nothing to remove"


async def test_after_a_crash(act, tmp_path):
    """What a try has begun is finished by the next, and leaves nothing beside it."""
    target = folders(tmp_path / "one", tmp_path / "two", mode="0700")
    context = act(target)

    class Crashed(Exception):
        """Stands for the end of the program."""

    def crash(_point: str) -> None:
        (tmp_path / ".two.bench-token.paramedic").mkdir()
        raise Crashed

    context.checkpoint = crash
    with pytest.raises(Crashed):
        await ACTION.apply(context)
    assert await ACTION.reconcile(context) is DidIt.NO
    context.checkpoint = lambda _point: None
    await ACTION.apply(context)
    assert {"one", "two"} == {each.name for each in tmp_path.iterdir()} - {"workspace", "copies"}
    assert "`" in await ACTION.undo(context, {})
    assert not (tmp_path / "one").exists()


@pytest.mark.parametrize("case", ["file", "undeclared", "way", "link", "pattern", "user", "group"])
async def test_what_is_not_made(act, tmp_path, case):
    """A file, an undeclared folder, a way that is missing altogether, a link, a pattern, strangers: each is refused."""
    path = tmp_path / "it"
    if case == "link":
        path.symlink_to(tmp_path / "elsewhere")
    target, reason = {
        "file": (Files(paths=(Entry(path=path, type=PathType.FILE),)), "not declared"),
        "undeclared": (Files(paths=(path,)), "not declared"),
        "way": (folders(tmp_path / "volume/data"), "is its volume mounted"),
        "link": (folders(path), "is a link"),
        "pattern": (folders(tmp_path / "x*"), "not declared"),
        "user": (folders(path, owner="nobody-of-that-name"), "no user"),
        "group": (folders(path, group="nobody-of-that-name"), "no group"),
    }[case]
    preview = await ACTION.preview(act(target))
    assert preview.blocked is not None
    assert reason in preview.blocked
    with pytest.raises(ActionFailed, match=reason):
        await ACTION.apply(act(target))


async def test_nothing_is_made_where_a_volume_is_not_mounted(act, tmp_path, monkeypatch):
    """On a mount point without its volume a folder would only hide what is wrong."""
    (tmp_path / "volume").mkdir()
    mounts = tmp_path / "fstab"
    mounts.write_text(f"# a comment\nLABEL=data {tmp_path}/volume ext4 defaults 0 2\nodd\n")
    monkeypatch.setattr(actions, "_MOUNTS", mounts)
    preview = await ACTION.preview(act(folders(tmp_path / "volume/data")))
    assert "nothing is mounted" in preview.blocked


async def test_where_it_cannot_be_made(act, tmp_path):
    """What the system refuses is told in its words."""
    if os.geteuid() == 0:
        target = folders(tmp_path.__class__("/proc/paramedic"))
    else:
        (tmp_path / "closed").mkdir(0o500)
        target = folders(tmp_path / "closed/data")
    with pytest.raises(ActionFailed, match="could not be made"):
        await ACTION.apply(act(target))


@pytest.mark.usefixtures("needs_root")
async def test_owner(act, tmp_path):
    """The declared user and group; without them those of the folder above."""
    above = tmp_path / "theirs"
    above.mkdir()
    os.chown(above, NOBODY, NOBODY)
    await ACTION.apply(act(folders(above / "plain")))
    await ACTION.apply(act(folders(tmp_path / "declared", owner=str(NOBODY), group="4242")))
    plain, declared = (above / "plain").stat(), (tmp_path / "declared").stat()
    assert (plain.st_uid, plain.st_gid) == (NOBODY, NOBODY)
    assert (declared.st_uid, declared.st_gid) == (NOBODY, 4242)
