"""How many checks are at work at once."""

import asyncio

_PATIENCE_S = 0.25
"""A look that takes longer is waiting for something, and waiting costs nothing: it gives its slot to the next one,
so that any number of hung checks cannot stand in the way of the others."""


class Slot:
    """A place among the checks at work; held until released, or until the patience is over."""

    def __init__(self, slots: asyncio.Semaphore) -> None:
        self._slots = slots
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> None:
        await self._slots.acquire()
        self._timer = asyncio.get_running_loop().call_later(_PATIENCE_S, self._release)

    async def __aexit__(self, *_: object) -> None:
        self._release()

    def _release(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._slots.release()
