"""A time-out that counts only the time in which an answer could have been heard."""

import asyncio
import time

import pytest

from paramedic.sdk.patience import fair_timeout


async def test_what_never_comes_is_given_up() -> None:
    """As with any time-out; nothing ticks on afterwards."""
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        async with fair_timeout(0.2):
            await asyncio.Event().wait()
    assert 0.2 <= time.monotonic() - began < 5
    loop = asyncio.get_running_loop()
    assert not [each for each in loop._scheduled if not each.cancelled()]  # type: ignore[attr-defined]


async def test_time_in_which_the_loop_stood_still_does_not_count() -> None:
    """An answer that came meanwhile, and takes several turns of the loop to be read, is heard."""
    loop = asyncio.get_running_loop()
    loop.call_later(0.05, time.sleep, 1.0)
    async with fair_timeout(0.4):
        for _ in range(10):
            await asyncio.sleep(0.02)


async def test_what_never_comes_is_given_up_although_the_loop_stood_still() -> None:
    """Later by as long as it did."""
    loop = asyncio.get_running_loop()
    loop.call_later(0.05, time.sleep, 0.5)
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        async with fair_timeout(0.2):
            await asyncio.Event().wait()
    assert 0.6 < time.monotonic() - began < 5


async def test_what_ends_in_time_ends_as_it_does() -> None:
    """With its own error, or cancelled from outside."""
    with pytest.raises(ValueError, match="mine"):
        async with fair_timeout(5):
            raise ValueError("mine")

    async def wait() -> None:
        async with fair_timeout(5):
            await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_no_time_at_all_is_over_at_once() -> None:
    """Whatever there was to wait for."""
    with pytest.raises(TimeoutError):
        async with fair_timeout(0):
            await asyncio.Event().wait()
