"""When a check looks again."""

import pytest

from paramedic.sdk import Code, Component, Context, Finding, IssueType, check
from paramedic.watch.schedule import interval_s, next_turn


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
