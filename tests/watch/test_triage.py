"""From findings to incidents: what counts, what belongs together, and what is nobody's trouble."""

from typing import Any

import pytest
from scene import BLIND, BUSY, DEAD, FULL, LOST, SLOW

from paramedic.model.change import Change, ChangeKind
from paramedic.model.component import Component, Criticality
from paramedic.model.incident import IncidentState
from paramedic.model.status import Severity, Status
from scenery import make_service, part

CRITICAL, WARNING, FINE = Status.CRITICAL, Status.WARNING, Status.OK


def host(name: str = "machine") -> Component:
    return part(name, kind="host")


async def test_trouble_counts_only_when_a_second_look_agrees(scene: Any) -> None:
    """One bad look asks for another; only two that agree open an incident; what is certain at once does."""
    here = scene(part("api"), part("db"))
    assert await here.see("api", CRITICAL, SLOW), "look again"
    assert not here.recorded()
    assert not await here.see("api", FINE)
    assert await here.see("api", CRITICAL, SLOW), "the good look in between counts"
    assert await here.see("api", WARNING, SLOW), "another verdict is another doubt"
    assert not await here.see("api", WARNING, SLOW)
    assert [each.component for each in here.recorded()] == ["api"]
    assert not await here.see("db", CRITICAL, DEAD)
    assert [each.component for each in here.recorded()] == ["api", "db"]


async def test_what_cannot_be_looked_at_opens_nothing_and_closes_nothing(scene: Any) -> None:
    """Unknown is our own trouble; and an incident is not over because nobody can see it."""
    here = scene(part("api"))
    for _ in range(5):
        assert not await here.see("api", *BLIND)
    assert not here.recorded()
    await here.see("api", CRITICAL, DEAD)
    (incident,) = here.triage.incidents.values()
    await here.see("api", *BLIND)
    assert not here.triage.is_over(incident)
    assert not here.triage.still_failing(incident), "nor is it reason enough to act"
    await here.see("api", FINE)
    assert here.triage.is_over(incident)


async def test_troubles_join_along_dependencies_and_hosts(scene: Any) -> None:
    """What needs each other, and what stands on one machine, is one story; strangers are not."""
    here = scene(part("web", "api"), part("api", "db"), part("db"), part("mail"))
    for name in ("web", "db", "api", "mail"):
        await here.see(name, CRITICAL, DEAD)
    stories = {tuple(sorted(s.component for s in each.symptoms)) for each in here.recorded()}
    assert stories == {("api", "db", "web"), ("mail",)}
    story = here.triage.diagnose(next(each for each in here.triage.incidents.values() if len(each.symptoms) == 3))
    assert (story.component, story.code) == ("db", DEAD.id)


@pytest.mark.parametrize("first", ["machine", "api"])
async def test_what_a_machine_has_run_out_of_is_everybodys_story(scene: Any, first: str) -> None:
    """A full disk may be why anything on the machine fails, whichever was seen first."""
    here = scene(part("api"), host())
    troubles = {"machine": FULL, "api": DEAD}
    for name in sorted(troubles, key=lambda each: each != first):
        await here.see(name, CRITICAL, troubles[name])
    (incident,) = here.triage.incidents.values()
    assert here.triage.diagnose(incident).component == "machine"


@pytest.mark.parametrize("code", [BUSY, FULL, DEAD])
@pytest.mark.parametrize("first", ["machine", "api"])
async def test_a_warning_of_a_machine_has_no_part_in_what_fails_hard(scene: Any, code: Any, first: str) -> None:
    """A busy processor did not kill the process: two incidents, and the end of each is its own."""
    here = scene(part("api"), host())
    troubles = {"machine": (WARNING, code), "api": (CRITICAL, DEAD)}
    for name in sorted(troubles, key=lambda each: each != first):
        await here.see(name, *troubles[name])
    by_name = {each.component: here.triage.diagnose(each) for each in here.triage.incidents.values()}
    assert set(by_name) == {"api", "machine"}
    assert [(s.component, s.code) for s in by_name["api"].suspects] == [("api", DEAD.id)]
    assert (by_name["machine"].severity, by_name["api"].severity) == (
        Severity.P2 if code is BUSY else Severity.P3,
        Severity.P1,
    )
    await here.see("api", FINE)
    assert here.triage.is_over(by_name["api"])
    assert not here.triage.is_over(by_name["machine"])


async def test_a_busy_machine_may_be_why_something_is_slow(scene: Any) -> None:
    """Slowness for slowness: one story."""
    here = scene(part("api"), host())
    await here.see("machine", WARNING, BUSY)
    await here.see("api", WARNING, SLOW), await here.see("api", WARNING, SLOW)
    assert len(here.recorded()) == 1


async def test_troubles_of_one_machine_are_stories_of_their_own(scene: Any) -> None:
    """A busy processor keeps nobody waiting for the end of a full disk."""
    here = scene(part("api"), host())
    await here.see("machine", CRITICAL, FULL, check="disk")
    await here.see("machine", WARNING, BUSY, check="load")
    disk, load = here.triage.incidents.values()
    assert [each.check for each in here.triage.failed_checks(here.triage.diagnose(disk))] == ["disk"]
    await here.see("machine", FINE, check="disk")
    assert here.triage.is_over(disk)
    await here.triage.resolve(disk, "gone", by_itself=True)
    await here.see("machine", CRITICAL, FULL, check="disk")
    assert [each.id for each in here.triage.incidents.values()] == [load.id, disk.id], "it came back as itself"


async def test_a_dependency_that_only_warns_explains_no_failure(scene: Any) -> None:
    """It is told on its own, and keeps nothing else open; when it fails hard, it is the cause."""
    here = scene(part("api", "db"), part("db"))
    await here.see("db", WARNING, SLOW), await here.see("db", WARNING, SLOW)
    await here.see("api", CRITICAL, DEAD)
    db, api = here.triage.incidents.values()
    assert (db.component, api.component) == ("db", "api")
    assert [each.component for each in here.triage.troubles(api)] == ["api"]
    await here.see("db", CRITICAL, DEAD)
    api = here.triage.diagnose(here.triage.incidents[api.id])
    assert here.triage.elsewhere(api).id == db.id


async def test_severity_follows_what_still_fails(scene: Any) -> None:
    """As urgent as the worst that is left of the story, in both directions."""
    here = scene(part("api", "db", criticality=Criticality.HIGH), part("db", criticality=Criticality.LOW))
    seen = []
    for name, status, code in (("db", CRITICAL, DEAD), ("api", CRITICAL, DEAD), ("api", FINE, None)):
        await here.see(name, status, code)
        (incident,) = here.triage.incidents.values()
        here.triage.incidents[incident.id] = here.triage.diagnose(incident)
        seen.append(here.triage.incidents[incident.id].severity)
    assert seen == [Severity.P2, Severity.P0, Severity.P2]


async def test_trouble_that_comes_back_soon_goes_on(scene: Any) -> None:
    """Within a minute the old incident is opened again, later a new one."""
    here = scene(part("api"))
    await here.see("api", CRITICAL, DEAD)
    for wait_s, count in ((59.0, 1), (61.0, 2)):
        (incident,) = here.triage.incidents.values()
        await here.see("api", FINE)
        await here.triage.resolve(incident, "the trouble went by itself", by_itself=True)
        here.clock.passed += wait_s
        await here.see("api", CRITICAL, DEAD)
        assert len(here.recorded()) == count
        (now,) = here.triage.incidents.values()
        assert now.state is IncidentState.OPEN
        assert now.resolved_at is None


async def test_flapping_is_one_trouble_and_has_an_end(scene: Any) -> None:
    """Six changes within the window are flapping, whatever the last look said; calm for a window ends it."""
    here = scene(part("api"), flapping_changes=6, flapping_window_s=300.0)
    for _ in range(3):
        for status, code in ((CRITICAL, SLOW), (FINE, None)):
            for _ in range(2):
                await here.see("api", status, code)
            here.clock.passed += 5
    await here.see("api", FINE), await here.see("api", FINE)
    verdict = here.triage.verdicts["api", "seen"].finding
    assert (verdict.status, verdict.code) == (CRITICAL, "component.flapping")
    here.clock.passed += 301
    await here.see("api", FINE)
    assert here.triage.verdicts["api", "seen"].finding.status is FINE


async def test_coming_and_going_is_no_worse_than_what_comes_and_goes(scene: Any) -> None:
    """A limit that is touched now and then warns; what we healed does not count at all."""
    here = scene(part("api"), part("db"), flapping_changes=6, flapping_window_s=300.0)
    for _ in range(3):
        for name, bad in (("api", Status.WARNING), ("db", CRITICAL)):
            for status, code in ((bad, SLOW), (FINE, None)):
                for _ in range(2):
                    await here.see(name, status, code)
                here.clock.passed += 5
            if name == "db":
                here.triage.forgive(["db"])
    await here.see("api", FINE), await here.see("db", FINE)
    found = {name: verdict.finding for (name, _), verdict in here.triage.verdicts.items()}
    assert (found["api"].status, found["api"].code) == (Status.WARNING, "component.flapping")
    assert found["db"].status is FINE


async def test_what_an_order_stirs_up_is_excused(scene: Any) -> None:
    """While an order works on a component, neither it nor what needs it is in trouble; afterwards they are."""
    here = scene(part("api", "db"), part("db"))
    here.triage.quiet["db"] = "under the order `restart` of anna"
    for _ in range(2):
        await here.see("db", CRITICAL, DEAD)
        await here.see("api", CRITICAL, SLOW)
    assert not here.recorded()
    told = here.triage.verdicts["api", "seen"].finding
    assert (told.status, told.because) == (Status.INFO, "it needs `db`, which is under the order `restart` of anna")
    here.triage.quiet.clear()
    here.triage.stopped.add("db")
    await here.see("api", CRITICAL, SLOW), await here.see("api", CRITICAL, SLOW)
    assert not here.recorded(), "a stop explains its dependants for as long as it lasts"
    await here.see("api", CRITICAL, DEAD)
    assert len(here.recorded()) == 1, "but a death has a reason of its own"


async def test_resolved_goes_to_exactly_those_who_were_told(scene: Any) -> None:
    """Nobody hears of the end of what they never heard of."""
    here = scene(
        part("api"),
        part("db"),
        escalation={"L2": ("json://team",), "L3": ("json://boss",)},
        error_report_webhook="json://log",
    )
    await here.see("api", CRITICAL, DEAD)
    (incident,) = here.triage.incidents.values()
    assert incident.told == ("json://log",)
    await here.see("api", FINE)
    await here.triage.resolve(incident, "gone", by_itself=True)
    assert sorted(here.messages()) == [("opened", "json://log"), ("resolved", "json://log")]


async def test_a_failure_that_was_not_confirmed_before_the_end_is_not_lost(scene: Any) -> None:
    """The first look was stored, then we were killed: the next life needs no change of verdict to see it."""
    here = scene(part("api"))
    await here.see("api", CRITICAL, SLOW)
    fresh = here.triage.take_fresh()
    await here.store.run(lambda tx: tx.findings.put(fresh))
    after = await here.reborn()
    await after.triage.load()
    await after.see("api", CRITICAL, SLOW), await after.see("api", CRITICAL, SLOW)
    assert len(after.recorded()) == 1


async def test_the_next_life_remembers_incidents_and_stops(scene: Any) -> None:
    """What was open is open; what is no longer declared is over."""
    here = scene(part("api"), part("old"))
    await here.see("api", CRITICAL, DEAD), await here.see("old", CRITICAL, DEAD)
    after = await here.reborn(components=(part("api"),))
    await after.triage.load()
    by_name = {each.component: each for each in after.triage.incidents.values()}
    assert after.triage.still_failing(by_name["api"])
    assert after.triage.is_over(by_name["old"])
    assert not await after.see("api", CRITICAL, DEAD)
    assert len(after.recorded()) == 2, "nothing new"


@pytest.mark.parametrize("order", ["ab", "ba"])
async def test_of_two_changes_either_has_something_to_prove(scene: Any, order: str) -> None:
    """Whichever was made last: what needs it must pass again."""
    here = scene(part("api", "a", "b"), part("a", kind="config"), part("b", kind="config"))
    for name in order:
        await here.triage.changes.record(
            Change(at=here.clock.now(), kind=ChangeKind.CONFIG, component=name, what="edited", by="anna")
        )
        here.clock.passed += 1.0
    await here.see("api", CRITICAL, SLOW), await here.see("api", CRITICAL, SLOW)
    (incident,) = here.triage.incidents.values()
    incident = here.triage.diagnose(incident)
    assert incident.code == "change.suspect"
    assert [each.component for each in here.triage.failed_checks(incident)] == ["api"]


async def test_a_component_that_is_removed_wakes_its_incident(scene: Any) -> None:
    """Nobody else would ever look at it again."""
    here = scene(part("api"))
    await here.see("api", CRITICAL, DEAD)
    here.woken.clear()
    here.triage.adopt(make_service(here.service.path.parent))
    assert here.woken == list(here.triage.incidents)
    assert here.triage.is_over(next(iter(here.triage.incidents.values())))


@pytest.mark.parametrize(("blind", "well", "is_told"), [(3, 2, True), (3, 3, False), (2, 0, False), (6, 5, True)])
async def test_most_checks_blind_is_a_trouble_of_our_own(scene: Any, blind: int, well: int, is_told: bool) -> None:
    """At least three checks and more than half of all, two looks running: one incident, whoever is blind."""
    names = [f"part{index}" for index in range(blind + well)]
    here = scene(*(part(name) for name in names), host())
    for name in names[blind:]:
        await here.see(name, FINE)
    for name in names[:blind]:
        await here.see(name, *BLIND)
    assert not here.recorded(), "one look is not enough"
    for name in names[:blind]:
        await here.see(name, *BLIND)
    told = [(each.component, each.code) for each in here.recorded()]
    assert told == ([("paramedic", "paramedic.blind")] if is_told else [])


async def test_sight_that_returns_ends_it(scene: Any) -> None:
    """And another trouble meanwhile is a story of its own."""
    names = ("one", "two", "three", "four")
    here = scene(*(part(name) for name in names), host())
    for _ in range(2):
        for name in names[:3]:
            await here.see(name, *BLIND)
    await here.see("machine", CRITICAL, DEAD)
    sight, machine = here.recorded()
    assert (sight.component, machine.component) == ("paramedic", "machine")
    assert not here.triage.is_over(sight)
    after = await here.reborn()
    await after.triage.load()
    assert not after.triage.is_over(sight), "also in the next life"
    for name in names[:3]:
        await after.see(name, FINE)
    assert after.triage.is_over(sight)


async def test_three_strangers_that_fail_at_once_are_told_as_one_more(scene: Any) -> None:
    """Once automation gave them up they are linked, P1 and for people; two are not enough, and it ends with them."""
    here = scene(part("a"), part("b"), part("c"))
    await here.begin()
    for name in ("a", "b"):
        await here.see(name, CRITICAL, LOST)
    await here.until(lambda: all(each.state is IncidentState.ESCALATED for each in here.recorded()))
    await here.see("a", CRITICAL, LOST)
    assert len(here.recorded()) == 2
    await here.see("c", CRITICAL, LOST)
    await here.until(lambda: [each.state for each in here.recorded()] == [IncidentState.ESCALATED] * 3)
    await here.see("c", CRITICAL, LOST)
    last = await here.until(lambda: next((each for each in here.recorded() if each.component == "system"), None))
    assert (last.code, last.severity) == ("system.multiple-failures", Severity.P1)
    last = await here.until(lambda: here.recorded()[-1] if here.recorded()[-1].linked else None)
    assert set(last.linked) == {each.id for each in here.recorded()[:3]}
    assert not here.plans()
    await here.see("a", FINE)
    await here.see("b", CRITICAL, LOST)
    await here.until(lambda: here.recorded()[-1].state is IncidentState.RESOLVED)


async def test_a_change_is_evidence_of_an_incident(scene: Any) -> None:
    """What was changed shortly before is told with the incident, and is known again after a new start."""
    here = scene(part("api", "conf"), part("conf", kind="config"))
    told = Change(at=here.clock.now(), kind=ChangeKind.CONFIG, component="conf", what="edited", by="anna")
    await here.triage.changes.record(told)
    here.clock.passed += 5.0
    await here.see("api", CRITICAL, SLOW), await here.see("api", CRITICAL, SLOW)
    (incident,) = here.triage.incidents.values()
    incident = here.triage.diagnose(incident)
    assert (incident.component, incident.code, incident.changes) == ("conf", "change.suspect", (told,))
    assert [each.component for each in here.triage.failed_checks(incident)] == ["api"], "what it broke must pass"
    after = await here.reborn()
    await after.triage.load()
    (incident,) = after.triage.incidents.values()
    assert after.triage.diagnose(incident).component == "conf"
    assert await after.triage.excuse(after.triage.diagnose(incident), "nothing can take it back")
    (incident,) = after.triage.incidents.values()
    assert incident.component == "api", "the next suspect is seen to"
