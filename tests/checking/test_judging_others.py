"""Checks that judge what other checks found are looked at last, and know since when something fails."""

import asyncio
from typing import Any

from paramedic.model.code import Code, IssueType
from paramedic.model.component import Component
from paramedic.model.finding import Finding
from paramedic.sdk import Context, check
from things import Thing

BROKEN = Code(id="thing.broken", type=IssueType.OUTAGE, summary="the thing is broken")
HEALTH = {"it": True}


@check(BROKEN, of=Thing, id="thing.answers")
async def answers(_thing: Thing, context: Context) -> Finding:
    await asyncio.sleep(0.05)
    if HEALTH["it"]:
        return context.ok("whole")
    return context.critical(BROKEN, observed="in pieces", expected="whole", hint="glue it")


@check(BROKEN, of=Thing, id="thing.judged", judges_others=True)
async def judged(_thing: Thing, context: Context) -> Finding:
    seen = [each.observed for each in context.found("it") if each.check == "thing.answers"]
    return context.ok(f"saw {', '.join(seen) or 'nothing'}; {context.failing_since('it') is not None}")


def what(report: Any) -> str:
    """What the judging check said."""
    return next(each.observed for each in report.findings if each.check == "thing.judged")


async def test_it_is_looked_at_last(looking: Any, monkeypatch: Any) -> None:
    """In one run it knows what the others found, however they are listed."""
    monkeypatch.setitem(HEALTH, "it", False)
    assert what(await looking(judged, answers).run()) == "saw in pieces; True"


async def test_alone_it_knows_nothing(looking: Any) -> None:
    """Nor does it wait for anybody."""
    runner = looking(judged, answers)
    assert what(await runner.run(codes=("thing.judged",))) == "saw nothing; False"


async def test_since_when_is_remembered_until_it_passes(looking: Any, monkeypatch: Any) -> None:
    """The first of the looks that failed running counts; one that passes ends it."""
    part = Component(name="it", kind="thing", target=Thing())
    runner = looking(answers, judged, components=(part,))
    monkeypatch.setitem(HEALTH, "it", False)
    await runner.look_at(part, answers)
    first = runner.failing_since("it")
    await runner.look_at(part, answers)
    assert first is not None
    assert runner.failing_since("it") == first
    assert [each.observed for each in runner.found("it")] == ["in pieces"], "the newest look of each check"
    monkeypatch.setitem(HEALTH, "it", True)
    await runner.look_at(part, answers)
    assert runner.failing_since("it") is None
