"""What a command would do, found out without doing it."""

from collections.abc import Awaitable, Callable, Mapping

from paramedic.incident import levels
from paramedic.model.errors import PlanStale, UsageError
from paramedic.model.incident import IncidentState
from paramedic.model.playbook import Plan, PlanState
from paramedic.model.receipt import Command
from paramedic.model.wire import Json, dump
from paramedic.recovery.planning import blocked
from paramedic.watch.emergency import foreseen, standing
from paramedic.watch.limits import Limits
from paramedic.watch.maintenance import Upkeep
from paramedic.watch.node import Node
from paramedic.watch.orders import concerned, running
from paramedic.watch.recovering import Recovering, texts
from paramedic.watch.rolling import members

Result = Mapping[str, Json]


class Foresight:
    """Answers for every verb whose effect can be told beforehand; the others are refused, and nothing is done."""

    def __init__(self, node: Node, recovering: Recovering) -> None:
        self._node = node
        self._recovering = recovering
        self._verbs: Mapping[str, Callable[[Command], Awaitable[Result]]] = {
            "start": self._order,
            "stop": self._order,
            "restart": self._order,
            "configure": self._one,
            "restore-backup": self._one,
            "act": self._one,
            "plan": recovering.plan,
            "recover": self._recover,
            "approve": self._decision,
            "reject": self._decision,
            "acknowledge": self._acknowledge,
            "escalate": self._escalate,
            "guide": self._record,
            "change": self._record,
            "maintenance": self._maintenance,
            "emergency": self._emergency,
            "pause": self._pause,
            "resume": self._resume,
        }

    async def of(self, command: Command) -> Result:
        """What the command would do.

        Raises:
            UsageError: nobody can tell.
        """
        verb = self._verbs.get(command.verb)
        if verb is None:
            raise UsageError(f"what `{command.verb}` would do cannot be told beforehand", hint="leave out `--dry-run`")
        return await verb(command)

    async def _order(self, command: Command) -> Result:
        service = self._node.service
        names = concerned(service, members(service, texts(command, "components")))
        runs = running(self._node.bench, names) if command.verb == "start" else {}
        names = [each for each in names if each not in runs]
        turns = names[::-1] if command.verb == "stop" else names
        plans = [await self._node.orders.foresee(command.verb, name, {}) for name in turns]
        return {**_plans(plans), "told": [f"`{name}` runs already, {what}" for name, what in runs.items()]}

    async def _one(self, command: Command) -> Result:
        params = {key: value for key, value in command.args.items() if key not in ("component", "foresee")}
        return _plans([await self._node.orders.foresee(command.verb, str(command.args["component"]), params)])

    async def _recover(self, command: Command) -> Result:
        return await (self._decision(command) if command.args.get("plan") else self._recovering.plan(command))

    async def _decision(self, command: Command) -> Result:
        plan = await self._recovering.named(str(command.args["plan"]))
        if plan.state is not PlanState.PROPOSED:
            raise PlanStale(f"plan `{plan.id}` is {plan.state}: {plan.why_ended}")
        if command.verb == "reject":
            return _told(f"`{plan.playbook}` on `{plan.suspect}` would be rejected, and people would be called")
        return _plans([plan])

    async def _acknowledge(self, command: Command) -> Result:
        if (name := str(command.args["incident"])) not in self._node.triage.incidents:
            raise UsageError(f"there is no open incident `{name}`", hint="`paramedic incidents --open` shows all")
        return _told(f"`{name}` would be in the hands of {command.by}; nobody else would be called")

    async def _escalate(self, command: Command) -> Result:
        if command.args.get("over"):
            return _told("what was called for by hand would be over; everybody who was told would hear of it")
        service = self._node.service
        called = [f"{level}: {len(service.escalation[level])}" for level in levels(service)]
        if not called:
            return _told("nobody could be told: the service file names no address")
        return _told(f"people would be called at once; addresses by level, first to last: {', '.join(called)}")

    async def _record(self, command: Command) -> Result:
        return _told(f"`{command.verb}` only writes the record; nothing of the service would be touched")

    async def _maintenance(self, command: Command) -> Result:
        return {"told": [*Upkeep(self._node).foresee(command)], "possible": True}

    async def _emergency(self, command: Command) -> Result:
        what, release = str(command.args.get("what")), command.args.get("release")
        if what != "resume":
            names = texts(command, "components")
            return _plans(list(await foreseen(self._node.bench, what, names, str(release) if release else None)))
        now = await self._node.store.run(standing)
        told = [f"the overlays of `{name}` would be as they were" for name in now.baseline]
        told += [
            f"`{name}` would be wanted again; it did not run before, and would not be started" for name in now.down
        ]
        return {"told": [*told, *(f"`{name}` would be started" for name in now.stopped)], "possible": True}

    async def _pause(self, command: Command) -> Result:
        del command
        count = len(self._node.attendant.running)
        return _told(f"every plan would wait for approval; {count} that run now would go on")

    async def _resume(self, command: Command) -> Result:
        del command
        waiting = [each for each in self._node.triage.incidents.values() if each.state is IncidentState.WAITING]
        plans = await self._node.store.run(lambda tx: [tx.plans.get(each.plan) for each in waiting if each.plan])
        held = sum(1 for each in plans if each and Limits.is_of_a_switch(each.needs_approval))
        return _told(f"automation would go on; {held} plans wait only for that")


def _plans(plans: list[Plan]) -> Result:
    return {
        "plans": [dump(each) for each in plans],
        "verified": False,
        "possible": not any(map(blocked, plans)),
    }


def _told(text: str) -> Result:
    return {"told": [text], "possible": True}
