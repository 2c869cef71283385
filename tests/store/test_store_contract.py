"""What every store promises, whatever database it is on."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from paramedic.model.change import Change, ChangeKind
from paramedic.model.component import Desired
from paramedic.model.errors import StoreError
from paramedic.model.incident import IncidentState
from paramedic.model.playbook import PlanState
from paramedic.model.receipt import CommandState, Phase
from paramedic.model.status import Status
from paramedic.store import AlreadyRecorded, Store, Transaction, open_store, read_store
from store.examples import (
    CLOCK,
    NOON,
    SECOND,
    at,
    command,
    entry,
    finding,
    incident,
    launch,
    message,
    plan,
    receipt,
    resolved,
    transition,
)


def test_transitions_come_back_newest_first_and_filtered(store: Store) -> None:
    """Every field survives, lone surrogates and zero bytes included."""
    with store.begin() as tx:
        for number in range(4):
            tx.transitions.append(transition(number, component="db" if number == 2 else "api"))
    with store.begin() as tx:
        assert tx.transitions.recent(limit=2) == (transition(3), transition(2, component="db"))
        assert tx.transitions.recent("api") == (transition(3), transition(1), transition(0))
        assert tx.transitions.recent(since=at(2)) == (transition(3), transition(2, component="db"))


def test_changes_come_back_newest_first_and_filtered(store: Store) -> None:
    """By component, with those of the whole service, and by time, however late somebody told of them."""

    def change(minute: int, component: str | None = "api") -> Change:
        return Change(at=at(minute), kind=ChangeKind.CONFIG, component=component, what=f"edit {minute}")

    with store.begin() as tx:
        for each in (change(3), change(1, None), change(2, "db")):
            tx.changes.append(each)
    with store.begin() as tx:
        assert tx.changes.recent() == (change(3), change(2, "db"), change(1, None))
        assert tx.changes.recent("api") == (change(3), change(1, None))
        assert tx.changes.recent(since=at(2), limit=1) == (change(3),)
    assert store.verify() == ()


def test_transitions_keep_their_order_when_the_clock_is_set_back(store: Store) -> None:
    """What was recorded last is newest, whatever the clock says."""
    later = transition(0, new=Status.OK, at=NOON - 3600 * SECOND)
    with store.begin() as tx:
        tx.transitions.append(transition(0))
    with store.begin() as tx:
        tx.transitions.append(later)
        assert tx.transitions.recent(limit=1) == (later,)
        assert tx.transitions.recent(since=NOON) == (transition(0),)
    assert store.verify() == ()


def test_findings_replace_what_their_check_said_before(store: Store) -> None:
    """A check may say several things; all of them go when it speaks again."""
    first, second, other = finding(), finding(code="http.slow"), finding(check="http.tls")
    well = finding(status=Status.OK, code=None, hint=None, type=None, evidence=(), measures={}, at=None)
    with store.begin() as tx:
        tx.findings.put((first, second, other))
        assert tx.findings.latest() == (first, second, other)
        tx.findings.put(())
        tx.findings.put((well,))
    with store.begin() as tx:
        assert tx.findings.latest() == (well, other)
        tx.findings.forget("api")
        assert tx.findings.latest() == ()


def test_incidents_are_kept_as_they_stand(store: Store) -> None:
    """Saving again replaces; lists are newest first."""
    newer = incident("i-2", opened_at=at(5))
    with store.begin() as tx:
        tx.incidents.save(incident())
        tx.incidents.save(newer)
        tx.incidents.save(resolved("i-0", NOON - SECOND))
    with store.begin() as tx:
        assert tx.incidents.get("i-1") == incident()
        assert tx.incidents.get("i-9") is None
        assert tx.incidents.list() == (newer, incident(), resolved("i-0", NOON - SECOND))
        assert tx.incidents.list(limit=1) == (newer,)
        assert tx.incidents.list((IncidentState.RESOLVED,)) == (resolved("i-0", NOON - SECOND),)
        assert tx.incidents.unresolved() == (newer, incident())
        changed = replace(newer, state=IncidentState.RESOLVED, resolved_at=at(9))
        tx.incidents.save(changed)
        assert tx.incidents.unresolved() == (incident(),)
        assert tx.incidents.get("i-2") == changed


def test_timeline_is_read_as_it_was_written(store: Store) -> None:
    """Oldest first, one incident at a time, whatever the clock said."""
    lines = (entry(0), entry(5), entry(1))
    with store.begin() as tx:
        for line in lines:
            tx.timeline.append(line)
        tx.timeline.append(entry(2, "i-2"))
    with store.begin() as tx:
        assert tx.timeline.of("i-1") == lines
        assert tx.timeline.of("i-2") == (entry(2, "i-2"),)


def test_plans_are_kept_as_they_stand(store: Store) -> None:
    """Committed ones are given oldest first, the others newest first."""
    second = plan("p-2", created_at=at(1))
    order = plan("p-3", None, created_at=at(2), state=PlanState.VERIFIED)
    with store.begin() as tx:
        for each in (plan(), second, order):
            tx.plans.save(each)
    with store.begin() as tx:
        assert tx.plans.get("p-1") == plan()
        assert tx.plans.get("p-9") is None
        assert tx.plans.of("i-1") == (second, plan())
        assert tx.plans.committed() == (plan(), second)
        assert tx.plans.recent(2) == (order, second)


def test_receipts_are_recorded_once(store: Store) -> None:
    """The same moment of the same attempt is refused, and the transaction can go on."""
    intent = receipt(phase=Phase.INTENT)
    with store.begin() as tx:
        tx.receipts.append(intent)
        with pytest.raises(AlreadyRecorded, match="`p-1` has a receipt `intent` of step 0, attempt 1 already"):
            tx.receipts.append(replace(intent, detail="again"))
        tx.receipts.append(receipt())
        tx.receipts.append(replace(intent, attempt=2))
    with pytest.raises(AlreadyRecorded), store.begin() as tx:
        tx.receipts.append(receipt())
    with store.begin() as tx:
        assert tx.receipts.of("p-1") == (intent, receipt(), replace(intent, attempt=2))
        assert tx.receipts.recent(1) == (replace(intent, attempt=2),)
    assert store.verify() == ()


def test_commands_wait_in_line(store: Store) -> None:
    """Oldest first, until somebody takes them up."""
    later = command("c-0", at=at(1))
    with store.begin() as tx:
        tx.commands.add(later)
        tx.commands.add(command())
        with pytest.raises(AlreadyRecorded):
            tx.commands.add(command())
        assert tx.commands.pending() == (command(), later)
        done = command(state=CommandState.DONE, result={"ok": True})
        tx.commands.save(done)
        assert tx.commands.pending() == (later,)
        assert tx.commands.get("c-1") == done
        assert tx.commands.get("c-9") is None


def test_outbox_gives_what_is_due(store: Store) -> None:
    """A message without a time is due at once; a delivered one never is."""
    soon, late = message("m-2", next_at=at(10)), message("m-3", at=at(1), incident=None)
    with store.begin() as tx:
        for each in (message(), soon, late):
            tx.outbox.add(each)
        with pytest.raises(AlreadyRecorded):
            tx.outbox.add(message())
    with store.begin() as tx:
        assert tx.outbox.due(at(5)) == (message(), late)
        assert tx.outbox.due(at(10), limit=2) == (message(), soon)
        assert tx.outbox.due(NOON - 999 * SECOND) == (message(), late)
        tx.outbox.save(message(delivered_at=at(6), attempts=1))
        assert tx.outbox.due(at(5)) == (late,)
        assert tx.outbox.undelivered() == (soon, late)
        assert tx.outbox.of("i-1") == (message(delivered_at=at(6), attempts=1), soon)


def test_launches_are_known_by_token(store: Store) -> None:
    """Those whose end nobody saw are living; history is by component."""
    ended = launch("l-2", at=at(1), ended_at=at(2), exit_code=-9)
    with store.begin() as tx:
        for each in (launch(), ended, launch("l-3", node="there")):
            tx.launches.save(each)
    with store.begin() as tx:
        assert tx.launches.get("l-2") == ended
        assert tx.launches.get("l-9") is None
        assert tx.launches.living("here") == (launch(),)
        assert tx.launches.recent("api", at(1)) == (ended,)
        assert [each.token for each in tx.launches.recent("api", NOON)] == ["l-2", "l-3", "l-1"]


def test_desired_states_hold_until_changed(store: Store) -> None:
    """A stop stays a stop."""
    with store.begin() as tx:
        assert tx.desired.get("api") is None
        tx.desired.set("api", Desired.RUNNING, by="anna", at=NOON)
        tx.desired.set("api", Desired.STOPPED, by="anna", at=at(1))
        tx.desired.set("db", Desired.RUNNING, by="start", at=NOON)
    with store.begin() as tx:
        assert tx.desired.get("api") is Desired.STOPPED
        assert tx.desired.all() == {"api": Desired.STOPPED, "db": Desired.RUNNING}


def test_notes_keep_small_facts(store: Store) -> None:
    """Any JSON; nothing means forgotten."""
    with store.begin() as tx:
        assert tx.notes.get("paused") is None
        tx.notes.set("paused", {"until": None, "why": ["é", 1.5, False]})
        tx.notes.set("zero", 0)
    with store.begin() as tx:
        assert tx.notes.get("paused") == {"until": None, "why": ["é", 1.5, False]}
        assert tx.notes.get("zero") == 0
        tx.notes.set("paused", None)
        assert tx.notes.get("paused") is None


def test_only_one_holder_has_a_lease(store: Store) -> None:
    """A valid lease is its holder's alone; one that ran out or was given back is anybody's."""
    with store.begin() as tx:
        assert tx.nodes.renew("here", holder="a", now=NOON, until=at(10))
        assert tx.nodes.renew("here", holder="a", now=at(5), until=at(15))
        assert not tx.nodes.renew("here", holder="b", now=at(14), until=at(24))
        assert tx.nodes.renew("there", holder="b", now=NOON, until=at(10))
        assert tx.nodes.renew("here", holder="b", now=at(15), until=at(25))
    with store.begin() as tx:
        here, there = tx.nodes.all()
        assert (here.node, here.holder, here.renewed_at, here.until) == ("here", "b", at(15), at(25))
        assert there.node == "there"
        tx.nodes.release("here", holder="a")
        assert not tx.nodes.renew("here", holder="a", now=at(16), until=at(26))
        tx.nodes.release("here", holder="b")
        assert tx.nodes.renew("here", holder="a", now=at(16), until=at(26))


def test_a_transaction_is_all_or_nothing(store: Store) -> None:
    """An exception that leaves the block undoes everything, chains included, and comes out unchanged."""
    with store.begin() as tx:
        tx.transitions.append(transition())

    def fail_half_way() -> None:
        with store.begin() as tx:
            tx.transitions.append(transition(1))
            tx.incidents.save(incident())
            raise FileNotFoundError("of the caller")

    with pytest.raises(FileNotFoundError):
        fail_half_way()
    with store.begin() as tx:
        assert tx.transitions.recent() == (transition(),)
        assert tx.incidents.list() == ()
        tx.transitions.append(transition(2))
    assert store.verify() == ()


def test_reading_sees_one_moment(store: Store) -> None:
    """What is committed while somebody reads does not disturb them, and they hold up nobody."""
    with store.read() as tx:
        assert tx.incidents.list() == ()
        with store.begin() as other:
            other.incidents.save(incident())
        assert tx.incidents.list() == ()
    with store.read() as tx:
        assert tx.incidents.list() == (incident(),)


def test_a_reader_cannot_write(store: Store) -> None:
    """The database itself refuses."""
    with pytest.raises(StoreError, match="may not be written"), store.read() as tx:
        tx.notes.set("a", 1)


async def test_run_uses_one_thread_and_leaves_the_loop_alone(store: Store) -> None:
    """Transactions given to ``run`` happen one after another, beside the event loop."""
    threads = set[int]()

    def count(tx: Transaction) -> int:
        threads.add(threading.get_ident())
        before = tx.notes.get("count") or 0
        assert isinstance(before, int)
        tx.notes.set("count", before + 1)
        return before

    assert sorted(await asyncio.gather(*(store.run(count) for _ in range(20)))) == list(range(20))
    assert len(threads) == 1
    assert threading.get_ident() not in threads


async def test_run_hands_on_what_goes_wrong(store: Store) -> None:
    """An exception reaches who waits, and nothing was written."""

    def fail(tx: Transaction) -> None:
        tx.notes.set("a", 1)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.run(fail)
    assert await store.run(lambda tx: tx.notes.get("a")) is None


def test_threads_may_write_at_once(store: Store) -> None:
    """``begin`` is for any thread; each waits for its turn."""
    errors: list[BaseException] = []

    def write(first: int) -> None:
        try:
            for number in range(first, first + 10):
                with store.begin() as tx:
                    tx.timeline.append(entry(number))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(first,)) for first in (0, 10, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with store.read() as tx:
        assert sorted(line.text for line in tx.timeline.of("i-1")) == sorted(f"line {n}" for n in range(30))
    assert store.verify() == ()


def test_the_change_counter_moves_when_somebody_else_commits(store: Store, url: str) -> None:
    """It stands still otherwise, also when somebody reads, or tries what they may not."""
    other = open_store(url, node="there", clock=CLOCK)
    first = store.changes()
    assert store.changes() == first
    with other.begin() as tx:
        tx.notes.set("a", 1)
    second = store.changes()
    assert second != first
    with pytest.raises(StoreError), other.read() as tx:
        tx.notes.set("a", 2)
    with store.read() as tx:
        tx.notes.get("a")
    assert store.changes() == second
    other.close()


def test_two_nodes_share_a_store(store: Store, url: str) -> None:
    """Each writes chains of its own; both read everything."""
    other = open_store(url, node="there", clock=CLOCK)
    for number in range(3):
        for each in (store, other):
            with each.begin() as tx:
                tx.timeline.append(entry(number, text=each.node))
    with store.read() as tx:
        assert [line.text for line in tx.timeline.of("i-1")] == ["here", "there"] * 3
    assert store.verify() == ()
    other.close()


def test_a_closed_store_says_so(store: Store) -> None:
    """Closing twice is fine; using it afterwards is our mistake, told plainly."""
    store.close()
    store.close()
    uses: tuple[Callable[[], object], ...] = (store.changes, store.verify, lambda: store.begin().__enter__())
    for use in uses:
        with pytest.raises(StoreError, match="is closed"):
            use()


def test_what_was_written_is_there_after_opening_again(store: Store, url: str) -> None:
    """For the writer and for the one who only looks."""
    with store.begin() as tx:
        tx.incidents.save(incident())
    store.close()
    for opened in (open_store(url, node="here", clock=CLOCK), read_store(url, node="here", clock=CLOCK)):
        assert opened is not None
        with opened.begin() as tx:
            assert tx.incidents.list() == (incident(),)
        opened.close()


def test_who_only_looks_gets_nothing_where_nothing_is(url: str) -> None:
    """And creates nothing."""
    assert read_store(url, node="here", clock=CLOCK) is None
    assert read_store(url, node="here", clock=CLOCK) is None


def test_who_only_looks_follows_what_others_write(store: Store, url: str) -> None:
    """Without being able to write, prune or migrate."""
    looking = read_store(url, node="here", clock=CLOCK)
    assert looking is not None
    before = looking.changes()
    with store.begin() as tx:
        tx.notes.set("a", 1)
    assert looking.changes() != before
    with looking.begin() as tx:
        assert tx.notes.get("a") == 1
    with pytest.raises(StoreError), looking.begin() as tx:
        tx.notes.set("a", 2)
    with pytest.raises(StoreError, match="reading only"):
        looking.prune(NOON, 1)
    looking.close()
