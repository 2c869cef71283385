"""An event loop that ends although something in it does not."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")
_GRACE_S = 0.5


def run_loop(main: Coroutine[Any, Any, Result], *, on_interrupt: Callable[[], None] | None = None) -> Result:
    """Like ``asyncio.run``, which waits for ever for a task that swallows its cancellation; this one leaves it behind.

    Args:
        main: what to run.
        on_interrupt: called at the first Ctrl-C instead of cancelling ``main``; the second one cancels it.

    Raises:
        KeyboardInterrupt: interrupted, and ``main`` did not come to an end of its own.
    """
    with contextlib.closing(asyncio.new_event_loop()) as loop:
        asyncio.set_event_loop(loop)
        task = loop.create_task(main)
        interrupts = 0

        def interrupt() -> None:
            nonlocal interrupts
            interrupts += 1
            if on_interrupt and interrupts == 1:
                on_interrupt()
            else:
                task.cancel()

        # only the main thread may own signals; elsewhere Ctrl-C is somebody else's
        with contextlib.suppress(ValueError, RuntimeError):
            loop.add_signal_handler(signal.SIGINT, interrupt)
        try:
            return loop.run_until_complete(task)
        except asyncio.CancelledError:
            if interrupts:
                raise KeyboardInterrupt from None
            raise
        finally:
            with contextlib.suppress(ValueError, RuntimeError):
                loop.remove_signal_handler(signal.SIGINT)
            _leave(loop)
            asyncio.set_event_loop(None)


def forget(task: asyncio.Task[Any]) -> None:
    """Leave a task behind that ignores its cancellation, so that no loop waits for its end when it closes."""
    # the documented hooks of those who extend asyncio: what is not registered is not waited for
    asyncio.tasks._unregister_task(task)  # noqa: SLF001
    setattr(task, "_log_destroy_pending", False)  # noqa: B010  # its verdict was given already; its death is no news


def _leave(loop: asyncio.AbstractEventLoop) -> None:
    rest = asyncio.all_tasks(loop)
    for each in rest:
        each.cancel()
    if rest:
        loop.run_until_complete(asyncio.wait(rest, timeout=_GRACE_S))
    for each in rest:
        if not each.done():
            forget(each)
    loop.run_until_complete(loop.shutdown_asyncgens())
