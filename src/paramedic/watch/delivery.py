"""Takes messages from the outbox to the people they are for, until they arrive."""

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta

from paramedic.model.clock import Clock
from paramedic.model.receipt import Message
from paramedic.model.wire import dump
from paramedic.report.redaction import Redactor
from paramedic.store import Store

_log = logging.getLogger("paramedic.watch")
_POLL_S = 0.2
_TIMEOUT_S = 10.0
_LONGEST_WAIT_S = 300.0


class Delivery:
    """Posts JSON to web hooks; a message that does not arrive is tried again with growing pauses."""

    def __init__(self, store: Store, clock: Clock, redactor: Redactor) -> None:
        self._store = store
        self._clock = clock
        self._redactor = redactor

    async def run(self) -> None:
        """Deliver for ever."""
        while True:
            await self.deliver_due()
            await self._clock.sleep(_POLL_S)

    async def deliver_due(self) -> int:
        """Try every message whose time has come; returns how many were tried."""
        now = self._clock.now()
        due = await self._store.run(lambda tx: tx.outbox.due(now))
        await asyncio.gather(*(self._deliver(message) for message in due))
        return len(due)

    async def _deliver(self, message: Message) -> None:
        error = await self._post(message)
        now = self._clock.now()
        attempts = message.attempts + 1
        if error:
            wait = min(_LONGEST_WAIT_S, 2.0 ** min(attempts - 1, 9))
            _log.warning("message %s (%s) did not arrive: %s", message.id, message.subject, error)
            after = replace(message, attempts=attempts, error=error, next_at=now + timedelta(seconds=wait))
        else:
            after = replace(message, attempts=attempts, error="", next_at=None, delivered_at=now)
        await self._store.run(lambda tx: tx.outbox.save(after))

    async def _post(self, message: Message) -> str:
        """Empty when it arrived, else why not."""
        from aiohttp import ClientError, ClientSession, ClientTimeout

        address = message.address
        scheme, _, rest = address.partition("://")
        if scheme in ("json", "jsons"):
            address = f"{'https' if scheme == 'jsons' else 'http'}://{rest}"
        elif scheme not in ("http", "https"):
            return f"no way to send to `{scheme}:` addresses is installed"
        payload = self._redactor.data(
            {"id": message.id, "kind": message.kind, "subject": message.subject, **dump(message.body)}
        )
        try:
            async with (
                ClientSession(timeout=ClientTimeout(total=_TIMEOUT_S)) as session,
                session.post(address, json=payload) as answer,
            ):
                return "" if answer.status < 300 else f"the address answered {answer.status}"
        except (ClientError, TimeoutError, OSError, ValueError) as error:
            return self._redactor.text(f"{type(error).__name__}: {error}")
