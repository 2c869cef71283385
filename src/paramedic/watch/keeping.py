"""Keeps copies of files while all is well with them, so that there is something to restore."""

import asyncio
import logging
from collections.abc import Coroutine
from pathlib import Path

from paramedic.model.status import Status
from paramedic.watch.jobs import said
from paramedic.watch.node import Node

_FIRST_S = 1.0
_log = logging.getLogger("paramedic.watch")


class Keeping:
    """Copies the files of a component whenever all its checks pass and something changed."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._last: dict[Path, tuple[int, int, float]] = {}
        self._busy: set[str] = set()
        self._tasks: set[asyncio.Future[None]] = set()

    def looked(self, component: str) -> None:
        """A check of the component has looked."""
        if component not in self._busy and (paths := self._wanted(component)):
            self._begin(component, self._keep(component, paths))

    async def first(self) -> None:
        """Before anything else: what is well now is kept, so that a fault a moment later finds something to restore.

        Nobody waits long for a large file; its copy is made meanwhile.
        """
        kinds = self._node.registry.kinds
        for component in self._node.service.components.values():
            if component.kind in kinds and kinds[component.kind].keeps(component.target):
                self._begin(component.name, self._look_and_keep(component.name))
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_FIRST_S)

    async def _look_and_keep(self, component: str) -> None:
        judges = self._judges(component)
        findings = [each for each in await self._node.runner.look(component) if each.check in judges]
        if findings and all(each.status is Status.OK for each in findings):
            await self._keep(component, self._changed(component))

    def _begin(self, component: str, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._busy.add(component)
        self._tasks.add(task)
        task.add_done_callback(lambda _: self._busy.discard(component))
        task.add_done_callback(self._tasks.discard)

    def _wanted(self, component: str) -> list[Path]:
        return self._changed(component) if self._is_well(component) else []

    def _changed(self, component: str) -> list[Path]:
        known = self._node.service.components.get(component)
        kind = self._node.registry.kinds.get(known.kind) if known else None
        if known is None or kind is None or not self._node.service.settings.state_backup_enabled:
            return []
        wanted = []
        for path in kind.keeps(known.target):
            try:
                stat = path.stat()
            except OSError:
                continue
            last = self._last.get(path)
            now = self._node.clock.monotonic()
            # A file that changes all the time (a database) is copied by the clock, others at each change.
            rest_s = self._node.service.settings.backup_interval_s if kind.copy else 0.0
            if last is None or ((stat.st_mtime_ns, stat.st_size) != last[:2] and now - last[2] >= rest_s):
                wanted.append(path)
        return wanted

    def _is_well(self, component: str) -> bool:
        known = self._node.service.components.get(component)
        if known is None:
            return False
        checks = self._judges(component)
        verdicts = [self._node.triage.verdicts.get((component, check)) for check in checks]
        return bool(checks) and all(
            each and each.doubt is None and each.finding.status is Status.OK for each in verdicts
        )

    def _judges(self, component: str) -> list[str]:
        """The checks that say whether it is well; whether it has backups is another matter."""
        known = self._node.service.components[component]
        found = ((spec.id, spec.target(known)) for spec in self._node.registry.checks)
        return [name for name, target in found if target is not None and target is not known.backup]

    async def _keep(self, component: str, paths: list[Path]) -> None:
        kind = self._node.registry.kinds[self._node.service.components[component].kind]
        for path in paths:
            try:
                stat = path.stat()
                await asyncio.to_thread(self._node.last_good.keep, path, kind.copy)
                self._last[path] = (stat.st_mtime_ns, stat.st_size, self._node.clock.monotonic())
            except Exception as error:  # a boundary: a kind's own way to copy may fail in any way
                _log.warning("no copy of %s could be kept: %s", path, said(error))
                self._last[path] = (0, 0, self._node.clock.monotonic())
