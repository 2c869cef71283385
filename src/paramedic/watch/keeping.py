"""Keeps copies of files while all is well with them, so that there is something to restore."""

import asyncio
import logging
from pathlib import Path

from paramedic.model.status import Status
from paramedic.watch.jobs import said
from paramedic.watch.node import Node

_log = logging.getLogger("paramedic.watch")


class Keeping:
    """Copies the files of a component whenever all its checks pass and something changed."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._last: dict[Path, tuple[int, int, float]] = {}
        self._busy: set[str] = set()

    def looked(self, component: str) -> None:
        """A check of the component has looked."""
        if component not in self._busy and self._wanted(component):
            self._busy.add(component)
            task = asyncio.ensure_future(self._keep(component))
            task.add_done_callback(lambda _: self._busy.discard(component))

    def _wanted(self, component: str) -> list[Path]:
        known = self._node.service.components.get(component)
        kind = self._node.registry.kinds.get(known.kind) if known else None
        if known is None or kind is None or not self._is_well(component):
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
        known = self._node.service.components[component]
        checks = [spec.id for spec in self._node.registry.checks if spec.target(known) is not None]
        verdicts = [self._node.triage.verdicts.get((component, check)) for check in checks]
        return bool(checks) and all(
            each and each.doubt is None and each.finding.status is Status.OK for each in verdicts
        )

    async def _keep(self, component: str) -> None:
        known = self._node.service.components.get(component)
        if known is None:
            return  # removed from the service file meanwhile
        kind = self._node.registry.kinds[known.kind]
        for path in self._wanted(component):
            try:
                stat = path.stat()
                await asyncio.to_thread(self._node.last_good.keep, path, kind.copy)
                self._last[path] = (stat.st_mtime_ns, stat.st_size, self._node.clock.monotonic())
            except Exception as error:  # a boundary: a kind's own way to copy may fail in any way
                _log.warning("no copy of %s could be kept: %s", path, said(error))
                self._last[path] = (0, 0, self._node.clock.monotonic())
