"""How fast the store is here. Measured and printed; only the absurd fails."""

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from paramedic.store import open_store
from store.examples import CLOCK, entry, incident, plan, transition


def _median_ms(what: Callable[[int], object], times: int) -> float:
    taken = []
    for number in range(times):
        before = time.perf_counter()
        what(number)
        taken.append((time.perf_counter() - before) * 1000)
    return median(taken)


def test_the_hot_path_is_short(tmp_path: Path, capsys) -> None:
    """One transition, incident and plan, two lines of timeline: some 3 ms; the change counter: some 50 µs."""
    url = f"sqlite:///{tmp_path}/s.db"
    open_store(url, node="here", clock=CLOCK).close()
    opening = _median_ms(lambda _: open_store(url, node="here", clock=CLOCK).close(), 10)
    store = open_store(url, node="here", clock=CLOCK)

    def hot(number: int) -> None:
        with store.begin() as tx:
            tx.transitions.append(transition(number))
            tx.incidents.save(incident(f"i-{number}"))
            tx.plans.save(plan(f"p-{number}"))
            tx.timeline.append(entry(number))
            tx.timeline.append(entry(number))

    writing = _median_ms(hot, 200)
    polling = _median_ms(lambda _: store.changes(), 200)
    store.close()
    with capsys.disabled():
        print(f"\nstore: hot path {writing:.2f} ms, change counter {polling * 1000:.0f} µs, opening {opening:.1f} ms")
    assert writing < 100
    assert polling < 5
    assert opening < 1000
