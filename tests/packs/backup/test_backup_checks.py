"""Whether there is a backup, fresh and whole, is itself looked at."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from backup_scene import BackupScene
from paramedic.model.component import BackupPolicy
from paramedic.model.finding import Finding
from paramedic.packs.backup.checks import fresh_and_whole
from paramedic.sdk import Context, Status, load_packs
from things import Facts


@pytest.fixture
def scene(tmp_path: Path) -> BackupScene:
    """A database that is to be backed up every hour."""
    return BackupScene(tmp_path, db={"every": "1h"})


def look(scene: BackupScene, memory: dict[str, object] | None = None, **fields: Any) -> Finding:
    """What the check says of the database."""
    component = scene.service.components["db"]
    policy = fresh_and_whole.target(component)
    assert isinstance(policy, BackupPolicy)
    context = Context(
        service=scene.service,
        component=component,
        check=fresh_and_whole.id,
        clock=scene.clock,
        deadline=scene.clock.monotonic() + 60,
        processes=Facts(),
        memory={} if memory is None else memory,
        **fields,
    )
    found = asyncio.run(fresh_and_whole.run(policy, context))
    assert isinstance(found, Finding)
    return found


def test_a_fresh_and_whole_backup_is_well(scene: BackupScene) -> None:
    """Its age, its size and the time of a restore are measured."""
    scene.desk.create("db", "by hand")
    found = look(scene)
    assert (found.status, found.code) == (Status.OK, None)
    assert set(found.measures) == {"age_s", "size_bytes", "restore_s"}


def test_it_concerns_only_what_is_to_be_backed_up(scene: BackupScene) -> None:
    """Nobody is told of backups that nobody asked for."""
    assert fresh_and_whole.target(scene.service.components["settings"]) is None


def test_none_at_all(scene: BackupScene) -> None:
    """With the reason, where one was tried; a watch that has just begun is given time to make the first."""
    assert (look(scene).status, look(scene).code) == (Status.WARNING, "backup.missing")
    assert look(scene, looks_again=True).status is Status.INFO
    memory: dict[str, object] = {"first": scene.clock.monotonic() - 601}
    assert look(scene, memory, looks_again=True).code == "backup.missing"
    scene.database.write_bytes(b"no database at all" * 100)
    with pytest.raises(Exception, match=r"could not be copied|not whole"):
        scene.desk.create("db", "schedule")
    found = look(scene, looks_again=True)
    assert found.code == "backup.missing"
    assert "the last try failed" in found.because


def test_too_old(scene: BackupScene) -> None:
    """A little late is not late."""
    scene.desk.create("db", "by hand")
    scene.clock.ahead = timedelta(minutes=69)
    assert look(scene).status is Status.OK
    scene.clock.ahead = timedelta(minutes=71)
    found = look(scene)
    assert (found.status, found.code) == (Status.WARNING, "backup.stale")
    assert found.observed == "the newest backup is 71 min old"


@pytest.mark.parametrize("harm", ["flip", "remove", "manifest", "proof"])
def test_damaged(scene: BackupScene, harm: str) -> None:
    """By its digests, its manifest, or because it could not be restored, although an older one is good."""
    scene.desk.create("db", "by hand")
    made = scene.desk.create("db", "by hand")
    file = made.files / "database"
    if harm == "remove":
        file.unlink()
    elif harm == "manifest":
        (made.folder / "manifest.json").write_text("{}")
    else:
        content = bytearray(file.read_bytes())
        content[5000] ^= 4
        file.write_bytes(content)
        if harm == "proof":
            scene.desk.verify(made)
    found = look(scene)
    assert (found.status, found.code) == (Status.WARNING, "backup.damaged")


def test_while_watching_it_is_read_once_a_day(scene: BackupScene) -> None:
    """In between names and sizes are enough; a lone look reads it in any case."""
    made = scene.desk.create("db", "by hand")
    memory: dict[str, object] = {}
    assert look(scene, memory, looks_again=True).status is Status.OK
    file = made.files / "database"
    content = bytearray(file.read_bytes())
    content[5000] ^= 4
    file.write_bytes(content)
    assert look(scene, memory, looks_again=True).status is Status.OK
    assert look(scene).code == "backup.damaged"
    file.unlink()
    assert look(scene, memory, looks_again=True).code == "backup.damaged"


def test_a_place_that_cannot_be_read_is_no_verdict_about_it(scene: BackupScene) -> None:
    """What holds nothing is missing; nothing is made by looking."""
    look(scene)
    assert not scene.place.exists()


def test_the_actions_are_there() -> None:
    """And heal by a playbook."""
    assert {"backup.create", "backup.restore"} <= set(load_packs().actions)
