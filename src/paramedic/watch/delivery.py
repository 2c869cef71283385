"""Takes messages from the outbox to the people they are for, until they arrive."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from paramedic.model.errors import StoreError
from paramedic.model.receipt import Message
from paramedic.model.wire import dump
from paramedic.store import Transaction
from paramedic.watch.briefing import briefing
from paramedic.watch.moot import drop, may_be_moot
from paramedic.watch.node import Node
from paramedic.watch.sending import send
from paramedic.watch.spare import Spare

_log = logging.getLogger("paramedic.watch")
_POLL_S = 0.2
_LONGEST_WAIT_S = 300.0
_LOOK_FAR_S = 30.0
"""How often messages are looked through whose time has not come by the clock of the wall."""


class Delivery:
    """Sends messages; one that does not arrive is tried again with growing pauses."""

    def __init__(self, node: Node, spare: Spare) -> None:
        self._node = node
        self._spare = spare
        self._clock = node.clock
        self._unsaved: dict[str, Message] = {}
        """What became of messages, as far as the store does not know it: nobody is told twice because it is away."""
        self._looked_far = float("-inf")

    async def run(self) -> None:
        """Deliver for ever."""
        while True:
            await self.deliver_due()
            await self._clock.sleep(_POLL_S)

    async def deliver_due(self) -> int:
        """Try every message whose time has come; returns how many were tried."""
        if not self._node.service.settings.error_reporting:
            return 0
        now = self._clock.now()
        # Who must be told of an incident is told, even if the store takes nothing: it is the moment to call people.
        held = {each.id: each for each in self._node.journal.messages()}
        due: dict[str, Message] = dict(held)
        try:
            await self._save()
            due |= {each.id: each for each in await self._wanted(now)}
        except StoreError:
            if not held:
                raise
        due = {name: self._unsaved.get(name, each) for name, each in due.items()}
        ready = [each for each in due.values() if each.delivered_at is None and _is_due(each, now)]
        await asyncio.gather(*(self._deliver(message) for message in ready))
        if not held:
            await self._save()
        return len(ready)

    async def _wanted(self, now: datetime) -> Sequence[Message]:
        """What is due and somebody still needs."""
        due = await self._due(now)
        if not any(map(may_be_moot, due)):
            return due
        dropped = await self._node.store.run(lambda tx: drop(tx, due, now))
        return [each for each in due if each.id not in dropped]

    async def _due(self, now: datetime) -> Sequence[Message]:
        due = await self._node.store.run(lambda tx: tx.outbox.due(now))
        if self._clock.monotonic() - self._looked_far < _LOOK_FAR_S:
            return due
        self._looked_far = self._clock.monotonic()
        return await self._node.store.run(lambda tx: tx.outbox.undelivered())

    async def _save(self) -> None:
        """Write down what became of messages, except of those that wait in the journal themselves."""
        held = {each.id for each in self._node.journal.messages()}
        done = {name: each for name, each in self._unsaved.items() if name not in held}
        if done:
            await self._node.store.run(lambda tx: _save_all(tx, done.values()))
            self._unsaved = {name: each for name, each in self._unsaved.items() if done.get(name) is not each}

    async def _deliver(self, message: Message) -> None:
        head = {"id": message.id, "kind": message.kind, "subject": message.subject}
        payload = {**head, **dump(message.body), **await briefing(self._node, message.incident)}
        with self._spare.lent():
            error = await send(message.address, message.subject, payload, self._node.redactor)
        now = self._clock.now()
        attempts = message.attempts + 1
        if error:
            wait = min(_LONGEST_WAIT_S, 2.0 ** min(attempts - 1, 9))
            _log.warning("message %s (%s) did not arrive: %s", message.id, message.subject, error)
            after = replace(message, attempts=attempts, error=error, next_at=now + timedelta(seconds=wait))
        else:
            after = replace(message, attempts=attempts, error="", next_at=None, delivered_at=now)
        self._unsaved[message.id] = after


def _is_due(message: Message, now: datetime) -> bool:
    """Whether its time has come. One that lies further ahead than any wait was set before the clock was set back."""
    wait_s = (message.next_at - now).total_seconds() if message.next_at else 0.0
    return wait_s <= 0 or wait_s > _LONGEST_WAIT_S


def _save_all(tx: Transaction, messages: Iterable[Message]) -> None:
    for each in messages:
        tx.outbox.save(each)
