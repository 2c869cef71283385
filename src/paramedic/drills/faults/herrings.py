"""Red herrings: two things are wrong and one is the cause. The other must be told as a symptom, or as another story."""

import json
import signal
import sqlite3
import sys
from contextlib import closing, suppress
from typing import Any

from paramedic.drills.fault import fault
from paramedic.drills.faults import caches, disks, postgresql
from paramedic.drills.patient import DrillFailed, Patient
from paramedic.drills.ports import free_ports
from paramedic.drills.records import just_looked_at


async def _with_a_desk(patient: Patient) -> None:
    """A database, a shelf that always needs it, and a desk that needs the shelf every other time."""
    await postgresql.with_a_store(user="shelf")(patient)
    (port,) = free_ports(1)
    shelf = patient.component("shelf")["url"]
    desk = {
        "kind": "http",
        "url": f"http://127.0.0.1:{port}/health",
        "interval": "500ms",
        "timeout": "3s",
        "depends_on": ["shelf"],
        "process": {
            "command": [sys.executable, "-m", "paramedic.drills.servers.desk", str(port), shelf],
            "stop_timeout": "2s",
        },
    }
    patient.edit(lambda document: document["components"].update(desk=desk))


@fault("db-down-api-500", prepare=_with_a_desk, impossible=postgresql.impossible)
async def crash_what_others_need(patient: Patient) -> None:
    """Crash the database; one API answers 500, another one every other time."""
    await patient.send("store", signal.SIGUSR1)


async def _with_a_ledger(patient: Patient) -> None:
    """A small disk, a database on it, and an API that writes to that."""
    await disks.mounted("size=16m")(patient)
    books = patient.folder / disks.MOUNT_POINT / "books.db"
    with closing(sqlite3.connect(books)) as connection, connection:
        connection.execute("CREATE TABLE entries (id INTEGER PRIMARY KEY, content BLOB)")
    (port,) = free_ports(1)
    parts = {
        "books": {"kind": "sqlite", "path": str(books), "tables": ["entries"], "interval": "500ms"},
        "ledger": {
            "kind": "http",
            "url": f"http://127.0.0.1:{port}/health",
            "interval": "500ms",
            "timeout": "3s",
            "depends_on": ["books"],
            "process": {
                "command": [sys.executable, "-m", "paramedic.drills.servers.ledger", str(port), str(books)],
                "stop_timeout": "2s",
            },
        },
    }

    def change(document: dict[str, dict[str, Any]]) -> None:
        document["components"].update(parts)
        document["components"]["disk"]["interval"] = "10s"

    patient.edit(change)


@fault("full-disk-db-errors", prepare=_with_a_ledger, restore=disks.unmount, impossible=disks.cannot_mount)
async def fill_the_disk_of_a_database(patient: Patient) -> None:
    """Fill the disk of a database to the last byte, so that every write to it fails and nobody logs why.

    It happens just after a look at the disk, so that what suffers is seen before what is the matter.
    """
    await just_looked_at(patient, "disk", "host.disk-space")
    cache = patient.folder / disks.MOUNT_POINT / "cache"
    patient.mark()
    for size in (1 << 20, 1 << 12):
        with suppress(OSError):  # there is no space left
            for number in range(10_000):
                (cache / f"answers-{size}-{number}.tmp").write_bytes(bytes(size))


@fault("old-alert-new-fault", prepare=caches.with_a_cache, impossible=caches.impossible)
async def crash_the_cache_amid_an_old_warning(patient: Patient) -> None:
    """Lower the limit of the disk's use below what is used, and crash Redis once that warning is an old story."""

    def lower(document: dict[str, dict[str, Any]]) -> None:
        document["components"]["disk"]["thresholds"].update(disk_percent=0.000001, disk_percent_critical=101)

    patient.edit(lower)
    for _ in range(60):
        said = await patient.paramedic("incidents", "--format", "json")
        if "disk.full" in said.out and json.loads(said.out):
            break
        await patient.clock.sleep(0.5)
    else:
        raise DrillFailed("the old warning did not come")
    await patient.send("cache", signal.SIGUSR1)
