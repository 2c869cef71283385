"""When a check looks again."""

import pytest

from paramedic.watch.schedule import next_turn


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
