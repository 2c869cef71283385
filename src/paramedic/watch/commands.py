"""What other commands ask of the process that owns the node."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace

from paramedic.model.change import Change
from paramedic.model.component import Desired
from paramedic.model.errors import ParamedicError, StoreError, UsageError
from paramedic.model.ids import IncidentId
from paramedic.model.incident import Incident
from paramedic.model.playbook import Plan
from paramedic.model.receipt import Command, CommandState
from paramedic.model.status import Severity
from paramedic.model.wire import Json, dump, load
from paramedic.store import insist
from paramedic.watch.emergency import Emergency
from paramedic.watch.foresight import Foresight
from paramedic.watch.guiding import Guiding
from paramedic.watch.jobs import said
from paramedic.watch.maintenance import Upkeep
from paramedic.watch.node import Node
from paramedic.watch.orders import concerned, missing, running
from paramedic.watch.recovering import Recovering, is_verified, texts
from paramedic.watch.rolling import in_turn, members
from paramedic.watch.triage import OURSELVES, by_hand

_log = logging.getLogger("paramedic.watch")
_POLL_S = 0.05
Result = Mapping[str, Json]
_FORGOTTEN_S = 3600.0
"""What nobody took up for so long is not wanted any more."""


class Commands:
    """Takes command rows from the store, each in a task of its own, and writes their results."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._tasks: dict[str, asyncio.Task[None]] = {}
        recovering = Recovering(node)
        self._foresight = Foresight(node, recovering)
        self._verbs: Mapping[str, Callable[[Command], Awaitable[Result]]] = {
            "start": self._order,
            "stop": self._order,
            "restart": self._order,
            "configure": self._configure,
            "restore-backup": self._restore,
            "act": self._act,
            "plan": recovering.plan,
            "recover": recovering.recover,
            "approve": recovering.approve,
            "reject": recovering.reject,
            "acknowledge": self._acknowledge,
            "escalate": self._escalate,
            "guide": Guiding(node).carry_out,
            "change": self._change,
            "emergency": Emergency(node).carry_out,
            "maintenance": Upkeep(node).carry_out,
            "pause": self._pause,
            "resume": self._pause,
        }

    async def run(self) -> None:
        """Follow the store for ever; asleep, it costs one cheap query each 50 ms."""
        seen = -1
        while True:
            changes = await self._node.store.changed()
            if changes != seen:
                seen = changes
                await self.take()
            await self._node.clock.sleep(_POLL_S)

    async def take(self, only: str | None = None) -> None:
        """Begin every pending command that is not under way, or only the one of this id."""
        for command in await self._node.store.run(lambda tx: tx.commands.pending()):
            if command.id not in self._tasks and only in (None, command.id):
                self._tasks[command.id] = asyncio.create_task(self._carry_out(command), name=command.verb)

    async def finish(self) -> None:
        """Return when every command that was begun has its result."""
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _carry_out(self, command: Command) -> None:
        state = CommandState.DONE
        try:
            verb = self._verbs.get(command.verb)
            if verb is None:
                raise ParamedicError(f"unknown command `{command.verb}`")
            if (self._node.clock.now() - command.at).total_seconds() > _FORGOTTEN_S:
                raise ParamedicError("nobody took it up in time", hint="ask again")
            result: Result = await (self._foresight.of if command.args.get("foresee") else verb)(command)
        except ParamedicError as error:
            state = CommandState.REFUSED
            result = {"error": str(error), "hint": error.hint, "exit_code": error.exit_code}
        except Exception as error:  # a boundary: the one who asked must get an answer
            _log.error("the command %s failed: %s", command.verb, said(error), exc_info=error)
            hint = "this is a fault of paramedic; its log says more"
            state, result = CommandState.REFUSED, {"error": said(error), "hint": hint}
        safe = {key: self._node.redactor.data(value) for key, value in dump(result).items()}
        done = replace(command, state=state, result=safe)
        with suppress(StoreError):  # they are flushed again
            await self._node.flush()
        await insist(self._node.store, lambda tx: tx.commands.save(done), self._node.clock.sleep)
        self._tasks.pop(command.id, None)

    async def _order(self, command: Command) -> Result:
        service = self._node.service
        wanted = concerned(service, members(service, texts(command, "components")))
        await self._node.attendant.resume()
        left: dict[str, str] = {}
        runs = running(self._node.bench, wanted) if command.verb == "start" else {}
        for name in runs:
            await self._node.orders.wish(name, Desired.RUNNING, command.by)
        wanted = [name for name in wanted if name not in runs]
        if command.verb == "restart":
            plans, left = await in_turn(service, wanted, lambda name: self._give(command, name))
        else:
            plans = [await self._give(command, name) for name in (wanted[::-1] if command.verb == "stop" else wanted)]
        failed = [] if command.verb == "stop" else [each.suspect for each in plans if not is_verified(each)]
        needs = {name: dict(found) for name in failed if (found := missing(self._node.bench, name))}
        verified = all(map(is_verified, plans)) and not left
        return {
            "plans": [dump(plan) for plan in plans],
            "left": dict(left),
            "running": dump(runs),
            "missing": dump(needs),
            "verified": verified,
        }

    def _give(self, command: Command, name: str) -> Awaitable[Plan]:
        return self._node.orders.give(command.verb, name, command.by, command.id)

    async def _configure(self, command: Command) -> Result:
        name = str(command.args["component"])
        if name not in self._node.service.components:
            raise UsageError(f"there is no component `{name}` in the service file that is watched")
        await self._node.attendant.resume()
        params = {key: command.args[key] for key in ("draft", "digest", "seen")}
        plan = await self._node.orders.give("configure", name, command.by, command.id, params)
        return {"plans": [dump(plan)], "verified": is_verified(plan)}

    async def _restore(self, command: Command) -> Result:
        name = str(command.args["component"])
        if name not in self._node.service.components:
            raise UsageError(f"there is no component `{name}` in the service file that is watched")
        params = {"backup": command.args["backup"]}
        await self._node.attendant.resume()
        plan = await self._node.orders.give("restore-backup", name, command.by, command.id, params)
        receipts = await self._node.store.run(lambda tx: tx.receipts.of(plan.id))
        return {"plans": [dump(plan)], "receipts": [dump(each) for each in receipts], "verified": is_verified(plan)}

    async def _act(self, command: Command) -> Result:
        """Have one action done on a component."""
        name, action = str(command.args["component"]), str(command.args["action"])
        if name not in self._node.service.components:
            raise UsageError(f"there is no component `{name}` in the service file that is watched")
        if action not in self._node.registry.actions:
            raise UsageError(f"there is no action `{action}`")
        params = {key: command.args[key] for key in ("action", "with", "checks") if key in command.args}
        await self._node.attendant.resume()
        plan = await self._node.orders.give("act", name, command.by, command.id, params)
        receipts = await self._node.store.run(lambda tx: tx.receipts.of(plan.id))
        return {"plans": [dump(plan)], "receipts": [dump(each) for each in receipts], "verified": is_verified(plan)}

    async def _acknowledge(self, command: Command) -> Result:
        incident = self._unresolved(str(command.args["incident"]))
        note = self._node.redactor.text(str(command.args.get("note") or ""))
        await self._node.attendant.acknowledge(incident, command.by, note)
        return {"incident": incident.id, "acknowledged_by": command.by}

    async def _escalate(self, command: Command) -> Result:
        """Call people about an incident, or about what no check has found; or say that the latter is over."""
        reason = self._node.redactor.text(str(command.args.get("reason") or ""))
        given = command.args.get("severity")
        severity = Severity(str(given)) if given else None
        if name := command.args.get("incident"):
            incident = self._unresolved(str(name))
        else:
            component = str(command.args.get("component") or OURSELVES)
            known = self._node.service.components.get(component)
            if known is None and component != OURSELVES:
                raise UsageError(f"there is no component `{component}` in the service file that is watched")
            found = by_hand(component, known.kind if known else OURSELVES, reason, is_over=bool(command.args["over"]))
            told = self._node.triage.told_in(component, found.check)
            await self._node.triage.judge((replace(found, at=self._node.clock.now()),), "command")
            if command.args["over"]:
                if told and self._node.triage.is_over(told):
                    await self._node.triage.resolve(told, f"{command.by} says that it is over", by_itself=False)
                return {"over": told is not None, "incident": told.id if told else None}
            told = self._node.triage.told_in(component, found.check)
            assert told is not None, "what fails is told"
            incident = told
        await self._node.attendant.call_people(incident, severity, f"{command.by}: {reason}")
        now = self._node.triage.incidents[incident.id]
        await self._node.triage.recorded()
        return {"incident": dump(now.outward)}

    async def _change(self, command: Command) -> Result:
        """Somebody tells of a change."""
        change = load(Change, command.args["change"])
        if change.component is not None and change.component not in self._node.service.components:
            raise UsageError(f"there is no component `{change.component}` in the service file that is watched")
        change = replace(change, what=self._node.redactor.text(change.what))
        await self._node.triage.changes.record(change)
        return {"change": dump(change)}

    def _unresolved(self, name: str) -> Incident:
        found = self._node.triage.incidents.get(IncidentId(name))
        if found is None:
            raise UsageError(f"there is no open incident `{name}`", hint="`paramedic incidents --open` shows all")
        return found

    async def _pause(self, command: Command) -> Result:
        paused = command.verb == "pause"
        was_halted = self._node.attendant.limits.halted
        await self._node.attendant.limits.switch(paused=paused)
        if not paused:
            await self._node.attendant.go_on()
        return {"paused": paused, "was_halted": was_halted}
