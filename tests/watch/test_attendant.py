"""Every incident comes to its end, whatever works and whoever dies on the way."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from scene import BLIND, BUSY, DEAD, FULL, LOST, ODD, SLOW, DidIt, book

from paramedic.model.component import Autonomy
from paramedic.model.incident import Incident, IncidentState
from paramedic.model.playbook import PlanState
from paramedic.model.receipt import Phase
from paramedic.model.status import Severity, Status
from paramedic.recovery.gate import Approval
from scenery import part

CRITICAL, FINE = Status.CRITICAL, Status.OK
PEOPLE = {"L2": ("json://team",), "L3": ("json://boss",)}


async def ended(here: Any, *states: IncidentState, count: int = 1) -> list[Incident]:
    """Incidents of the store, once so many are in one of these states."""
    wanted = states or (IncidentState.RESOLVED,)
    return await here.until(
        lambda: found if len(found := [each for each in here.recorded() if each.state in wanted]) >= count else None
    )


def by(name: str) -> Approval:
    """Somebody agrees, for as long as it takes."""
    return Approval(by=name, until=datetime.max.replace(tzinfo=UTC))


async def test_what_can_be_healed_is_healed_verified_and_closed(scene: Any) -> None:
    """The straight way: one plan, one act, no message to anybody who was not called."""
    here = await scene(part("api"), escalation=PEOPLE).begin()
    await here.see("api", CRITICAL, DEAD)
    (incident,) = await ended(here)
    assert (incident.why, incident.tried, incident.attempts) == ("healed by `mend`", ("mend",), 0)
    assert here.luck.done == ["api"]
    assert [each.state for each in here.plans()] == [PlanState.VERIFIED]
    assert here.messages() == []


async def test_one_story_may_need_the_same_playbook_on_two_components(scene: Any) -> None:
    """Both died: healing the first is no reason to give up on the second."""
    here = await scene(part("api", "db"), part("db"), part("web", "api")).begin()
    for name in ("db", "api", "web"):
        await here.see(name, CRITICAL, DEAD)
    (incident,) = await ended(here)
    assert here.luck.done == ["db", "api", "web"]
    assert incident.attempts == 0, "only what did not help counts"


async def test_what_nothing_heals_goes_to_people_and_its_end_to_the_same(scene: Any) -> None:
    """No playbook: escalated at once, once; `resolved` reaches exactly those who were called."""
    here = await scene(part("api"), escalation=PEOPLE).begin()
    await here.see("api", CRITICAL, LOST)
    (incident,) = await ended(here, IncidentState.ESCALATED)
    assert incident.why == "nothing heals `it.lost` automatically"
    await here.see("api", CRITICAL, LOST)
    await here.see("api", FINE)
    await ended(here)
    assert sorted(here.messages()) == [("escalated", "json://team"), ("resolved", "json://team")]
    assert here.luck.done == []


async def test_what_may_be_possible_soon_is_waited_for(scene: Any) -> None:
    """Nobody is called while a plan only has to wait; it runs as soon as it can."""
    here = scene(part("api"), escalation=PEOPLE)
    here.blocks, here.blocks_for_s = "too early", 0.01
    await here.begin()
    await here.see("api", CRITICAL, DEAD)
    await here.until(lambda: here.previews > 1)
    assert [each.state for each in here.recorded()] == [IncidentState.OPEN]
    here.blocks = None
    await ended(here)
    assert (here.luck.done, here.messages()) == (["api"], [])


@pytest.mark.parametrize("passed_s", [121, -3600])
async def test_what_may_be_possible_soon_for_too_long_goes_to_people(scene: Any, passed_s: int) -> None:
    """Patience ends, also where the clock is set back; the call says what held it back."""
    here = scene(part("api"), escalation=PEOPLE)
    here.blocks, here.blocks_for_s = "too early", 0.01
    await here.begin()
    await here.see("api", CRITICAL, DEAD)
    await here.until(lambda: here.previews > 1)
    now = here.clock.now
    here.clock.now = lambda: now() + timedelta(seconds=passed_s)
    (incident,) = await ended(here, IncidentState.ESCALATED)
    assert (incident.why, here.luck.done) == ("`mend`: too early", [])


async def test_what_has_become_possible_is_done_although_people_were_called(scene: Any) -> None:
    """The port was taken, people were called, the port is free: nobody has to say so."""
    here = scene(part("api"), escalation=PEOPLE)
    here.blocks = "never kill a stranger"
    await here.begin()
    await here.see("api", CRITICAL, DEAD)
    (incident,) = await ended(here, IncidentState.ESCALATED)
    assert incident.why == "`mend`: never kill a stranger"
    here.blocks = None
    await ended(here)
    assert here.luck.done == ["api"]
    assert sorted(here.messages()) == [("escalated", "json://team"), ("resolved", "json://team")]


async def test_what_somebody_has_in_hand_is_left_to_them(scene: Any) -> None:
    """Acknowledged: nothing is done behind a person's back."""
    here = scene(part("api"), escalation=PEOPLE)
    here.blocks = "never kill a stranger"
    await here.begin()
    await here.see("api", CRITICAL, DEAD)
    (incident,) = await ended(here, IncidentState.ESCALATED)
    await here.attendant.acknowledge(here.triage.incidents[incident.id], "anna", "")
    here.blocks = None
    await here.attendant._think_again(here.triage.incidents[incident.id])
    assert here.recorded()[0].state is IncidentState.ESCALATED
    assert here.luck.done == []


async def test_what_could_not_start_is_started_once_its_cause_is_gone(scene: Any) -> None:
    """A lost variable kept it from starting; people put that right, and the rest is ours."""
    books = {"mend": book("mend", DEAD, after_cause=(LOST.id,))}
    here = await scene(part("api", "env"), part("env"), books=books, escalation=PEOPLE).begin()
    await here.see("env", CRITICAL, FULL)
    await here.see("api", CRITICAL, LOST)
    await ended(here, IncidentState.ESCALATED)
    assert here.luck.done == [], "before, it would not help"
    await here.see("env", *BLIND)
    incident = next(iter(here.triage.incidents.values()))
    assert not here.attendant.choosing.is_cause_gone(replace(incident, component="api")), (
        "who cannot look does not know that"
    )
    await here.see("env", FINE)
    await ended(here)
    assert here.luck.done == ["api"]


async def test_new_trouble_is_healed_while_people_have_another_one(scene: Any) -> None:
    """Somebody was called for the database; a death beside it, of what needs it, is healed by a plan of its own."""
    here = await scene(part("api", "db"), part("db"), escalation=PEOPLE).begin()
    await here.see("db", CRITICAL, LOST)
    (db,) = await ended(here, IncidentState.ESCALATED)
    await here.see("api", CRITICAL, DEAD)
    (api,) = await ended(here)
    assert (api.component, here.luck.done) == ("api", ["api"])
    for _ in range(2):
        await here.see("api", CRITICAL, SLOW)
    assert "api" in {each.component for each in here.triage.incidents[db.id].symptoms}, "that comes of the database"
    assert here.luck.done == ["api"]
    await here.see("db", FINE), await here.see("api", FINE)
    await ended(here, count=2)
    assert sorted(here.messages()) == [("escalated", "json://team"), ("resolved", "json://team")]


async def test_a_cause_found_late_is_healed_and_people_keep_the_rest(scene: Any) -> None:
    """The escalated symptom turns out to have a reason: that is healed, and nobody is called twice."""
    here = scene(part("api", "db"), part("db"), books={"mend": book("mend", DEAD)}, escalation=PEOPLE)
    await here.begin()
    await here.see("api", CRITICAL, SLOW), await here.see("api", CRITICAL, SLOW)
    await ended(here, IncidentState.ESCALATED)
    await here.see("db", CRITICAL, DEAD)
    await here.until(lambda: here.luck.done == ["db"] and here.recorded()[0].state is IncidentState.ESCALATED)
    assert here.recorded()[0].component == "api"
    await here.see("api", FINE)
    (incident,) = await ended(here)
    assert incident.tried == ("mend",)
    assert sorted(here.messages()) == [("escalated", "json://team"), ("resolved", "json://team")]


async def test_what_fails_for_its_own_reason_does_not_wait_for_people(scene: Any) -> None:
    """Two parts died and their caller with them: one cannot be healed, the other is."""
    here = await scene(part("api", "one", "two"), part("one"), part("two"), escalation=PEOPLE).begin()
    here.luck.hold = asyncio.Event()
    await asyncio.gather(
        here.see("api", CRITICAL, DEAD), here.see("one", CRITICAL, LOST), here.see("two", CRITICAL, DEAD)
    )
    here.luck.hold.set()
    await ended(here)
    await ended(here, IncidentState.ESCALATED)
    by_state = {each.state: each.component for each in here.recorded()}
    assert by_state == {IncidentState.RESOLVED: "two", IncidentState.ESCALATED: "one"}
    assert here.messages() == [("escalated", "json://team")]


async def test_after_three_attempts_the_next_trouble_has_its_own(scene: Any) -> None:
    """What was tried in vain on one component is not held against another."""
    books = {name: book(name, DEAD) for name in ("a", "b", "c")}
    here = scene(part("api", "db"), part("db"), part("machine", kind="host"), books=books, escalation=PEOPLE)
    here.luck.works = lambda name: name != "api"
    await here.begin()
    await here.see("machine", Status.WARNING, BUSY)
    await here.see("api", CRITICAL, DEAD)
    (incident,) = await ended(here, IncidentState.ESCALATED)
    assert incident.severity is Severity.P0
    await here.see("db", CRITICAL, DEAD)
    (healed,) = await ended(here)
    assert (healed.component, healed.tried) == ("db", ("a",))
    await here.see("api", FINE)
    await ended(here, count=2)
    (left,) = here.triage.incidents.values()
    assert (left.component, left.severity, left.is_settled) == ("machine", Severity.P2, True)


async def test_two_incidents_of_one_cause_become_one(scene: Any) -> None:
    """A dependency that only warned had its own incident; now that it fails hard, what it explains goes on there."""
    here = scene(part("api", "db"), part("db"), books={"mend": book("mend", DEAD)}, escalation=PEOPLE)
    await here.triage.load()
    await here.see("db", Status.WARNING, SLOW), await here.see("db", Status.WARNING, SLOW)
    await here.see("api", CRITICAL, SLOW), await here.see("api", CRITICAL, SLOW)
    assert len(here.triage.incidents) == 2
    await here.see("db", CRITICAL, DEAD)
    await here.begin()
    (api,) = await ended(here)
    (db,) = here.triage.incidents.values()
    assert (db.component, api.why) == ("db", f"goes on as a part of `{db.id}`")
    await here.until(lambda: here.luck.done == ["db"])
    await here.see("api", FINE)
    await ended(here, count=2)
    assert here.messages() == []


async def test_what_people_were_called_for_is_not_called_for_again(scene: Any) -> None:
    """A trouble that alternates between two faces wakes people once for each face."""
    here = await scene(part("api"), books={}, escalation=PEOPLE).begin()
    for _ in range(4):
        await here.see("api", CRITICAL, LOST)
        await ended(here, IncidentState.ESCALATED)
        await here.see("api", CRITICAL, DEAD)
        await here.until(lambda: here.recorded()[0].code == DEAD.id or len(here.messages()) == 2)
        await ended(here, IncidentState.ESCALATED)
    assert here.messages() == [("escalated", "json://team")] * 2


async def test_advice_is_given_once_and_wakes_nobody_again(scene: Any) -> None:
    """What only needs a hint is told with it, stays open, is not escalated, and its end is told."""
    here = await scene(part("api"), escalation=PEOPLE).begin()
    await here.see("api", CRITICAL, ODD)
    await here.until(lambda: here.recorded()[0].is_settled)
    await here.see("api", CRITICAL, ODD)
    assert here.recorded()[0].state is IncidentState.OPEN
    await here.see("api", FINE)
    await ended(here)
    assert sorted(here.messages()) == [("advised", "json://team"), ("resolved", "json://team")]
    assert here.plans() == []


async def test_advice_that_was_not_heeded_is_followed_by_help(scene: Any) -> None:
    """A warning was told with its remedy; when it becomes critical, it is healed, and nobody was called."""
    here = await scene(part("api"), books={"mend": book("mend", ODD)}, escalation=PEOPLE).begin()
    here.blocks = "only when it is critical"
    await here.see("api", Status.WARNING, ODD)
    await here.until(lambda: here.recorded()[0].is_settled)
    assert here.luck.done == []
    here.blocks = None
    await here.see("api", CRITICAL, ODD)
    await ended(here)
    assert here.luck.done == ["api"]
    assert sorted(here.messages()) == [("advised", "json://team"), ("resolved", "json://team")]


async def test_after_three_attempts_people_take_over(scene: Any) -> None:
    """Each playbook once, at most three, then the most urgent call there is."""
    books = {name: book(name, DEAD) for name in ("a", "b", "c", "d")}
    here = scene(part("api"), books=books, escalation=PEOPLE)
    here.luck.works = lambda _: False
    await here.begin()
    await here.see("api", CRITICAL, DEAD)
    (incident,) = await ended(here, IncidentState.ESCALATED)
    assert incident.tried == ("a", "b", "c")
    assert (incident.code, incident.severity) == ("recovery.exhausted", Severity.P0)
    assert sorted(here.messages()) == [("escalated", "json://boss"), ("escalated", "json://team")]
    await here.see("api", CRITICAL, LOST)
    await here.see("api", FINE)
    await ended(here)


async def test_what_did_not_help_rests_until_it_has_cooled_down(scene: Any) -> None:
    """A playbook that failed is not tried on the same trouble for a while, not even after a restart of Paramedic."""
    here = scene(part("api"), recovery_cooldown_s=300.0)
    here.luck.works = lambda _: False
    await here.begin()
    await here.see("api", CRITICAL, DEAD)
    await ended(here, IncidentState.ESCALATED)
    for life in range(2):
        here.clock.passed += 50
        await here.see("api", FINE)
        await ended(here, count=life + 1)
        here.clock.passed += 61
        await here.see("api", CRITICAL, DEAD)
        found = await ended(here, IncidentState.ESCALATED)
        assert "cools down" in found[0].why
        here = await (await here.reborn()).begin()
    assert here.luck.done == []
    here.clock.passed += 300
    await here.see("api", FINE)
    await ended(here, count=3)
    here.clock.passed += 61
    await here.see("api", CRITICAL, DEAD)
    await ended(here, count=4)
    assert here.luck.done == ["api"]


async def test_a_person_who_asks_again_need_not_wait(scene: Any) -> None:
    """Cool-downs and earlier attempts bind automation only."""
    here = scene(part("api"))
    here.luck.works = lambda _: False
    await here.begin()
    await here.see("api", CRITICAL, DEAD)
    (incident,) = await ended(here, IncidentState.ESCALATED)
    here.luck.works = lambda _: True
    await here.attendant.reopen(incident)
    await ended(here)
    assert here.luck.done == ["api", "api"]


async def test_never_more_recoveries_at_once_than_allowed(scene: Any) -> None:
    """Twelve deaths at once: all of them healed, two at a time."""
    names = [f"part{index}" for index in range(12)]
    here = scene(*(part(name) for name in names), recoveries_at_once=2)
    here.luck.hold = asyncio.Event()
    await here.begin()
    await asyncio.gather(*(here.see(name, CRITICAL, DEAD) for name in names))
    await here.until(lambda: here.luck.now == 2)
    here.luck.hold.set()
    await ended(here, count=12)
    assert sorted(here.luck.done) == sorted(names)
    assert here.luck.most == 2


async def test_a_symptom_that_joins_while_a_plan_is_drawn_is_not_lost(scene: Any) -> None:
    """The incident is not over before what came late is over, too."""
    here = await scene(part("api", "db"), part("db")).begin()
    here.luck.hold = asyncio.Event()
    await here.see("db", CRITICAL, DEAD)
    await here.see("api", CRITICAL, DEAD)
    await here.until(lambda: here.luck.done)
    here.luck.hold.set()
    await ended(here)
    assert here.luck.done == ["db", "api"]
    assert not any(each.is_failing for each in here.triage.verdicts.values())


async def test_nothing_is_done_to_what_cannot_be_seen(scene: Any) -> None:
    """It failed, then nobody could look: no plan, no all-clear, until sight returns."""
    here = scene(part("api"))
    here.attendant.limits.paused = True
    await here.begin()
    await here.see("api", CRITICAL, DEAD)
    await ended(here, IncidentState.WAITING)
    await here.see("api", *BLIND)
    here.attendant.limits.paused = False
    await here.attendant.go_on()
    await here.until(lambda: here.recorded()[0].state is IncidentState.OPEN)
    await here.see("api", *BLIND)
    assert here.luck.done == []
    await here.see("api", FINE)
    (incident,) = await ended(here)
    assert incident.why == "the trouble went by itself"


async def test_a_trouble_that_goes_by_itself_takes_its_plans_with_it(scene: Any) -> None:
    """Nobody can approve any of them afterwards."""
    here = scene(part("api", autonomy=Autonomy.APPROVE))
    await here.begin()
    await here.see("api", CRITICAL, DEAD)
    (incident,) = await ended(here, IncidentState.WAITING)
    await here.attendant.propose(incident)
    await here.see("api", FINE)
    await ended(here)
    assert [each.state for each in here.plans()] == [PlanState.STALE] * 2
    assert await here.attendant.approve(here.plans()[0], by("anna")) is not None
    assert here.luck.done == []


async def test_two_plans_of_one_incident_never_run_at_once(scene: Any) -> None:
    """Two people approve two proposals: the second hears that another one is running."""
    here = scene(part("api", autonomy=Autonomy.APPROVE))
    await here.begin()
    here.luck.hold = asyncio.Event()
    await here.see("api", CRITICAL, DEAD)
    (incident,) = await ended(here, IncidentState.WAITING)
    other, _ = await here.attendant.propose(incident)
    first = next(each for each in here.plans() if each.id == incident.plan)
    assert await here.attendant.approve(first, by("anna")) is None
    assert "another one is running" in await here.attendant.approve(other, by("ben"))
    here.luck.hold.set()
    await ended(here)
    assert here.luck.done == ["api"]


@pytest.mark.parametrize("answer", list(DidIt))
async def test_a_plan_interrupted_in_its_act_goes_on(scene: Any, answer: DidIt) -> None:
    """Killed after the intent: what did happen is not done again, what did not is done, what is unclear is for people."""
    here = await scene(part("api")).begin()
    here.luck.hold = asyncio.Event()
    await here.see("api", CRITICAL, DEAD)
    await here.until(lambda: here.luck.done)
    after = await here.reborn()
    after.luck.answer = answer
    if answer is DidIt.YES:
        after.state["api"] = (FINE, None)
    await after.begin()
    wanted = IncidentState.ESCALATED if answer is DidIt.CANNOT_TELL else IncidentState.RESOLVED
    (incident,) = await ended(after, wanted)
    assert after.luck.done == (["api"] if answer is DidIt.NO else [])
    with after.store.read() as tx:
        phases = [each.phase for each in tx.receipts.of(incident.plan)]
    assert phases == [Phase.INTENT, Phase.FAILED if answer is DidIt.CANNOT_TELL else Phase.DONE]


async def test_a_plan_committed_and_nothing_more_goes_on(scene: Any) -> None:
    """Killed between the commit and the engine."""
    here = scene(part("api"))
    here.engine.submit = lambda plan, steps: asyncio.Event().wait()
    await here.begin()
    await here.see("api", CRITICAL, DEAD)
    await ended(here, IncidentState.RECOVERING)
    after = await (await here.reborn()).begin()
    await ended(after)
    assert after.luck.done == ["api"]


@pytest.mark.parametrize("state", [IncidentState.OPEN, IncidentState.WAITING, IncidentState.ESCALATED])
async def test_incidents_go_on_where_they_were(scene: Any, state: IncidentState) -> None:
    """Killed while one was open, waiting or with people: healed, still waiting, not called for again."""
    autonomy = {IncidentState.WAITING: Autonomy.APPROVE, IncidentState.ESCALATED: Autonomy.OBSERVE}.get(state)
    here = scene(part("api", autonomy=autonomy), escalation=PEOPLE)
    if state is not IncidentState.OPEN:
        await here.begin()
    await here.see("api", CRITICAL, DEAD)
    await ended(here, state)
    before = here.messages()
    after = await (await here.reborn()).begin()
    await after.see("api", CRITICAL, DEAD)
    if state is IncidentState.OPEN:
        await ended(after)
    else:
        await after.see("api", CRITICAL, DEAD)
        assert after.recorded()[0].state is state
        assert after.messages() == before
        await after.see("api", FINE)
        await ended(after)


async def test_where_nothing_is_begun_by_itself_only_what_is_asked_for_is(scene: Any) -> None:
    """A command without a watch sees to one incident and leaves the others to the next watch."""
    here = scene(part("api"), part("mail"))
    await here.triage.load()
    await here.attendant.load()
    await here.see("api", CRITICAL, DEAD), await here.see("mail", CRITICAL, DEAD)
    wanted = next(each for each in here.triage.incidents.values() if each.component == "mail")
    here.attendant.take_up(wanted.id)
    assert (await here.attendant.settled(wanted.id)).state is IncidentState.RESOLVED
    assert here.luck.done == ["mail"]
    assert here.recorded()[0].state is IncidentState.OPEN


async def test_a_slow_confirmation_is_a_trouble_like_any_other(scene: Any) -> None:
    """What needs two looks to be believed is healed like the rest."""
    here = await scene(part("api")).begin()
    await here.see("api", CRITICAL, SLOW), await here.see("api", CRITICAL, SLOW)
    await ended(here)
    assert here.luck.done == ["api"]


async def test_of_several_failures_the_latest_cools_down_after_a_restart(scene: Any) -> None:
    """What failed twice is not tried again sooner than what failed once."""
    here = await scene(part("asks", autonomy=Autonomy.APPROVE)).begin()
    await here.see("asks", CRITICAL, DEAD)
    (incident,) = await ended(here, IncidentState.WAITING)
    now, (plan,) = here.clock.now(), here.plans()
    late, early = (
        replace(plan, state=PlanState.FAILED, ended_at=now - timedelta(seconds=seconds)) for seconds in (1, 290)
    )
    here.attendant.choosing.load((late, early))
    here.clock.passed += 60
    assert here.attendant.choosing.is_cooling(incident)
