"""The last change of a file is taken back as its repository has it, and the repository stays as it is."""

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from paramedic.model.clock import SystemClock
from paramedic.packs.config import pack
from paramedic.packs.config.target import Config, Rule
from paramedic.recovery.last_good import LastGoodFiles
from paramedic.sdk import ActionFailed, DidIt

REVERT = next(each.action for each in pack.actions if each.id == "config.revert")
pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="needs the program git")


def git(folder: Path, *command: str) -> str:
    who = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    return subprocess.run(["git", "-C", str(folder), *who, *command], capture_output=True, text=True, check=True).stdout


@pytest.fixture
def kept(tmp_path: Path, act: Callable[..., object]):
    """A file of which two versions were committed, and a context of the action for it."""
    path = tmp_path / "a.yaml"
    git(tmp_path, "init", "--quiet")
    for text in ("a: 1\n", "a: 2\n"):
        path.write_text(text)
        git(tmp_path, "add", path.name)
        git(tmp_path, "commit", "--quiet", "--message", text.strip())
    target = Config(path=path, required=("a",), rules={"a": Rule(min=1)})
    copies = LastGoodFiles(tmp_path / "state", SystemClock())
    return path, replace(act(target, last_good=copies))


async def test_an_edit_that_was_not_committed_goes_back_to_the_commit(kept) -> None:
    """Preview with the difference, act, look back, undo; git sees no change but that of the file."""
    path, context = kept
    path.write_text("a: 9\n")
    preview = await REVERT.preview(context)
    assert preview.blocked is None
    assert "+a: 2" in preview.diff
    assert await REVERT.reconcile(context) is DidIt.NO
    await REVERT.apply(context)
    assert path.read_text() == "a: 2\n"
    assert await REVERT.reconcile(context) is DidIt.YES
    assert git(path.parent, "status", "--porcelain", "--untracked-files=no") == ""
    await REVERT.undo(context, {})
    assert path.read_text() == "a: 9\n"


async def test_an_edit_that_was_committed_goes_back_one_commit(kept) -> None:
    """The newest commit is what broke it; no commit is made for that."""
    path, context = kept
    await REVERT.apply(context)
    assert path.read_text() == "a: 1\n"
    assert len(git(path.parent, "log", "--format=%h").split()) == 2


async def test_what_cannot_be_taken_back_is_blocked(kept, tmp_path: Path, act: Callable[..., object]) -> None:
    """An older version that is not valid, a file without versions, a folder without a repository, a stale plan."""
    path, context = kept
    strict = replace(context, component=replace(context.component, target=Config(path=path, required=("b",))))
    assert "would not be valid" in str((await REVERT.preview(strict)).blocked)
    other = Config(path=path.with_name("b.yaml"))
    other.path.write_text("a: 1\n")
    without = replace(context, component=replace(context.component, target=other))
    assert "not under version control" in str((await REVERT.preview(without)).blocked)
    shutil.rmtree(path.parent / ".git")
    assert "not under version control" in str((await REVERT.preview(context)).blocked)
    with pytest.raises(ActionFailed, match="version control"):
        await REVERT.apply(context)


async def test_a_plan_goes_stale_when_somebody_edits_meanwhile(kept) -> None:
    """What was previewed is what is done, or nothing."""
    path, context = kept
    await REVERT.preview(context)
    path.write_text("a: 7\n")
    with pytest.raises(ActionFailed, match="stale"):
        await REVERT.apply(context)
    assert path.read_text() == "a: 7\n"
