"""Who counts as a stranger with a hand on the database."""

import subprocess
import sys
from pathlib import Path

from paramedic.packs.sqlite.target import Sqlite
from paramedic.packs.sqlite.writers import strangers
from paramedic.sdk.child import MARK


def holder(path: Path, *words: str) -> "subprocess.Popen[bytes]":
    """A process that has the file open, and says so."""
    code = "import sys; f = open(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path), *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"open\n"
    return process


def test_a_look_of_ours_is_no_stranger(tmp_path: Path, act) -> None:
    """A check that reads the database while it is repaired does not hold the repair up; anybody else does."""
    path = tmp_path / "data.db"
    path.write_bytes(b"")
    context = act(Sqlite(path=path), {})
    looks, other = holder(path, MARK), holder(path)
    try:
        found = strangers(context, path, ())
        assert len(found) == 1
        assert f"pid {other.pid}" in found[0]
    finally:
        for process in (looks, other):
            process.communicate()
