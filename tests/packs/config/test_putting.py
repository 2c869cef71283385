"""A version that an operator prepared: put in place as prepared, or not at all."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from paramedic.model.clock import SystemClock
from paramedic.packs.config import pack
from paramedic.packs.config.target import Config
from paramedic.recovery.last_good import LastGoodFiles
from paramedic.sdk import ActionFailed, DidIt

PUT = next(each.action for each in pack.actions if each.id == "config.put")


@pytest.fixture
def put(tmp_path: Path, act):
    """A file, and a context of the action for a draft."""
    path = tmp_path / "a.yaml"
    path.write_text("a: 1\npassword: hunter22\n")
    copies = LastGoodFiles(tmp_path / "state", SystemClock())

    def prepare(content: str, seen: str | None = None):
        draft = tmp_path / "draft"
        draft.write_text(content)
        now = hashlib.sha256(path.read_bytes()).hexdigest()
        params = {"draft": str(draft), "digest": hashlib.sha256(content.encode()).hexdigest(), "seen": seen or now}
        return path, draft, replace(act(Config(path=path, required=("a",)), last_good=copies), params=params)

    return prepare


async def test_it_is_put_in_place_and_taken_back(put) -> None:
    """Preview, act, look back, undo; no secret in the diff."""
    path, _, context = put("a: 2\npassword: hunter33\n")
    preview = await PUT.preview(context)
    assert preview.blocked is None
    assert "+a: 2" in preview.diff
    assert "hunter" not in preview.diff
    assert await PUT.reconcile(context) is DidIt.NO
    await PUT.apply(context)
    assert path.read_text() == "a: 2\npassword: hunter33\n"
    assert await PUT.reconcile(context) is DidIt.YES
    await PUT.undo(context, {})
    assert path.read_text() == "a: 1\npassword: hunter22\n"


async def test_what_is_wrong_is_blocked(put) -> None:
    """An invalid version, one that changed since, a file that somebody else changed, no draft at all."""
    assert "would not be valid" in str((await PUT.preview(put("b: 2\n")[2])).blocked)
    _, draft, context = put("a: 2\n")
    draft.write_text("a: 3\n")
    assert "was changed since" in str((await PUT.preview(context)).blocked)
    assert "stale" in str((await PUT.preview(put("a: 2\n", seen="0")[2])).blocked)
    _, draft, context = put("a: 2\n")
    await PUT.preview(context)
    draft.unlink()
    with pytest.raises(ActionFailed, match="cannot be read"):
        await PUT.apply(context)
