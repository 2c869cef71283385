"""A SQLite database that is gone, damaged, incomplete or locked."""

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from paramedic.drills.fault import fault
from paramedic.drills.patient import DrillFailed, Patient

_PAGE = 4096
_LOCKER = """
import signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
open(sys.argv[2], "w").close()
signal.pause()
"""


def _database(patient: Patient) -> Path:
    return patient.folder / str(patient.component("db")["path"])


@fault("sqlite-missing")
async def delete_the_file(patient: Patient) -> None:
    """Delete the database."""
    patient.mark()
    _database(patient).unlink()


@fault("sqlite-corrupt")
async def overwrite_a_page(patient: Patient) -> None:
    """Overwrite one page in the middle of the messages."""
    path = _database(patient)
    content = path.read_bytes()
    place = content.find(b"number 100:")
    if place < 0:
        raise DrillFailed("the database does not hold the messages that the drill damages")
    with path.open("r+b") as file:
        file.seek(place // _PAGE * _PAGE)
        patient.mark()
        file.write(b"\xdb" * _PAGE)


@fault("sqlite-table-missing")
async def drop_a_table(patient: Patient) -> None:
    """Drop the reminders."""
    with closing(sqlite3.connect(_database(patient), timeout=10)) as connection, connection:
        patient.mark()
        connection.execute("DROP TABLE reminders")


@fault("sqlite-locked")
async def hold_the_lock(patient: Patient) -> None:
    """Let another program hold an exclusive lock and not let go."""
    held = patient.folder / "lock-is-held"
    patient.invite((sys.executable, "-c", _LOCKER, str(_database(patient)), str(held)))
    await patient.until(held.exists, "the lock to be held", within_s=30)
    patient.mark()
