"""Blocking code on a thread that may hang without holding anybody up."""

import asyncio
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run blocking code on a fresh daemon thread and wait for its result.

    Unlike the loop's executor, a thread that hangs blocks no later call and not the end of the program.
    When the caller stops waiting, the thread goes on and its result is dropped.
    """
    loop = asyncio.get_running_loop()
    waiting: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if waiting.done():
            return
        if error is not None:
            waiting.set_exception(error)
        else:
            waiting.set_result(result)  # type: ignore[arg-type]  # without an error there is a result

    def work() -> None:
        try:
            result, error = function(*args, **kwargs), None
        except BaseException as caught:  # a boundary: whatever it is belongs to the caller
            result, error = None, caught
        try:
            loop.call_soon_threadsafe(settle, result, error)
        except RuntimeError:
            return  # the loop is closed: nobody waits any more

    threading.Thread(target=work, name=f"blocking {getattr(function, '__name__', 'call')}", daemon=True).start()
    return await waiting
