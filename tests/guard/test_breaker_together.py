"""Many callers at once: threads, tasks, and both."""

import asyncio
import contextlib
import random
import threading

import pytest

from paramedic.guard import CircuitBreaker, CircuitOpen
from paramedic.guard.testing import ManualClock


class Down(Exception):
    """The dependency does not answer."""


def opened(**settings):
    clock = ManualClock()
    breaker = CircuitBreaker(failure_threshold=1, recovery_timeout=1, clock=clock, **settings)
    with pytest.raises(Down), breaker:
        raise Down
    clock.advance(1)
    return breaker


@pytest.mark.parametrize("permits", [1, 3, 19])
@pytest.mark.parametrize("shape", ["decorator", "with", "call"])
def test_of_twenty_threads_exactly_the_permits_pass(permits, shape) -> None:
    """All knock at the same moment on a half-open breaker."""
    breaker = opened(half_open_max_calls=permits)
    inside, refusals = [], []
    together, leave = threading.Barrier(20), threading.Event()
    everybody = threading.Semaphore(0)

    def dependency() -> None:
        inside.append(1)
        everybody.release()
        leave.wait(30)

    def through() -> None:
        if shape == "with":
            with breaker:
                dependency()
        elif shape == "call":
            breaker.call(dependency)
        else:
            breaker(dependency)()

    def knock() -> None:
        together.wait()
        try:
            through()
        except CircuitOpen:
            refusals.append(1)
            everybody.release()

    threads = [threading.Thread(target=knock) for _ in range(20)]
    for each in threads:
        each.start()
    for _ in threads:
        assert everybody.acquire(timeout=30)
    assert (len(inside), len(refusals)) == (permits, 20 - permits)
    assert breaker.get_state()["half_open_calls"] == permits
    leave.set()
    for each in threads:
        each.join()
    assert breaker.get_state()["half_open_calls"] == 0
    assert breaker.state == ("half_open" if permits == 1 else "closed")


async def test_of_twenty_tasks_exactly_the_permits_pass() -> None:
    """The same for asyncio, by decorator and by ``async with``."""
    for shape in ("decorator", "with"):
        breaker = opened(half_open_max_calls=3)
        leave = asyncio.Event()
        inside = []

        @breaker
        async def decorated(inside=inside, leave=leave) -> None:
            inside.append(1)
            await leave.wait()

        async def entered(inside=inside, leave=leave, breaker=breaker) -> None:
            async with breaker:
                inside.append(1)
                await leave.wait()

        call = decorated if shape == "decorator" else entered
        tasks = [asyncio.create_task(call()) for _ in range(20)]
        await asyncio.sleep(0.01)
        assert len(inside) == 3
        leave.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert sum(isinstance(each, CircuitOpen) for each in results) == 17
        assert breaker.state == "closed"


def test_under_a_storm_of_threads_and_tasks_no_permit_is_lost_and_no_call_uncounted() -> None:
    """Twenty threads, each with tasks of its own, failing and succeeding through every state."""
    breaker = CircuitBreaker(failure_threshold=3, recovery_timeout=0.001, half_open_max_calls=2, success_threshold=2)
    running, most, lock = [0], [0], threading.Lock()

    async def dependency(dice: random.Random) -> None:
        trial = breaker._state != "closed"
        with lock:
            running[0] += trial
            most[0] = max(most[0], breaker.get_state()["half_open_calls"])
        await asyncio.sleep(0)
        with lock:
            running[0] -= trial
        if dice.random() < 0.4:
            raise Down

    guarded = breaker(dependency)

    async def caller(dice: random.Random) -> int:
        made = 0
        for _ in range(30):
            try:
                await guarded(dice)
                made += 1
            except Down:
                made += 1
            except CircuitOpen:
                await asyncio.sleep(0.001)
        return made

    async def tasks(seed: int) -> None:
        await asyncio.gather(*(caller(random.Random(seed * 10 + each)) for each in range(3)))

    threads = [threading.Thread(target=asyncio.run, args=(tasks(each),)) for each in range(20)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert most[0] <= 2
    assert breaker.get_state()["half_open_calls"] == 0
    assert not breaker._outbox


def test_successes_of_many_threads_are_all_counted() -> None:
    """The path without a lock loses nothing."""
    breaker = CircuitBreaker(window="60 s", failure_threshold=10**9)

    @breaker
    def call(number: int) -> None:
        if number % 50 == 0:
            raise Down

    def caller() -> None:
        for number in range(1000):
            with contextlib.suppress(Down):
                call(number)

    threads = [threading.Thread(target=caller) for _ in range(20)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    state = breaker.get_state()
    assert (state["calls"], state["failure_count"], state["success_count"]) == (20_000, 400, 19_600)
