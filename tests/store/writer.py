"""A process that writes and says what it was promised, until it is killed."""

from multiprocessing.connection import Connection

from paramedic.store import open_store
from store.examples import CLOCK, entry, incident, transition


def write_for_ever(url: str, node: str, first: int, acknowledged: Connection) -> None:
    """One transaction per number; the number is sent when the commit has returned."""
    store = open_store(url, node=node, clock=CLOCK)
    number = first
    while True:
        write(store, number)
        acknowledged.send(number)
        number += 1


def write_some(url: str, node: str, first: int, count: int) -> None:
    """So many transactions."""
    store = open_store(url, node=node, clock=CLOCK)
    for number in range(first, first + count):
        write(store, number)
    store.close()


def write(store, number: int) -> None:
    with store.begin() as tx:
        tx.transitions.append(transition(number))
        tx.incidents.save(incident(f"i-{number}"))
        tx.timeline.append(entry(number, f"i-{number}"))
