"""A time-out that blames nobody for our own slowness.

When the event loop stands still (a module is read from a cold disk, the machine is overloaded, Paramedic itself was
stopped), answers lie unread meanwhile, and an ordinary time-out would say that none came.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_STEP_S = 0.1
_NOTICEABLE_S = 0.01


@asynccontextmanager
async def fair_timeout(limit_s: float) -> AsyncIterator[None]:
    """Like ``asyncio.timeout``, but time during which this loop stood still does not count.

    Args:
        limit_s: seconds in which an answer could have been heard.

    Raises:
        TimeoutError: when these are over.
    """
    loop = asyncio.get_running_loop()
    step_s = min(_STEP_S, limit_s / 4)
    next_step: asyncio.TimerHandle
    async with asyncio.timeout(limit_s) as limit:

        def step() -> asyncio.TimerHandle:
            at = loop.time() + step_s
            return loop.call_at(at, went, at)

        def went(expected: float) -> None:
            nonlocal next_step
            when, stood_still = limit.when(), loop.time() - expected
            if when is None or limit.expired():
                return
            if stood_still > _NOTICEABLE_S:
                limit.reschedule(when + stood_still)
            next_step = step()

        next_step = step()
        try:
            yield
        finally:
            next_step.cancel()
