"""What is old and over goes; what is not over stays, however old."""

from paramedic.model.component import Desired
from paramedic.model.playbook import PlanState
from paramedic.model.receipt import CommandState
from paramedic.store import Store
from store.examples import (
    DAY,
    NOON,
    command,
    entry,
    finding,
    incident,
    launch,
    message,
    plan,
    receipt,
    resolved,
    sample,
    transition,
)

OLD = NOON - 100 * DAY
LATER = NOON + DAY


def test_a_finished_story_goes_altogether(store: Store) -> None:
    """Incident, plan, receipts, timeline, messages, commands and launches; the chains stay sound."""
    over = plan("p-0", "i-0", created_at=OLD, state=PlanState.VERIFIED)
    with store.begin() as tx:
        tx.incidents.save(resolved("i-0", OLD))
        tx.plans.save(over)
        tx.receipts.append(receipt(0, "p-0", at=OLD))
        tx.timeline.append(entry(0, "i-0", at=OLD))
        tx.transitions.append(transition(at=OLD))
        tx.outbox.add(message("m-0", incident="i-0", at=OLD, delivered_at=OLD))
        tx.commands.add(command("c-0", at=OLD, state=CommandState.DONE))
        tx.launches.save(launch("l-0", at=OLD, ended_at=OLD))
        # What is young or timeless stays.
        tx.incidents.save(resolved("i-1", NOON))
        tx.plans.save(plan("p-1", created_at=NOON, state=PlanState.VERIFIED))
        tx.receipts.append(receipt(0, at=NOON))
        tx.timeline.append(entry(0, at=NOON))
        tx.transitions.append(transition(at=NOON))
        tx.findings.put((finding(at=OLD),))
        tx.desired.set("api", Desired.STOPPED, by="anna", at=OLD)
        tx.launches.save(launch("l-1", at=OLD))
        tx.commands.add(command("c-1", at=OLD))
    store.prune(LATER, 90)
    assert store.verify() == ()
    with store.begin() as tx:
        assert [each.id for each in tx.incidents.list()] == ["i-1"]
        assert [each.id for each in tx.plans.recent()] == ["p-1"]
        assert [each.plan for each in tx.receipts.recent()] == ["p-1"]
        assert tx.timeline.of("i-0") == ()
        assert tx.timeline.of("i-1") == (entry(0, at=NOON),)
        assert tx.transitions.recent() == (transition(at=NOON),)
        assert tx.outbox.of("i-0") == ()
        assert tx.commands.get("c-0") is None
        assert tx.launches.get("l-0") is None
        assert tx.findings.latest() == (finding(at=OLD),)
        assert tx.desired.get("api") is Desired.STOPPED
        assert tx.launches.living("here") == (launch("l-1", at=OLD),)
        assert tx.commands.pending() == (command("c-1", at=OLD),)


def test_an_unresolved_incident_keeps_its_records(store: Store) -> None:
    """And all that stands behind them in the same chains."""
    older = OLD - DAY
    with store.begin() as tx:
        tx.timeline.append(entry(0, "i-0", at=older))
        tx.transitions.append(transition(0, at=older))
        tx.receipts.append(receipt(0, "p-0", at=older))
        tx.incidents.save(incident("i-1", opened_at=OLD, symptoms=()))
        tx.plans.save(plan("p-1", created_at=OLD, state=PlanState.FAILED))
        tx.timeline.append(entry(1, at=OLD))
        tx.transitions.append(transition(1, at=OLD))
        tx.receipts.append(receipt(1, at=OLD))
        tx.outbox.add(message(at=OLD))
        tx.timeline.append(entry(2, "i-0", at=OLD))
    store.prune(LATER, 1)
    with store.begin() as tx:
        assert tx.timeline.of("i-0") == (entry(2, "i-0", at=OLD),)
        assert tx.timeline.of("i-1") == (entry(1, at=OLD),)
        assert tx.transitions.recent() == (transition(1, at=OLD),)
        assert tx.receipts.recent() == (receipt(1, at=OLD),)
        assert tx.incidents.get("i-1") is not None
        assert tx.plans.get("p-1") is not None
        assert tx.outbox.of("i-1") == (message(at=OLD),)
    assert store.verify() == ()


def test_advice_that_nobody_follows_does_not_hold_up_retention(store: Store) -> None:
    """The incident stays for as long as it is open; the lines about it, and all behind them, go with their time."""
    with store.begin() as tx:
        tx.incidents.save(incident("i-1", opened_at=OLD, is_settled=True))
        tx.timeline.append(entry(0, "i-1", at=OLD))
        tx.outbox.add(message(at=OLD))
        for number in range(1, 50):
            at = OLD + number * DAY
            tx.incidents.save(resolved(f"r-{number}", at))
            tx.timeline.append(entry(number, f"r-{number}", at=at))
            tx.transitions.append(transition(number, at=at))
    store.prune(OLD + 50 * DAY, 7)
    with store.begin() as tx:
        young = {f"r-{number}" for number in range(43, 50)}
        assert {each.id for each in tx.incidents.list()} == {"i-1", *young}
        assert len(tx.transitions.recent()) == len(young)
        assert tx.timeline.of("i-1") == ()
        assert tx.outbox.of("i-1") == (message(at=OLD),)
    assert store.verify() == ()


def test_an_unfinished_plan_keeps_its_receipts_and_its_incident(store: Store) -> None:
    """Whatever the incident's state, and also without any."""
    with store.begin() as tx:
        tx.incidents.save(resolved("i-1", OLD))
        tx.plans.save(plan("p-1", created_at=OLD))
        tx.plans.save(plan("p-2", None, created_at=OLD, state=PlanState.PROPOSED))
        for number in (1, 2):
            tx.receipts.append(receipt(number, f"p-{number}", at=OLD))
        tx.timeline.append(entry(0, at=OLD))
    store.prune(LATER, 1)
    with store.begin() as tx:
        assert len(tx.receipts.recent()) == 2
        assert tx.timeline.of("i-1") == (entry(0, at=OLD),)
        assert tx.incidents.get("i-1") is not None
        assert len(tx.plans.recent()) == 2


def test_pruning_again_moves_the_anchor(store: Store) -> None:
    """Prefix after prefix; the chain stays sound and goes on."""
    for day in range(6):
        with store.begin() as tx:
            tx.timeline.append(entry(day, at=NOON + day * DAY))
            tx.samples.add((sample(day * 86_400.0),))
    for day in range(8):
        store.prune(NOON + day * DAY, 1.5)
        store.prune(NOON + day * DAY, 1.5)
        assert store.verify() == ()
        with store.read() as tx:
            assert len(tx.timeline.of("i-1")) == sum(NOON + n * DAY >= NOON + (day - 1.5) * DAY for n in range(6))
    with store.begin() as tx:
        tx.timeline.append(entry(7))
    assert store.verify() == ()


def test_pruning_an_empty_store_is_fine(store: Store) -> None:
    """There is nothing to lose."""
    store.prune(NOON, 1)
    assert store.verify() == ()
