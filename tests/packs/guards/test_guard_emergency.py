"""Every overlay off in an emergency, in what runs and in the file; and back again."""

import json
from pathlib import Path
from typing import Any

import pytest

from guarded_program import Program
from paramedic.packs.guards import pack
from paramedic.packs.guards.target import Guards
from paramedic.sdk import ActionFailed, DidIt

ENTER, LEAVE = (
    next(each.action for each in pack.actions if each.id == f"flags.{name}-emergency") for name in ("enter", "leave")
)
FLAGS = "overlays:\n  concise:\n    enabled: true\n"


@pytest.fixture
async def flags(program: Program, tmp_path: Path) -> Guards:
    """A program that has one overlay on, by its file."""
    path = tmp_path / "config" / "overlay_feature_flags.yaml"
    path.parent.mkdir()
    path.write_text(FLAGS)
    program.do("f = FeatureFlags(); assert f.is_enabled('concise')")
    await program.until(lambda: (program.shows("flags") or {}).get("active") == ["concise"], "the overlay to be on")
    return Guards(folder=program.guards, flags=path)


async def test_off_and_on_again(program: Program, flags: Guards, bench: Any) -> None:
    """In the running process and in the file, with what it held kept beside it; back to exactly that."""
    assert flags.flags is not None
    context = bench.act(flags)
    preview = await ENTER.preview(context)
    assert f"pid {program.pid} (`concise`)" in preview.summary
    assert flags.flags.read_text() == FLAGS, "a preview changes nothing"

    done = await ENTER.apply(context)

    assert done.output == {"pids": [program.pid]}
    await ENTER.verify(context, done.output)  # type: ignore[attr-defined]
    program.do("assert not f.is_enabled('concise')")
    assert flags.flags.read_text() == flags.flags.with_name("emergency_baseline.yaml").read_text()
    assert (await ENTER.preview(context)).blocked == "every overlay is off already"
    assert await ENTER.reconcile(context) is DidIt.NO, "a second time changes nothing more"
    assert (await ENTER.apply(context)).output == {"pids": []}

    back = bench.act(flags, params={"pids": [program.pid]})
    assert "put back what" in (await LEAVE.preview(back)).summary
    told = (await LEAVE.apply(back)).summary
    assert "is as it was" in told
    assert flags.flags.read_text() == FLAGS
    assert not list(flags.flags.parent.glob("*.before-emergency"))
    await program.until(lambda: program.shows("flags")["active"] == ["concise"], "the overlay to be on again")  # type: ignore[index]
    assert (await LEAVE.preview(back)).summary == "nothing: no overlay was turned off"
    await LEAVE.apply(back)
    assert await LEAVE.reconcile(back) is DidIt.NO


async def test_a_persons_own_baseline_is_used(program: Program, flags: Guards, bench: Any) -> None:
    """Where there is a file for the emergency already, it is put in place as it is."""
    assert flags.flags is not None
    own = flags.flags.with_name("emergency_baseline.yaml")
    own.write_text("# ours\noverlays: {}\n")
    await ENTER.apply(bench.act(flags))
    assert flags.flags.read_text() == own.read_text() == "# ours\noverlays: {}\n"


async def test_a_file_of_json_stays_one(tmp_path: Path, bench: Any) -> None:
    """The emergency leaves no file behind that programs started meanwhile cannot read."""
    path = tmp_path / "flags.json"
    path.write_text('{"overlays": {"concise": true}}')
    context = bench.act(Guards(folder=tmp_path / "guards", flags=path))
    await ENTER.apply(context)
    assert json.loads(path.read_text()) == {"overlays": {}}
    assert path.read_text() == path.with_name("emergency_baseline.json").read_text()
    await LEAVE.apply(context)
    assert json.loads(path.read_text()) == {"overlays": {"concise": True}}


async def test_what_somebody_changed_meanwhile_stays(program: Program, flags: Guards, bench: Any) -> None:
    """And what was there before is named and kept, out of the way of the next emergency."""
    assert flags.flags is not None
    await ENTER.apply(bench.act(flags))
    flags.flags.write_text("overlays: {other: true}\n")
    told = (await LEAVE.apply(bench.act(flags, params={"pids": [program.pid]}))).summary
    assert "was changed since and stays" in told
    assert flags.flags.read_text() == "overlays: {other: true}\n"
    kept = flags.flags.with_name(f"{flags.flags.name}.before-emergency.1")
    assert kept.name in told
    assert kept.read_text() == FLAGS

    for _ in range(2):
        await ENTER.apply(bench.act(flags))
        assert flags.flags.read_text() != "overlays: {other: true}\n"
        await LEAVE.apply(bench.act(flags, params={"pids": [program.pid]}))
        assert flags.flags.read_text() == "overlays: {other: true}\n"
    assert kept.read_text() == FLAGS


async def test_another_operators_baseline_stays(program: Program, flags: Guards, bench: Any) -> None:
    """A process that was at the baseline before is left there."""
    program.do("f.emergency_baseline()")
    await program.until(lambda: program.shows("flags")["decided_by"] == "baseline", "the baseline")  # type: ignore[index]
    assert (await ENTER.apply(bench.act(flags))).output == {"pids": []}
    await LEAVE.apply(bench.act(flags, params={"pids": []}))
    program.do("assert not f.is_enabled('concise')")


async def test_a_file_that_cannot_be_replaced(program: Program, flags: Guards, bench: Any, monkeypatch: Any) -> None:
    """The reason is told in the system's words, and the file is as it was."""
    assert flags.flags is not None

    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("paramedic.packs.guards.emergency.write_whole", refuse)
    with pytest.raises(ActionFailed, match="Read-only file system"):
        await ENTER.apply(bench.act(flags))
    assert flags.flags.read_text() == FLAGS


async def test_undoing_is_leaving(program: Program, flags: Guards, bench: Any) -> None:
    """As a step of a plan that did not help."""
    assert flags.flags is not None
    context = bench.act(flags)
    done = await ENTER.apply(context)
    await ENTER.undo(context, done.output)  # type: ignore[attr-defined]
    assert flags.flags.read_text() == FLAGS
