"""Nothing that was recorded changes, goes or comes unseen."""

import re
import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from paramedic.model.errors import StoreError
from paramedic.store import Store, open_store, read_store
from store.examples import CLOCK, DAY, NOON, entry, receipt, tamper, transition

CHAINED = ("transitions", "timeline", "receipts")


def fill(store: Store, rows: int = 4) -> None:
    """Rows in every stream."""
    for number in range(rows):
        with store.begin() as tx:
            tx.transitions.append(transition(number))
            tx.timeline.append(entry(number))
            tx.receipts.append(receipt(number))


@pytest.mark.parametrize("stream", CHAINED)
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE {} SET body = replace(body, '2026', '2025') WHERE seq = 2", "row 2 was altered"),
        ("UPDATE {} SET at_us = at_us + 1 WHERE seq = 2", "row 2 has columns that disagree"),
        ("DELETE FROM {} WHERE seq = 2", "row 2 is missing"),
        ("DELETE FROM {} WHERE seq IN (2, 3)", "rows 2 to 3 are missing"),
        ("DELETE FROM {} WHERE seq = 1", "row 1 is missing"),
        ("DELETE FROM {} WHERE seq > 2", "rows 3 to 4 are missing at its end"),
        ("DELETE FROM {}", "rows 1 to 4 are missing at its end"),
        ("UPDATE {} SET seq = 9 WHERE seq = 2", "row 2 is missing"),
        ("UPDATE {} SET node = 'there' WHERE seq = 4", "row 4 is missing at its end"),
        ("DELETE FROM chain_heads WHERE stream = '{}'", "its head is missing"),
        ("UPDATE chain_heads SET seq = 3 WHERE stream = '{}'", "its head says 3, but there are rows up to 4"),
        ("UPDATE chain_heads SET hash = 'x' WHERE stream = '{}'", "its head does not belong to its last row"),
        ("UPDATE chain_heads SET stream = 'x' WHERE stream = '{}'", "there is no stream `x`"),
    ],
)
def test_a_change_behind_the_back_is_told(store: Store, url: str, stream: str, change: str, told: str) -> None:
    """Altered, removed, inserted, reordered rows and cut ends are named with their place."""
    fill(store)
    assert store.verify() == ()
    tamper(url, change.format(stream))
    found = store.verify()
    assert any(told in line for line in found), found
    assert all(stream in line or "`x`" in line for line in found), found


def test_two_rows_in_each_others_place_are_told(store: Store, url: str) -> None:
    """Also when they were exchanged whole, hashes included."""
    fill(store)
    columns = ("hash", "at_us", "order_us", "body")
    exchanged = ", ".join(f"{each} = (SELECT {each} FROM transitions o WHERE o.seq = 5 - t.seq)" for each in columns)
    tamper(url, f"UPDATE transitions AS t SET {exchanged} WHERE seq IN (2, 3)")
    assert any("row 2 was altered" in line for line in store.verify())


def test_an_inserted_row_is_told(store: Store, url: str) -> None:
    """At the end, where it collides with nothing."""
    fill(store)
    tamper(
        url,
        "INSERT INTO timeline (node, seq, hash, at_us, order_us, incident, body)"
        " SELECT node, 5, hash, at_us, order_us, incident, body FROM timeline WHERE seq = 4",
    )
    assert any("rows up to 5" in line for line in store.verify())


def test_a_chain_with_an_anchor_goes_on_from_it(store: Store, url: str) -> None:
    """Retention leaves a sound chain; the same cut without its anchor is told."""
    fill(store)
    store.prune(NOON + 10 * DAY, 1)
    assert store.verify() == ()
    with store.begin() as tx:
        assert tx.transitions.recent() == ()
        tx.transitions.append(transition(9))
    assert store.verify() == ()
    tamper(url, "DELETE FROM chain_anchors WHERE stream = 'transitions'")
    assert store.verify() == ("transitions of node `here`: rows 1 to 4 are missing", *store.verify()[1:])


def test_nothing_is_appended_over_a_row_that_is_there(store: Store, url: str) -> None:
    """A head that was set back makes appending fail with a pointer to the check of the chains."""
    fill(store)
    tamper(url, "UPDATE chain_heads SET seq = 3")
    with pytest.raises(StoreError, match="another record in this one's place") as failed, store.begin() as tx:
        tx.timeline.append(entry(9))
    assert "audit verify" in (failed.value.hint or "")


def test_chains_hold_while_they_are_cut(store: Store, url: str) -> None:
    """Several handles prune while another appends; what is left begins at its anchor."""
    cutters = [open_store(url, node=node, clock=CLOCK) for node in ("there", "elsewhere")]
    stop = threading.Event()
    failures: list[BaseException] = []

    def cut(cutter: Store) -> None:
        try:
            while not stop.is_set():
                cutter.prune(NOON + 10 * DAY, 1)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=cut, args=(cutter,)) for cutter in cutters]
    for thread in threads:
        thread.start()
    fill(store, 25)
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert store.verify() == ()
    for cutter in cutters:
        cutter.close()


@pytest.mark.parametrize("change", ["seq = seq - 1", "last_us = last_us + 1", "first_us = 0", "seal = 'x'"])
def test_an_altered_anchor_is_told(store: Store, url: str, change: str) -> None:
    """Every part of an anchor is held by its seal."""
    fill(store)
    store.prune(NOON + 10 * DAY, 1)
    tamper(url, f"UPDATE chain_anchors SET {change} WHERE stream = 'receipts'")
    assert any("receipts" in line and "anchor" in line for line in store.verify())


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a cut prefix, of two nodes, closed."""
    path = tmp_path_factory.mktemp("sound") / "sound.db"
    for node in ("here", "there"):
        store = open_store(f"sqlite:///{path}", node=node, clock=CLOCK)
        for number in range(4):
            with store.begin() as tx:
                days = number * DAY
                tx.transitions.append(transition(number, at=NOON + days))
                tx.timeline.append(entry(number, at=NOON + days))
                tx.receipts.append(receipt(number, plan_id=f"p-{node}", at=NOON + days))
        store.prune(NOON + 2.5 * DAY, 2)
        assert store.verify() == ()
        store.close()
    return path


_TABLES = (*CHAINED, "chain_heads", "chain_anchors")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_single_change_to_any_row_is_found(data: st.DataObject, sound: Path, tmp_path: Path) -> None:
    """Whichever row of whichever table is altered, removed or doubled, and in whatever way."""
    path = tmp_path / "tampered.db"
    shutil.copy(sound, path)
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.row_factory = sqlite3.Row
        table = data.draw(st.sampled_from(_TABLES))
        rows = database.execute(f"SELECT rowid, * FROM {table}").fetchall()
        row = data.draw(st.sampled_from(rows))
        what = data.draw(st.sampled_from(("alter", "alter", "alter", "remove", "double")))
        try:
            if what == "remove":
                database.execute(f"DELETE FROM {table} WHERE rowid = ?", (row["rowid"],))
            else:
                column = data.draw(st.sampled_from(sorted({*dict(row)} - {"rowid"})))
                new = data.draw(_another(row[column]))
                if what == "alter":
                    database.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (new, row["rowid"]))
                else:
                    copy = {**dict(row), "rowid": None, column: new}
                    marks = ", ".join("?" * len(copy))
                    database.execute(f"INSERT INTO {table} ({', '.join(copy)}) VALUES ({marks})", [*copy.values()])
        except sqlite3.IntegrityError:
            assume(False)  # the database itself refused
        # A file that was copied has no log beside it; it is read without one being made.
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store = read_store(f"sqlite:///{path}", node="here", clock=CLOCK)
    assert store is not None
    try:
        assert store.verify() != ()
    finally:
        store.close()


def _another(value: object) -> st.SearchStrategy[object]:
    if isinstance(value, int):
        return st.integers(-(2**62), 2**62).filter(lambda new: new != value) | st.sampled_from((value - 1, value + 1))
    text = str(value)
    somewhere = st.integers(0, len(text) - 1)
    flipped = st.builds(lambda at, by: text[:at] + by + text[at + 1 :], somewhere, st.characters(codec="ascii"))
    cut = st.builds(lambda at: text[:at], somewhere)
    return (flipped | cut | st.just(text + " ")).filter(lambda new: new != text)


def test_breaks_are_told_in_words_a_person_can_use(store: Store, url: str) -> None:
    """Stream, node and row, once for each break."""
    fill(store)
    tamper(url, "UPDATE receipts SET body = '{}' WHERE seq = 3")
    first, second = store.verify()
    assert re.fullmatch(r"receipts of node `here`: row 3 was altered, or what stood before it", first)
    assert re.fullmatch(r"receipts of node `here`: row 3 has columns that disagree with its record", second)
