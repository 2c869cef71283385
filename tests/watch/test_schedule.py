"""When a check looks again."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest

from paramedic.model.clock import SystemClock
from paramedic.sdk import Code, Component, Context, Finding, IssueType, Pack, Registry, check, load_packs
from paramedic.watch.node import Node
from paramedic.watch.schedule import Schedule, interval_s, next_turn
from scenery import make_service, make_settings, part


@pytest.mark.parametrize(
    ("due", "now", "next_due"),
    [
        (10.0, 8.0, 10.0),  # woken early: the regular turn stays
        (10.0, 10.0, 15.0),
        (10.0, 10.3, 15.0),  # a slow look delays nothing
        (10.0, 14.99, 15.0),
        (10.0, 15.0, 20.0),
        (10.0, 29.0, 30.0),  # whoever is late leaves turns out instead of making up for them
        (-1e6, 2.5, 5.0),
    ],
)
def test_looks_come_at_fixed_times(due: float, now: float, next_due: float) -> None:
    """The next turn is the first of the regular ones that is still to come."""
    assert next_turn(due, 5.0, now) == pytest.approx(next_due)


@pytest.mark.parametrize(
    ("every_s", "fastest_s", "interval", "expected_s"),
    [
        (5, 5, None, 5),
        (5, 5, 0.5, 0.5),
        (30, 5, 0.5, 30),  # a dear check beside a cheap one keeps its own pace
        (30, 5, 90, 90),
        (60, 60, 15, 15),  # a journey has no other check: the interval can only mean it
        (300, 60, 15, 300),
    ],
)
def test_an_interval_is_meant_for_the_frequent_checks(
    every_s: float, fastest_s: float, interval: float | None, expected_s: float
) -> None:
    """A component's own interval never makes a dear check look more often than it would, beside cheaper ones."""

    async def looks(_: object, context: Context) -> Finding:
        return context.ok("fine")

    spec = check(Code(id="a.b", type=IssueType.OUTAGE, summary=""), of=object, every_s=every_s)(looks)
    component = Component(name="it", kind="thing", target=object(), interval_s=interval)
    assert interval_s(component, spec, fastest_s) == expected_s


async def test_a_change_just_after_a_dear_look_is_looked_at_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not at once, lest a busy file keep it looking; nor only when its timer ends, a minute later."""
    monkeypatch.setattr("paramedic.watch.schedule._REST_S", 0.5)
    looks: asyncio.Queue[float] = asyncio.Queue()

    @check(Code(id="a.b", type=IssueType.OUTAGE, summary=""), of=str, every_s=60)
    async def look(_: str, context: Context) -> Finding:
        looks.put_nowait(time.monotonic())
        return context.ok("fine")

    (tmp_path / "paramedic.yaml").write_text("service: scene\n")
    service = make_service(tmp_path, replace(part("it"), target="it"), settings=make_settings(tmp_path))
    registry = Registry((*load_packs().packs, Pack(name="it", checks=(look,))))
    async with Node(service, registry, SystemClock(), is_idle=True) as node:
        schedule = Schedule(node, lambda _: None)
        schedule.begin()
        try:
            async with asyncio.timeout(30):
                first = await looks.get()
                for _ in range(3):
                    schedule.wake("it", "file")
                    await asyncio.sleep(0.05)
                assert await looks.get() - first >= 0.5
        finally:
            await schedule.close()
        assert looks.empty()
