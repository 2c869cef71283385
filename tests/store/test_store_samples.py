"""Measurements stay useful while they age."""

from datetime import UTC, datetime

import pytest

from paramedic.store import Store
from store.examples import DAY, NOON, at, sample

MIDNIGHT = datetime(2026, 5, 1, tzinfo=UTC)


def test_fresh_measurements_come_as_they_are(store: Store) -> None:
    """One component, one name, half-open range, oldest first."""
    with store.begin() as tx:
        tx.samples.add([sample(10, 3.0), sample(0, 1.0), sample(5, 2.0), sample(5, 9.0, "rss_bytes")])
        tx.samples.add([])
    with store.read() as tx:
        points = tx.samples.series("api", "latency_ms", NOON)
        assert [(point.at, point.value, point.width_s) for point in points] == [
            (at(0), 1.0, 0),
            (at(5), 2.0, 0),
            (at(10), 3.0, 0),
        ]
        assert [point.value for point in tx.samples.series("api", "latency_ms", at(5), at(10))] == [2.0]
        assert tx.samples.series("db", "latency_ms", NOON) == ()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_number_is_no_measurement(store: Store, value: float) -> None:
    """The others of the same batch are kept."""
    with store.begin() as tx:
        tx.samples.add([sample(0, value), sample(1, 2.0)])
        assert [point.value for point in tx.samples.series("api", "latency_ms", NOON)] == [2.0]


def test_a_range_is_answered_by_the_finest_resolution_that_reaches_so_far(store: Store) -> None:
    """Single values for a day, minutes for two weeks, hours as long as everything else."""
    step_s, days = 1200, 20
    count = days * 86_400 // step_s
    start = NOON - days * DAY
    with store.begin() as tx:
        tx.samples.add([sample(number * step_s - days * 86_400, float(number)) for number in range(count)])
    store.prune(NOON, 90)
    store.prune(NOON, 90)
    with store.read() as tx:
        whole = tx.samples.series("api", "latency_ms", start)
        week = tx.samples.series("api", "latency_ms", NOON - 7 * DAY)
        hour = tx.samples.series("api", "latency_ms", NOON - 0.5 * DAY)
    assert {point.width_s for point in hour} == {0}
    assert len(hour) == 36
    assert week[0].width_s == 60
    assert whole[0].width_s == 3600
    assert sum(point.count for point in whole) == count
    assert sum(point.total for point in whole) == pytest.approx(sum(range(count)))
    assert min(point.minimum for point in whole) == 0.0
    assert max(point.maximum for point in whole) == count - 1
    assert [point.at for point in whole] == sorted(point.at for point in whole)


def test_rolling_up_again_counts_nothing_twice_and_takes_in_the_late(store: Store) -> None:
    """A measurement that arrives minutes late still gets into its minute."""
    with store.begin() as tx:
        tx.samples.add([sample(number) for number in range(0, 600, 10)])
        tx.samples.roll_up(at(600))
        tx.samples.add([sample(300, 7.0)])
        tx.samples.roll_up(at(660))
        tx.samples.roll_up(at(660))
    store.prune(NOON + 3 * DAY, 90)
    with store.read() as tx:
        points = tx.samples.series("api", "latency_ms", NOON)
    assert sum(point.count for point in points) == 61
    assert max(point.maximum for point in points) == 7.0
    assert {point.width_s for point in points} <= {60, 3600}


def test_a_clock_that_was_ahead_for_a_while_stops_no_rolling_up(store: Store) -> None:
    """Measurements of the right time are summed up though some of the future were before."""
    with store.begin() as tx:
        tx.samples.add([sample(365 * 86_400)])
        tx.samples.roll_up(NOON + 366 * DAY)
        tx.samples.add([sample(number) for number in range(0, 7200, 60)])
    store.prune(NOON + 3 * DAY, 90)
    with store.read() as tx:
        assert sum(point.count for point in tx.samples.series("api", "latency_ms", NOON, NOON + DAY)) == 120


def test_nothing_is_kept_longer_than_everything_else(store: Store) -> None:
    """Hours go with the retention of the whole store."""
    with store.begin() as tx:
        tx.samples.add([sample(0)])
    store.prune(NOON + 2 * DAY, 5)
    with store.read() as tx:
        assert len(tx.samples.series("api", "latency_ms", MIDNIGHT)) == 1
    store.prune(NOON + 6 * DAY, 5)
    with store.read() as tx:
        assert tx.samples.series("api", "latency_ms", MIDNIGHT) == ()
