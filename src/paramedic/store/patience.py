"""What must be recorded is tried until it is: disks are cleared and servers come back."""

import logging
from collections.abc import Awaitable, Callable, Iterator
from itertools import chain, repeat
from typing import TypeVar

from paramedic.model.errors import StoreError
from paramedic.store.failure import AlreadyRecorded
from paramedic.store.store import Store
from paramedic.store.transaction import Transaction

Result = TypeVar("Result")
_log = logging.getLogger("paramedic.store")
_PAUSES_S = (0.1, 0.2, 0.5, 1.0)
_LONGEST_S = 2.0


async def insist(
    store: Store,
    fn: Callable[[Transaction], Result],
    sleep: Callable[[float], Awaitable[None]],
    *,
    put_off: Callable[[StoreError], None] | None = None,
) -> Result:
    """What ``fn`` returns; run again, with growing pauses, for as long as the store cannot be used.

    Args:
        store: where.
        fn: what to do in one transaction.
        sleep: the clock's.
        put_off: called at each failure; without it the first one is logged.

    Raises:
        AlreadyRecorded: that is an answer and not a failure. After a failure it may be our own record, of which
            only the confirmation was lost.
        StoreError: the store was closed.
    """
    told = False
    for pause_s in pauses():
        try:
            result = await store.run(fn)
        except AlreadyRecorded:
            raise
        except StoreError as error:
            if store.is_closed:
                raise
            if put_off is not None:
                put_off(error)
            elif not told:
                _log.warning("waiting for the store: %s", error)
            told = True
        else:
            return result
        await sleep(pause_s)
    raise AssertionError("pauses never end")


def pauses() -> Iterator[float]:
    """Seconds between tries, growing, for ever."""
    return chain(_PAUSES_S, repeat(_LONGEST_S))
