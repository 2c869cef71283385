"""Blocking code, kept where it can block nobody.

The threads of ``asyncio.to_thread`` are few and shared, and the interpreter waits for them when it exits: a dozen
calls into a dead network share stop every other check and then the exit itself. Here each call has a daemon thread
of its own, so that a hung one costs one thread and nothing else.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from typing import TypeVar, TypeVarTuple, Unpack

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")

threads_of_this_look: ContextVar[list[threading.Thread] | None] = ContextVar("threads_of_this_look", default=None)
"""Where the runner keeps the threads of one look, to know whether an abandoned one has ended since."""


async def in_thread(fn: Callable[[Unpack[Arguments]], Result], *args: *Arguments) -> Result:
    """Run ``fn(*args)`` on a fresh daemon thread and wait for its result.

    Cancelling stops the waiting, not the thread: what it returns or raises afterwards is forgotten.

    Raises:
        Exception: whatever ``fn`` raises.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def deliver(result: Result | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(result)  # type: ignore[arg-type]  # without an error it is what fn returned
        else:
            future.set_exception(error)

    def work() -> None:
        result: Result | None = None
        error: BaseException | None = None
        try:
            result = fn(*args)
        except StopIteration as stop:  # a future refuses to carry it
            error = RuntimeError(f"`{stop!r}` left a blocking call")
        except BaseException as raised:  # a boundary: whatever it is belongs to the one who waits
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits any more
            loop.call_soon_threadsafe(deliver, result, error)

    name = getattr(fn, "__qualname__", type(fn).__name__)
    thread = threading.Thread(target=copy_context().run, args=(work,), name=f"blocking {name}", daemon=True)
    if (threads := threads_of_this_look.get()) is not None:
        threads.append(thread)
    thread.start()
    return await future
