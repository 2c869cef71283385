"""``paramedic watch``: the node with its event sources, until it is told to stop."""

import asyncio
import logging
import signal
from collections.abc import Callable
from pathlib import Path

from paramedic.model.component import Desired
from paramedic.model.errors import ConfigurationError
from paramedic.model.service import Service
from paramedic.sdk.pack import Registry
from paramedic.watch.commands import Commands
from paramedic.watch.delivery import Delivery
from paramedic.watch.heartbeat import beat
from paramedic.watch.keeping import Keeping
from paramedic.watch.node import Node
from paramedic.watch.orders import managed
from paramedic.watch.schedule import Schedule

_log = logging.getLogger("paramedic.watch")
_HOUSEKEEPING_S = 60.0
_FLUSH_S = 0.5
_RELOAD_S = 1.0
_RETIRE_S = 10.0


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
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    again = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, again.set)
    async with Node(service, registry) as node:
        keeping = Keeping(node)
        schedule = Schedule(node, keeping.looked)
        commands = Commands(node)
        jobs = [
            asyncio.create_task(job, name=name)
            for name, job in {
                "commands": commands.run(),
                "deaths": schedule.follow_deaths(),
                "files": schedule.follow_files(),
                "delivery": Delivery(node.store, node.clock, node.redactor).run(),
                "heartbeat": beat(service.settings, node.clock),
                "flush": _flush(node),
                "housekeeping": _housekeeping(node),
                "reload": _reload(node, schedule, reload, again),
            }.items()
        ]
        bring_up = asyncio.create_task(_bring_up(node, schedule, ready), name="bring up")
        stopped = asyncio.create_task(stop.wait(), name="stop")
        done, _ = await asyncio.wait([stopped, bring_up, *jobs], return_when=asyncio.FIRST_COMPLETED)
        while stopped not in done:
            for task in done:
                if not task.cancelled() and (error := task.exception()):
                    _log.error("the job `%s` failed and is not running any more", task.get_name(), exc_info=error)
            rest = [task for task in (stopped, bring_up, *jobs) if not task.done()]
            done, _ = await asyncio.wait(rest, return_when=asyncio.FIRST_COMPLETED)
        _log.info("stopping")
        bring_up.cancel()
        await node.attendant.retire(_RETIRE_S)
        await schedule.close()
        for job in jobs:
            job.cancel()
        await asyncio.gather(bring_up, *jobs, return_exceptions=True)
        if not leave:
            await _shut_down(node)


async def _bring_up(node: Node, schedule: Schedule, ready: Callable[[Node], None]) -> None:
    """Start what should run, in order of dependency; what runs already is left alone. Then begin to look."""
    service = node.service
    wanted = [
        each
        for each in managed(service.components, service.start_order(), service.settings.node)
        if each.name not in node.triage.stopped
    ]
    for component in wanted:
        node.triage.quiet[component.name] = "being brought up"
    schedule.begin()
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
        finally:
            finished[name].set()
            node.triage.quiet.pop(name, None)
            await node.look(name)

    await asyncio.gather(*(one(each.name) for each in wanted))
    ready(node)


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


async def _housekeeping(node: Node) -> None:
    while True:
        await node.clock.sleep(_HOUSEKEEPING_S)
        await node.supervisor.rotate_logs()
        now = node.clock.now()
        await asyncio.to_thread(node.store.prune, now, node.service.settings.retention_days)


async def _reload(node: Node, schedule: Schedule, reload: Callable[[], Service], again: asyncio.Event) -> None:
    """Follow changes of the service file. A broken one is reported and the old one stays in force."""
    path = node.service.path
    seen = _content(path)
    while True:
        try:
            async with asyncio.timeout(_RELOAD_S):
                await again.wait()
        except TimeoutError:
            now = _content(path)
            if now == seen or now is None:
                continue
            seen = now
        again.clear()
        try:
            service = await asyncio.to_thread(reload)
        except ConfigurationError as error:
            _log.error("the changed service file is wrong; the old one stays in force:\n%s", error)
            continue
        node.adopt_service(service)
        schedule.begin()
        _log.info("the service file was read again: %d components", len(service.components))


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
