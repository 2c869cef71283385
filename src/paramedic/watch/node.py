"""The process that owns a node: everything wired together, once."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Self

from paramedic.checking import Runner
from paramedic.checking.selection import why_not
from paramedic.checking.verdict import nobody_looks
from paramedic.model.clock import Clock, SystemClock
from paramedic.model.errors import StoreError
from paramedic.model.finding import Finding
from paramedic.model.maintenance import ByHand
from paramedic.model.receipt import Receipt
from paramedic.model.service import Service
from paramedic.recovery.backups import Backups
from paramedic.recovery.engine import DurableEngine
from paramedic.recovery.executor import Ended, Executor
from paramedic.recovery.last_good import LastGoodFiles
from paramedic.recovery.planning import Bench
from paramedic.recovery.playbooks import load_playbooks
from paramedic.report.redaction import Redactor
from paramedic.sdk.blocking import in_thread
from paramedic.sdk.check import CheckSpec
from paramedic.sdk.pack import Registry
from paramedic.sdk.ports import Exit
from paramedic.store import notes, open_store
from paramedic.watch.attendant import Attendant
from paramedic.watch.journal import Journal
from paramedic.watch.lock import NodeLock
from paramedic.watch.maintenance import remembered
from paramedic.watch.orders import Orders
from paramedic.watch.supervisor import Supervisor
from paramedic.watch.triage import Triage

_log = logging.getLogger("paramedic.watch")
_SECOND_LOOK_S = 0.05
_LAST_CHANCE_S = 2.0


class Node:
    """An async context: inside it this process holds the lock, the engine runs and incidents are attended to."""

    def __init__(
        self, service: Service, registry: Registry, clock: Clock | None = None, *, is_idle: bool = False
    ) -> None:
        """``is_idle``: know everything, but begin nothing by yourself."""
        self.service = service
        self.registry = registry
        self.clock = clock or SystemClock()
        self.is_idle = is_idle
        self.first: Callable[[], Awaitable[None]] | None = None
        """What is done at the very beginning, once everything is known; it takes care of its own failures."""
        self.lock = NodeLock(service.settings.state_dir)
        self.playbooks = load_playbooks(registry, service.playbook_dirs)
        self.died = asyncio.Queue[str]()
        """Components whose process died; the schedule looks at them at once."""

    async def __aenter__(self) -> Self:
        settings = self.service.settings
        async with AsyncExitStack() as undo:
            self.lock.acquire()
            undo.callback(self.lock.release)
            self.store = await in_thread(partial(open_store, settings.store, node=settings.node, clock=self.clock))
            undo.callback(self.store.close)
            await self._begin(undo)
            self._end = undo.pop_all()
        return self

    async def _begin(self, undo: AsyncExitStack) -> None:
        settings = self.service.settings
        self.redactor = Redactor(self.service.secrets)
        self.backups = Backups(self.service, self.registry, self.clock)
        self.last_good = LastGoodFiles(
            settings.state_dir / "last-good",
            self.clock,
            lambda path: self.backups.copies_of(path),  # noqa: PLW0108  # others, once the service file is read again
        )
        await in_thread(self.last_good.keep, self.service.path)  # it was understood, so it can be gone back to
        self.supervisor = Supervisor(self.service, self.store, self.clock, self._on_exit)
        self.runner = Runner(self.service, self.registry, self.clock, self.supervisor, looks_again=True)
        self.journal = Journal(self.store, self.clock)
        self.triage = Triage(self.service, self.registry, self.journal, self._wake)
        self.bench = Bench(
            service=self.service,
            registry=self.registry,
            clock=self.clock,
            processes=self.supervisor,
            look=self.look,
            last_good=self.last_good,
            backups=self.backups,
        )
        paused = bool(await self.store.run(lambda tx: tx.notes.get(notes.PAUSED)))
        self.attendant = Attendant(self.bench, self.triage, self.store, self.playbooks, paused)
        self.executor = Executor(
            self.bench,
            self.store,
            self.redactor,
            on_step=self._on_step,
            on_end=self._on_end,
            quiet=self.triage.quiet,
        )
        self.engine = DurableEngine(self.service, self.executor)
        self.attendant.engine = self.engine
        self.orders = Orders(self.bench, self.triage, self.attendant, self.store, self.supervisor)
        undo.push_async_callback(self.supervisor.close)
        undo.push_async_callback(self._write_all)
        undo.push_async_callback(self.engine.close)
        undo.push_async_callback(self.attendant.close)
        self.adopt_by_hand(await remembered(self))
        await self.triage.load()
        adopted = await self.supervisor.adopt()
        if adopted:
            _log.info("adopted running processes: %s", ", ".join(adopted))
        self.attendant.is_idle = self.is_idle
        await self.attendant.load()
        first = asyncio.ensure_future(self.first()) if self.first else None
        try:
            if not self.is_idle:
                await self.engine.launch()
        finally:
            if first:
                await first
        if not self.is_idle:
            await self.attendant.resume()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end.__aexit__(kind, error, trace)

    async def look(self, component: str, checks: Sequence[str] = ()) -> tuple[Finding, ...]:
        """Run checks of a component now; what they find counts like any other look.

        A check that is named and does not look here, or no longer, is ``unknown``.
        """
        known = self.service.components.get(component)
        specs = [
            spec
            for spec in self.registry.checks
            if known
            and spec.target(known) is not None
            and (not checks or spec.id in checks)
            and why_not(self.service, known, spec) is None
        ]
        groups = await asyncio.gather(*(self.look_once(component, spec, "sweep") for spec in specs))
        missing = [each for each in checks if each not in {spec.id for spec in specs}]
        kind = known.kind if known else ""
        return (
            *(finding for group in groups for finding in group),
            *(nobody_looks(component, kind, each) for each in missing),
        )

    async def look_once(self, component: str, spec: CheckSpec, cause: str) -> tuple[Finding, ...]:
        """One look of one check, with the second one that a doubtful verdict asks for."""
        while True:
            findings = await self.runner.look_at(self.service.components[component], spec)
            if not findings or not await self.triage.judge(findings, cause):
                return findings
            await self.clock.sleep(_SECOND_LOOK_S)

    async def flush(self) -> None:
        """Write the findings since the last time to the store, for everybody who asks for the status."""
        fresh = self.triage.take_fresh()
        if not fresh:
            return
        try:
            await self.store.run(lambda tx: tx.findings.put(fresh))
        except StoreError:
            self.triage.put_back(fresh)
            raise

    async def adopt_service(self, service: Service) -> None:
        """Go on with a changed service file.

        Raises:
            ConfigurationError: its playbooks are wrong; nothing was changed.
        """
        playbooks = load_playbooks(self.registry, service.playbook_dirs)
        by_hand = self.service.maintenance.by_hand
        service = replace(service, maintenance=replace(service.maintenance, by_hand=by_hand))
        self.service = service
        self.backups = Backups(service, self.registry, self.clock)
        self.redactor = self.executor.redactor = Redactor(service.secrets)
        self.playbooks = playbooks
        self.bench = Bench(
            service=service,
            registry=self.registry,
            clock=self.clock,
            processes=self.supervisor,
            look=self.look,
            last_good=self.last_good,
            backups=self.backups,
        )
        self.attendant.adopt(self.bench, playbooks)
        self.executor.bench = self.orders.bench = self.bench
        self.runner = Runner(service, self.registry, self.clock, self.supervisor, looks_again=True)
        self.triage.adopt(service)
        self.supervisor.update(service)
        await in_thread(self.last_good.keep, service.path)

    def adopt_by_hand(self, by_hand: ByHand) -> None:
        """Go on with the planned work that people began and ended."""
        maintenance = replace(self.service.maintenance, by_hand=by_hand)
        self.service = self.triage.service = replace(self.service, maintenance=maintenance)
        self.bench = replace(self.bench, service=self.service)
        self.attendant.adopt(self.bench, self.playbooks)
        self.executor.bench = self.orders.bench = self.bench

    async def _write_all(self) -> None:
        """The last chance for what is not in the store yet."""
        try:
            await self.flush()
        except StoreError as error:
            _log.warning("the last findings could not be stored: %s", error)
        await self.journal.close(_LAST_CHANCE_S)

    def _on_exit(self, component: str, how: Exit) -> None:
        _log.warning("%s %s after %.1f s", component, how.in_words, how.uptime_s)
        self.died.put_nowait(component)

    def _on_step(self, receipt: Receipt) -> None:
        self.triage.changes.hear(receipt)
        _log.info(
            "%s %s step %d on %s: %s %s",
            receipt.plan,
            receipt.action,
            receipt.step + 1,
            receipt.component,
            receipt.phase,
            receipt.detail,
        )

    async def _on_end(self, ended: Ended) -> None:
        await self.attendant.plan_over(ended)

    def _wake(self, incident: str) -> None:
        self.attendant.wake(incident)  # type: ignore[arg-type]
