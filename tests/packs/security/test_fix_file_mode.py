"""Modes put right, and back."""

import stat

import pytest

from paramedic.packs.security.actions import FixFileMode
from paramedic.packs.security.target import Security
from paramedic.sdk import ActionFailed, DidIt


class Crashed(Exception):
    """Stands for SIGKILL at a checkpoint."""


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def files(tmp_path):
    """Two private files that everybody may read."""
    made = [tmp_path / "a.env", tmp_path / "b.env"]
    for each in made:
        each.write_text("KEY=x\n")
        each.chmod(0o644)
    return made


@pytest.fixture
def step(act, tmp_path):
    """A step on these files."""
    return lambda **fields: act(Security(private=(tmp_path / "*.env",)), **fields)


async def test_what_is_private_becomes_so(step, files):
    """Shown before, done, proven, and taken back."""
    context = step()
    preview = await FixFileMode.action.preview(context)
    assert preview.blocked is None
    assert f"- 0644 {files[0]}\n+ 0600 {files[0]}\n" in preview.diff
    outcome = await FixFileMode.action.apply(context)
    await FixFileMode.action.verify(context, outcome.output)
    assert [mode(each) for each in files] == [0o600, 0o600]
    assert await FixFileMode.action.reconcile(context) is DidIt.YES
    assert "as before" in await FixFileMode.action.undo(context, outcome.output)
    assert [mode(each) for each in files] == [0o644, 0o644]
    assert "no mode" in await FixFileMode.action.undo(context, outcome.output)


async def test_a_crash_in_the_middle_is_gone_on_with_and_taken_back(step, files):
    """One of two files is changed: the rest is done, and the undo knows the modes of both."""

    def crash(_name):
        raise Crashed

    with pytest.raises(Crashed):
        await FixFileMode.action.apply(step(checkpoint=crash))
    assert [mode(each) for each in files] == [0o600, 0o644]
    assert await FixFileMode.action.reconcile(step()) is DidIt.NO
    await FixFileMode.action.apply(step())
    await FixFileMode.action.undo(step(), {})
    assert [mode(each) for each in files] == [0o644, 0o644]


async def test_a_mode_that_somebody_has_set_meanwhile_stays(step, files):
    """The undo takes back its own change and nobody else's."""
    outcome = await FixFileMode.action.apply(step())
    files[0].chmod(0o400)
    await FixFileMode.action.undo(step(), outcome.output)
    assert [mode(each) for each in files] == [0o400, 0o644]


async def test_what_belongs_to_others_is_left(step, files, monkeypatch):
    """Only the owner of a file, or root, may change its mode."""
    monkeypatch.setattr("os.geteuid", lambda: 4711)
    assert "belongs to somebody else" in ((await FixFileMode.action.preview(step())).blocked or "")
    with pytest.raises(ActionFailed):
        await FixFileMode.action.apply(step())
    assert mode(files[0]) == 0o644
