"""Runs checks, each under its own deadline."""

import asyncio
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from importlib import import_module
from typing import Protocol

from paramedic import __version__
from paramedic.checking import verdict
from paramedic.checking.loop import forget
from paramedic.checking.means import lacking
from paramedic.checking.selection import Pair, select, why_not
from paramedic.checking.slots import Slot
from paramedic.model.clock import Clock
from paramedic.model.component import Component, Desired
from paramedic.model.finding import Finding
from paramedic.model.report import Part, Report, Skipped, worst_first
from paramedic.model.service import Service
from paramedic.model.status import Status
from paramedic.report.redaction import Redactor
from paramedic.sdk.blocking import threads_of_this_look
from paramedic.sdk.check import CheckSpec, Depth
from paramedic.sdk.context import Context
from paramedic.sdk.pack import Registry
from paramedic.sdk.patience import fair_timeout
from paramedic.sdk.ports import ProcessControl

Key = tuple[str, str]
_GRACE_S = 0.05
"""How long a check that was given up may take to clean up behind itself."""


class Progress(Protocol):
    """Hears of a run while it goes on."""

    def began(self, component: str, check: str) -> None: ...

    def ended(self, component: str, check: str, findings: tuple[Finding, ...]) -> None: ...


@dataclass
class _Look:
    """One call of a check: its task, and the threads it left blocking code on."""

    task: asyncio.Task[tuple[Finding, ...]]
    threads: list[threading.Thread]

    @property
    def is_alive(self) -> bool:
        return not self.task.done() or any(thread.is_alive() for thread in self.threads)


class Runner:
    """Looks at components. One runner lives as long as the program; it keeps the checks' memories."""

    def __init__(
        self,
        service: Service,
        registry: Registry,
        clock: Clock,
        processes: ProcessControl,
        *,
        looks_again: bool = False,
    ) -> None:
        """``looks_again``: the program goes on looking, which checks may rely on."""
        self._looks_again = looks_again
        self._service = service
        self._registry = registry
        self._clock = clock
        self._processes = processes
        self._redactor = Redactor(service.secrets)
        self._slots = asyncio.Semaphore(max(1, service.settings.checks_at_once))
        self._memories: dict[Key, dict[str, object]] = {}
        self._abandoned: dict[Key, _Look] = {}
        self._turns: defaultdict[Key, asyncio.Lock] = defaultdict(asyncio.Lock)
        """Two looks of one check share its memory, and the one would take the other for somebody's traffic."""
        self._imported: set[str] = set()
        self._found: dict[Key, tuple[Finding, ...]] = {}
        self._failing: dict[Key, datetime] = {}

    @property
    def gave_up(self) -> bool:
        """Whether a look was ever given up; it may have left a thread behind for which the interpreter would wait."""
        return bool(self._abandoned)

    def due(
        self, components: Sequence[str] = (), codes: Sequence[str] = (), depth: Depth = Depth.NORMAL
    ) -> tuple[Pair, ...]:
        """The checks that a run would make.

        Raises:
            UsageError: a component, code or check that does not exist.
        """
        asked = select(self._service, self._registry, components, codes, depth)
        return tuple(pair for pair in asked if why_not(self._service, *pair) is None)

    async def run(
        self,
        components: Sequence[str] = (),
        codes: Sequence[str] = (),
        depth: Depth = Depth.NORMAL,
        progress: Progress | None = None,
        stop: asyncio.Event | None = None,
        *,
        limit_s: float | None = None,
    ) -> Report:
        """Run every check that is due, side by side. ``stop`` ends it early, with what was found until then.

        After ``limit_s`` whatever has not ended is ``unknown``.

        Raises:
            UsageError: a component, code or check that does not exist.
        """
        started_at, started = self._clock.now(), self._clock.monotonic()
        asked = select(self._service, self._registry, components, codes, depth)
        skipped = [
            Skipped(component=component.name, check=spec.id, reason=reason)
            for component, spec in asked
            if (reason := why_not(self._service, component, spec))
        ]
        due = [pair for pair in asked if why_not(self._service, *pair) is None]
        looks = await self._all(due, progress, stop, limit_s)
        skipped += [
            Skipped(component=component.name, check=spec.id, reason="the run was interrupted")
            for (component, spec), found in zip(due, looks, strict=True)
            if found is None
        ]
        findings = worst_first(tuple(finding for found in looks for finding in found or ()))
        known = self._registry.codes
        return Report(
            service=self._service.name,
            version=__version__,
            started_at=started_at,
            duration_ms=(self._clock.monotonic() - started) * 1000,
            findings=findings,
            skipped=tuple(skipped),
            broken_packs={self._redactor.text(k): self._redactor.text(v) for k, v in self._registry.broken.items()},
            parts=tuple(
                Part(name=each.name, kind=each.kind, depends_on=each.depends_on)
                for each in self._service.components.values()
            ),
            summaries={each.code: known[each.code].summary for each in findings if each.code and each.code in known},
            interrupted=None in looks,
        )

    async def look(self, component: str, checks: Sequence[str] = ()) -> tuple[Finding, ...]:
        """Findings of the component's checks now, or of those named. A named one that may not run is ``unknown``."""
        asked = select(self._service, self._registry, (component,), checks, Depth.NORMAL)
        due = [pair for pair in asked if why_not(self._service, *pair) is None]
        refused = [
            self._finish(self._context(each, spec).unknown(f"it was not looked at: {reason}"), each, started=None)
            for each, spec in asked
            if checks and (reason := why_not(self._service, each, spec))
        ]
        looks = await self._all(due, None, None, None)
        return worst_first((*(finding for found in looks for finding in found or ()), *refused))

    async def look_at(self, component: Component, spec: CheckSpec) -> tuple[Finding, ...]:
        """One look of one check, after any that is under way. Whatever happens, it yields findings within its time."""
        self._import(spec)
        async with self._turns[component.name, spec.id], Slot(self._slots):
            started = self._clock.monotonic()
            try:
                short = lacking()
                found = () if short else await self._judge(component, spec)
                if short := short or lacking():  # whatever was found, it may be for want of this
                    found = (verdict.without_means(component, spec, short),)
            except asyncio.CancelledError:
                raise
            except Exception as error:  # the boundary: a crash is ours or the pack's, never the patient's fault
                found = (verdict.crashed(component, spec, error),)
            done = self._found[component.name, spec.id] = tuple(
                self._finish(each, component, started=started) for each in found
            )
            if any(each.status is Status.CRITICAL for each in done):
                self._failing.setdefault((component.name, spec.id), self._clock.now())
            else:
                self._failing.pop((component.name, spec.id), None)
            return done

    def failing_since(self, component: str) -> datetime | None:
        """Since when some check of a component has found it broken at every look."""
        return min((at for (name, _), at in self._failing.items() if name == component), default=None)

    def found(self, component: str) -> tuple[Finding, ...]:
        """What each check of a component found when it last looked."""
        return tuple(each for (name, _), found in self._found.items() if name == component for each in found)

    async def _all(
        self, pairs: Sequence[Pair], progress: Progress | None, stop: asyncio.Event | None, limit_s: float | None
    ) -> list[tuple[Finding, ...] | None]:
        """The findings of each pair; ``None`` where ``stop`` came first."""
        looks: list[tuple[Finding, ...] | None] = [None] * len(pairs)
        for _, spec in pairs:
            self._import(spec)  # all before the first look begins, because an import holds up everybody

        async def one(index: int, component: Component, spec: CheckSpec) -> None:
            if progress:
                progress.began(component.name, spec.id)
            if spec.judges_others:
                await _ended([task for task, (_, other) in zip(tasks, pairs, strict=True) if not other.judges_others])
            found = looks[index] = await self.look_at(component, spec)
            if progress:
                progress.ended(component.name, spec.id, found)

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(index, *pair)) for index, pair in enumerate(pairs)]
            if stop is not None or limit_s is not None:
                stopper = group.create_task(_cancel_when(stop or asyncio.Event(), tasks, limit_s))
                await asyncio.wait(tasks) if tasks else None
                stopper.cancel()
        if limit_s is not None and not (stop and stop.is_set()):
            for index, (component, spec) in enumerate(pairs):
                if looks[index] is None:
                    late = verdict.out_of_time(component, spec, limit_s)
                    looks[index] = (self._finish(late, component, started=None),)
        return looks

    def _import(self, spec: CheckSpec) -> None:
        if spec.id not in self._imported:
            self._imported.add(spec.id)
            for name in spec.imports:
                with suppress(Exception):  # a boundary: the check itself will say what is missing
                    import_module(name)

    async def _judge(self, component: Component, spec: CheckSpec) -> tuple[Finding, ...]:
        if self._processes.facts(component).desired is Desired.STOPPED:
            return (verdict.stopped_on_purpose(component, spec),)
        key, limit_s = (component.name, spec.id), component.timeout_s or spec.timeout_s
        if (earlier := self._abandoned.get(key)) and earlier.is_alive:
            return (verdict.timed_out(component, spec, limit_s, still=True),)
        self._abandoned.pop(key, None)
        look = self._begin(component, spec, limit_s)
        try:
            # the loop's own monotonic clock: this bounds a real wait, whatever time the records are told
            with suppress(TimeoutError):
                async with fair_timeout(limit_s):
                    await asyncio.wait({look.task})
        except asyncio.CancelledError:
            await self._abandon(key, look)
            raise
        if look.task.done():
            return look.task.result()
        await self._abandon(key, look)
        return (verdict.timed_out(component, spec, limit_s),)

    def _begin(self, component: Component, spec: CheckSpec, limit_s: float) -> _Look:
        target = spec.target(component)
        context = partial(self._context, component, spec, limit_s)  # its time counts from when it really begins
        threads: list[threading.Thread] = []
        surroundings = copy_context()
        surroundings.run(threads_of_this_look.set, threads)
        name = f"{component.name}: {spec.id}"
        task = asyncio.create_task(_call(component, spec, target, context), name=name, context=surroundings)
        return _Look(task=task, threads=threads)

    async def _abandon(self, key: Key, look: _Look) -> None:
        """Give up waiting. It is cancelled; where it ignores that, nobody waits for it and it is not started again."""
        self._abandoned[key] = look
        look.task.add_done_callback(lambda task: task.cancelled() or task.exception())
        look.task.cancel()
        await asyncio.wait({look.task}, timeout=_GRACE_S)
        if not look.task.done():
            forget(look.task)

    def _context(self, component: Component, spec: CheckSpec, limit_s: float = 0.0) -> Context:
        return Context(
            service=self._service,
            component=component,
            check=spec.id,
            clock=self._clock,
            deadline=self._clock.monotonic() + limit_s,
            processes=self._processes,
            memory=self._memories.setdefault((component.name, spec.id), {}),
            looks_again=self._looks_again,
            found=self.found,
            failing_since=self.failing_since,
        )

    def _finish(self, finding: Finding, component: Component, *, started: float | None) -> Finding:
        """Softened, made safe, stamped."""
        duration_ms = 0.0 if started is None else (self._clock.monotonic() - started) * 1000
        safe = self._redactor.finding(verdict.soften(finding, component.need))
        return replace(safe, at=self._clock.now(), duration_ms=duration_ms)


async def _call(
    component: Component, spec: CheckSpec, target: object, context: Callable[[], Context]
) -> tuple[Finding, ...]:
    """Run a stranger's code, so that nothing it raises leaves its task (not even what would end the program)."""
    try:
        return verdict.findings_in(await spec.run(target, context()), component, spec)
    except GeneratorExit:
        raise
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        return (verdict.crashed(component, spec, error),)  # it was not we who cancelled
    except BaseException as error:  # the boundary: SystemExit in a check must not end Paramedic
        return (verdict.crashed(component, spec, error),)


async def _ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    if tasks:
        await asyncio.wait(tasks)


async def _cancel_when(stop: asyncio.Event, tasks: Sequence[asyncio.Task[None]], limit_s: float | None) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(limit_s):
            await stop.wait()
    for task in tasks:
        task.cancel()
