"""What heals configuration files, and what happens when it is interrupted or not wanted any more."""

import json
from pathlib import Path

import pytest

from paramedic.model.clock import SystemClock
from paramedic.model.finding import Finding
from paramedic.packs.config import pack
from paramedic.packs.config.sections import cut_out, put_in
from paramedic.packs.config.target import Config, Format
from paramedic.recovery.last_good import LastGoodFiles
from paramedic.sdk import ActionFailed, Component, Desired, DidIt, ProcessSpec, Status

GOOD = "# where we keep things\nb: 2   # order and comments survive\na: 1\npassword: hunter2\n"
ACTIONS = {each.id: each.action for each in pack.actions}
RESTORE, RESET, RELOAD = (ACTIONS[f"config.{verb}"] for verb in ("restore", "reset", "reload-dependants"))


@pytest.fixture
def copies(tmp_path: Path) -> LastGoodFiles:
    return LastGoodFiles(tmp_path / "state", SystemClock())


@pytest.fixture
def path(tmp_path: Path, copies: LastGoodFiles) -> Path:
    """A file of which a last good version is kept."""
    path = tmp_path / "a.yaml"
    path.write_text(GOOD)
    path.chmod(0o640)
    assert copies.keep(path)
    return path


async def test_restore_brings_every_byte_and_the_mode_back(path: Path, copies: LastGoodFiles, act) -> None:
    """A broken file is set aside, the last good version is back, and a second look back says it happened."""
    path.write_text("b: {2")
    context = act(Config(path=path, required=("a",)), last_good=copies)
    preview = await RESTORE.preview(context)
    assert preview.blocked is None
    assert "+a: 1" in preview.diff
    assert "hunter2" not in preview.diff
    assert await RESTORE.reconcile(context) is DidIt.NO
    outcome = await RESTORE.apply(context)
    assert path.read_text() == GOOD
    assert path.stat().st_mode & 0o777 == 0o640
    assert Path(str(outcome.output["aside"])).read_text() == "b: {2"
    assert await RESTORE.reconcile(context) is DidIt.YES
    assert not [each for each in path.parent.iterdir() if each.name.startswith(".a.yaml")]


async def test_restore_of_a_missing_file_has_its_mode_and_undo_removes_it(
    path: Path, copies: LastGoodFiles, act
) -> None:
    """What was not there is not there again after undo, however often undo is asked for."""
    path.unlink()
    context = act(Config(path=path), last_good=copies)
    await RESTORE.preview(context)
    await RESTORE.apply(context)
    assert (path.read_text(), path.stat().st_mode & 0o777) == (GOOD, 0o640)
    await RESTORE.undo(context, {})
    assert not path.exists()
    assert "as it was" in await RESTORE.undo(context, {})


async def test_undo_puts_the_broken_file_back(path: Path, copies: LastGoodFiles, act) -> None:
    """Undo works from the workspace alone, as after a crash."""
    path.write_text("b: {2")
    context = act(Config(path=path), last_good=copies)
    await RESTORE.preview(context)
    await RESTORE.apply(context)
    await RESTORE.undo(context, {})
    assert path.read_text() == "b: {2"


async def test_undo_does_not_overwrite_what_a_person_wrote_since(path: Path, copies: LastGoodFiles, act) -> None:
    """A file changed after the restore belongs to whoever changed it."""
    path.write_text("b: {2")
    context = act(Config(path=path), last_good=copies)
    await RESTORE.apply(context)
    path.write_text("mine: 1\n")
    with pytest.raises(ActionFailed, match="somebody"):
        await RESTORE.undo(context, {})
    assert path.read_text() == "mine: 1\n"


async def test_without_a_last_good_version_nothing_is_done(tmp_path: Path, copies: LastGoodFiles, act) -> None:
    """Blocked: no copy, a copy that breaks today's rules, or one that is there already."""
    path = tmp_path / "b.yaml"
    path.write_text("b: {")
    assert "no last good version" in (await RESTORE.preview(act(Config(path=path), last_good=copies))).blocked
    path.write_text("b: 1\n")
    copies.keep(path)
    assert "already" in (await RESTORE.preview(act(Config(path=path), last_good=copies))).blocked
    path.write_text("b: {")
    context = act(Config(path=path, required=("c",)), last_good=copies)
    assert "no last good version" in (await RESTORE.preview(context)).blocked
    with pytest.raises(ActionFailed):
        await RESTORE.apply(context)
    assert path.read_text() == "b: {"
    gone = act(Config(path=tmp_path / "gone" / "b.yaml"), last_good=copies)
    assert "mounted" in (await RESTORE.preview(gone)).blocked


async def test_a_plan_for_a_file_that_has_changed_is_stale(path: Path, copies: LastGoodFiles, act) -> None:
    """What somebody mended meanwhile is not overwritten."""
    path.write_text("b: {2")
    context = act(Config(path=path), last_good=copies)
    await RESTORE.preview(context)
    path.write_text("b: 3\n")
    with pytest.raises(ActionFailed, match="stale"):
        await RESTORE.apply(context)
    assert path.read_text() == "b: 3\n"


async def test_a_crash_in_the_middle_leaves_the_old_file_and_can_be_done_again(
    path: Path, copies: LastGoodFiles, act
) -> None:
    """Between setting aside and writing, the broken file still stands; the second try completes it."""

    def crash(_point: str) -> None:
        raise KeyboardInterrupt

    path.write_text("b: {2")
    target = Config(path=path)
    await RESTORE.preview(act(target, last_good=copies))
    with pytest.raises(KeyboardInterrupt):
        await RESTORE.apply(act(target, last_good=copies, checkpoint=crash))
    assert path.read_text() == "b: {2"
    again = act(target, last_good=copies)
    assert await RESTORE.reconcile(again) is DidIt.NO
    await RESTORE.apply(again)
    assert path.read_text() == GOOD


async def test_a_link_stays_a_link(path: Path, copies: LastGoodFiles, act, tmp_path: Path) -> None:
    """A configuration behind a symbolic link is replaced where it really is."""
    link = tmp_path / "link.yaml"
    link.symlink_to(path)
    copies.keep(link)
    path.write_text("b: {")
    await RESTORE.apply(act(Config(path=link), last_good=copies))
    assert link.is_symlink()
    assert path.read_text() == GOOD


async def test_reset_keeps_the_named_sections(tmp_path: Path, copies: LastGoodFiles, act) -> None:
    """The client's projects survive, salvaged from the broken file; the rest comes from the defaults."""
    path, defaults = tmp_path / "config.json", tmp_path / "defaults.json"
    defaults.write_text('{"theme": "dark", "projects": {}}')
    path.write_text('{"theme": "li, \n "projects": {"mine": ["a", "b"]},\n "window": [1')
    context = act(Config(path=path, sections_kept=("projects",), defaults=defaults), last_good=copies)
    preview = await RESET.preview(context)
    assert (preview.blocked, preview.loss) == (None, ())
    outcome = await RESET.apply(context)
    assert json.loads(path.read_text()) == {"theme": "dark", "projects": {"mine": ["a", "b"]}}
    assert "window" in Path(str(outcome.output["aside"])).read_text()
    await RESET.undo(context, outcome.output)
    assert "window" in path.read_text()


async def test_reset_takes_a_section_from_the_last_good_version_or_says_that_it_is_lost(
    tmp_path: Path, copies: LastGoodFiles, act
) -> None:
    """What the broken file no longer holds comes from the copy; what neither holds whole is a loss."""
    path = tmp_path / "config.json"
    path.write_text('{"projects": {"mine": 1}, "theme": "x"}')
    copies.keep(path)
    path.write_text('{"projects": {"mi')
    context = act(Config(path=path, sections_kept=("projects",)), last_good=copies)
    assert (await RESET.preview(context)).loss == ()
    await RESET.apply(context)
    assert json.loads(path.read_text()) == {"projects": {"mine": 1}}
    other = tmp_path / "other.json"
    other.write_text('{"projects": {"mi')
    preview = await RESET.preview(act(Config(path=other, sections_kept=("projects",)), last_good=copies))
    assert "projects" in preview.loss[0]


async def test_reset_is_blocked_where_nothing_is_declared_or_the_defaults_are_wrong(
    tmp_path: Path, copies: LastGoodFiles, act
) -> None:
    """No defaults are invented, and invalid ones are not written."""
    path = tmp_path / "config.json"
    path.write_text("{")
    assert "declared" in (await RESET.preview(act(Config(path=path), last_good=copies))).blocked
    defaults = tmp_path / "defaults.json"
    defaults.write_text("{}")
    blocked = act(Config(path=path, defaults=defaults, required=("url",)), last_good=copies)
    assert "`url` is not set" in (await RESET.preview(blocked)).blocked


@pytest.mark.parametrize(
    ("format", "broken", "piece"),
    [
        (Format.YAML, "a: {\nkeep:\n  x: 1 # why\n  y: [1]\nb: 2\n", "keep:\n  x: 1 # why\n  y: [1]\n"),
        (Format.YAML, "keep:\n- 1\n- 2\nb: {\n", "keep:\n- 1\n- 2\n"),
        (Format.YAML, "keep: {a: 1\n", None),
        (Format.TOML, "a = \n[keep]\nx = 1\n[keep.deep]\ny = 2\n[b]\nz = \n", "[keep]\nx = 1\n[keep.deep]\ny = 2\n"),
        (Format.TOML, "keep = [1,\n 2]\nb = \n", "keep = [1,\n 2]\n"),
        (Format.JSON, '{"x": {"keep": 1}, "keep": {"a": "}"}, "b": ', '"keep": {"a": "}"}'),
        (Format.ENV, "what is this\nexport keep=1\nb=2\n", "export keep=1\n"),
    ],
)
def test_sections_are_cut_out_of_broken_text(format: Format, broken: str, piece: str | None) -> None:
    """A section that makes sense by itself is found whole, with its comments, or not at all."""
    assert cut_out(broken, "keep", format) == piece


def test_a_section_replaces_its_namesake_and_comments_stay() -> None:
    """Defaults keep their comments around the section that is put in."""
    assert put_in("# top\nkeep: {}\nb: 2 # two\n", "keep", "keep:\n  x: 1\n", Format.YAML) == (
        "# top\nb: 2 # two\nkeep:\n  x: 1\n"
    )
    assert put_in("[b]\nz = 1\n", "keep", "keep = 1\n", Format.TOML) == "keep = 1\n[b]\nz = 1\n"


async def test_only_what_fails_is_restarted(tmp_path: Path, bench, processes) -> None:
    """Of three users of the file, the failing one that may run is restarted, once, whatever crashes."""
    spec = ProcessSpec(command=("x",))
    for name in ("well", "sick", "stopped"):
        bench.others[name] = Component(name=name, kind="http", target=None, depends_on=("it",), process=spec)
    bench.others["far"] = Component(name="far", kind="http", target=None, depends_on=("sick",), process=spec)
    processes.set("stopped", desired=Desired.STOPPED)

    async def look(component: str, _checks=()) -> tuple[Finding, ...]:
        status = Status.OK if component == "well" else Status.CRITICAL
        return (Finding(component=component, kind="http", check="x", status=status, code=None, observed=""),)

    context = bench.act(Config(path=tmp_path / "a.yaml"), look=look)
    assert "`sick`" in (await RELOAD.preview(context)).summary
    outcome = await RELOAD.apply(context)
    assert processes.asked == [("stop", "sick"), ("start", "sick")]
    assert outcome.output == {"restarted": ["sick"]}
    assert await RELOAD.reconcile(context) is DidIt.NO
    assert await RELOAD.undo(context, {})
