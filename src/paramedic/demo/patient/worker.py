"""The shop's worker: sends reminders that are due and writes a heartbeat into the database.

Usage: ``python -m paramedic.demo.patient.worker``, in the shop's folder. It remembers in ``data/worker.json`` what it
sent last, and cannot start when that file makes no sense.
"""

import json
import signal
import sqlite3
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

from paramedic.demo.patient.database import opened

STATE = Path("data/worker.json")
DATABASE = Path("data/shop.db")
_EVERY_S = 0.5


def _turn(sent: int) -> int:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with opened(DATABASE) as connection:
        connection.execute("INSERT OR REPLACE INTO heartbeats VALUES ('worker', ?)", (now,))
        due = connection.execute(
            "SELECT id, customer, text FROM reminders WHERE due_at <= ? AND id > ? ORDER BY id", (now, sent)
        ).fetchall()
    for reminder, customer, text in due:
        print(f"to {customer}: {text}", flush=True)
        sent = reminder
        STATE.write_text(json.dumps({"last_reminder": sent}))
    return sent


def main() -> None:
    """Work until told to stop."""
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    sent = int(json.loads(STATE.read_text())["last_reminder"])
    while not over.wait(_EVERY_S):
        try:
            sent = _turn(sent)
        except sqlite3.Error as error:
            print(f"the database is away: {error}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
