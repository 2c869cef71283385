"""The helpers that are shipped for the tests of others."""

import doctest
import importlib

import pytest

from paramedic.guard import CircuitBreaker, FeatureFlags
from paramedic.guard.testing import ManualClock, Outcomes, flags_set, forced_open


def test_a_manual_clock_stands_until_it_is_moved() -> None:
    """Time passes on both hands, a step on one."""
    clock = ManualClock()
    assert (clock.monotonic(), clock.wall()) == (1000.0, 1_700_000_000.0)
    clock.advance(2)
    assert (clock.monotonic(), clock.wall()) == (1002.0, 1_700_000_002.0)
    clock.step_wall(-5)
    assert (clock.monotonic(), clock.wall()) == (1002.0, 1_699_999_997.0)
    assert ManualClock(wall_s=5).wall() == 5


def test_outcomes_play_their_script() -> None:
    """The last one stays; time may pass in each call; every call is seen."""
    clock = ManualClock()
    outcomes = Outcomes([1, KeyError("x"), 2], clock, 3)
    assert outcomes("a", b=1) == 1
    with pytest.raises(KeyError):
        outcomes()
    assert [outcomes(), outcomes()] == [2, 2]
    assert outcomes.calls == [(("a",), {"b": 1}), ((), {}), ((), {}), ((), {})]
    assert clock.monotonic() == 1012
    assert Outcomes([5])() == 5
    assert Outcomes([5]).__name__ == "outcomes"


@pytest.mark.parametrize("name", ["breaker", "cardinality", "flags", "outside", "performance", "testing"])
def test_the_examples_in_the_docstrings_work(name) -> None:
    """As they are shown."""
    found = doctest.testmod(importlib.import_module(f"paramedic.guard.{name}"))
    assert found.attempted > 0
    assert found.failed == 0


def test_calls_of_a_script_take_no_time_unless_told() -> None:
    """Neither with a clock nor without."""
    clock = ManualClock()
    Outcomes([1], clock)()
    assert clock.monotonic() == 1000.0
    Outcomes([1], clock, duration_s=2)()
    assert clock.monotonic() == 1002.0


def test_a_breaker_is_forced_open_for_a_block(clock) -> None:
    """It says why, and is closed after the block, however that ends."""
    breaker = CircuitBreaker(name="model", clock=clock)
    with forced_open(breaker) as given:
        assert given is breaker
        assert (breaker.state, breaker.get_state()["because"]) == ("open", "a test")
    assert breaker.state == "closed"
    with pytest.raises(KeyError), forced_open(breaker):
        raise KeyError
    assert breaker.state == "closed"


def test_flags_are_set_for_a_block(clock) -> None:
    """After it the file decides again, however the block ends."""
    flags = FeatureFlags({"a": True, "b": False}, clock=clock)
    with flags_set(flags, a=False, b=True) as given:
        assert given is flags
        assert (flags.is_enabled("a"), flags.is_enabled("b")) == (False, True)
    assert (flags.is_enabled("a"), flags.is_enabled("b")) == (True, False)
    with pytest.raises(KeyError), flags_set(flags, a=False, b=True):
        raise KeyError
    assert (flags.is_enabled("a"), flags.is_enabled("b")) == (True, False)
