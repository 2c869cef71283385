"""Handlers that are to be awaited."""

import asyncio
import functools

import pytest

from failing_calls import Down
from kept_calls import counts
from paramedic.guard import FailedTaskQueue


def test_async_handlers_and_those_without_an_id(made, clock) -> None:
    """Each gets what it takes."""

    async def later(value):
        await asyncio.sleep(0)
        made.append(value)
        return value * 2

    def everything(**given):
        made.append(sorted(given))

    queue = FailedTaskQueue("q.sqlite", handlers={"later": later}, clock=clock)
    queue.handle("everything", everything)
    queue.add("later", 1)
    queue.add("everything", x=1)
    assert queue.call("later", 4) == 8
    assert queue.run_due() == 2
    assert made == [4, 1, ["task_id", "x"]]


async def test_in_an_event_loop_the_call_of_an_async_handler_is_awaited(clock) -> None:
    """It runs in that loop; what fails is kept."""
    loops = []

    async def deliver(good):
        loops.append(asyncio.get_running_loop())
        if not good:
            raise Down("gone")
        return "fine"

    queue = FailedTaskQueue("a.sqlite", handlers={"deliver": deliver, "plain": lambda: 5}, clock=clock)
    assert await queue.call("deliver", True) == "fine"
    assert await queue.call("deliver", False) is None
    assert queue.call("plain") == 5
    assert loops == [asyncio.get_running_loop()] * 2
    assert counts(queue) == (1, 0, 0, 0)
    with pytest.raises(ValueError, match="nothing handles `other`"):
        queue.call("other")


async def later(made, value):
    """A client's async method."""
    await asyncio.sleep(0)
    made.append(value)
    if value == "bad":
        raise Down("gone")
    return value


def test_a_plain_handler_that_gives_a_coroutine_has_made_its_call_when_that_is_awaited(made, clock) -> None:
    """Not before: what was only begun is never acknowledged."""
    queue = FailedTaskQueue("l.sqlite", handlers={"later": lambda value: later(made, value)}, clock=clock)
    assert queue.call("later", 1) == 1
    queue.add("later", 2)
    queue.add("later", "bad")
    assert queue.run_due() == 1
    assert made == [1, 2, "bad"]
    assert counts(queue) == (1, 0, 1, 0)


async def test_in_an_event_loop_whatever_gives_a_coroutine_is_given_to_await(made, clock) -> None:
    """As the call of an async handler; what fails is kept."""
    queue = FailedTaskQueue("l.sqlite", handlers={"later": lambda value: later(made, value)}, clock=clock)
    assert await queue.call("later", 1) == 1
    assert await queue.call("later", "bad") is None
    assert counts(queue) == (1, 0, 0, 0)


async def test_due_calls_can_be_made_from_within_an_event_loop(made, clock) -> None:
    """Async ones in a loop of their own, as in the background."""
    queue = FailedTaskQueue("l.sqlite", handlers={"later": functools.partial(later, made)}, clock=clock)
    queue.add("later", 1)
    queue.add("later", "bad")
    assert queue.run_due() == 1
    assert made == [1, "bad"]
    assert counts(queue) == (1, 0, 1, 0)
