"""A store that is away whenever the test says so."""

import asyncio
from collections.abc import Callable
from typing import Any

from paramedic.model.errors import StoreError
from paramedic.store import Store


class Moody:
    """A store that is away whenever the test says so."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.away = False
        self.loses_answers = 0
        """So many commits happen without being confirmed."""
        self.tries = 0

    @property
    def is_closed(self) -> bool:
        return self.store.is_closed

    async def run(self, fn: Callable[[Any], Any]) -> Any:
        self.tries += 1
        await asyncio.sleep(0)
        if self.away:
            raise StoreError("the store cannot grow: no space is left", hint="free some space")
        result = await self.store.run(fn)
        if self.loses_answers:
            self.loses_answers -= 1
            raise StoreError("the store does not answer")
        return result
