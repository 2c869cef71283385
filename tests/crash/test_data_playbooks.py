"""SIGKILL in the middle of every playbook that changes data, without a watch and without processes.

`paramedic recover` is killed at a failpoint; the next `paramedic recover` ends what was begun. Nothing of a patient can
be slow here, so that the outcome says something on a busy machine, too.
"""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from backup_scene import BackupScene
from owners import Rule, StandIn
from paramedic.model.receipt import Phase
from paramedic.recovery.last_good import LastGoodFiles
from paramedic.store import read_store

POINTS = ("after-intent", "mid-act", "after-act", "after-done")
LIMIT_S = 240
INDEX, DOCS = "memory.faiss", "docs.db"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """How one playbook is made necessary, and what must be so afterwards."""

    component: str
    harm: Callable[[Path], object]
    healed: Callable[[Path], bool]
    more: Mapping[str, Any] | None = None
    """Components beside those of the scene."""
    prepare: Callable[[Path], object] = lambda _folder: None
    keeps: tuple[str, ...] = ()
    """Files of which there is a good copy."""
    saves: bool = False
    """Whether there is a backup instead."""


def notes(path: Path) -> int:
    """Rows of the database; 0 where it is not whole."""
    try:
        with closing(sqlite3.connect(path)) as base:
            whole = base.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            return int(base.execute("SELECT count(*) FROM notes").fetchone()[0]) if whole else 0
    except sqlite3.Error:
        return 0


def overwrite(path: Path, at: int) -> None:
    """A page of nonsense."""
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"\xff" * 4096)


def index_of(folder: Path, count: int, *, described: bool = True) -> None:
    """A vector index of so many of the 400 vectors of its source."""
    from packs.vector.indexes import make, some, table
    from paramedic.packs.vector.asking import ask_now

    if not (folder / DOCS).exists():
        table(folder / DOCS, some(400))
    make(folder / INDEX, "IDMap2,Flat", some(400)[:count] if count <= 400 else some(count))
    if described:
        order: dict[str, Any] = {"embedding": "", "factory": "", "keep_search": {}}
        ask_now("describe", 60, path=folder / INDEX, out_path=folder / f"{INDEX}.manifest.json", **order)


def vectors(folder: Path) -> int:
    """Vectors of the index; -1 where it does not load."""
    from packs.vector.indexes import faiss

    try:
        return int(faiss.read_index(str(folder / INDEX)).ntotal)
    except RuntimeError:
        return -1


def untrained(folder: Path) -> None:
    """An index that was never trained, in the place of the good one."""
    from packs.vector.indexes import DIMENSION, faiss

    faiss.write_index(faiss.index_factory(DIMENSION, "IVF4,Flat"), str(folder / INDEX))


def backed_up(folder: Path) -> list[Path]:
    """Files in backups that have a manifest."""
    made = (folder / ".paramedic" / "backups" / "docs").glob("backup-*/manifest.json")
    return [each for manifest in made for each in (manifest.parent / "files").iterdir()]


def rot(folder: Path) -> None:
    """Damage every backup."""
    for each in backed_up(folder):
        each.write_text("rotten")


VECTOR = {
    "memory": {
        "kind": "vector",
        "index": INDEX,
        "dimension": 16,
        "metric": "l2",
        "source": {"sqlite": DOCS, "table": "chunks"},
    }
}
DATA = {"personas": {"kind": "data", "paths": ["personas.json"]}}
FOLDERS = {"folders": {"kind": "files", "paths": [{"path": "out/deep", "type": "directory"}]}}
GUARDS = {"guards": {"kind": "guards", "folder": "guards", "tripwire": "tripwire.json"}}

UNIT = {"unit": {"kind": "container", "docker": "api"}}
EXPOSURE = {"exposure": {"kind": "security", "private": ["private.env"]}}
MIB = 1024 * 1024


def box(status: str, memory: int) -> str:
    """What ``docker inspect`` prints of a container; one that does not run was killed for want of memory."""
    killed = status != "running"
    state = {"Status": status, "ExitCode": 137 if killed else 0, "OOMKilled": killed, "StartedAt": status}
    return json.dumps([{"Id": "c" * 64, "Image": "i", "State": state, "HostConfig": {"Memory": memory}}])


def docker(folder: Path, state: str = "up") -> StandIn:
    """A stand-in for docker with one container, which is killed unless it gets more than 64 MiB."""
    rules = [
        Rule(words=("image",), out="i"),
        Rule(words=("inspect",), state="up", out=box("running", 96 * MIB)),
        Rule(words=("inspect",), state="killed", out=box("exited", 64 * MIB)),
        Rule(words=("inspect",), state="granted", out=box("exited", 96 * MIB)),
        Rule(words=("update",), becomes="granted"),
        Rule(words=("start",), state="granted", becomes="up"),
        Rule(words=("start",)),
    ]
    return StandIn(folder / "bin", "docker", rules, state)


def granted(folder: Path) -> bool:
    """It runs, and its limit was raised once."""
    told = [json.loads(line)[0] for line in (folder / "bin" / "docker.calls").read_text().splitlines()]
    return (folder / "bin" / "docker.state").read_text() == "up" and told.count("update") == 1


CASES: dict[str, Case] = {
    "raise-limit": Case(
        component="unit",
        more=UNIT,
        prepare=docker,
        harm=lambda folder: (folder / "bin" / "docker.state").write_text("killed"),
        healed=granted,
    ),
    "fix-file-mode": Case(
        component="exposure",
        more=EXPOSURE,
        prepare=lambda folder: (folder / "private.env").touch(0o600),
        harm=lambda folder: (folder / "private.env").chmod(0o644),
        healed=lambda folder: (folder / "private.env").stat().st_mode & 0o777 == 0o600,
    ),
    "restore-config": Case(
        component="settings",
        keeps=("settings.yaml",),
        harm=lambda folder: (folder / "settings.yaml").write_text("name: [\n"),
        healed=lambda folder: (folder / "settings.yaml").read_text() == "name: shop\n",
    ),
    "restore-file": Case(
        component="personas",
        more=DATA,
        prepare=lambda folder: (folder / "personas.json").write_text('{"name": "ada"}'),
        keeps=("personas.json",),
        harm=lambda folder: (folder / "personas.json").write_text('{"name": "a'),
        healed=lambda folder: json.loads((folder / "personas.json").read_text()) == {"name": "ada"},
    ),
    "create-directory": Case(
        component="folders",
        more=FOLDERS,
        prepare=lambda folder: (folder / "out" / "deep").mkdir(parents=True),
        harm=lambda folder: (folder / "out" / "deep").rmdir(),
        healed=lambda folder: (folder / "out" / "deep").is_dir(),
    ),
    "repair-database": Case(
        component="db",
        saves=True,
        harm=lambda folder: overwrite(folder / "notes.db", 4096),
        healed=lambda folder: notes(folder / "notes.db") == 500,
    ),
    "restore-database": Case(
        component="db",
        saves=True,
        harm=lambda folder: (folder / "notes.db").unlink(),
        healed=lambda folder: notes(folder / "notes.db") == 500,
    ),
    "restore-vector-index": Case(
        component="memory",
        more=VECTOR,
        prepare=lambda folder: index_of(folder, 400),
        saves=True,
        harm=lambda folder: os.truncate(folder / INDEX, 900),
        healed=lambda folder: vectors(folder) == 400,
    ),
    "rebuild-vector-index": Case(
        component="memory",
        more=VECTOR,
        prepare=lambda folder: index_of(folder, 400, described=False),
        harm=untrained,
        healed=lambda folder: vectors(folder) == 400,
    ),
    "reindex-missing": Case(
        component="memory",
        more=VECTOR,
        prepare=lambda folder: index_of(folder, 400, described=False),
        harm=lambda folder: index_of(folder, 300, described=False),
        healed=lambda folder: vectors(folder) == 400,
    ),
    "compact-vector-index": Case(
        component="memory",
        more=VECTOR,
        prepare=lambda folder: index_of(folder, 400, described=False),
        harm=lambda folder: index_of(folder, 450, described=False),
        healed=lambda folder: vectors(folder) == 400,
    ),
    "make-backup": Case(
        component="docs",
        more={"docs": {"kind": "files", "paths": ["docs"], "backup": {"every": "1h"}}},
        saves=True,
        harm=rot,
        healed=lambda folder: "first" in [each.read_text() for each in backed_up(folder)],
    ),
    "repair-tripwire-state": Case(
        component="guards",
        more=GUARDS,
        prepare=lambda folder: (folder / "guards").mkdir(),
        harm=lambda folder: (folder / "tripwire.json").write_text("{"),
        healed=lambda folder: isinstance(json.loads((folder / "tripwire.json").read_text()), dict),
    ),
}
ALWAYS = {("restore-database", "after-intent")}
"""What is tried with every run of the tests; `make crash` tries all of it."""
NO_MIDDLE = {"make-backup", "repair-tripwire-state"}
"""Acts without a middle that could be interrupted: all or nothing by themselves, killed in tests of their own."""
VECTORS = {name for name, case in CASES.items() if case.component == "memory"}


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("playbook", "point"),
    [
        pytest.param(book, point, marks=() if (book, point) in ALWAYS else pytest.mark.slow)
        for book in CASES
        for point in POINTS
        if point != "mid-act" or book not in NO_MIDDLE
    ],
)
def test_what_was_begun_is_ended_by_the_next(tmp_path: Path, playbook: str, point: str) -> None:
    """Killed anywhere, the data are the old or the new; then they are healed, once, with a whole record."""
    if playbook in VECTORS:
        pytest.importorskip("faiss", reason="the extra `vector` is not installed")
    case = CASES[playbook]
    case.prepare(tmp_path)
    scene = BackupScene(tmp_path, case.more)
    for name in case.keeps:
        kept = LastGoodFiles(scene.service.settings.state_dir / "last-good", scene.clock)
        assert kept.keep(tmp_path / name)
    if case.saves:
        scene.desk.create(case.component, "by hand")
    case.harm(tmp_path)

    def paramedic(*words: str, **more: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "paramedic", *words]
        environment = {**os.environ, "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}", **more}
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )

    failpoint = f"{point}:{playbook}:0"
    ran = paramedic("recover", case.component, "--json", PARAMEDIC_FAILPOINT=failpoint)
    if ran.returncode == 1 and (plan := _waiting(ran.stdout)):
        ran = paramedic("approve", plan, PARAMEDIC_FAILPOINT=failpoint)
    assert ran.returncode == -signal.SIGKILL, f"the failpoint was not reached: {ran.stdout}{ran.stderr}"
    after = paramedic("recover", case.component, "--json")
    if after.returncode == 1 and (plan := _waiting(after.stdout)):
        after = paramedic("approve", plan)  # the act had not begun, and what it assumed is so no longer
    assert after.returncode == 0, after.stdout + after.stderr
    assert case.healed(tmp_path)
    store = read_store(scene.service.settings.store, node=scene.service.settings.node, clock=scene.clock)
    assert store is not None
    with closing(store):
        assert store.verify() == ()
        with store.read() as tx:
            receipts = tx.receipts.recent()
    done = [(each.plan, each.step) for each in receipts if each.phase is Phase.DONE]
    assert done
    assert len(done) == len(set(done)), "no step is done twice"


def _waiting(told: str) -> str:
    """The plan that waits for a person."""
    try:
        incidents = json.loads(told)["incidents"]
    except (ValueError, KeyError):
        return ""
    return next((str(each["plan"]) for each in incidents if each["state"] == "waiting"), "")
