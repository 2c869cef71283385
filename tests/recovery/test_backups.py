"""Backups of files, configuration, SQLite and our own store: whole, proved, kept, or not there at all."""

import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from backup_scene import BackupScene
from paramedic.recovery.last_good import LastGoodFiles
from paramedic.sdk.files import kept
from paramedic.sdk.saving import BackupFailed
from paramedic.sdk.shelf import OWN, unreadable

CREATE = """
import os, sys
from pathlib import Path
from paramedic.model.clock import SystemClock
from paramedic.recovery.backups import Backups
from paramedic.sdk import load_packs
from paramedic.service import load
service = load(Path(sys.argv[1]), load_packs(), os.environ)
print(Backups(service, load_packs(), SystemClock()).create(sys.argv[2], "by hand").set.id)
"""


@pytest.fixture
def scene(tmp_path: Path) -> BackupScene:
    """With our own store."""
    made = BackupScene(tmp_path, db={"every": "1h", "keep": 2})
    made.own_store()
    return made


@pytest.mark.parametrize("name", ["db", "settings", "docs", OWN])
def test_a_backup_was_restored_before_it_counts(scene: BackupScene, name: str) -> None:
    """Its manifest says how, and nobody else can read any of it."""
    made = scene.desk.create(name, "by hand")
    (found,) = scene.desk.all(name)
    assert found.set == made.set
    assert found.set.proof.is_good
    assert found.set.proof.how.startswith("restored; ")
    assert found.set.versions["paramedic"]
    assert found.damage() == ""
    for each in [scene.place, *scene.place.rglob("*")]:
        assert stat.S_IMODE(each.stat().st_mode) == (0o700 if each.is_dir() else 0o600), each
    left = [each.name for each in (scene.place / name).iterdir()]
    assert sorted(left) == [".lock", made.set.id]


def test_a_backup_of_a_database_in_use_is_of_one_moment(scene: BackupScene) -> None:
    """Rows that are still in its log are in it; a transaction that is under way is not."""
    writer = sqlite3.connect(scene.database, isolation_level=None)
    writer.execute("pragma journal_mode=wal")
    writer.execute("insert into notes (text) values ('in the log')")
    writer.execute("begin immediate")
    writer.execute("insert into notes (text) values ('not yet')")
    made = scene.desk.create("db", "by hand")
    writer.execute("commit")
    writer.close()
    assert made.set.holds == {"notes": 501}


def test_what_is_newer_than_a_backup_is_listed_by_rows(scene: BackupScene) -> None:
    """Added, changed, deleted rows and whole tables."""
    made = scene.desk.create("db", "by hand")
    scene.sql("insert into notes (text) values ('late'), ('later')")
    scene.sql("update notes set text = 'other' where id in (3, 4, 9)")
    scene.sql("delete from notes where id = 7")
    scene.sql("create table more (x)")
    component = scene.service.components["db"]
    how = scene.desk.hook(component)
    assert how is not None
    assert how.lost(component.target, made.files, {}, 10) == (
        "table more: all of it, 0 rows",
        "table notes: 2 rows that were added, rowids 501-502",
        "table notes: what was changed in 3 rows, rowids 3-4, 9",
        "deletions: 1 rows of notes that were deleted come back",
    )


def test_a_damaged_database_makes_no_backup(scene: BackupScene) -> None:
    """The reason is kept for the check; the earlier backup stays what it is."""
    earlier = scene.desk.create("db", "by hand")
    content = bytearray(scene.database.read_bytes())
    content[4096:8192] = b"\xff" * 4096
    scene.database.write_bytes(content)
    with pytest.raises(BackupFailed):
        scene.desk.create("db", "schedule")
    assert [each.set.id for each in scene.desk.all("db")] == [earlier.set.id]
    assert scene.desk.last_failure("db")
    assert scene.desk.find("db").set.id == earlier.set.id


def test_a_configuration_that_breaks_its_rules_makes_no_backup(scene: BackupScene) -> None:
    """What could not be used is not kept as if it could."""
    scene.settings.write_text("other: shop\n")
    with pytest.raises(BackupFailed, match="not valid"):
        scene.desk.create("settings", "by hand")
    assert scene.desk.all("settings") == ()


def test_what_is_left_out_is_told(scene: BackupScene) -> None:
    """A link is no file."""
    made = scene.desk.create("docs", "by hand")
    assert made.set.holds == {"files": 2}
    assert made.set.notes == ("1 links, pipes, sockets or devices are left out",)


@pytest.mark.parametrize("harm", ["flip", "cut", "remove", "manifest", "no manifest"])
def test_every_damage_of_a_backup_is_found(scene: BackupScene, harm: str) -> None:
    """And the one before it is used instead."""
    before = scene.desk.create("db", "by hand")
    made = scene.desk.create("db", "by hand")
    file, manifest = made.files / "database", made.folder / "manifest.json"
    match harm:
        case "flip":
            content = bytearray(file.read_bytes())
            content[100] ^= 1
            file.write_bytes(content)
        case "cut":
            os.truncate(file, 4096)
        case "remove":
            file.unlink()
        case "manifest":
            manifest.write_text(manifest.read_text().replace('"notes": 500', '"notes": 499'))
        case _:
            manifest.unlink()
    if "manifest" in harm:
        assert unreadable(scene.service.settings.state_dir, "db") == (made.folder,)
    else:
        assert not scene.desk.verify(made).is_good
        assert not scene.desk.all("db")[0].proof.is_good
    assert scene.desk.find("db").set.id == before.set.id


def test_the_newest_so_many_are_kept(scene: BackupScene) -> None:
    """As many as the service file says, whatever their age."""
    ids = [scene.desk.create("db", "schedule").set.id for _ in range(4)]
    scene.clock.ahead = timedelta(days=400)
    assert set(scene.desk.prune()) == set(ids[:2])
    assert [each.set.id for each in scene.desk.all("db")] == ids[:1:-1]


def test_the_newest_good_one_is_always_kept(scene: BackupScene) -> None:
    """By age the others go; what is damaged does not count as one."""
    old = scene.desk.create("settings", "by hand")
    good = scene.desk.create("settings", "by hand")
    bad = scene.desk.create("settings", "by hand")
    next(bad.files.iterdir()).write_text("name: forged\n")
    scene.clock.ahead = timedelta(days=6)
    assert scene.desk.prune() == ()
    scene.clock.ahead = timedelta(days=8)
    assert set(scene.desk.prune()) == {old.set.id, bad.set.id}
    assert [each.set.id for each in scene.desk.all("settings")] == [good.set.id]


def test_backups_are_a_further_source_of_last_good_copies(scene: BackupScene) -> None:
    """With when they were made, and the mode and owner of the file; a damaged one is none."""
    made = scene.desk.create("settings", "by hand")
    copies = LastGoodFiles(scene.folder / "good", scene.clock, scene.desk.copies_of)
    (copy,) = copies.newest(scene.settings)
    assert copy.read_text() == "name: shop\n"
    assert (kept(copy).at, kept(copy).mode) == (made.set.at, 0o640)
    own = copies.keep(scene.settings)
    assert copies.newest(scene.settings) == (own, copy)
    copy.write_text("name: forged\n")
    assert copies.newest(scene.settings) == (own,)


def test_files_can_be_had_without_touching_anything(scene: BackupScene, tmp_path: Path) -> None:
    """Under their own names, into an empty folder only."""
    made = scene.desk.create("docs", "by hand")
    out = tmp_path / "out"
    scene.desk.extract(made, out)
    assert (out / "deep" / "b.txt").read_text() == "second"
    with pytest.raises(BackupFailed, match="not empty"):
        scene.desk.extract(made, out)


def test_a_full_disk_is_told_before_anything_is_written(scene: BackupScene, monkeypatch: pytest.MonkeyPatch) -> None:
    """With how much is needed."""
    usage = shutil.disk_usage(scene.folder)
    monkeypatch.setattr("shutil.disk_usage", lambda _path: usage._replace(free=1 << 20))
    with pytest.raises(BackupFailed, match="the disk has 1 MB left"):
        scene.desk.create("db", "by hand")
    assert scene.desk.all("db") == ()


@pytest.mark.parametrize("point", ["backup-files", "backup-manifest"])
def test_a_kill_in_the_middle_leaves_no_half_backup(scene: BackupScene, point: str) -> None:
    """What is left is never listed and goes with the next one."""
    killed = subprocess.run(
        [sys.executable, "-c", CREATE, scene.folder / "paramedic.yaml", "db"],
        env={**os.environ, "PARAMEDIC_FAILPOINT": f"{point}:db"},
        capture_output=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert [each.name for each in (scene.place / "db").glob(".draft-*")], "something was under way"
    assert scene.desk.all("db") == ()
    assert unreadable(scene.service.settings.state_dir, "db") == ()
    with pytest.raises(BackupFailed, match="there is no backup"):
        scene.desk.find("db")
    made = scene.desk.create("db", "by hand")
    assert sorted(each.name for each in (scene.place / "db").iterdir()) == [".lock", made.set.id]
    assert scene.sql("select count(*) from notes") == [(500,)]


def test_two_at_once_wait_for_each_other(scene: BackupScene) -> None:
    """Both end with a backup of their own."""
    begun = [
        subprocess.Popen(
            [sys.executable, "-c", CREATE, scene.folder / "paramedic.yaml", "db"], stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    ids = {each.communicate(timeout=60)[0].strip() for each in begun}
    assert {each.set.id for each in scene.desk.all("db")} == ids
    assert len(ids) == 2


def test_our_own_store_is_proved_by_its_chains(scene: BackupScene) -> None:
    """A store in a server is backed up there, and that is said."""
    made = scene.desk.create(OWN, "by hand")
    assert "every chain of records verifies" in made.set.proof.how
    assert set(made.set.holds) == {"incidents", "plans", "receipts", "timeline", "transitions"}


def test_what_cannot_be_backed_up_is_named(scene: BackupScene) -> None:
    """Unknown components."""
    with pytest.raises(BackupFailed, match="nothing that can be backed up"):
        scene.desk.create("nobody", "by hand")
