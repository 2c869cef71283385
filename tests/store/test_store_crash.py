"""Processes die and meet; what was promised stays."""

import multiprocessing
import os
import random
import signal
from multiprocessing.context import ForkServerContext

import pytest

from paramedic.store import open_store
from store import writer
from store.examples import CLOCK

KILLS = 25


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["paramedic.store", "sqlalchemy.dialects.postgresql", "psycopg"])
    return context


def test_what_was_acknowledged_survives_kill_9(url: str, processes: ForkServerContext) -> None:
    """A writer is killed again and again at any moment: every commit that returned is there, and the chains hold."""
    acknowledged: list[int] = []
    for kill in range(KILLS):
        ours, theirs = processes.Pipe(duplex=False)
        victim = processes.Process(target=writer.write_for_ever, args=(url, "here", kill * 10_000, theirs))
        victim.start()
        theirs.close()
        promised = random.Random(kill).randint(1, 6)
        acknowledged.extend(ours.recv() for _ in range(promised))
        assert victim.pid is not None
        os.kill(victim.pid, signal.SIGKILL)
        victim.join()
        while True:  # what it was promised before it died is still in the pipe
            try:
                acknowledged.append(ours.recv())
            except EOFError:
                break
        ours.close()
        store = open_store(url, node="here", clock=CLOCK)
        assert store.verify() == ()
        store.close()
    store = open_store(url, node="here", clock=CLOCK)
    with store.read() as tx:
        kept = {each.id for each in tx.incidents.list(limit=10_000)}
        assert {f"i-{number}" for number in acknowledged} <= kept
        assert len(tx.transitions.recent(limit=10_000)) == len(kept)
        assert all(len(tx.timeline.of(each)) == 1 for each in kept)
    store.close()


@pytest.mark.parametrize("nodes", [("here", "here"), ("here", "there")], ids=["one-node", "two-nodes"])
def test_two_processes_open_and_append_at_once(url: str, processes: ForkServerContext, nodes: tuple[str, str]) -> None:
    """Both find or make the schema, nothing is lost, and the chains hold."""
    pair = [
        processes.Process(target=writer.write_some, args=(url, node, first, 40))
        for node, first in zip(nodes, (0, 1000), strict=True)
    ]
    for each in pair:
        each.start()
    for each in pair:
        each.join()
    assert [each.exitcode for each in pair] == [0, 0]
    store = open_store(url, node="here", clock=CLOCK)
    assert store.verify() == ()
    with store.read() as tx:
        assert len(tx.transitions.recent(limit=1000)) == 80
    store.close()


def test_many_processes_open_a_new_store_at_once(url: str, processes: ForkServerContext) -> None:
    """One makes it, the others wait; nobody fails."""
    crowd = [processes.Process(target=writer.write_some, args=(url, f"n-{n}", n, 1)) for n in range(6)]
    for each in crowd:
        each.start()
    for each in crowd:
        each.join()
    assert [each.exitcode for each in crowd] == [0] * 6
