"""What heals data files, and what is never overwritten."""

from pathlib import Path

import pytest

from packs.data.test_data_checks import manifest_of, write
from paramedic.model.clock import SystemClock
from paramedic.packs.data import pack
from paramedic.packs.data.saving import backup
from paramedic.packs.data.target import Data
from paramedic.recovery.last_good import LastGoodFiles
from paramedic.sdk import ActionFailed, DidIt
from paramedic.sdk.saving import BackupFailed

(RESTORE,) = (each.action for each in pack.actions)


@pytest.fixture
def copies(tmp_path: Path) -> LastGoodFiles:
    return LastGoodFiles(tmp_path / "state", SystemClock())


@pytest.fixture
def personas(tmp_path: Path, copies: LastGoodFiles) -> list[Path]:
    """Three files of which good copies are kept."""
    folder = tmp_path / "personas"
    folder.mkdir()
    found = [write(folder, f"{name}.json", f'{{"name": "{name}"}}') for name in ("ada", "bo", "cy")]
    for each in found:
        each.chmod(0o640)
        assert copies.keep(each)
    return found


async def test_broken_files_come_back_and_sound_ones_are_left_alone(personas, copies, act) -> None:
    """Byte for byte, with their modes; the broken are set aside; undo brings the broken ones back."""
    ada, bo, cy = personas
    before = cy.stat()
    ada.write_text('{"name": "a')
    bo.unlink()
    context = act(Data(paths=tuple(personas)), last_good=copies)
    preview = await RESTORE.preview(context)
    assert (preview.blocked, preview.loss) == (None, ())
    assert await RESTORE.reconcile(context) is DidIt.NO
    outcome = await RESTORE.apply(context)
    assert (ada.read_text(), bo.read_text()) == ('{"name": "ada"}', '{"name": "bo"}')
    assert ada.stat().st_mode & 0o777 == bo.stat().st_mode & 0o777 == 0o640
    assert Path(outcome.output["aside"][str(ada)]).read_text() == '{"name": "a'
    assert await RESTORE.reconcile(context) is DidIt.YES
    assert cy.stat() == before
    assert (await RESTORE.preview(context)).blocked == "nothing is broken"
    await RESTORE.undo(context, {})
    assert ada.read_text() == '{"name": "a'
    assert not bo.exists()


async def test_a_crash_between_two_files_is_finished(personas, copies, act) -> None:
    """Done again, what is done stays as it is, and the rest follows."""
    ada, bo, _ = personas
    ada.write_text("{")
    bo.write_text("{")
    done = 0

    def crash(_point: str) -> None:
        nonlocal done
        done += 1
        if done == 2:
            raise KeyboardInterrupt

    context = act(Data(paths=tuple(personas)), last_good=copies, checkpoint=crash)
    await RESTORE.preview(context)
    with pytest.raises(KeyboardInterrupt):
        await RESTORE.apply(context)
    assert (ada.read_text(), bo.read_text()) == ('{"name": "ada"}', "{")
    assert await RESTORE.reconcile(context) is DidIt.NO
    inode = ada.stat().st_ino
    await RESTORE.apply(context)
    assert bo.read_text() == '{"name": "bo"}'
    assert ada.stat().st_ino == inode
    assert await RESTORE.reconcile(context) is DidIt.YES


async def test_a_plan_that_went_stale_touches_nothing(personas, copies, act) -> None:
    """What a person repaired or changed meanwhile belongs to that person."""
    ada = personas[0]
    for text in ('{"name": "by hand"}', "{another"):
        ada.write_text("{")
        context = act(Data(paths=tuple(personas)), last_good=copies)
        await RESTORE.preview(context)
        ada.write_text(text)
        with pytest.raises(ActionFailed, match="stale"):
            await RESTORE.apply(context)
        assert ada.read_text() == text


async def test_without_a_good_copy_nothing_is_overwritten(personas, copies, act, tmp_path: Path) -> None:
    """Also where another broken file could be restored; a copy that breaks today's rules is none."""
    ada, bo, cy = personas
    manifest = manifest_of(ada, bo)
    for path in (ada, bo):
        path.write_text('{"name": "damaged"}')
    assert copies.keep(bo)
    for older in copies.newest(bo)[1:]:
        older.unlink()
    context = act(Data(paths=(ada, bo), manifest=manifest), last_good=copies)
    preview = await RESTORE.preview(context)
    assert preview.blocked == "there is no good copy of `bo.json`"
    with pytest.raises(ActionFailed):
        await RESTORE.apply(context)
    assert ada.read_text() == bo.read_text() == '{"name": "damaged"}'
    cy.write_text("{")
    context = act(Data(paths=(cy,), required=("age",)), last_good=copies)
    assert "no good copy" in ((await RESTORE.preview(context)).blocked or "")
    gone = tmp_path / "away" / "a.json"
    assert "folder" in ((await RESTORE.preview(act(Data(paths=(gone,)), last_good=copies))).blocked or "")


async def test_a_listed_file_comes_back_as_it_was_recorded(personas, copies, act) -> None:
    """Of several copies the one with the recorded digest; nothing can be lost."""
    ada = personas[0]
    manifest = manifest_of(ada)
    good = ada.read_bytes()
    ada.write_text('{"name": "later"}')
    assert copies.keep(ada)
    context = act(Data(paths=(ada,), manifest=manifest), last_good=copies)
    preview = await RESTORE.preview(context)
    assert (preview.blocked, preview.loss) == (None, ())
    await RESTORE.apply(context)
    assert ada.read_bytes() == good


@pytest.mark.parametrize(
    ("damaged", "lost"),
    [
        (b'{"n": 1}\n{"n": 2}\n{"n', 0),
        (b'{"n": 1}\n\0\0\0\0\n', 0),
        (b'{"n": 1}\n{"n": 4}\n{"n": 5}\n{"n": 2', 2),
        (b'{"n": 7', 1),
        (b"", None),
        (None, None),
    ],
)
async def test_records_that_only_the_broken_file_holds_are_told_as_loss(
    tmp_path: Path, copies, act, damaged: bytes | None, lost: int | None
) -> None:
    """A file that grows may hold more than its copy, so that a person decides; one that was only cut off does not."""
    path = write(tmp_path, "a.jsonl", '{"n": 1}\n{"n": 2}\n{"n": 3}\n')
    assert copies.keep(path)
    path.unlink()
    if damaged is not None:
        path.write_bytes(damaged)
    preview = await RESTORE.preview(act(Data(paths=(path,)), last_good=copies))
    assert preview.blocked is None
    if lost is None:
        assert "if any" in preview.loss[0]
    else:
        assert [each.split(": ")[1].split()[0] for each in preview.loss] == ([str(lost)] if lost else [])


def test_a_backup_is_refused_unless_it_satisfies_the_rules(personas, tmp_path: Path) -> None:
    """What was saved is judged like the files themselves, their manifest included."""
    folder, scratch = tmp_path / "backup", tmp_path / "scratch"
    folder.mkdir()
    scratch.mkdir()
    target = Data(paths=tuple(personas), manifest=manifest_of(personas[0]), required=("name",))
    saved = backup.create(target, folder, 30)
    assert backup.verify(target, folder, scratch, saved.holds, 30) == "restored; 3 files satisfy every rule"
    first = min(folder.iterdir())
    first.write_text('{"name": "another"}')
    with pytest.raises(BackupFailed, match="SHA-256"):
        backup.verify(target, folder, scratch, saved.holds, 30)
