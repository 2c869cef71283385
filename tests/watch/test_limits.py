"""However much goes wrong at once: in order, never more than allowed, and at some point not at all."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from scene import DEAD, LOST, SLOW, Scene, book

from paramedic.model.component import Autonomy
from paramedic.model.ids import PlanId
from paramedic.model.incident import Incident, IncidentState
from paramedic.model.playbook import PlanState
from paramedic.model.receipt import Command
from paramedic.model.status import Severity, Status
from paramedic.recovery.gate import Approval
from paramedic.report.redaction import Redactor
from paramedic.store.notes import HALTED
from paramedic.watch.recovering import Recovering
from scenery import part

CRITICAL, FINE = Status.CRITICAL, Status.OK
PEOPLE = {"L2": ("json://team",)}


async def ended(here: Scene, *states: IncidentState, count: int = 1) -> list[Incident]:
    """Incidents of the store, once so many are in one of these states."""
    wanted = states or (IncidentState.RESOLVED,)
    found: list[Incident] = await here.until(
        lambda: found if len(found := [each for each in here.recorded() if each.state in wanted]) >= count else None
    )
    return found


def timeline(here: Scene, incident: Incident) -> list[tuple[str, str]]:
    """What is told of an incident."""
    with here.store.read() as tx:
        return [(each.what, each.text) for each in tx.timeline.of(incident.id)]


async def test_what_others_need_is_healed_before_them(scene: Callable[..., Scene]) -> None:
    """Two troubles of their own: the database first, then who needs it, though the latter was found first."""
    here = await scene(part("api", "db"), part("db"), part("else")).begin()
    here.luck.hold = asyncio.Event()
    await here.see("else", CRITICAL, DEAD)
    await here.until(lambda: here.luck.now == 1)
    for name in ("api", "db"):
        await here.see(name, CRITICAL, DEAD)
    here.luck.hold.set()
    await here.until(lambda: len(here.luck.done) == 3)
    assert here.luck.done == ["else", "db", "api"]


async def test_the_most_urgent_comes_first_where_places_are_few(scene: Callable[..., Scene]) -> None:
    """One place, and three that wait for it: by severity, not by who came first."""
    names = ("first", "calm", "urgent")
    here = scene(*map(part, names), recoveries_at_once=1)
    here.luck.hold = asyncio.Event()
    await here.begin()
    await here.see("first", CRITICAL, DEAD)
    await here.until(lambda: here.luck.now == 1)
    for name in names[1:]:
        await here.see(name, CRITICAL, DEAD)
    queue = here.attendant.limits._queue
    await here.until(lambda: len(queue) == 2)
    line = {here.triage.incidents[id].component: id for id in queue}
    queue[line["urgent"]] = ((Severity.P0, *queue[line["urgent"]][0][1:]), queue[line["urgent"]][1])
    urgent = here.triage.incidents[line["urgent"]]
    here.triage.incidents[line["urgent"]] = replace(urgent, severity=Severity.P0, raised_to=Severity.P0)
    here.luck.hold.set()
    await ended(here, count=3)
    assert here.luck.done == ["first", "urgent", "calm"]


async def test_who_is_with_people_keeps_nobody_waiting(scene: Callable[..., Scene]) -> None:
    """Called about while it waited for the only place, and taken in hand: the next in line gets the place."""
    names = ("first", "older", "younger")
    here = scene(*map(part, names), recoveries_at_once=1)
    here.luck.hold = asyncio.Event()
    await here.begin()
    await here.see("first", CRITICAL, DEAD)
    await here.until(lambda: here.luck.now == 1)
    for name in names[1:]:
        await here.see(name, CRITICAL, DEAD)
    queue = here.attendant.limits._queue
    await here.until(lambda: len(queue) == 2)
    older = next(each for each in here.triage.incidents.values() if each.component == "older")
    await here.attendant.call_people(older, None, "anna: look at this")
    await here.attendant.acknowledge(here.triage.incidents[older.id], "anna", "")
    here.luck.hold.set()
    await ended(here, count=2)
    assert here.luck.done == ["first", "younger"]


async def test_never_more_than_a_share_of_the_instances(scene: Callable[..., Scene]) -> None:
    """Six workers die at once: with a share of a third no more than two of them are worked on, whatever else is."""
    names = [f"worker{index}" for index in range(6)]
    here = scene(*(part(name, group="worker") for name in names), part("db"), recoveries_at_once=7)
    here.luck.hold = asyncio.Event()
    await here.begin()
    for name in (*names, "db"):
        await here.see(name, CRITICAL, DEAD)
    await here.until(lambda: here.luck.now == 3)
    assert len([each for each in here.luck.done if each in names]) == 2
    here.luck.hold.set()
    await ended(here, count=7)
    assert here.luck.most == 3


async def test_a_storm_of_one_cause_is_one_incident_and_one_recovery(scene: Callable[..., Scene]) -> None:
    """A hundred parts fail at once because of one: one story, one act, nobody else is touched."""
    names = [f"part{index:03}" for index in range(99)]
    here = scene(part("db"), *(part(name, "db") for name in names), escalation=PEOPLE)
    here.luck.hold = asyncio.Event()
    await here.begin()
    await here.see("db", CRITICAL, DEAD)
    for name in names:
        await here.see(name, CRITICAL, SLOW)
        await here.see(name, CRITICAL, SLOW)
    await here.until(lambda: here.luck.now == 1)
    for name in names:
        here.state[name] = (FINE, None)
    here.luck.hold.set()
    (incident,) = await ended(here)
    assert (incident.component, len(incident.symptoms)) == ("db", 100)
    assert (len(here.recorded()), here.luck.done, here.luck.most) == (1, ["db"], 1)
    assert here.messages() == []


@pytest.mark.slow
@pytest.mark.parametrize("is_one_cause", [True, False])
async def test_a_storm_of_a_thousand(scene: Callable[..., Scene], is_one_cause: bool) -> None:
    """A thousand findings of one cause: one recovery. Of a hundred causes: never more than two at a time."""
    names = [f"part{index:04}" for index in range(999 if is_one_cause else 100)]
    parts = [part(name, "db") if is_one_cause else part(name) for name in names]
    here = scene(part("db"), *parts)
    here.luck.hold = asyncio.Event()
    await here.begin()
    if is_one_cause:
        await here.see("db", CRITICAL, DEAD)
    for name in names:
        code = SLOW if is_one_cause else DEAD
        await here.see(name, CRITICAL, code)
        if is_one_cause:
            await here.see(name, CRITICAL, code)
    await here.until(lambda: here.luck.now)
    if is_one_cause:
        here.state |= dict.fromkeys(names, (FINE, None))
    here.luck.hold.set()
    for _ in range(30):  # each wait of the scene has its limit
        if sum(each.state is IncidentState.RESOLVED for each in here.recorded()) == (1 if is_one_cause else 100):
            break
        await asyncio.sleep(5)
    expected = ["db"] if is_one_cause else names
    assert sorted(here.luck.done) == expected
    assert here.luck.most <= 2
    assert len(here.recorded()) == len(expected)


async def test_too_much_in_vain_stops_all_automation_until_a_person_goes_on(scene: Callable[..., Scene]) -> None:
    """Said once by escalation at the highest severity; kept over a restart; what only waits for it then goes on."""
    here = scene(part("a"), part("b"), escalation=PEOPLE, recovery_breaker_failures=1)
    here.luck.works = lambda name: name != "a"
    await here.begin()
    await here.see("a", CRITICAL, DEAD)
    await here.until(lambda: here.attendant.limits.halted)
    both = await ended(here, IncidentState.ESCALATED, count=2)
    (halted,) = (each for each in both if each.code == "recovery.halted")
    assert (halted.component, halted.severity) == ("paramedic", Severity.P0)
    here = await (await here.reborn()).begin()
    await here.see("b", CRITICAL, DEAD)
    (waiting,) = await ended(here, IncidentState.WAITING)
    why = "1 recoveries did not help within 60 min"
    assert waiting.why == f"`mend` waits: automation has stopped itself: {why}"
    assert here.luck.done == []
    assert len([each for each in here.recorded() if each.code == "recovery.halted"]) == 1
    await here.attendant.limits.switch(paused=False)
    await here.attendant.go_on()
    found = await ended(here, count=2)
    assert {each.component for each in found} == {"b", "paramedic"}
    assert here.luck.done == ["b"]
    with here.store.read() as tx:
        note = tx.notes.get(HALTED)
    assert isinstance(note, dict)
    assert note["why"] is None


async def test_a_halt_that_could_not_be_told_is_told_at_the_next_start(scene: Callable[..., Scene]) -> None:
    """We died between stopping and saying so."""
    here = await scene(part("a"), escalation=PEOPLE).begin()
    note: dict[str, Any] = {"why": "9 recoveries did not help", "since": here.clock.now().isoformat()}
    with here.store.begin() as tx:
        tx.notes.set(HALTED, note)
    here = await (await here.reborn()).begin()
    (halted,) = await ended(here, IncidentState.ESCALATED)
    assert halted.code == "recovery.halted"
    assert halted.symptoms[0].observed == "automation has stopped itself: 9 recoveries did not help"


async def test_failures_from_before_a_person_looked_do_not_count_again(scene: Callable[..., Scene]) -> None:
    """After `resume` it takes as many failures anew."""
    here = scene(part("a"), part("b"), recovery_breaker_failures=2)
    here.luck.works = lambda _: False
    await here.begin()
    await here.see("a", CRITICAL, DEAD)
    await ended(here, IncidentState.ESCALATED)
    here.clock.passed += 1
    await here.attendant.limits.switch(paused=False)
    await here.see("b", CRITICAL, DEAD)
    await ended(here, IncidentState.ESCALATED, count=2)
    assert here.attendant.limits.halted is None


async def waiting_plan(here: Scene) -> Any:
    """A plan for a component that always asks."""
    here.luck.hold = asyncio.Event()
    await here.begin()
    await here.see("asks", CRITICAL, DEAD)
    await ended(here, IncidentState.WAITING)
    return here.plans()[-1]


def approval(here: Scene, **fields: Any) -> Approval:
    """Anna agrees, for an hour by the scene's clock."""
    return Approval(by="anna", **{"until": here.clock.now() + timedelta(hours=1), "reason": "it is quiet", **fields})


async def test_an_approval_is_kept_with_who_why_and_until_when(scene: Callable[..., Scene]) -> None:
    """In the plan and in the timeline."""
    here = scene(part("asks", autonomy=Autonomy.APPROVE))
    plan = await waiting_plan(here)
    given = approval(here)
    assert here.luck.hold
    here.luck.hold.set()
    assert await here.attendant.approve(plan, given) is None
    (incident,) = await ended(here)
    (after,) = here.plans()
    assert (after.state, after.approved_by, after.approved_until) == (PlanState.VERIFIED, "anna", given.until)
    assert after.approved_because == "it is quiet"
    assert ("approved", "approved by anna: it is quiet") in timeline(here, incident)


async def test_an_approval_that_has_ended_runs_nothing(scene: Callable[..., Scene]) -> None:
    """It is told, and the plan still waits for somebody else to agree."""
    here = scene(part("asks", autonomy=Autonomy.APPROVE))
    plan = await waiting_plan(here)
    said = await here.attendant.approve(plan, approval(here, until=here.clock.now() - timedelta(seconds=1)))
    assert said is not None
    assert "was not run: the approval of anna ended at 2025-12-31" in said
    assert here.luck.done == []
    (incident,) = here.recorded()
    assert incident.state is IncidentState.WAITING
    assert "expired" in [what for what, _ in timeline(here, incident)]


async def test_an_approved_plan_waits_for_its_turn(scene: Callable[..., Scene]) -> None:
    """A person's word makes no room: the limits hold for approved plans, too."""
    here = scene(part("asks", autonomy=Autonomy.APPROVE), part("b"), recoveries_at_once=1)
    plan = await waiting_plan(here)
    await here.see("b", CRITICAL, DEAD)
    await here.until(lambda: here.luck.now == 1)
    approving: Awaitable[Any] = asyncio.ensure_future(here.attendant.approve(plan, approval(here)))
    await asyncio.sleep(0.1)
    assert here.luck.done == ["b"]
    assert here.luck.hold
    here.luck.hold.set()
    assert await approving is None
    await ended(here, count=2)
    assert (here.luck.done, here.luck.most) == (["b", "asks"], 1)


async def test_what_was_rejected_while_its_approval_waited_does_not_run(scene: Callable[..., Scene]) -> None:
    """Anna agrees and there is no room; Ben says no; then there is room: nothing is done, and both know it."""
    here = scene(part("asks", autonomy=Autonomy.APPROVE), part("b"), recoveries_at_once=1)
    plan = await waiting_plan(here)
    await here.see("b", CRITICAL, DEAD)
    await here.until(lambda: here.luck.now == 1)
    approving = asyncio.ensure_future(here.attendant.approve(plan, approval(here)))
    await asyncio.sleep(0.05)
    assert await here.attendant.reject(plan, "ben", "not on a Friday") is None
    assert here.luck.hold
    here.luck.hold.set()
    assert await approving == f"plan `{plan.id}` was rejected meanwhile and cannot be approved"
    await ended(here)
    assert here.luck.done == ["b"]
    assert PlanState.REJECTED in [each.state for each in here.plans() if each.id == plan.id]


async def test_what_has_begun_cannot_be_rejected(scene: Callable[..., Scene]) -> None:
    """Who says no too late hears that it is too late."""
    here = scene(part("asks", autonomy=Autonomy.APPROVE))
    plan = await waiting_plan(here)
    assert await here.attendant.approve(plan, approval(here)) is None
    assert await here.attendant.reject(plan, "ben", "no") == f"plan `{plan.id}` is committed and cannot be rejected"


async def test_an_approval_that_ends_while_it_waits_runs_nothing(scene: Callable[..., Scene]) -> None:
    """What was agreed to for now is not done at some later time."""
    here = scene(part("asks", autonomy=Autonomy.APPROVE), part("b"), recoveries_at_once=1)
    plan = await waiting_plan(here)
    await here.see("b", CRITICAL, DEAD)
    await here.until(lambda: here.luck.now == 1)
    approving = asyncio.ensure_future(here.attendant.approve(plan, approval(here)))
    await asyncio.sleep(0.05)
    here.clock.passed += 3601
    assert here.luck.hold
    here.luck.hold.set()
    said = await approving
    assert said is not None
    assert "ended at" in said
    await ended(here)
    assert here.luck.done == ["b"]


async def test_an_approval_that_waits_for_room_keeps_no_other_waiting(scene: Callable[..., Scene]) -> None:
    """Two people agree to two plans: the one for which there is no room does not hold up the other."""
    here = scene(part("asks", autonomy=Autonomy.APPROVE), part("api", autonomy=Autonomy.APPROVE), part("b"))
    first = await waiting_plan(here)
    await here.see("api", CRITICAL, DEAD)
    await ended(here, IncidentState.WAITING, count=2)
    second = here.plans()[-1]
    busy = replace(first, id=PlanId("plan-of-another"), incident=None)
    here.attendant.limits.begin(busy)
    node: Any = SimpleNamespace(
        is_idle=False,
        clock=here.clock,
        service=here.service,
        attendant=here.attendant,
        triage=here.triage,
        store=here.store,
        redactor=Redactor(()),
        runner=SimpleNamespace(due=lambda *_, **__: ()),
    )
    recovering = Recovering(node)

    def agree(plan: PlanId) -> asyncio.Task[Any]:
        asked = Command(id=f"cmd-{plan}", verb="approve", args={"plan": plan}, by="anna", at=here.clock.now())
        return asyncio.create_task(recovering.approve(asked))

    waits = agree(first.id)
    await here.until(lambda: len(recovering._deciding))
    assert here.luck.hold
    here.luck.hold.set()
    assert (await asyncio.wait_for(agree(second.id), 10))["verified"]
    assert (here.luck.done, waits.done()) == (["api"], False)
    here.attendant.limits.end(busy.id)
    assert (await asyncio.wait_for(waits, 10))["verified"]
    assert not recovering._deciding


async def test_a_plan_begun_too_late_after_a_crash_is_not_begun(scene: Callable[..., Scene]) -> None:
    """Dead for longer than the approval held: no step is taken, none counts as an attempt, and people are asked anew."""
    here = scene(part("asks", autonomy=Autonomy.APPROVE), recovery_breaker_failures=1)
    plan = await waiting_plan(here)
    late = replace(
        plan, state=PlanState.COMMITTED, approved_by="anna", approved_until=here.clock.now() - timedelta(hours=1)
    )
    (incident,) = here.recorded()
    with here.store.begin() as tx:
        tx.plans.save(late)
        tx.incidents.save(replace(incident, state=IncidentState.RECOVERING, plan=plan.id))
    here = await (await here.reborn()).begin()
    after = await here.until(lambda: next((each for each in here.plans() if each.state.is_over), None))
    assert (after.state, after.why_ended) == (PlanState.STALE, "step 1 came too late: its approval had ended")
    (again,) = await ended(here, IncidentState.WAITING)
    assert (again.attempts, again.tried, again.plan == plan.id) == (0, (), False)
    assert (here.luck.done, here.attendant.limits.halted, len(here.attendant.running)) == ([], None, 0)
    assert not here.attendant.choosing.is_cooling(again)


async def test_a_refusal_is_kept_with_who_and_why(scene: Callable[..., Scene]) -> None:
    """In the timeline, before people are called."""
    here = scene(part("asks", autonomy=Autonomy.APPROVE))
    plan = await waiting_plan(here)
    assert await here.attendant.reject(plan, "ben", "not on a Friday") is None
    (incident,) = await ended(here, IncidentState.ESCALATED)
    assert ("rejected", "mend by ben: not on a Friday") in timeline(here, incident)


async def test_who_asks_says_how_long_a_step_may_take(scene: Callable[..., Scene]) -> None:
    """The severity that somebody names decides over that of the incident."""
    here = scene(part("asks", autonomy=Autonomy.APPROVE), books={"mend": book("mend", DEAD, LOST)})
    plan = await waiting_plan(here)
    here.attendant.choosing.urgency[plan.incident] = Severity.P1
    incident = here.triage.incidents[plan.incident]
    again = await here.attendant.choosing.draw(incident, here.attendant.choosing.playbooks["mend"])
    assert again is not None
    assert (again.step_limit_s, again.step_tries) == (60.0, 5)
