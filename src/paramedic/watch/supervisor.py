"""Starts, watches and stops the processes of components, and finds them again after a crash of Paramedic."""

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paramedic.model.clock import Clock
from paramedic.model.component import Component, Desired, ProcessSpec
from paramedic.model.errors import StoreError
from paramedic.model.receipt import Launch
from paramedic.model.service import Service
from paramedic.sdk import ActionFailed, Exit, ProcessFacts, proc
from paramedic.sdk.blocking import in_thread
from paramedic.sdk.ending import end
from paramedic.watch import leftovers, logfiles, recognise
from paramedic.watch.pidfd import DeathWatch
from paramedic.watch.slots import Ended, Run, Slot
from paramedic.watch.spawn import prepare

if TYPE_CHECKING:
    from paramedic.store import Store, Transaction

_log = logging.getLogger("paramedic.watch")

MATCH_EVERY_S = 1.0
"""How often all processes are searched for one that nobody told us of."""
REMEMBER = timedelta(days=1)
"""How far back launches are read when Paramedic starts."""


class Supervisor:
    """The processes of one service on this node. Lives on one event loop; every method is called there."""

    def __init__(self, service: Service, store: "Store", clock: Clock, on_exit: Callable[[str, Exit], None]) -> None:
        """Watch nothing yet; ``adopt`` comes next.

        Args:
            service: whose components.
            store: where launches are committed before they happen.
            clock: deadlines and ages by its monotonic side.
            on_exit: called on the loop, at once, when a process ends that nobody asked to.
        """
        self._service = service
        self._store = store
        self._clock = clock
        self._on_exit = on_exit
        self._slots: dict[str, Slot] = {}
        self._desired: dict[str, Desired] = {}
        self._pending: set[asyncio.Task[Any]] = set()

    async def adopt(self) -> tuple[str, ...]:
        """Take up what lives on from before: our own launches by their tokens, others by their command lines.

        Returns the names of the components whose processes are watched now. A launch whose process is gone is
        marked ended, its exit code unknown.
        """
        node, names = self._service.settings.node, tuple(self._service.components)
        since = self._clock.now() - REMEMBER

        def read(tx: "Transaction") -> tuple[list[Launch], list[Launch], dict[str, Desired]]:
            recent = [each for name in names for each in tx.launches.recent(name, since)]
            return list(tx.launches.living(node)), recent, dict(tx.desired.all())

        living, recent, self._desired = await self._store.run(read)
        alive = {each.token: who for each in living if (who := await in_thread(recognise.by_launch, each))}
        now, monotonic = self._clock.now(), self._clock.monotonic()
        lost = {each.token: replace(each, ended_at=now) for each in living if each.token not in alive}
        history = {each.token: each for each in (*recent, *living) if each.node == node} | lost
        for launch in sorted(history.values(), key=lambda each: each.at):
            self._slot(launch.component).remember(launch, now=now, monotonic=monotonic)
        for launch in reversed(living):
            if launch.token in alive and launch.component in names and not self._slot(launch.component).run:
                self._take_up(launch, alive[launch.token])
        if lost:
            await self._store.run(lambda tx: _save_all(tx, tuple(lost.values())))
        for component in self._service.components.values():
            self._attach_by_command(component)
        return tuple(name for name, slot in self._slots.items() if slot.run)

    def facts(self, component: Component) -> ProcessFacts:
        """What is known of a component's process now, from memory."""
        slot = self._slot(component.name)
        run = self._living(component)
        now = self._clock.monotonic()
        uptime_s = now - run.began if run else None
        ready_within_s = component.process.ready_within_s if component.process else 0.0
        return ProcessFacts(
            desired=self._desired.get(component.name),
            pid=run.who.pid if run and run.who else None,
            ours=bool(run and run.launch),
            uptime_s=uptime_s,
            exits=slot.exits(now, self._service.settings.crash_loop_window_s),
            is_starting=bool(run and uptime_s is not None and uptime_s < ready_within_s and not run.is_ready),
            log_tail=logfiles.tail(self.log_path(component.name), slot.log_from) if slot.token else "",
            token=slot.token,
        )

    async def start(self, component: Component, token: str) -> int:
        """Start a component's process with a launch token; returns its pid.

        Raises:
            ActionFailed: it runs already, or cannot be started; the message says why.
        """
        slot = self._slot(component.name)
        async with slot.lock:
            if running := self._living(component):
                if running.who and running.launch and running.launch.token == token:
                    return running.who.pid
                raise ActionFailed(f"`{component.name}` runs already")
            prepared = prepare(_spec(component), self._root, token)
            log_path = self.log_path(component.name)
            launch = Launch(
                token=token,
                component=component.name,
                node=self._service.settings.node,
                at=self._clock.now(),
                command=prepared.command,
                log=str(log_path),
                boot_id=proc.boot_id(),
                log_from=logfiles.size(log_path),
            )
            try:
                log = logfiles.open_log(log_path)
            except OSError as error:
                raise ActionFailed(f"its log `{log_path}` cannot be written: {error.strerror}") from error
            try:
                await self._commit(launch)
                try:
                    pid = prepared.spawn(log)
                except ActionFailed:
                    self._save_soon(replace(launch, ended_at=self._clock.now(), expected=True))
                    raise
            finally:
                os.close(log)
            who = proc.identity(pid)
            launch = replace(launch, pid=pid, start_ticks=who.start_ticks if who else None)
            self._follow(component.name, pid, who, self._clock.monotonic(), launch)
            self._save_soon(launch)
            return pid

    async def stop(self, component: Component) -> None:
        """Stop a component's process and all that descends from it; returns when they are gone.

        Raises:
            ActionFailed: it is not ours to stop, or it survived being killed.
        """
        slot = self._slot(component.name)
        async with slot.lock:
            run = self._living(component)
            if run is None or run.who is None:
                await leftovers.clear(slot.token, ())
                return
            spec = _spec(component)
            self._refuse_strangers(component, run.who)
            run.is_expected_to_end = True
            try:
                if run.launch:
                    run.launch = replace(run.launch, expected=True)
                    await self._commit(run.launch)
                kin = await in_thread(leftovers.kin, run.who) if run.launch else ()
                group = leftovers.leads_group(run.who.pid)
                await end(run.who, ask=_signal(spec), within_s=spec.stop_timeout_s, group=group)
            except BaseException:
                run.is_expected_to_end = False
                raise
            self._on_death(run)
            await leftovers.clear(slot.token if run.launch else None, kin)

    def set_desired(self, component: str, desired: Desired, by: str) -> None:
        """Remember what an operator wants; it is stored soon after."""
        self._desired[component] = desired
        at = self._clock.now()
        self._soon(self._store.run(lambda tx: tx.desired.set(component, desired, by=by, at=at)))

    def mark_ready(self, component: str) -> None:
        """The component's checks passed, so that its process counts as started. Free to call after every look."""
        run = self._slot(component).run
        if run is None or run.is_ready:
            return
        run.is_ready = True
        if run.launch:
            run.launch = replace(run.launch, was_ready=True)
            self._save_soon(run.launch)

    async def rotate_logs(self) -> None:
        """Cut the logs that have grown too long, keeping copies."""
        settings = self._service.settings
        for name, slot in list(self._slots.items()):
            path = self.log_path(name)
            try:
                if await in_thread(logfiles.rotate, path, settings.log_max_bytes, settings.log_keep):
                    slot.log_from = 0
            except OSError as error:
                _log.warning("`%s` could not be rotated: %s", path, error.strerror)

    def update(self, service: Service) -> None:
        """Go on with a reloaded service. Processes of components that are gone live on, unreported."""
        known, self._service = self._service.components, service
        for component in service.components.values():
            if component.name not in known:
                self._attach_by_command(component)

    async def close(self) -> None:
        """Stop watching and finish what is being stored. The processes live on."""
        for slot in self._slots.values():
            if slot.run:
                slot.run.is_over = True
                slot.run.death.close()
                slot.run = None
        while self._pending:
            await asyncio.gather(*self._pending, return_exceptions=True)

    def log_path(self, component: str) -> Path:
        """Where a component's process prints to."""
        return self._service.settings.state_dir / "logs" / f"{component}.log"

    @property
    def _root(self) -> Path:
        return self._service.path.absolute().parent

    def _slot(self, component: str) -> Slot:
        return self._slots.setdefault(component, Slot())

    def _living(self, component: Component) -> Run | None:
        """The run of a living process, also one that somebody else has started in the meantime."""
        slot = self._slot(component.name)
        if slot.run and slot.run.death.has_ended:
            self._on_death(slot.run)
        if slot.run is None and component.process:
            self._attach(component.name, component.process)
        return slot.run

    def _follow(
        self, component: str, pid: int, who: proc.Identity | None, began: float, launch: Launch | None
    ) -> Run | None:
        """Watch a process from now on; ``None`` when it is gone."""
        slot = self._slot(component)
        run: Run

        def call() -> None:
            self._on_death(run)

        try:
            death = DeathWatch(pid, call)
        except ProcessLookupError:
            return None
        if who is not None and proc.identity(pid) not in (who, None):
            death.close()
            return None
        run = slot.run = Run(component, who, began, launch, death, is_ready=bool(launch and launch.was_ready))
        if launch:
            slot.token, slot.log_from = launch.token, launch.log_from
        slot.ended_by_itself = False
        return run

    def _on_death(self, run: Run) -> None:
        """Take note of an end. First the news, then the books: whoever heals does not wait for the store."""
        if run.is_over:
            return
        run.is_over = True
        code = run.death.reap() if run.launch else None
        run.death.close()
        slot, now = self._slot(run.component), self._clock.monotonic()
        if slot.run is run:
            slot.run = None
        if run.launch:
            self._save_soon(
                replace(run.launch, ended_at=self._clock.now(), exit_code=code, expected=run.is_expected_to_end)
            )
        if run.is_expected_to_end or self._went_on(run, code):
            return
        ended = Ended(at=self._clock.now(), monotonic=now, uptime_s=now - run.began, code=code, was_ready=run.is_ready)
        slot.ends.appendleft(ended)
        slot.ended_by_itself = True
        if run.component in self._service.components:
            self._on_exit(run.component, ended.exit(now))

    def _went_on(self, run: Run, code: int | None) -> bool:
        """Whether a program that puts itself into the background goes on under the pid in its file."""
        component = self._service.components.get(run.component)
        spec = component.process if component else None
        if code != 0 or spec is None or spec.pidfile is None or run.launch is None:
            return False
        who = recognise.by_pidfile(spec, self._root)
        if who is None or proc.token(who.pid) != run.launch.token:
            return False
        launch = replace(run.launch, pid=who.pid, start_ticks=who.start_ticks)
        if self._follow(run.component, who.pid, who, run.began, launch) is None:
            return False
        self._save_soon(launch)
        return True

    def _attach(self, component: str, spec: ProcessSpec) -> None:
        """Find a process that somebody else keeps, by its file or its command line."""
        slot, now = self._slot(component), self._clock.monotonic()
        who = recognise.by_pidfile(spec, self._root)
        if who is None and spec.match and now - slot.searched >= MATCH_EVERY_S:
            slot.searched = now
            who = recognise.by_match(spec)
        if who:
            self._follow(component, who.pid, who, now - proc.uptime_s(who), None)

    def _attach_by_command(self, component: Component) -> None:
        """Only when we begin: later, a twin of a process of ours is a stale instance and not the component."""
        spec = component.process
        if spec is None or self._living(component):
            return
        if who := recognise.by_command(spec, self._root):
            self._follow(component.name, who.pid, who, self._clock.monotonic() - proc.uptime_s(who), None)

    def _take_up(self, launch: Launch, who: proc.Identity) -> None:
        """Watch the process of an earlier launch."""
        resolved = replace(launch, pid=who.pid, start_ticks=who.start_ticks)
        began = self._clock.monotonic() - proc.uptime_s(who)
        self._follow(launch.component, who.pid, who, began, resolved)
        if resolved != launch:
            self._save_soon(resolved)

    def _refuse_strangers(self, component: Component, who: proc.Identity) -> None:
        spec = _spec(component)
        if spec.is_managed or (spec.pidfile is not None and proc.uid(who.pid) == os.geteuid()):
            return
        raise ActionFailed(
            f"`{component.name}` (pid {who.pid}) was not started by Paramedic and the service file gives no `command`"
        )

    async def _commit(self, launch: Launch) -> None:
        try:
            await self._save_soon(launch)
        except StoreError as error:
            raise ActionFailed(f"the launch could not be recorded, so nothing was done: {error}") from error

    def _save_soon(self, launch: Launch) -> asyncio.Task[Any]:
        """Records of one launch are written in the order of these calls."""
        return self._soon(self._store.run(lambda tx: tx.launches.save(launch)))

    def _soon(self, work: Coroutine[Any, Any, object]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._pending.add(task)
        task.add_done_callback(self._settled)
        return task

    def _settled(self, task: asyncio.Task[Any]) -> None:
        self._pending.discard(task)
        if not task.cancelled() and (error := task.exception()):
            # The next start finds the truth in /proc; only the history has a gap.
            _log.warning("a launch could not be recorded: %s", error)


def _save_all(tx: "Transaction", launches: Iterable[Launch]) -> None:
    for each in launches:
        tx.launches.save(each)


def _spec(component: Component) -> ProcessSpec:
    if component.process is None:
        raise ActionFailed(f"`{component.name}` has no process in the service file")
    return component.process


def _signal(spec: ProcessSpec) -> signal.Signals:
    try:
        return signal.Signals[spec.stop_signal]
    except KeyError:
        raise ActionFailed(f"`{spec.stop_signal}` is no signal; use a name such as `SIGTERM`") from None
