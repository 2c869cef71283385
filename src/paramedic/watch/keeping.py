"""Keeps copies of files while all is well with them, so that there is something to restore."""

import asyncio
import logging
from collections.abc import Coroutine, Iterable
from pathlib import Path

from paramedic.model.code import Ending
from paramedic.model.finding import Finding
from paramedic.model.status import Status
from paramedic.sdk import Kind
from paramedic.sdk.blocking import in_thread
from paramedic.watch.jobs import said
from paramedic.watch.node import Node

_FIRST_S = 1.0
_TICK_S = 0.02
"""By so much the time of an inode may be behind."""
_log = logging.getLogger("paramedic.watch")


class Keeping:
    """Copies the files of a component whenever no check speaks against them and something changed."""

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
        if findings and all(self._speaks_for(each) for each in findings):
            await self._keep(component, self._changed(component, seen_at=_begun(findings)))

    def _begin(self, component: str, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._busy.add(component)
        self._tasks.add(task)
        task.add_done_callback(lambda _: self._busy.discard(component))
        task.add_done_callback(self._tasks.discard)

    def _wanted(self, component: str) -> list[Path]:
        if not self._kept(component):
            return []
        verdicts = [self._node.triage.verdicts.get((component, check)) for check in self._judges(component)]
        if not verdicts or not all(each and each.doubt is None and self._speaks_for(each.finding) for each in verdicts):
            return []
        return self._changed(component, seen_at=_begun(each.finding for each in verdicts if each))

    def _speaks_for(self, finding: Finding) -> bool:
        """What is only told to people does not make a file a bad one, nor does a log that grows beside a whole one."""
        kind, code = self._node.registry.kinds.get(finding.kind), self._node.registry.codes.get(finding.code or "")
        if finding.status is Status.WARNING:
            judges_itself = kind is not None and kind.copy is not None
            return judges_itself or (code is not None and code.ending is Ending.ADVISE)
        return finding.status in (Status.OK, Status.INFO)

    def _changed(self, component: str, *, seen_at: float) -> list[Path]:
        """Files that are another than the last copy, and no newer than what every check has seen."""
        wanted = []
        for kind, path in self._kept(component):
            try:
                stat = path.stat()
            except OSError:
                continue
            # A kind's own way to copy judges what it copies; else only a look that began afterwards has judged it.
            # (By the time of the inode, which nobody can set; one in the future comes from a clock that was set back.)
            is_unseen = seen_at - _TICK_S < stat.st_ctime < self._node.clock.now().timestamp()
            if kind.copy is None and is_unseen:
                continue
            last = self._last.get(path)
            now = self._node.clock.monotonic()
            # A file that changes all the time (a database) is copied by the clock, others at each change.
            rest_s = self._node.service.settings.backup_interval_s if kind.copy else 0.0
            if last is None or ((stat.st_mtime_ns, stat.st_size) != last[:2] and now - last[2] >= rest_s):
                wanted.append(path)
        return wanted

    def _kept(self, component: str) -> list[tuple[Kind, Path]]:
        """The files of a component that are copied, if any."""
        known = self._node.service.components.get(component)
        kind = self._node.registry.kinds.get(known.kind) if known else None
        if known is None or kind is None or not self._node.service.settings.state_backup_enabled:
            return []
        return [(kind, path) for path in kind.keeps(known.target)]

    def _judges(self, component: str) -> list[str]:
        """The checks that say whether it is well; whether it has backups is another matter."""
        known = self._node.service.components.get(component)
        if known is None:
            return []
        found = ((spec.id, spec.target(known)) for spec in self._node.registry.checks)
        return [name for name, target in found if target is not None and target is not known.backup]

    async def _keep(self, component: str, paths: list[Path]) -> None:
        kind = self._node.registry.kinds[self._node.service.components[component].kind]
        for path in paths:
            try:
                stat = path.stat()
                await in_thread(self._node.last_good.keep, path, kind.copy)
                self._last[path] = (stat.st_mtime_ns, stat.st_size, self._node.clock.monotonic())
            except Exception as error:  # a boundary: a kind's own way to copy may fail in any way
                _log.warning("no copy of %s could be kept: %s", path, said(error))
                self._last[path] = (0, 0, self._node.clock.monotonic())


def _begun(findings: Iterable[Finding]) -> float:
    """When the first of these looks began, in seconds of the epoch; what came later, not all of them have seen."""
    return min((each.began.timestamp() for each in findings if each.began), default=0.0)
