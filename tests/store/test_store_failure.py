"""Disks fill up and servers go away; the store says so and works again afterwards."""

import contextlib
import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from paramedic.model.errors import StoreError
from paramedic.store import Store, StoreAway, StoreBusy, open_store
from postgres_server import postgres_server
from store.examples import CLOCK, incident, tamper, transition


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB, or nothing where none can be mounted."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", tmp_path], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a small file system needs root; the same is tried with a file size limit")
    yield tmp_path
    subprocess.run(["umount", tmp_path], check=True)


def fill_up(store: Store) -> int:
    """Write until it fails; how much was promised."""
    promised = 0

    def write_for_ever() -> None:
        nonlocal promised
        while True:
            with store.begin() as tx:
                tx.incidents.save(incident(f"i-{promised}", why="x" * 20_000))
                tx.transitions.append(transition(promised))
            promised += 1

    with pytest.raises(StoreError, match=r"no space is left|cannot be read or written") as failed:
        write_for_ever()
    assert "space" in (failed.value.hint or "")
    return promised


def count(store: Store) -> int:
    """How many incidents are there, and that as many transitions are."""
    with store.read() as tx:
        kept = len(tx.incidents.list(limit=100_000))
        assert len(tx.transitions.recent(limit=100_000)) == kept
        return kept


def test_a_full_disk_is_told_and_survived(small_disk: Path) -> None:
    """What was promised is there, and writing goes on when there is space again."""
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(300_000))
    store = open_store(f"sqlite:///{small_disk}/s.db", node="here", clock=CLOCK)
    promised = fill_up(store)
    assert promised > 0
    assert count(store) == promised
    ballast.unlink()
    with store.begin() as tx:
        tx.incidents.save(incident("i-last"))
        tx.transitions.append(transition())
    assert count(store) == promised + 1
    assert store.verify() == ()
    store.close()


def test_a_store_cannot_be_made_on_a_full_disk(small_disk: Path) -> None:
    """And can be when there is space again."""
    ballast = small_disk / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
    url = f"sqlite:///{small_disk}/s.db"
    with pytest.raises(StoreError) as failed:
        open_store(url, node="here", clock=CLOCK)
    assert "space" in f"{failed.value} {failed.value.hint}"
    ballast.unlink()
    store = open_store(url, node="here", clock=CLOCK)
    assert store.verify() == ()
    store.close()


def test_a_file_size_limit_is_told_and_survived(tmp_path: Path) -> None:
    """The same without root: the store's files may not grow, then they may."""
    done = subprocess.run(
        [sys.executable, __file__, f"sqlite:///{tmp_path}/s.db"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def _grow_under_a_limit(url: str) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    store = open_store(url, node="here", clock=CLOCK)
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, hard))
    promised = fill_up(store)
    assert promised > 0
    assert count(store) == promised
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    with store.begin() as tx:
        tx.incidents.save(incident("i-last"))
        tx.transitions.append(transition())
    assert count(store) == promised + 1
    assert store.verify() == ()
    store.close()


def test_a_store_that_somebody_holds_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After waiting for it, as something that passes."""
    monkeypatch.setattr("paramedic.store.sqlite.BUSY_S", 0.05)
    path = tmp_path / "s.db"
    store = open_store(f"sqlite:///{path}", node="here", clock=CLOCK)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusy, match="is held by another process"), store.begin():
            pass
        with store.read() as tx:
            assert tx.incidents.list() == ()
    with store.begin() as tx:
        tx.incidents.save(incident())
    store.close()


def test_a_file_that_was_removed_is_not_made_again_by_a_write(tmp_path: Path) -> None:
    """Writing into nothing would look like success."""
    path = tmp_path / "s.db"
    open_store(f"sqlite:///{path}", node="here", clock=CLOCK).close()
    store = open_store(f"sqlite:///{path}", node="here", clock=CLOCK)
    store._backend.write.dispose()
    path.unlink()
    with pytest.raises(StoreError, match="cannot be opened"), store.begin():
        pass
    assert not path.exists()
    store.close()


def test_a_record_that_cannot_be_read_is_told(store: Store, url: str) -> None:
    """Damaged or of another shape: a sentence and where to look, not a traceback."""
    with store.begin() as tx:
        tx.incidents.save(incident())
    for body in ("{broken", '{"id": 1}'):
        tamper(url, f"UPDATE incidents SET body = '{body}'")
        with pytest.raises(StoreError, match="a record of the store is no incident") as failed, store.read() as tx:
            tx.incidents.get("i-1")
        assert "audit verify" in (failed.value.hint or "")


def test_a_server_that_dies_is_told_and_used_again() -> None:
    """Everything says that it is away; when it is back, so are we, with all that was promised."""
    with postgres_server() as server:
        store = open_store(server.create_database(), node="here", clock=CLOCK)
        with store.begin() as tx:
            tx.transitions.append(transition())
        server.kill()
        for use in (store.changes, store.verify, lambda: store.begin().__enter__()):
            with pytest.raises(StoreAway, match="does not answer"):
                use()
        server.start()
        with store.begin() as tx:
            tx.transitions.append(transition(1))
        assert store.verify() == ()
        store.changes()

        def lose_the_server() -> None:
            with store.begin() as tx:
                tx.transitions.append(transition(2))
                server.kill()

        with pytest.raises(StoreAway):
            lose_the_server()
        server.start()
        with store.read() as tx:
            assert len(tx.transitions.recent()) == 2
        store.close()


async def test_transactions_that_meet_are_run_again(store: Store) -> None:
    """What the database gave up on happens after all, once."""
    from paramedic.store.failure import Conflict

    tries = iter(range(3))

    def meet_twice(tx):
        tx.transitions.append(transition())
        if next(tries) < 2:
            raise Conflict("two transactions met")
        return "done"

    assert await store.run(meet_twice) == "done"
    with store.read() as tx:
        assert len(tx.transitions.recent()) == 1


if __name__ == "__main__":
    _grow_under_a_limit(sys.argv[1])
