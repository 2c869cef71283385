"""What was changed about the service, as far as this node knows: what it was told, what it did, what files tell."""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from paramedic.diagnosis import Dated, proven, shipped, told_once
from paramedic.incident import Chapter
from paramedic.model.change import Change, ChangeKind
from paramedic.model.receipt import Receipt
from paramedic.model.service import Service
from paramedic.report.redaction import Redactor
from paramedic.sdk.blocking import in_thread
from paramedic.sdk.pack import Registry
from paramedic.watch.jobs import said
from paramedic.watch.journal import Journal

_log = logging.getLogger("paramedic.watch")
_MOST = 500
_FILES_S = 1.0
"""Files of a disk that hangs are not waited for."""
_TICK = timedelta(milliseconds=10)
"""File systems take the time from a clock that moves by ticks, and so up to one too early."""


class Changes:
    """Memory of changes; what nobody can derive again is written to the store."""

    def __init__(self, registry: Registry, journal: Journal) -> None:
        self._registry = registry
        self._journal = journal
        self._clock = journal.clock
        self._told: deque[Change] = deque(maxlen=_MOST)
        self._of_files: dict[str, tuple[Change, ...]] = {}

    def load(self, told: Iterable[Change], receipts: Iterable[Receipt]) -> None:
        """Take up what the store remembers."""
        self._told.extend(sorted((*told, *proven(receipts)), key=lambda each: each.at))

    def hear(self, receipt: Receipt) -> None:
        """A step was done; its receipt stays the only record of it."""
        self._told.extend(proven((receipt,)))

    async def record(self, *changes: Change) -> None:
        """Somebody told of a change, or the watch noticed one."""
        self._told.extend(changes)
        await self._journal.write(Chapter(at=self._clock.now(), changes=list(changes)))

    def recent(self, kept: Iterable[Change] = ()) -> tuple[Dated, ...]:
        """All that is known by now, and what an incident has kept, newest first, on the monotonic clock."""
        now, monotonic = self._clock.now(), self._clock.monotonic()
        since = now - timedelta(seconds=2 * shipped().change_window_s)  # trouble may have begun a while ago
        of_files = (each for found in self._of_files.values() for each in found)
        known = told_once((*kept, *(each for each in (*self._told, *of_files) if each.at > since)))
        return tuple(Dated(change=each, at_s=monotonic - (now - each.at).total_seconds()) for each in known)

    async def news(self, service: Service, looked: Mapping[str, datetime | None]) -> dict[str, None]:
        """Ask the files of components what was changed; returns those whose last look had not begun since then."""
        since = self._clock.now() - timedelta(seconds=shipped().change_window_s)

        def ask() -> dict[str, tuple[Change, ...]]:
            return {name: of_files(service, self._registry, name, since) for name in looked}

        with suppress(TimeoutError):
            async with asyncio.timeout(_FILES_S):
                self._of_files |= await in_thread(ask)
        return {
            name: None
            for name, look in looked.items()
            if look and any(each.at + _TICK > look for each in self._of_files.get(name, ()))
        }


def of_files(service: Service, registry: Registry, name: str, since: datetime) -> tuple[Change, ...]:
    """What the files of a component tell of its changes. May block."""
    component = service.components.get(name)
    kind = registry.kinds.get(component.kind) if component else None
    if component is None or kind is None:
        return ()
    try:
        found = kind.changed(component.target, since, service.path.parent)
    except Exception as error:  # a boundary: a stranger's code; the diagnosis goes on without
        _log.warning("the changes of %s are not known: %s", name, said(error))
        return ()
    safe = Redactor(service.secrets if found else ())
    return tuple(replace(each, component=name, what=safe.text(each.what)) for each in found)


def between(old: Service, new: Service, at: datetime) -> Iterator[Change]:
    """What two versions of a service file say differently, for each component."""
    by = old.path.name

    def change(component: str | None, what: str) -> Change:
        return Change(at=at, kind=ChangeKind.SERVICE_FILE, component=component, what=what, by=by)

    found = False
    for name in dict.fromkeys((*old.components, *new.components)):
        before, after = old.components.get(name), new.components.get(name)
        if before and after and replace(before, line=None) == replace(after, line=None):
            continue
        found = True
        what = "was changed" if before and after else "was added" if after else "was removed"
        yield change(name if after else None, f"`{name}` {what} in {by}")
    if not found:
        yield change(None, f"{by} was changed")
