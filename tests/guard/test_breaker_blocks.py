"""Blocks of code behind a breaker."""

import asyncio
import contextvars

import pytest

from failing_calls import Down, fail, numbers
from paramedic.guard import CircuitBreaker, CircuitOpen


def test_a_with_block_guards_what_is_inside(breaker, clock) -> None:
    """Sync and async, nested, and refused before the block begins."""
    other = CircuitBreaker(name="other", failure_threshold=1, clock=clock)
    with breaker as entered, other:
        assert entered is breaker
    with pytest.raises(Down), breaker, other:
        raise Down
    assert numbers(breaker, "success_count", "failure_count") == (1, 1)
    assert numbers(other, "state", "success_count", "failure_count") == ("open", 1, 1)
    with pytest.raises(CircuitOpen), other:
        raise AssertionError

    async def inside() -> None:
        async with breaker:
            pass
        with pytest.raises(Down):
            async with breaker:
                raise Down

    asyncio.run(inside())
    assert numbers(breaker, "success_count", "failure_count", "consecutive_failures") == (2, 2, 1)


def test_a_with_block_measures_its_time(clock) -> None:
    """Also where others were entered after it and left later."""
    breaker = CircuitBreaker(name="a", window={"calls": 9, "slow_call_rate": 1.0}, clock=clock)
    other = CircuitBreaker(name="b", window={"calls": 9, "slow_call_rate": 1.0}, clock=clock)
    breaker.__enter__()
    clock.advance(6)
    other.__enter__()
    breaker.__exit__(None, None, None)
    other.__exit__(None, None, None)
    assert numbers(breaker, "slow_calls", "success_count") == (1, 1)
    assert numbers(other, "slow_calls", "success_count") == (0, 1)
    with breaker:
        with breaker:
            clock.advance(6)
        clock.advance(6)
    assert breaker.get_state()["slow_calls"] == 3


def test_a_block_that_is_left_in_another_context_gives_its_permit_back(clock) -> None:
    """Permits are fungible: the count stays right."""
    breaker = CircuitBreaker(failure_threshold=1, recovery_timeout=1, success_threshold=9, clock=clock)
    fail(breaker)
    clock.advance(1)
    contextvars.copy_context().run(breaker.__enter__)
    assert breaker.get_state()["half_open_calls"] == 1
    contextvars.copy_context().run(breaker.__exit__, None, None, None)
    assert numbers(breaker, "half_open_calls", "success_count") == (0, 1)
    breaker.reset()
    contextvars.copy_context().run(breaker.__enter__)
    contextvars.copy_context().run(breaker.__exit__, None, None, None)
    assert breaker.get_state()["success_count"] == 1
