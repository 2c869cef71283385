"""Writes chapters to the store, in order. What the store cannot take now is kept here and written later."""

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, field
from itertools import islice

from paramedic.incident import Chapter, write
from paramedic.model.clock import Clock
from paramedic.model.errors import StoreError
from paramedic.model.receipt import Message
from paramedic.store import AlreadyRecorded, Store, Transaction, insist

_log = logging.getLogger("paramedic.watch")
_MOST = 5_000
"""Of what waits; beyond it changes of verdicts without an incident are let go, so that memory stays bounded."""
_TOGETHER = 200
"""So many changes that wait are written in one transaction: a thousand first verdicts come at once."""
_AGAIN_S = 300.0
"""How often it is said that the store still takes nothing."""


@dataclass
class _Entry:
    chapter: Chapter
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    """Written, or known to wait."""
    written: asyncio.Event = field(default_factory=asyncio.Event)


class Journal:
    """The only writer of chapters of one node. Lives on its loop."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock
        self._entries = deque[_Entry]()
        self._task: asyncio.Task[None] | None = None
        self._trouble = ""
        self._told_at = float("-inf")

    async def write(self, chapter: Chapter, *, must: bool = False) -> None:
        """Write a chapter; return when it is written, or when it is known that it must wait.

        ``must``: return only when it is written, because what comes next relies on it. Cancelling stops the
        waiting; the chapter is written all the same.
        """
        if self._trouble and len(self._entries) >= _MOST and not _matters(chapter):
            return
        entry = _Entry(chapter)
        self._entries.append(entry)
        if self._trouble:
            entry.answered.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain(), name="journal")
        await (entry.written if must else entry.answered).wait()

    async def written(self) -> None:
        """Return when all that waits by now is written."""
        if self._entries:
            await self._entries[-1].written.wait()

    def messages(self) -> tuple[Message, ...]:
        """Announcements that nobody can find in the store yet."""
        return tuple(message for entry in self._entries for message in entry.chapter.messages)

    async def close(self, within_s: float) -> None:
        """Give what waits a last chance, and say what is lost."""
        if self._task is not None and not self._task.done():
            await asyncio.wait({self._task}, timeout=within_s)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        lost = {each.chapter.incident.id: each.chapter.incident for each in self._entries if each.chapter.incident}
        if self._entries:
            _log.error("%d changes could not be recorded before the end: %s", len(self._entries), self._trouble)
        for each in lost.values():
            _log.error("not recorded: %s %s on %s is %s", each.id, each.code, each.component, each.state)

    async def _drain(self) -> None:
        alone = 0
        while self._entries:
            entries = list(islice(self._entries, 1 if alone else _TOGETHER))
            try:
                await self._record(*(each.chapter for each in entries))
            except Exception as error:  # a boundary: one chapter that cannot be written must not hold up the others
                if isinstance(error, StoreError) and not isinstance(error, AlreadyRecorded):
                    self._put_off(error)  # closed
                    return
                if len(entries) > 1:
                    alone = len(entries)  # one by one, to see which it is
                    continue
                if not isinstance(error, AlreadyRecorded):  # then only the confirmation of it was lost
                    _log.error("a change could not be recorded: %s", error, exc_info=error)
                    await self._rescue(entries[0].chapter)
            alone = max(0, alone - 1)
            if self._trouble:
                self._trouble, self._told_at = "", float("-inf")
                _log.warning("the store can be used again; %d changes are being recorded", len(self._entries))
            for entry in entries:
                if self._entries and self._entries[0] is entry:
                    self._entries.popleft()
                entry.answered.set()
                entry.written.set()

    async def _record(self, *chapters: Chapter) -> None:
        def record(tx: Transaction) -> None:
            for each in chapters:
                write(tx, each)

        await insist(self.store, record, self.clock.sleep, put_off=self._put_off)

    async def _rescue(self, chapter: Chapter) -> None:
        """What the story cannot do without, when the whole chapter cannot be written."""
        bare = Chapter(at=chapter.at, incident=chapter.incident, plan=chapter.plan)
        try:
            await self._record(bare)
        except Exception as error:  # a boundary: memory still has it, and the next change tries again
            _log.error("nor could its incident: %s", error, exc_info=error)

    def _put_off(self, error: StoreError) -> None:
        now = self.clock.monotonic()
        self._trouble = str(error)
        if now - self._told_at >= _AGAIN_S:
            self._told_at = now
            _log.error(
                "%s; %d changes wait in memory and are recorded as soon as it can be used%s",
                error,
                len(self._entries),
                f" (hint: {error.hint})" if error.hint else "",
            )
        for entry in self._entries:
            entry.answered.set()


def _matters(chapter: Chapter) -> bool:
    return bool(chapter.incident or chapter.plan or chapter.messages or chapter.changes)
