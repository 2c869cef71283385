"""What one-shot commands know of processes: what the store and /proc say, and nothing may be changed."""

from datetime import timedelta
from typing import TYPE_CHECKING

from paramedic.model.clock import Clock
from paramedic.model.component import Component, Desired
from paramedic.model.receipt import Launch
from paramedic.model.service import Service
from paramedic.sdk import ActionFailed, ProcessFacts, proc
from paramedic.watch import logfiles, recognise
from paramedic.watch.slots import Slot

if TYPE_CHECKING:
    from paramedic.store import Store

FRESH_S = 1.0
"""How long one look at a component serves the checks that ask for it."""
REMEMBER = timedelta(days=1)


class RecordedProcesses:
    """The processes of a service as somebody sees them who does not run it."""

    def __init__(self, service: Service, store: "Store | None", clock: Clock) -> None:
        self._service = service
        self._store = store
        self._clock = clock
        self._seen: dict[str, tuple[float, ProcessFacts]] = {}

    def facts(self, component: Component) -> ProcessFacts:
        """What is known of a component's process."""
        now = self._clock.monotonic()
        at, facts = self._seen.get(component.name, (float("-inf"), None))
        if facts is None or now - at > FRESH_S:
            facts = self._look(component, now)
            self._seen[component.name] = now, facts
        return facts

    async def start(self, component: Component, token: str) -> int:
        """Refuse: only the process that holds the node may start anything."""
        del token
        raise ActionFailed(f"only `paramedic watch` may start `{component.name}`")

    async def stop(self, component: Component) -> None:
        """Refuse: only the process that holds the node may stop anything."""
        raise ActionFailed(f"only `paramedic watch` may stop `{component.name}`")

    def _look(self, component: Component, now: float) -> ProcessFacts:
        spec = component.process
        if spec is None:
            return ProcessFacts(desired=None)
        desired, launches, is_watched = self._read(component.name)
        slot = Slot()
        for launch in sorted(launches, key=lambda each: each.at):
            slot.remember(launch, now=self._clock.now(), monotonic=now)
        newest = max(launches, key=lambda each: each.at, default=None)
        ours = recognise.by_launch(newest) if newest and newest.ended_at is None else None
        root = self._service.path.absolute().parent
        who = ours or recognise.by_pidfile(spec, root) or recognise.by_match(spec)
        if who is None and (newest is None or not is_watched):
            # Where a watch has started a process, it knows it: a twin of that is a stale instance.
            who = recognise.by_command(spec, root)
        slot.ended_by_itself = slot.ended_by_itself and who is None
        uptime_s = proc.uptime_s(who) if who else None
        was_ready = bool(ours and newest and newest.was_ready)
        log = self._service.settings.state_dir / "logs" / f"{component.name}.log"
        return ProcessFacts(
            desired=desired,
            pid=who.pid if who else None,
            ours=ours is not None,
            uptime_s=uptime_s,
            exits=slot.exits(now, self._service.settings.crash_loop_window_s),
            is_starting=bool(uptime_s is not None and uptime_s < spec.ready_within_s and ours and not was_ready),
            log_tail=logfiles.tail(log, slot.log_from),
            token=slot.token,
        )

    def _read(self, name: str) -> tuple[Desired | None, tuple[Launch, ...], bool]:
        if self._store is None:
            return None, (), False
        node, now = self._service.settings.node, self._clock.now()
        with self._store.read() as tx:
            recent = tx.launches.recent(name, now - REMEMBER)
            living = tx.launches.living(node)
            is_watched = any(each.node == node and each.until > now for each in tx.nodes.all())
            desired = tx.desired.get(name)
        launches = {each.token: each for each in (*recent, *living) if each.node == node and each.component == name}
        return desired, tuple(launches.values()), is_watched
