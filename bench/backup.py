"""How long it takes to back up, verify and restore a SQLite database of 1 GB: ``python bench/backup.py [MB]``."""

import json
import os
import resource
import shutil
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

from paramedic.model.clock import SystemClock
from paramedic.recovery.backups import Backups
from paramedic.sdk import load_packs
from paramedic.service import load

ROW_BYTES = 1000


def main(size_mb: int) -> None:
    """Print the numbers."""
    folder = Path(tempfile.mkdtemp(prefix="paramedic-bench-", dir="/var/tmp"))
    try:
        rows = size_mb * 1_000_000 // (ROW_BYTES + 20)
        with sqlite3.connect(folder / "big.db") as base:
            base.execute("create table notes (id integer primary key, text blob)")
            base.executemany("insert into notes (text) values (?)", ((os.urandom(ROW_BYTES),) for _ in range(rows)))
        base.close()
        components = {"db": {"kind": "sqlite", "path": "big.db", "tables": ["notes"]}}
        (folder / "paramedic.yaml").write_text(json.dumps({"service": "bench", "components": components}))
        service = load(folder / "paramedic.yaml", load_packs(), os.environ)
        desk = Backups(service, load_packs(), SystemClock())
        size = (folder / "big.db").stat().st_size
        print(f"database: {size / 1e6:.0f} MB, {rows} rows")
        begun = time.monotonic()
        made = desk.create("db", "bench")
        print(f"create and verify: {time.monotonic() - begun:.1f} s, of which verify {made.set.proof.took_s:.1f} s")
        begun = time.monotonic()
        proof = desk.verify(made)
        print(f"verify again, digests included: {time.monotonic() - begun:.1f} s, {proof.how}")
        component = service.components["db"]
        how = desk.hook(component)
        assert how is not None
        begun = time.monotonic()
        lost = how.lost(component.target, made.files, {}, 600)
        print(f"compare row by row: {time.monotonic() - begun:.1f} s, newer: {list(lost)}")
        for who, name in ((resource.RUSAGE_SELF, "paramedic"), (resource.RUSAGE_CHILDREN, "its child")):
            print(f"memory of {name}: at most {resource.getrusage(who).ru_maxrss / 1024:.0f} MB")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
