"""``paramedic watch``: the node with its event sources, until it is told to stop."""

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from paramedic.model.component import Desired
from paramedic.model.errors import ConfigurationError, NodeBusy, ParamedicError, StoreError
from paramedic.model.service import Service
from paramedic.sdk.blocking import in_thread
from paramedic.sdk.files import TooLarge, read_whole
from paramedic.sdk.pack import Registry
from paramedic.store import Transaction
from paramedic.watch.backups import BackingUp
from paramedic.watch.ballast import hold
from paramedic.watch.calling import Calling
from paramedic.watch.changes import between
from paramedic.watch.commands import Commands
from paramedic.watch.delivery import Delivery
from paramedic.watch.happenings import Happenings
from paramedic.watch.heartbeat import beat
from paramedic.watch.jobs import keep_doing, said
from paramedic.watch.keeping import Keeping
from paramedic.watch.last_words import say_it_ended, say_it_is_back
from paramedic.watch.node import Node
from paramedic.watch.orders import managed
from paramedic.watch.schedule import Schedule, offset_s
from paramedic.watch.spare import Spare
from paramedic.watch.tidying import tidy

_log = logging.getLogger("paramedic.watch")
_HOUSEKEEPING_S = 60.0
_ROTATE_S = 2.0
_FLUSH_S = 0.5
_RELOAD_S = 1.0
_RETIRE_S = 10.0
_STEP_S = 3600.0
_MISTRUST_S = 86_400.0
_LEASE_S = 5.0
_STATE_S = 1.0
_LEAVE_S = 5.0
_FIXED = ("state_dir", "store", "node", "heartbeat_url", "heartbeat_interval_s")
"""Settings of which everything that runs already has made use."""
_LONGEST_FILE_BYTES = 16 << 20


async def watch(
    service: Service, registry: Registry, *, reload: Callable[[], Service], leave: bool, ready: Callable[[Node], None]
) -> None:
    """Bring the service up and look after it until SIGTERM or SIGINT.

    Args:
        service: what to watch.
        registry: the packs.
        reload: reads the service file again; raises ``ConfigurationError`` when it is wrong.
        leave: let the processes live on at the end; otherwise they are stopped, dependants first.
        ready: called when everything has been brought up.
    """
    spare = Spare()  # before anything else is open
    loop, ourselves = asyncio.get_running_loop(), asyncio.current_task()
    stop, again, is_up = asyncio.Event(), asyncio.Event(), False

    def end() -> None:
        """The first time all is brought down in order; told again, or before all is up, we leave at once."""
        if ourselves and (stop.is_set() or not is_up):
            ourselves.cancel()
            _leave_within(_LEAVE_S)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    loop.add_signal_handler(signal.SIGHUP, again.set)
    try:
        with _leaving_when(stop):
            node = Node(service, registry)
            keeping = Keeping(node)
            node.first = keeping.first
            async with node:
                is_up = True
                await _look_after(node, keeping, spare, reload=reload, stop=stop, again=again, ready=ready, leave=leave)
    except NodeBusy:
        raise
    except Exception as error:
        if is_up or not sys.stderr.isatty():  # who starts it by hand reads it
            await say_it_ended(node.service if is_up else service, error)
        raise


def _leave_within(seconds: float) -> None:
    """A server that neither answers nor hangs up may hold a thread for ever; nobody is to wait for that."""

    def leave() -> None:
        _log.error("the store did not let go of us; left all the same (hint: see why its server hangs)")
        os._exit(ParamedicError.exit_code)

    last = threading.Timer(seconds, leave)
    last.daemon = True
    last.start()


@contextmanager
def _leaving_when(stop: asyncio.Event) -> Iterator[None]:
    """Being cancelled is a way to end, when somebody asked for it."""
    try:
        yield
    except asyncio.CancelledError:
        if not stop.is_set():
            raise
        _log.warning("left at once; what runs goes on running, and the next `paramedic watch` takes it up")


async def _look_after(
    node: Node,
    keeping: Keeping,
    spare: Spare,
    *,
    reload: Callable[[], Service],
    stop: asyncio.Event,
    again: asyncio.Event,
    ready: Callable[[Node], None],
    leave: bool,
) -> None:
    schedule = Schedule(node, keeping.looked)
    commands = Commands(node)
    work: dict[str, Callable[[], Awaitable[None]]] = {
        "taking commands": commands.run,
        "following deaths": schedule.follow_deaths,
        "following files": schedule.follow_files,
        "following the clock": schedule.follow_clock,
        "holding room": lambda: hold(node),
        "calling people": Calling(node).run,
        "taking down what happens": Happenings(node).run,
        "delivering messages": Delivery(node, spare).run,
        "the heartbeat": lambda: beat(node.service.settings, node.clock),
        "making backups": BackingUp(node).run,
        "storing findings": lambda: _flush(node),
        "housekeeping": lambda: _housekeeping(node),
        "rotating logs": lambda: _rotate(node),
        "the lease": lambda: _hold(node),
        "following the service file": lambda: _reload(node, schedule, reload, again),
    }
    gone = asyncio.Event()
    work["holding the state"] = lambda: _hold_state(node, gone, stop)
    jobs = [asyncio.create_task(keep_doing(name, do, node.clock), name=name) for name, do in work.items()]
    bring_up = asyncio.create_task(_bring_up(node, schedule, ready), name="bringing up")
    try:
        await stop.wait()
        _log.info("stopping")
        bring_up.cancel()
        await node.attendant.retire(_RETIRE_S)
    finally:
        await schedule.close()
        for job in (bring_up, *jobs):
            job.cancel()
        await asyncio.gather(bring_up, *jobs, return_exceptions=True)
    if gone.is_set():
        folder = node.service.settings.state_dir
        raise ParamedicError(
            f"the folder for state `{folder}` was removed; watched no further, and what runs goes on running",
            hint="start `paramedic watch` again: it begins a new record and takes up what runs",
        )
    if not leave:
        await _shut_down(node)
    await _let_go(node)


async def _bring_up(node: Node, schedule: Schedule, ready: Callable[[Node], None]) -> None:
    """Start what should run, in order of dependency; what runs already is left alone. Meanwhile begin to look."""
    service = node.service
    wanted = [
        each
        for each in managed(service.components, service.start_order(), service.settings.node)
        if each.name not in node.triage.stopped
    ]
    for component in wanted:
        node.triage.quiet[component.name] = "being brought up"
    schedule.begin()
    for what in _switched_off(service):
        _log.warning(what)
    stamp = node.clock.now().strftime("%Y%m%d%H%M%S%f")
    finished: dict[str, asyncio.Event] = {each.name: asyncio.Event() for each in wanted}

    async def one(name: str) -> None:
        try:
            for needed in service.needs(name):
                if needed in finished:
                    await finished[needed].wait()
            for plan in list(node.attendant.running.values()):
                if plan.incident and name in plan.blast_radius:
                    await node.attendant.over(plan.id)  # a recovery that a crash interrupted goes first
            facts = node.supervisor.facts(service.components[name])
            if facts.pid is None:
                plan = await node.orders.give("start", name, "watch", f"up-{stamp}")
                _log.info("%s: %s %s", name, plan.state, plan.why_ended)
            else:
                _log.info("%s runs already (pid %d)", name, facts.pid)
                node.supervisor.set_desired(name, Desired.RUNNING, "watch")
        except Exception as error:  # a boundary: what could not be brought up is found by its checks
            _log.error("%s could not be brought up: %s", name, said(error), exc_info=error)
        finally:
            finished[name].set()
            node.triage.quiet.pop(name, None)
            if node.service.settings.diagnostic_enabled:
                await node.look(name)

    await asyncio.gather(*(one(each.name) for each in wanted))
    ready(node)
    await say_it_is_back(service)


def _switched_off(service: Service) -> Iterator[str]:
    """What somebody who relies on a watch must know that it does not do."""
    if not service.settings.diagnostic_enabled:
        yield "`diagnostic_enabled` is off: nothing is looked at, so nothing is found or healed"
    elif not service.settings.resource_monitoring:
        yield "`resource_monitoring` is off: no machine is looked at"
    if not service.settings.error_reporting:
        yield "`error_reporting` is off: nobody is told of anything"


async def _shut_down(node: Node) -> None:
    service = node.service
    order = managed(service.components, service.start_order(), service.settings.node)[::-1]
    stamp = node.clock.now().strftime("%Y%m%d%H%M%S%f")
    for component in order:
        node.triage.quiet[component.name] = "being shut down"
    for component in order:
        if node.supervisor.facts(component).pid is not None:
            plan = await node.orders.give("shut-down", component.name, "watch", f"down-{stamp}")
            _log.info("%s: %s %s", component.name, plan.state, plan.why_ended)


async def _flush(node: Node) -> None:
    while True:
        await node.clock.sleep(_FLUSH_S)
        await node.flush()


async def _rotate(node: Node) -> None:
    """Often, because a process in despair can print a disk full within a minute."""
    while True:
        await node.clock.sleep(_ROTATE_S)
        await node.supervisor.rotate_logs()


async def _housekeeping(node: Node) -> None:
    known, trusted_from = offset_s(node.clock), float("-inf")
    while True:
        await node.clock.sleep(_HOUSEKEEPING_S)
        now, offset = node.clock.now(), offset_s(node.clock)
        if abs(offset - known) > _STEP_S:
            # Nothing is deleted by a clock that has just jumped: most jumps are mistakes, and are put right in a day.
            known, trusted_from = offset, node.clock.monotonic() + _MISTRUST_S
        if node.clock.monotonic() >= trusted_from:
            await in_thread(node.store.prune, now, node.service.settings.retention_days)
            await in_thread(node.backups.prune)
            await in_thread(node.last_good.prune, node.service.settings.retention_days)
            await in_thread(tidy, node.service.settings, await node.store.run(lambda tx: tx.plans.known()), now)


async def _hold(node: Node) -> None:
    """Tell those who only read the store that somebody watches."""
    while True:
        await node.store.run(lambda tx: _renew(tx, node, 3 * _LEASE_S))
        await node.clock.sleep(_LEASE_S)


async def _hold_state(node: Node, gone: asyncio.Event, stop: asyncio.Event) -> None:
    """Notice that the folder for state was removed: nobody could read what we wrote, nor find us by our lock."""
    while node.lock.is_intact():
        await node.clock.sleep(_STATE_S)
    gone.set()
    stop.set()


async def _let_go(node: Node) -> None:
    """Tell them that nobody does any more: what was seen last says nothing about now."""
    try:
        await node.store.run(lambda tx: _renew(tx, node, 0.0))
    except StoreError as error:
        _log.warning("the end could not be recorded: %s", error)


def _renew(tx: Transaction, node: Node, for_s: float) -> None:
    now = node.clock.now()
    name, until = node.service.settings.node, now + timedelta(seconds=for_s)
    if not tx.nodes.renew(name, holder=f"pid {os.getpid()}", now=now, until=until):
        # We hold the node's lock: whoever this was is dead.
        for lease in tx.nodes.all():
            if lease.node == name:
                tx.nodes.release(name, holder=lease.holder)
        tx.nodes.renew(name, holder=f"pid {os.getpid()}", now=now, until=until)


async def _reload(node: Node, schedule: Schedule, reload: Callable[[], Service], again: asyncio.Event) -> None:
    """Follow changes of the service file. A broken or missing one is told and the old one stays in force."""
    seen = await in_thread(_content, node.service.path)
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(_RELOAD_S):
                await again.wait()
        now = await in_thread(_content, node.service.path)
        if now == seen and not again.is_set():
            continue
        seen = now
        again.clear()
        before = node.service
        try:
            service, fixed = _with_fixed(node.service, await in_thread(reload))
            await node.adopt_service(service)
        except ConfigurationError as error:
            _log.error("the changed service file is wrong; the old one stays in force:\n%s", error)
            continue
        _log.info("the service file was read again: %d components", len(service.components))
        await node.triage.changes.record(*between(before, service, node.clock.now()))
        if gone := sorted(set(before.components) - set(service.components)):
            _log.warning("no longer in the service file, and no longer looked at: %s", ", ".join(gone))
        for name in fixed:
            _log.warning("`%s` was changed; that takes effect when `paramedic watch` is started again", name)
        schedule.begin()  # what is new and does not run is found by its checks, and started like whatever died


def _with_fixed(old: Service, new: Service) -> tuple[Service, tuple[str, ...]]:
    """The new service with those settings of the old one that a running watch cannot change, and which they are."""
    changed = {name: getattr(old.settings, name) for name in _FIXED}
    changed = {name: value for name, value in changed.items() if value != getattr(new.settings, name)}
    return replace(new, settings=replace(new.settings, **changed)), tuple(changed)


def _content(path: Path) -> bytes | None:
    """What tells one version of the file from another; ``None`` where there is none that can be read."""
    try:
        return read_whole(path, _LONGEST_FILE_BYTES)
    except TooLarge:
        return b"too large"
    except OSError:
        return None
