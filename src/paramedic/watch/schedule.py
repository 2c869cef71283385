"""When each check looks: by its timer, or at once when something happened."""

import asyncio
import logging
import math
import random
from collections.abc import Callable

from paramedic.model.clock import Clock
from paramedic.model.component import Component
from paramedic.sdk.check import CheckSpec, Depth
from paramedic.watch.following import changed_files
from paramedic.watch.jobs import said
from paramedic.watch.node import Node

_log = logging.getLogger("paramedic.watch")

_CHEAP_S = 10.0
"""Checks that by themselves look at least this often follow their component's own interval; so does the most
frequent one of a component that has no such check."""
_REST_S = 10.0
"""A dear check that has just looked is not woken again by a file this soon, but when this time is over."""
_CLOCK_S = 1.0
_STEP_S = 2.0
"""Slower drifts are the clock being put right."""


class Schedule:
    """One task per component and check."""

    def __init__(self, node: Node, on_looked: Callable[[str], None]) -> None:
        self._node = node
        self._on_looked = on_looked
        self._wakes: dict[tuple[str, str], asyncio.Event] = {}
        self._causes: dict[tuple[str, str], str] = {}
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._fastest_s: dict[str, float] = {}

    def begin(self) -> None:
        """Start a task for each check of each component that has none, and end those without a component."""
        due = [each for each in self._node.runner.due(depth=Depth.FULL) if self._is_wanted(each[0])]
        wanted = {(component.name, spec.id): (component, spec) for component, spec in due}
        for component, spec in due:
            self._fastest_s[component.name] = min(spec.every_s, self._fastest_s.get(component.name, math.inf))
        for key in set(self._tasks) - set(wanted):
            self._tasks.pop(key).cancel()
        for key, (component, spec) in wanted.items():
            if key not in self._tasks:
                self._wakes[key] = asyncio.Event()
                self._tasks[key] = asyncio.create_task(self._keep_looking(component, spec), name=f"look {key}")

    def _is_wanted(self, component: Component) -> bool:
        settings = self._node.service.settings
        return settings.diagnostic_enabled and (settings.resource_monitoring or component.kind != "host")

    def wake(self, component: str, cause: str, *, check: str | None = None) -> None:
        """Look now instead of when the timer ends."""
        for key, event in self._wakes.items():
            if key[0] == component and check in (None, key[1]):
                self._causes[key] = cause
                event.set()

    async def follow_deaths(self) -> None:
        """A death wakes the checks of the process at once."""
        while True:
            component = await self._node.died.get()
            self.wake(component, "exit", check="process.alive")

    async def follow_files(self) -> None:
        """A changed file wakes the checks of the component it belongs to."""
        async for name in changed_files(self._node):
            self.wake(name, "file")

    async def follow_clock(self) -> None:
        """After a step of the wall clock every stored look seems old, or of tomorrow: look at everything again."""
        clock = self._node.clock
        known = offset_s(clock)
        while True:
            await clock.sleep(_CLOCK_S)
            if abs(offset_s(clock) - known) > _STEP_S:
                for component, _ in list(self._wakes):
                    self.wake(component, "clock")
            known = offset_s(clock)

    async def close(self) -> None:
        """Stop looking."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._tasks.clear()

    async def _keep_looking(self, component: Component, spec: CheckSpec) -> None:
        key = (component.name, spec.id)
        event, clock = self._wakes[key], self._node.clock
        loop = asyncio.get_running_loop()
        cause, last, told = "timer", -1e9, ""
        every_s = interval_s(component, spec, self._fastest_s[component.name])
        await asyncio.sleep(random.uniform(0, min(every_s, 1.0)))
        due = loop.time() - random.uniform(0, every_s)  # all look soon, and from then on spread over the interval
        while True:
            component = self._node.service.components.get(component.name, component)
            every_s = interval_s(component, spec, self._fastest_s[component.name])
            must_rest = cause == "file" and spec.every_s > _CHEAP_S
            rest_s = last + _REST_S - clock.monotonic() if must_rest else 0.0
            if rest_s <= 0:
                last = clock.monotonic()
                try:
                    await self._node.look_once(component.name, spec, cause)
                    self._on_looked(component.name)
                    told = ""
                except Exception as error:  # a boundary: whatever goes wrong with one look, the next one comes
                    if (what := said(error)) != told:
                        told = what
                        _log.error("a look of %s at %s failed: %s", spec.id, component.name, what, exc_info=error)
            due = next_turn(due, every_s, loop.time())
            rested = loop.time() + rest_s if rest_s > 0 else math.inf
            try:
                async with asyncio.timeout_at(min(due, rested)):
                    await event.wait()
                event.clear()
                cause = self._causes.pop(key, "timer")
            except TimeoutError:
                cause = "file" if rested < due else "timer"


def interval_s(component: Component, spec: CheckSpec, fastest_s: float) -> float:
    """How often this check looks at this component, whose most frequent check looks every ``fastest_s`` by itself."""
    if component.interval_s is None:
        return spec.every_s
    is_meant = spec.every_s <= max(_CHEAP_S, fastest_s)
    return component.interval_s if is_meant else max(component.interval_s, spec.every_s)


def next_turn(due: float, every_s: float, now: float) -> float:
    """When to look again: at fixed times, so that slow looks delay nothing; whoever is late leaves turns out."""
    return due if due > now else due + every_s * (math.floor((now - due) / every_s) + 1)


def offset_s(clock: Clock) -> float:
    """What changes only when the wall clock is set (or the machine slept)."""
    return clock.now().timestamp() - clock.monotonic()
