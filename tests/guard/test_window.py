"""What a breaker remembers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramedic.guard.window import SLICES, LastCalls, LastSeconds, Streak, Window

MARKS = st.lists(st.sampled_from(["good", "good2", "failed", "slow", "both"]), max_size=60)


def told(tally, marks, start=100.0, step=0.0):
    """Tell marks one after the other; `good2` are two fast successes at once."""
    for number, mark in enumerate(marks):
        now = start + number * step
        if mark == "good":
            tally.succeed([now])
        elif mark == "good2":
            tally.succeed([now, now])
        else:
            tally.note(failed=mark in ("failed", "both"), slow=mark in ("slow", "both"), now=now)
    return tally


def flat(marks):
    return [each for mark in marks for each in (["good", "good"] if mark == "good2" else [mark])]


def counts(tally):
    return tally.calls, tally.failures, tally.slow


def expected(marks):
    return (
        len(marks),
        sum(each in ("failed", "both") for each in marks),
        sum(each in ("slow", "both") for each in marks),
    )


@given(MARKS, st.integers(1, 12))
def test_a_window_of_calls_counts_exactly_the_last_ones(marks, size) -> None:
    """Whatever came before them has no say."""
    assert counts(told(LastCalls(size), marks)) == expected(flat(marks)[-size:])


@given(MARKS)
def test_a_streak_counts_every_call(marks) -> None:
    """It forgets nothing by itself."""
    streak = told(Streak(), marks)
    streak.forget(1e9)
    assert counts(streak) == expected(flat(marks))


@given(MARKS, st.floats(0.01, 3.0), st.floats(0.0, 20.0))
def test_a_window_of_seconds_forgets_by_slices(marks, step, later) -> None:
    """Calls within 59/60 of the window are counted, calls older than the window are not."""
    seconds = 6.0
    tally = told(LastSeconds(seconds), marks, step=step)
    now = 100.0 + max(0, len(marks) - 1) * step + later
    tally.forget(now)
    aged = [(now - (100.0 + number * step), each) for number, mark in enumerate(marks) for each in flat([mark])]
    surely = expected([each for age, each in aged if age < seconds * (SLICES - 1) / SLICES - 1e-6])
    perhaps = expected([each for age, each in aged if age < seconds + 1e-6])
    assert all(low <= found <= high for low, found, high in zip(surely, counts(tally), perhaps, strict=True))


def test_a_batch_that_crosses_slices_is_counted_in_each() -> None:
    """Fast successes are handed over late, and still count from when they ended."""
    tally = LastSeconds(60.0)
    tally.succeed([0.5, 1.5, 30.5])
    tally.forget(61.2)
    assert tally.calls == 1
    tally.succeed([])
    assert tally.calls == 1


def test_a_slice_is_forgotten_at_once_when_it_is_too_old() -> None:
    """The window is exactly sixty slices, the present one included."""
    tally = LastSeconds(60.0)
    tally.note(failed=True, slow=True, now=0.5)
    tally.forget(59.9)
    assert counts(tally) == (1, 1, 1)
    tally.note(failed=False, slow=False, now=60.0)
    assert counts(tally) == (1, 0, 0)


@pytest.mark.parametrize(
    ("written", "window"),
    [
        (None, Window()),
        ("consecutive", Window()),
        (100, Window(calls=100)),
        ("100 calls", Window(calls=100)),
        ("1 call", Window(calls=1)),
        ("last 100 calls", Window(calls=100)),
        ("60 s", Window(seconds=60)),
        ("1.5s", Window(seconds=1.5)),
        ("last 60 seconds", Window(seconds=60)),
        ("1 second", Window(seconds=1)),
        ({"calls": 5, "failure_rate": 0.5}, Window(calls=5, failure_rate=0.5)),
        (Window(calls=3), Window(calls=3)),
    ],
)
def test_a_window_is_written_as_people_write_it(written, window) -> None:
    """Text, number and mapping mean the same."""
    assert Window.of(written) == window


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("soon", "`soon` is no window"),
        ("calls", "`calls` is no window"),
        ("5 minutes", "`5 minutes` is no window"),
        (True, "`True` is no window"),
        (2.5, "`2.5` is no window"),
        ({"call": 5}, "a window has no `call`; it has calls, failure_rate"),
        ({"calls": 5, "seconds": 5}, "a window counts either calls or seconds"),
        (0, "`calls` is at least 1"),
        ({"seconds": 0}, "`seconds` is more than 0"),
        ({"seconds": float("inf")}, "`seconds` is more than 0"),
        ({"calls": 5, "failure_rate": 0}, "`failure_rate` is a share"),
        ({"calls": 5, "failure_rate": 1.1}, "`failure_rate` is a share"),
        ({"calls": 5, "slow_call_rate": 50}, "`slow_call_rate` is a share"),
        ({"failure_rate": 0.5}, "`failure_rate` needs a window"),
        ({"slow_call_rate": 0.5}, "`slow_call_rate` needs a window"),
        ({"calls": 5, "slow_call_s": 0}, "`slow_call_s` is more than 0"),
        ({"calls": 5, "minimum_calls": 0}, "`minimum_calls` is at least 1"),
        ({"calls": "50"}, "`calls` is at least 1, a whole number, not `50`"),
        ({"calls": 2.5}, "`calls` is at least 1, a whole number, not `2.5`"),
        ({"seconds": "60"}, "`seconds` is more than 0, not `60`"),
        ({"calls": 5, "failure_rate": "0.5"}, "`failure_rate` is a share, more than 0 and at most 1, not `0.5`"),
        ({"calls": 5, "failure_rate": float("nan")}, "`failure_rate` is a share, more than 0 and at most 1, not `nan`"),
        ({"calls": 5, "slow_call_s": float("inf")}, "`slow_call_s` is more than 0, not `inf`"),
        ({"calls": 5, "minimum_calls": 2.5}, "`minimum_calls` is at least 1, a whole number, not `2.5`"),
        ("1.5 calls", "`1.5 calls` is no window"),
    ],
)
def test_a_window_that_makes_no_sense_is_refused(written, complaint) -> None:
    """The complaint names what is wrong."""
    with pytest.raises(ValueError, match=f"^{complaint}"):
        Window.of(written)


def test_edges_that_make_sense() -> None:
    """A rate of one, a window of one, a minimum of one."""
    window = Window(calls=1, failure_rate=1, slow_call_rate=1, minimum_calls=1, slow_call_s=0.1)
    assert (window.enough, window.slow_after_s, window.consecutive) == (1, 0.1, False)
    assert Window(seconds=0.5).slow_after_s == float("inf")
    assert not Window(seconds=0.5).consecutive
    assert Window().consecutive
    assert Window(calls=3).enough == 3
    assert Window(calls=30).enough == 10
    assert Window(seconds=30).enough == 10
    assert isinstance(Window().tally(), Streak)
    assert isinstance(Window(calls=3).tally(), LastCalls)
    assert isinstance(Window(seconds=3).tally(), LastSeconds)


def test_successes_of_many_moments_are_successes_of_each() -> None:
    """However they are spread over the slices, none of them is a failure or slow."""
    tally = LastSeconds(60)
    tally.note(failed=True, slow=True, now=1000.0)
    tally.succeed([1000.5, 1001.5, 1030.5])
    assert (tally.calls, tally.failures, tally.slow) == (4, 1, 1)
    tally.forget(1060.0)
    assert (tally.calls, tally.failures, tally.slow) == (2, 0, 0)


def test_slow_calls_are_pushed_out_by_fast_ones() -> None:
    """As failures are."""
    for mark in ({"failed": True, "slow": False}, {"failed": False, "slow": True}):
        tally = LastCalls(3)
        tally.note(now=0.0, **mark)
        tally.succeed([0.0, 0.0])
        assert (tally.calls, tally.failures + tally.slow) == (3, 1)
        tally.succeed([0.0])
        assert (tally.calls, tally.failures + tally.slow) == (3, 0)
