"""The watch makes backups and tries restores by itself, and what is damaged is replaced."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from station import Station, until

from paramedic.sdk.shelf import OWN, shelved


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    """A database that is backed up every four seconds, and tried every second."""
    with sqlite3.connect(tmp_path / "data.db") as base:
        base.execute("create table notes (text)")
    base.close()
    policy = {"every": "4s", "keep": 3, "drill": "1s"}
    database = {"kind": "sqlite", "path": "data.db", "tables": ["notes"], "interval": "500ms", "backup": policy}
    made = Station(tmp_path, more={"db": database})
    yield made
    made.stop()


@pytest.mark.timeout(180)
def test_backups_and_restores_are_made_by_the_clock(station: Station) -> None:
    """Our own store as well; the time of a restore is noted, and a backup that rots is followed by a new one."""
    station.watch()
    state = station.service.settings.state_dir
    until(lambda: len(shelved(state, "db")) >= 2, 60, f"two backups {station.told()}")
    assert shelved(state, OWN), "our own store, too"
    assert {each.set.why for each in shelved(state, "db")} == {"schedule"}
    log = station.folder / "watch.log"
    until(lambda: b"db: tried to restore `backup-" in log.read_bytes(), 60, f"a drill {station.told()}")
    fact = station.read(lambda tx: tx.notes.get("backup.db"))
    assert fact["restore"]["is_good"] is True
    assert fact["restore"]["took_s"] > 0
    newest = shelved(state, "db")[0]
    (newest.files / "database").write_bytes(b"rotten")
    until(lambda: shelved(state, "db")[0].set.id > newest.set.id, 60, f"another one {station.told()}")
    until(station.is_well, 60, f"all is well {station.told()}")
    assert station.breaks() == ()
