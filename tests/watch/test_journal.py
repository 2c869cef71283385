"""What the store cannot take now is kept, in order, and written later; one bad chapter holds up no other."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from moody import Moody
from paramedic.incident import Chapter
from paramedic.model.errors import StoreError
from paramedic.model.ids import IncidentId
from paramedic.model.incident import Incident, IncidentState
from paramedic.model.receipt import Message
from paramedic.model.status import Severity
from paramedic.store import open_store
from paramedic.watch.jobs import keep_doing
from paramedic.watch.journal import Journal
from watch.scene import DEAD, HandClock

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Records(Moody):
    """With a look at its incidents."""

    def incidents(self) -> dict[str, Incident]:
        with self.store.read() as tx:
            return {each.id: each for each in tx.incidents.list(limit=10_000)}


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Records]:
    opened = open_store(f"sqlite:///{tmp_path}/s.db", node="n", clock=HandClock())
    yield Records(opened)
    opened.close()


@pytest.fixture
def journal(store: Records) -> Journal:
    return Journal(store, HandClock())  # type: ignore[arg-type]


def chapter(number: int = 1, *, why: str = "", state: IncidentState = IncidentState.OPEN) -> Chapter:
    """Of an incident with a line and a message."""
    incident = Incident(
        id=IncidentId(f"inc-{number}"),
        state=state,
        severity=Severity.P1,
        type=DEAD.type,
        code=DEAD.id,
        component="api",
        opened_at=NOON,
        symptoms=(),
        why=why,
    )
    found = Chapter(at=NOON, incident=incident)
    found.tell("detected", why or "it died")
    return found


async def until(look: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not look():  # noqa: ASYNC110  # what is waited for has no event
            await asyncio.sleep(0)


async def test_what_can_be_written_is_written_before_it_returns(store: Records, journal: Journal) -> None:
    """The usual case costs one transaction."""
    await journal.write(chapter())
    assert set(store.incidents()) == {"inc-1"}
    assert store.tries == 1


async def test_what_cannot_be_written_waits_and_comes_in_order(store: Records, journal: Journal) -> None:
    """The caller is not held up; later everything is there, the newest state last."""
    store.away = True
    for number, why in enumerate(("found", "tried", "healed")):
        await asyncio.wait_for(journal.write(chapter(why=why)), 5)
        await asyncio.wait_for(journal.write(chapter(10 + number)), 5)
    assert store.incidents() == {}
    store.away = False
    await asyncio.wait_for(journal.written(), 5)
    assert store.incidents()["inc-1"].why == "healed"
    assert set(store.incidents()) == {"inc-1", "inc-10", "inc-11", "inc-12"}
    with store.store.read() as tx:
        assert [each.text for each in tx.timeline.of(IncidentId("inc-1"))] == ["found", "tried", "healed"]


async def test_what_the_next_step_relies_on_is_waited_for(store: Records, journal: Journal) -> None:
    """A plan is not handed to the engine before it is in the store; giving up the wait does not lose it."""
    store.away = True
    waiting = asyncio.create_task(journal.write(chapter(), must=True))
    given_up = asyncio.create_task(journal.write(chapter(2), must=True))
    await until(lambda: store.tries > 3)
    assert not waiting.done()
    given_up.cancel()
    store.away = False
    await asyncio.wait_for(waiting, 5)
    await asyncio.wait_for(journal.written(), 5)
    assert set(store.incidents()) == {"inc-1", "inc-2"}


async def test_trouble_is_told_once_and_its_end_too(
    store: Records, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    """Not once for each change and each try; with the hint."""
    store.away = True
    for number in range(20):
        await journal.write(chapter(number))
    await until(lambda: store.tries > 10)
    store.away = False
    await journal.written()
    told = [each.getMessage() for each in caplog.records]
    assert sum("wait in memory" in each for each in told) == 1
    assert "free some space" in told[0]
    assert sum("can be used again" in each for each in told) == 1


async def test_a_chapter_that_cannot_be_written_holds_up_no_other(store: Records, journal: Journal) -> None:
    """Its incident is saved all the same."""
    broken = chapter()
    broken.timeline.append(object())  # type: ignore[arg-type]
    await journal.write(broken)
    await asyncio.wait_for(journal.write(chapter(2)), 5)
    assert set(store.incidents()) == {"inc-1", "inc-2"}


async def test_what_waits_is_written_together_and_a_bad_one_is_found(store: Records, journal: Journal) -> None:
    """A thousand changes cost a few transactions; the one that cannot be written is told, the others are written."""
    store.away = True
    for number in range(1000):
        await journal.write(chapter(number))
    store.away, store.tries = False, 0
    await journal.written()
    assert store.tries < 20
    store.away = True
    broken = chapter(1001)
    broken.timeline.append(object())  # type: ignore[arg-type]
    await journal.write(chapter(1000))
    await journal.write(broken)
    await journal.write(chapter(1002))
    store.away = False
    await journal.written()
    assert {"inc-1000", "inc-1001", "inc-1002"} <= set(store.incidents())


async def test_a_lost_confirmation_tells_nobody_twice(store: Records, journal: Journal) -> None:
    """The server committed and died: the message is in the outbox once, and the journal goes on."""
    told = chapter()
    told.messages.append(
        Message(
            id="msg-1",
            incident=IncidentId("inc-1"),
            kind="opened",
            address="http://127.0.0.1:1/",
            subject="s",
            body={},
            at=NOON,
            next_at=NOON,
        )
    )
    store.loses_answers = 1
    await journal.write(told)
    assert [each.id for each in journal.messages()] == ["msg-1"], "it can be sent from here meanwhile"
    await asyncio.wait_for(journal.written(), 5)
    assert journal.messages() == ()
    with store.store.read() as tx:
        assert len(tx.outbox.undelivered()) == 1


async def test_memory_is_bounded(store: Records, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the store is away for days, changes of verdicts are let go; incidents never."""
    monkeypatch.setattr("paramedic.watch.journal._MOST", 10)
    store.away = True
    for number in range(20):
        await journal.write(Chapter(at=NOON))
        await journal.write(chapter(number))
    store.away = False
    await journal.written()
    assert len(store.incidents()) == 20


async def test_what_is_lost_at_the_end_is_told(
    store: Records, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    """By incident, when the store does not come back before watch ends."""
    store.away = True
    await journal.write(chapter(state=IncidentState.ESCALATED))
    await journal.close(0.05)
    assert "inc-1 it.dead on api is escalated" in caplog.text


async def test_a_job_that_fails_begins_again(caplog: pytest.LogCaptureFixture) -> None:
    """As often as it takes, told once for each kind of failure, until it ends by itself."""
    clock, failures = HandClock(), [StoreError("away", hint="look")] * 50 + [ValueError("odd")]

    async def work() -> None:
        if failures:
            raise failures.pop(0)

    with caplog.at_level(logging.ERROR):
        await keep_doing("the work", work, clock)
    assert len(caplog.records) == 2
    assert "the work failed and is begun again: away (hint: look)" in caplog.text
    assert 50 <= clock.passed <= 300
