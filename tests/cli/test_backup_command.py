"""``paramedic backup`` as people use it, and restores that are killed in the middle."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from living import PARAMEDIC, WRITER, until
from paramedic.model.receipt import Phase

sys.path.insert(0, str(Path(__file__).parents[1] / "watch"))
from station import Station

SAYS = "not in the backup"


@pytest.fixture
def ward(tmp_path: Path) -> Iterator["Ward"]:
    """Ended after the test."""
    made = Ward(tmp_path)
    yield made
    made.stop()


class Ward(Station):
    """A database with a process that uses it, and a folder of documents."""

    def __init__(self, folder: Path, **policy: Any) -> None:
        (folder / "writer.py").write_text(WRITER)
        (folder / "docs").mkdir()
        for name in ("a", "b", "c"):
            (folder / "docs" / name).write_text(f"{name} as it was")
        with sqlite3.connect(folder / "data.db") as base:
            base.execute("create table notes (id integer primary key, text text)")
            base.executemany("insert into notes (text) values (?)", [("early",)] * 500)
        base.close()
        keys = {"backup": policy} if policy else {}
        more = {
            "db": {"kind": "sqlite", "path": "data.db", "tables": ["notes"], "interval": "500ms", **keys},
            "writer": {
                "kind": "process",
                "process": {"command": [sys.executable, "writer.py"]},
                "interval": "500ms",
                "depends_on": ["db"],
            },
            "docs": {"kind": "files", "paths": ["docs"], "interval": "500ms"},
        }
        super().__init__(folder, more=more)

    def texts(self, path: Path | None = None) -> dict[str, int]:
        """Notes by their text."""
        base = sqlite3.connect(path or self.folder / "data.db")
        found = dict(base.execute("select text, count(*) from notes group by text"))
        base.close()
        return found

    def write_more(self) -> None:
        """What no backup holds."""
        base = sqlite3.connect(self.folder / "data.db", timeout=5)
        with base:
            base.executemany("insert into notes (text) values (?)", [(SAYS,)] * 7)
        base.close()

    def create(self, *names: str) -> str:
        """The id of a new backup."""
        done = self.run("backup", "create", *names, "--format", "json")
        assert done.returncode == 0, done.stderr
        return str(json.loads(done.stdout)["backups"][-1]["id"])

    def asides(self, name: str) -> list[Path]:
        """What was set aside of a file."""
        return sorted((self.folder / ".paramedic" / "last-good").glob(f"{name}-*/aside/*/{name}"))


def test_create_list_verify_prune(ward: Ward) -> None:
    """Every answer as text and as JSON, with exit codes."""
    assert ward.run("backup", "list").stdout.startswith("there is no backup")
    assert ward.run("backup", "verify").returncode == 1
    made = ward.run("backup", "create", "db", "docs")
    assert made.returncode == 0, made.stderr
    assert "500 rows in 1 tables" in made.stdout
    listed = json.loads(ward.run("backup", "list", "--format", "json").stdout)
    assert [each["component"] for each in listed] == ["docs", "db"]
    assert "good" in ward.run("backup", "list", "db").stdout
    verified = ward.run("backup", "verify", "--all")
    assert (verified.returncode, verified.stdout.count(" good in ")) == (0, 2)
    assert listed[0]["id"] in ward.run("backup", "verify", listed[0]["id"][-6:]).stdout
    database = Path(next(each["folder"] for each in listed if each["component"] == "db")) / "files" / "database"
    database.write_bytes(b"other")
    broken = ward.run("backup", "verify", "db")
    assert (broken.returncode, "DAMAGED" in broken.stdout) == (1, True)
    assert "0 backups are gone" in ward.run("backup", "prune").stdout
    assert ward.run("backup", "create", "nobody").returncode == 64
    assert ward.run("backup", "restore", "latest").returncode == 64
    assert ward.run("backup", "restore", "backup-000000000-0000", "--yes").returncode == 64
    none = ward.run("backup", "restore", "latest", "of-nobody")
    assert (none.returncode, "there is no backup of `of-nobody`" in none.stderr) == (64, True)


def test_our_own_store(ward: Ward) -> None:
    """It is backed up like the rest; only its files are given out, because Paramedic itself works with it."""
    assert ward.run("start").returncode == 0
    id = ward.create("@paramedic")
    assert ward.run("backup", "restore", id, "--yes").returncode == 64
    assert ward.run("backup", "restore", id, "--to", "out").returncode == 0
    base = sqlite3.connect(ward.folder / "out" / "paramedic.db")
    assert base.execute("select count(*) from receipts").fetchone()[0] >= 2
    base.close()


def test_a_restore_tells_what_is_lost_and_asks_first(ward: Ward) -> None:
    """Then it is a plan with receipts: the writer rests meanwhile, and what was there is set aside."""
    assert ward.run("start").returncode == 0
    id = ward.create("db")
    ward.write_more()
    asked = ward.run("backup", "restore", id)
    assert asked.returncode == 1
    assert "lost: table notes: 7 rows that were added, rowids 501-507" in asked.stdout
    assert "--yes" in asked.stderr
    assert ward.texts() == {"early": 500, SAYS: 7}
    (before,) = ward.pids("writer.py")
    done = ward.run("backup", "restore", "latest", "db", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "rowids 501-507" in done.stdout
    assert ward.texts() == {"early": 500}
    (aside,) = ward.asides("data.db")
    assert ward.texts(aside) == {"early": 500, SAYS: 7}
    (after,) = ward.pids("writer.py")
    assert after != before
    (receipt,) = [each for each in ward.all_receipts() if (each.action, each.phase) == ("backup.restore", Phase.DONE)]
    assert receipt.output["backup"] == id
    ward.once()


def test_a_missing_database_is_brought_back(ward: Ward) -> None:
    """There is nothing to set aside then, and nothing is lost."""
    id = ward.create("db")
    (ward.folder / "data.db").unlink()
    done = ward.run("backup", "restore", id, "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing is lost" in done.stdout
    assert ward.texts() == {"early": 500}


def test_a_damaged_backup_is_not_restored(ward: Ward) -> None:
    """It is tried before anything is touched."""
    id = ward.create("db")
    ward.write_more()
    (database,) = (ward.folder / ".paramedic" / "backups" / "db" / id / "files").iterdir()
    content = bytearray(database.read_bytes())
    content[5000] ^= 1
    database.write_bytes(content)
    refused = ward.run("backup", "restore", id, "--yes")
    assert refused.returncode == 1
    assert ward.texts() == {"early": 500, SAYS: 7}
    assert not ward.asides("data.db")


@pytest.mark.parametrize(
    "point",
    [
        pytest.param("after-intent", marks=pytest.mark.slow),
        "mid-act",
        "after-act",
        pytest.param("after-done", marks=pytest.mark.slow),
    ],
)
@pytest.mark.timeout(180)
def test_a_restore_that_is_killed_goes_on(ward: Ward, point: str) -> None:
    """Every crash leaves the old or the new database, both are kept, and the next watch ends what was begun."""
    assert ward.run("start").returncode == 0
    id = ward.create("db")
    ward.write_more()
    killed = ward.run("backup", "restore", id, "--yes", PARAMEDIC_FAILPOINT=f"{point}:operator-restore-backup:0")
    assert killed.returncode == -signal.SIGKILL
    assert ward.texts() in ({"early": 500}, {"early": 500, SAYS: 7})
    ward.watch()
    until(lambda: _restored(ward), 60, f"the restore ended {ward.told()}")
    assert ward.texts() == {"early": 500}
    assert {SAYS: 7, "early": 500} in [ward.texts(each) for each in ward.asides("data.db")]
    until(lambda: len(ward.pids("writer.py")) == 1, 30, "the writer runs again")
    verified = ward.run("backup", "verify", id)
    assert verified.returncode == 0, verified.stdout
    ward.once()


def test_a_restore_of_many_files_that_is_killed_goes_on(ward: Ward) -> None:
    """Between two files; what was changed since is set aside, and what came since stays."""
    id = ward.create("docs")
    for name in ("a", "b"):
        (ward.folder / "docs" / name).write_text("changed")
    (ward.folder / "docs" / "c").unlink()
    (ward.folder / "docs" / "new").write_text("new")
    asked = ward.run("backup", "restore", id)
    assert "lost: what was changed in `a` since" in asked.stdout
    killed = ward.run("backup", "restore", id, "--yes", PARAMEDIC_FAILPOINT="first-file:operator-restore-backup:0")
    assert killed.returncode == -signal.SIGKILL
    assert (ward.folder / "docs" / "a").read_text() == "a as it was"
    assert (ward.folder / "docs" / "b").read_text() == "changed"
    ward.watch()
    until(lambda: _restored(ward), 60, f"the restore ended {ward.told()}")
    now = {each.name: each.read_text() for each in (ward.folder / "docs").iterdir()}
    assert now == {"a": "a as it was", "b": "b as it was", "c": "c as it was", "new": "new"}
    assert [each.read_text() for each in (*ward.asides("a"), *ward.asides("b"))] == ["changed"] * 2
    ward.once()


def test_a_create_that_is_killed_by_anybody_leaves_nothing_good_behind(ward: Ward) -> None:
    """At moments of chance; whatever is listed can be restored."""
    for wait_s in (0.6, 0.9):
        child = subprocess.Popen(
            [*PARAMEDIC, "backup", "create", "db"],
            cwd=ward.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(wait_s)  # no condition: the moment is to be one of chance
        child.kill()
        child.wait()
    listed = json.loads(ward.run("backup", "list", "--format", "json").stdout)
    if listed:
        assert ward.run("backup", "verify", "--all").returncode == 0
    id = ward.create("db")
    assert ward.run("backup", "verify", id).returncode == 0


def _restored(ward: Ward) -> bool:
    return any(
        each.phase is Phase.DONE and each.action == "backup.restore" for each in ward.all_receipts()
    ) and not any(each.state == "committed" for each in ward.read(lambda tx: tx.plans.recent(50), ()))
