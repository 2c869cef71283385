"""Planned work that people begin and end by hand, and what is taken up again when planned work is over."""

import asyncio
import logging
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from paramedic.incident import Chapter
from paramedic.model.errors import StoreError, UsageError
from paramedic.model.ids import new_id
from paramedic.model.incident import Incident, IncidentState
from paramedic.model.maintenance import LONGEST, ByHand, Window
from paramedic.model.playbook import Plan, PlanState
from paramedic.model.receipt import Command
from paramedic.model.wire import Json, dump, load
from paramedic.recovery.gate import IN_MAINTENANCE
from paramedic.store import Transaction
from paramedic.store.notes import MAINTENANCE

if TYPE_CHECKING:
    from paramedic.watch.node import Node

_log = logging.getLogger("paramedic.watch")


async def remembered(node: "Node") -> ByHand:
    """What people began and ended, as the store has it."""
    note = await node.store.run(lambda tx: tx.notes.get(MAINTENANCE))
    return load(ByHand, note) if note else ByHand()


class Upkeep:
    """Begins and ends windows on request."""

    def __init__(self, node: "Node") -> None:
        self._node = node
        self._turn = asyncio.Lock()
        """Of two commands at once, the second begins with what the first has kept."""

    async def carry_out(self, command: Command) -> dict[str, Json]:
        """``start`` or ``stop`` of the arguments; gives back the windows that were begun or ended."""
        async with self._turn:
            if command.args.get("do") == "stop":
                return {"ended": [dump(each) for each in await self._stop(_wanted(command), command.by)]}
            return {"begun": dump(await self._start(command))}

    def foresee(self, command: Command) -> list[str]:
        """What `carry_out` would do, a line for each window. Refuses what that would refuse."""
        if command.args.get("do") != "stop":
            return [f"maintenance would begin: {self._window(command).said}"]
        ended = self._to_end(_wanted(command))
        return [f"maintenance would be over: {each.said}" for each in ended] or ["no maintenance lasts now"]

    def _window(self, command: Command) -> Window:
        components = _wanted(command)
        for name in components:
            if name not in self._node.service.components:
                raise UsageError(f"there is no component `{name}` in the service file that is watched")
        given = command.args.get("for_s")
        lasts = timedelta(seconds=float(given)) if isinstance(given, int | float) else timedelta()
        if not timedelta() < lasts <= LONGEST:
            raise UsageError("a window lasts longer than nothing", hint=f"at most {LONGEST.days} days")
        now = self._node.clock.now()
        reason = self._node.redactor.text(str(command.args.get("reason") or ""))
        return Window(
            id=new_id("win", now), begins=now, ends=now + lasts, components=components, reason=reason, by=command.by
        )

    async def _start(self, command: Command) -> Window:
        window = self._window(command)
        known = self._node.service.maintenance.by_hand
        await self._keep(replace(known, windows=(*known.windows, window)))
        _log.info("maintenance began %s", window.said)
        return window

    async def _stop(self, wanted: tuple[str, ...], by: str) -> list[Window]:
        """End what lasts now: all, or for these components or by these ids. What else a window holds goes on."""
        service, now = self._node.service, self._node.clock.now()
        known, ended = service.maintenance.by_hand, self._to_end(wanted)
        for window in ended:
            kept = tuple(each for each in known.windows if each.id != window.id)
            known = replace(known, windows=kept, ended=known.ended if window.by else (*known.ended, window.id))
            rest = tuple(each for each in window.components or service.components if each not in wanted)
            if wanted and not self._is_named(window, wanted) and rest:
                more = replace(window, id=new_id("win", now), components=rest, by=window.by or by)
                known = replace(known, windows=(*known.windows, more))
            _log.info("%s ended the maintenance %s", by, window.said)
        await self._keep(known)
        return ended

    def _to_end(self, wanted: tuple[str, ...]) -> list[Window]:
        """What lasts now and is meant."""
        lasting = self._node.service.maintenance.at(self._node.clock.now())
        meant = [each for each in lasting if not wanted or self._is_named(each, wanted) or each.covers(wanted)]
        if wanted and not meant:
            raise UsageError(f"no maintenance of {', '.join(f'`{each}`' for each in wanted)} lasts now")
        return meant

    def _is_named(self, window: Window, wanted: tuple[str, ...]) -> bool:
        return any(window.id.endswith(each) for each in wanted if each not in self._node.service.components)

    async def _keep(self, known: ByHand) -> None:
        now = self._node.clock.now()
        fresh = tuple(each for each in known.windows if each.ends > now)
        lasting = {each.id for each in replace(self._node.service.maintenance, by_hand=ByHand()).at(now)}
        known = ByHand(windows=fresh, ended=tuple(each for each in known.ended if each in lasting))
        await self._node.store.run(lambda tx: tx.notes.set(MAINTENANCE, dump(known)))
        self._node.adopt_by_hand(known)


def _wanted(command: Command) -> tuple[str, ...]:
    names = command.args.get("components")
    return tuple(str(each) for each in names) if isinstance(names, list) else ()


async def take_up_again(node: "Node", now: datetime) -> None:
    """Plans that only planned work held back are made anew once it is over."""
    for incident in list(node.triage.incidents.values()):
        if not _is_held(incident) or node.service.maintenance.over((incident.component,), now):
            continue
        try:
            plan = await node.store.run(partial(_plan_of, incident))
        except StoreError as error:  # whoever is to be called meanwhile is called; the next tick asks again
            _log.debug("plans cannot be taken up again yet: %s", error)
            return
        is_ours = plan and (plan.needs_approval or "").startswith(IN_MAINTENANCE)
        if plan is None or not is_ours or node.triage.incidents.get(incident.id) is not incident:
            continue
        touched = [step.component for step in plan.steps]
        if plan.state is not PlanState.PROPOSED or node.service.maintenance.over(touched, now):
            continue
        why = "the maintenance window is over"
        chapter = Chapter(at=now, plan=replace(plan, state=PlanState.STALE, why_ended=why))
        chapter.incident = replace(incident, state=IncidentState.OPEN, why=why)
        chapter.tell("planned", f"{plan.playbook} is thought over: {why}")
        await node.triage.save(chapter)
        node.attendant.wake(incident.id)


def _plan_of(incident: Incident, tx: Transaction) -> Plan | None:
    return tx.plans.get(incident.plan) if incident.plan else None


def _is_held(incident: Incident) -> bool:
    return incident.state is IncidentState.WAITING and incident.plan is not None and IN_MAINTENANCE in incident.why
