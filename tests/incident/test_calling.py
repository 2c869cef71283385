"""People are called at their time, once each, whoever restarts; and no longer than somebody has it in hand."""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from paramedic.incident import Chapter, call_first, due_at
from paramedic.model.code import IssueType
from paramedic.model.ids import IncidentId, PlanId
from paramedic.model.incident import Incident, IncidentState, Symptom
from paramedic.model.receipt import Message
from paramedic.model.service import Service
from paramedic.model.status import Severity
from paramedic.recovery.gate import IN_MAINTENANCE
from paramedic.sdk import Registry
from paramedic.store import Store, StoreAway, open_store
from paramedic.watch.calling import Calling
from paramedic.watch.journal import Journal
from paramedic.watch.triage import Triage
from scenery import LADDERS, make_service, part

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
ROUTES = {"L1": ("json://bot",), "L2": ("json://two",), "L3": ("json://three",), "L4": ("json://four",)}
LEVEL = {"json://two": "L2", "json://three": "L3", "json://four": "L4"}


class Clock:
    """Stands still until the test moves it."""

    def __init__(self) -> None:
        self.at = BEGIN

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return (self.at - BEGIN).total_seconds()

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(f"nobody sleeps here ({seconds} s)")


def trouble(
    severity: Severity = Severity.P0, number: int = 0, type_: IssueType = IssueType.OUTAGE, **fields: Any
) -> Incident:
    at = fields.pop("opened_at", BEGIN)
    symptom = Symptom(component="api", check="seen", code="it.dead", status="critical", since=at, observed="dead")
    return Incident(
        id=IncidentId(f"inc-{number}"),
        state=IncidentState.OPEN,
        severity=severity,
        type=type_,
        code="it.dead",
        component="api",
        opened_at=at,
        symptoms=(symptom,),
        **fields,
    )


def told(chapter: Chapter) -> list[tuple[str, str]]:
    return [(each.kind, each.address) for each in chapter.messages]


def escalated(service: Service, incident: Incident) -> Chapter:
    chapter = Chapter(
        at=BEGIN, incident=replace(incident, state=IncidentState.ESCALATED, escalated_at=incident.opened_at)
    )
    call_first(chapter, service, "escalated")
    return chapter


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return make_service(tmp_path, part("api"), escalation=ROUTES)


@pytest.mark.parametrize(
    ("severity", "first", "next_s"),
    [
        (Severity.P0, ["json://two", "json://three"], 900),  # reminded before the next level is due
        (Severity.P1, ["json://two"], 1800),
        (Severity.P2, ["json://two"], 14400),
        (Severity.P3, ["json://two"], 86400),
    ],
)
def test_giving_up_calls_the_first_levels_at_once(
    service: Service, severity: Severity, first: list[str], next_s: int
) -> None:
    """Of P0 two levels, of all others one; and it is known when somebody is called next."""
    chapter = escalated(service, trouble(severity))
    assert told(chapter) == [("escalated", address) for address in first]
    assert chapter.incident is not None
    assert due_at(service, chapter.incident) == BEGIN + timedelta(seconds=next_s)


def test_what_automation_still_works_on_calls_people_in_time(service: Service) -> None:
    """L1 is automation: after its ten minutes people are called, although it has not given up."""
    assert due_at(service, trouble(Severity.P1)) == BEGIN + timedelta(minutes=10)
    assert due_at(service, trouble(Severity.P2)) == BEGIN + timedelta(hours=2)
    assert due_at(service, trouble(Severity.P3)) is None, "minor trouble waits until automation gives up"


@pytest.mark.parametrize(
    "fields",
    [
        {"state": IncidentState.RESOLVED},
        {"is_settled": True},
        {"acknowledged_at": BEGIN, "acknowledged_by": "anna"},
    ],
)
def test_nobody_is_called_about_what_is_in_hand(service: Service, fields: dict[str, Any]) -> None:
    """Over, told as advice, or acknowledged."""
    incident = escalated(service, trouble()).incident
    assert incident is not None
    assert due_at(service, incident) is not None
    assert due_at(service, replace(incident, **fields)) is None


def test_a_service_that_names_nobody_has_no_timers(tmp_path: Path) -> None:
    """The timeline says that nobody could be told."""
    service = make_service(tmp_path, part("api"))
    chapter = escalated(service, trouble())
    assert told(chapter) == []
    assert "nobody could be told" in chapter.timeline[-1].text
    assert chapter.incident is not None
    assert due_at(service, chapter.incident) is None


def test_routes_beside_the_levels_are_told_of_what_concerns_them(tmp_path: Path) -> None:
    """A breach goes to security, a used up machine to infrastructure, what is outside to its vendor."""
    routes = ("security", "infrastructure", "vendor", "stakeholders")
    service = make_service(tmp_path, part("api"), escalation={name: (f"json://{name}",) for name in routes})
    wanted = {
        (IssueType.SECURITY, Severity.P0): {"json://security", "json://stakeholders"},
        (IssueType.RESOURCE, Severity.P2): {"json://infrastructure"},
        (IssueType.AI, Severity.P1): {"json://vendor", "json://stakeholders"},
        (IssueType.DATABASE, Severity.P2): set(),
    }
    for (type_, severity), addresses in wanted.items():
        chapter = escalated(service, trouble(severity, type_=type_))
        assert {address for _, address in told(chapter)} == addresses, type_


class Slow(Journal):
    """Every change takes its time, by the clock of the test; what was recorded when stands in ``done``."""

    def __init__(self, store: Store, clock: Clock, luck: random.Random, done: dict[str, datetime]) -> None:
        super().__init__(store, clock)
        self._hands, self._luck, self._done = clock, luck, done

    async def write(self, chapter: Chapter, *, must: bool = False) -> None:
        self._hands.at += timedelta(seconds=self._luck.uniform(0, 0.05))
        await super().write(chapter, must=must)
        self._done.update((each.id, self._hands.at) for each in chapter.messages)

    async def die(self) -> None:
        """As by ``kill -9``: what the store has not begun to write is lost."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


@pytest.mark.parametrize("count", [60, pytest.param(1000, marks=pytest.mark.slow)])
@pytest.mark.timeout(600)
async def test_no_call_is_lost_or_doubled_by_restarts(tmp_path: Path, count: int) -> None:
    """Each recorded within a second of its time, across 20 restarts, over five hours by a clock moved by hand.

    Every other restart is a kill amid a round of calls. Rounds come at their time, and each change takes its own.
    """
    clock, luck, done = Clock(), random.Random(7), dict[str, datetime]()
    service = make_service(tmp_path, part("api"), escalation=ROUTES)
    store = open_store(service.settings.store, node="bench", clock=clock)
    begins = sorted((BEGIN + timedelta(seconds=luck.uniform(0, 3600)) for _ in range(count)), reverse=True)
    to_come = [trouble(luck.choice(list(Severity)), number, opened_at=at) for number, at in enumerate(begins)]
    restarts = sorted(luck.uniform(0, 4.5 * 3600) for _ in range(20))
    end = BEGIN + timedelta(hours=5)

    async def live() -> tuple[Slow, Triage, Calling]:
        journal = Slow(store, clock, luck, done)
        triage = Triage(service, Registry(()), journal, lambda _: None)
        await triage.load()
        node: Any = SimpleNamespace(service=service, triage=triage, clock=clock)
        return journal, triage, Calling(node)

    journal, triage, calling = await live()
    while True:
        due = min([*calling.moments().values(), *(each.opened_at for each in to_come[-1:])], default=end)
        polls = -(-(due - BEGIN).total_seconds() // 0.25)  # the next poll at or after it
        clock.at = max(clock.at, BEGIN + timedelta(seconds=polls * 0.25))
        if clock.at >= end:
            break
        while to_come and to_come[-1].opened_at <= clock.at:
            await triage.save(Chapter(at=clock.at, incident=to_come.pop()))
        if not restarts or clock.monotonic() < restarts[0]:
            await calling.call_due()
            continue
        restarts.pop(0)
        if len(restarts) % 2:
            await journal.close(5.0)
        else:
            calls = asyncio.create_task(calling.call_due())
            for _ in range(luck.randrange(8)):
                await asyncio.sleep(0)
            calls.cancel()
            await asyncio.gather(calls, return_exceptions=True)
            await journal.die()
        journal, triage, calling = await live()
    assert restarts == [], "all of them happened"
    await journal.close(5.0)
    with store.read() as tx:
        for number in range(count):
            incident = tx.incidents.get(f"inc-{number}")
            assert incident is not None
            check_calls(incident, tx.outbox.of(incident.id), end, done)
    store.close()


@pytest.mark.parametrize(
    "fields",
    [
        {"opened_at": BEGIN + timedelta(hours=1)},
        {"quiet_until": BEGIN + timedelta(hours=1)},
        {"withheld": "opened", "withheld_at": BEGIN + timedelta(hours=1)},
        {"level": "L2", "called_at": BEGIN + timedelta(hours=1), "opened_at": BEGIN - timedelta(minutes=11)},
    ],
)
async def test_a_clock_that_is_set_back_calls_nobody_later(tmp_path: Path, fields: dict[str, Any]) -> None:
    """What happened while it was an hour ahead counts from when it is right: no hour is waited for twice."""
    clock = Clock()
    service = make_service(tmp_path, part("api"), escalation=ROUTES)
    store = open_store(service.settings.store, node="bench", clock=clock)
    with store.begin() as tx:
        tx.incidents.save(trouble(number=1, **fields))
    journal = Journal(store, clock)
    triage = Triage(service, Registry(()), journal, lambda _: None)
    await triage.load()
    calling = Calling(SimpleNamespace(service=service, triage=triage, clock=clock, store=store))  # type: ignore[arg-type]
    await calling.call_due()
    (due,) = calling.moments().values()
    assert due <= BEGIN + timedelta(minutes=15), "as where nobody had set the clock"
    clock.at = due
    assert await calling.call_due() == 1
    await journal.close(5.0)
    store.close()


async def test_a_store_that_is_away_keeps_nobody_from_being_called(tmp_path: Path) -> None:
    """What maintenance held back waits for the store; the calls about everything else come at their time."""
    clock = Clock()
    service = make_service(tmp_path, part("api"), escalation=ROUTES)
    store = open_store(service.settings.store, node="bench", clock=clock)
    held = replace(trouble(number=1), state=IncidentState.WAITING, plan=PlanId("plan-1"), why=f"{IN_MAINTENANCE} 04:00")
    with store.begin() as tx:
        tx.incidents.save(held)
        tx.incidents.save(trouble(number=2))
    journal = Journal(store, clock)
    triage = Triage(service, Registry(()), journal, lambda _: None)
    await triage.load()

    async def away(_: object) -> None:
        raise StoreAway("the store is away")

    node: Any = SimpleNamespace(service=service, triage=triage, clock=clock, store=SimpleNamespace(run=away))
    clock.at = BEGIN + timedelta(minutes=11)
    assert await Calling(node).call_due() >= 1
    called = triage.incidents[IncidentId("inc-2")]
    assert called.level == "L2"
    await journal.close(5.0)
    store.close()


def check_calls(
    incident: Incident, messages: tuple[Message, ...], end: datetime, recorded: Mapping[str, datetime]
) -> None:
    """Against the table itself, not against the function under test."""
    ladder = LADDERS[incident.severity]
    opened = incident.opened_at
    expected = sorted(
        (opened + timedelta(seconds=after), level)
        for level, after in (("L2", ladder.L2_s), ("L3", ladder.L3_s), ("L4", ladder.L4_s))
        if after is not None and opened + timedelta(seconds=after) < end
    )
    calls = sorted((each.at, LEVEL[each.address], each.id) for each in messages if each.kind == "unresolved")
    assert [level for _, level, _ in calls] == [level for _, level in expected]
    for (at, _, message), (due, _) in zip(calls, expected, strict=True):
        print(
            "DBG",
            incident.id,
            incident.severity,
            due,
            at,
            recorded.get(message),
            [(m.kind, m.address, m.at) for m in messages],
        ) if not due <= at <= recorded.get(message, at) <= due + timedelta(seconds=1) else None
        assert due <= at <= recorded.get(message, at) <= due + timedelta(seconds=1)  # who died could not note it
    moments = sorted({each.at for each in messages})
    assert bool(moments) is bool(expected)
    gaps = [later - sooner for sooner, later in pairwise([*moments, end])]
    assert all(gap <= timedelta(seconds=ladder.remind_s + 1) for gap in gaps), "a reminder was lost"
    reminders = [each for each in messages if each.kind == "reminder"]
    assert len({(each.at, each.address) for each in reminders}) == len(reminders), "a reminder was doubled"
    for each in reminders:
        before = max(at for at in moments if at < each.at)
        assert each.at - before >= timedelta(seconds=ladder.remind_s), "a reminder came too soon"
