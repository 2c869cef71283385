"""Where files should be: nothing, rubbish, or something else. A sentence and a way out, never a traceback."""

import os
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hostile.ward import SAMPLE, Ward, fill, small_disk
from living import until
from paramedic.model.clock import SystemClock
from paramedic.store import open_store

READERS = (("status",), ("incidents", "list"), ("receipts",), ("audit", "verify"))
WRITERS = (("plan",), ("recover",), ("watch",), ("pause",))
COMMANDS = (("check",), *READERS, *WRITERS)


def no_file(place: Path) -> None:
    """Nothing."""


def unreadable(place: Path) -> None:
    place.write_text(SAMPLE)
    place.chmod(0)


FILES: dict[str, Callable[[Path], object]] = {
    "absent": no_file,
    "empty": lambda place: place.write_text(""),
    "a directory": Path.mkdir,
    "unreadable": unreadable,
    "binary": lambda place: place.write_bytes(bytes(range(256)) * 40),
    "a pipe": os.mkfifo,
    "a link to itself": lambda place: place.symlink_to(place.name),
    "wrong keys": lambda place: place.write_text("servise: x\ncomponents: {a: {kind: tpc, prot: 1}}\n"),
    "a list": lambda place: place.write_text("- a\n- b\n"),
}


@pytest.mark.parametrize("what", ["absent", "unreadable", "binary", "wrong keys"])
def test_a_service_file_that_is_none_is_told(tmp_path: Path, what: str) -> None:
    """Every command says what is the matter with it, and how to help; exit code 78."""
    ward = Ward(tmp_path, None)
    FILES[what](tmp_path / "paramedic.yaml")
    for command in (("check",), ("status",), ("watch",), ("plan",)):
        assert ward.run(*command, ordinary=True).code == 78


@pytest.mark.slow
@pytest.mark.parametrize("what", FILES)
def test_a_service_file_that_is_none_is_told_by_every_command(tmp_path: Path, what: str) -> None:
    """The same for all of them."""
    ward = Ward(tmp_path, None)
    FILES[what](tmp_path / "paramedic.yaml")
    for command in (*COMMANDS, ("start",), ("config", "show"), ("config", "validate"), ("approve", "plan-1")):
        assert ward.run(*command, ordinary=True).code == 78


def a_file(state: Path) -> None:
    state.write_text("x")


def without_rights(state: Path) -> None:
    state.mkdir()
    state.chmod(0o500)


@pytest.mark.parametrize("make", [a_file, without_rights])
def test_a_folder_for_state_that_cannot_be_used_is_told(ward: Ward, make: Callable[[Path], None]) -> None:
    """What only looks works without; what must write says what is in the way."""
    make(ward.state)
    try:
        assert ward.run("check", ordinary=True).code == 2
        assert ward.run("status", ordinary=True).code == 3
        for command in (("watch",), ("recover",)):
            said = ward.run(*command, ordinary=True)
            assert said.code == 74
            assert str(ward.state) in said.err
    finally:
        ward.state.chmod(0o700)


def test_a_folder_for_state_on_a_full_disk_is_told(ward: Ward) -> None:
    """The hint is to free some space."""
    with small_disk(ward.state, "64k") as disk:
        fill(disk)
        assert ward.run("check").code == 2
        for command in (("watch",), ("plan",)):
            said = ward.run(*command)
            assert said.code == 75
            assert "space" in said.err


def another_programs(store: Path) -> None:
    with sqlite3.connect(store) as base:
        base.execute("create table theirs (a)")
    base.close()


def a_newer(store: Path) -> None:
    open_store(f"sqlite:///{store}", node="n", clock=SystemClock()).close()
    with sqlite3.connect(store) as base:
        base.execute("insert into schema_version values (99, 0)")
    base.close()


def damaged_inside(store: Path) -> None:
    open_store(f"sqlite:///{store}", node="n", clock=SystemClock()).close()
    with sqlite3.connect(store) as base:
        base.execute("pragma journal_mode=delete")
    base.close()
    content = store.read_bytes()
    store.write_bytes(content[:8192] + os.urandom(len(content) - 8192))


STORES: dict[str, Callable[[Path], object]] = {
    "garbage": lambda store: store.write_bytes(os.urandom(9000)),
    "a directory": Path.mkdir,
    "another program's": another_programs,
    "a newer schema": a_newer,
    "damaged inside": damaged_inside,
}


@pytest.mark.parametrize("what", STORES)
def test_a_store_that_is_none_is_told_and_left_alone(ward: Ward, what: str) -> None:
    """Exit 74 with a way out; ``check`` says so and judges without it."""
    ward.state.mkdir()
    store = ward.state / "paramedic.db"
    STORES[what](store)
    before = store.read_bytes() if store.is_file() else b""
    checked = ward.run("check")
    assert checked.code == 2
    assert "records cannot be read" in checked.err
    assert "hint:" in checked.err
    for command in (("status",), ("watch",), ("recover",)):
        assert ward.run(*command).code == 74
    assert (store.read_bytes() if store.is_file() else b"") == before


SLEEPER = """\
service: ward
components:
  sleeper: {kind: process, process: {command: [sleep, "1000"]}, interval: 300ms}
"""


@pytest.mark.parametrize(
    "make", [lambda place: place.write_bytes(os.urandom(9000)), pytest.param(Path.mkdir, marks=pytest.mark.slow)]
)
def test_an_engine_file_that_is_none_is_set_aside(tmp_path: Path, make: Callable[[Path], object]) -> None:
    """Receipts are the authority: the engine begins anew, and the old file is kept for whoever wants to know."""
    ward = Ward(tmp_path, SLEEPER)
    ward.state.mkdir()
    make(ward.state / "engine.sqlite")
    with ward.watch():
        assert list(ward.state.glob("engine.sqlite.damaged-*"))
        assert (ward.state / "engine.sqlite").read_bytes().startswith(b"SQLite format 3")
        assert ward.run("restart", "sleeper").code == 0


def test_an_engine_file_that_becomes_rubbish_stops_no_recovery(tmp_path: Path) -> None:
    """Overwritten while watch runs: the plan goes on from its receipts."""
    ward = Ward(tmp_path, SLEEPER)
    with ward.watch():
        engine = ward.state / "engine.sqlite"
        for name in ("", "-wal", "-shm"):
            path = engine.with_name(engine.name + name)
            if path.exists():
                path.write_bytes(os.urandom(path.stat().st_size))
        ward.kill("sleep")
        until(lambda: ward.ended_well("sleeper"), 30, "the sleeper is healed")


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that accepts and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(50)
        yield listener.getsockname()[1]


@pytest.mark.parametrize("kind", ["refuses", "hangs"])
def test_a_postgres_that_is_away_is_told_in_seconds(tmp_path: Path, silent: int, kind: str) -> None:
    """Without the password; ``check`` works without it and says so."""
    port = silent if kind == "hangs" else 1
    ward = Ward(tmp_path, f"store: postgresql://me:hunter2-hunter2@127.0.0.1:{port}/base\n{SAMPLE}")
    for command in (("watch",), ("check",)):
        began = time.monotonic()
        said = ward.run(*command)
        assert said.code == (2 if command == ("check",) else 75)
        assert "does not answer" in said.err
        assert "hunter2" not in said.err
        assert time.monotonic() - began < 15
