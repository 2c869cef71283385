"""What a person orders in an emergency: every overlay off, back to the last good release, everything stopped; and back.

Each order is a plan with receipts. What was done is noted before it is done, so that ``resume`` can take it back even
after a crash in between.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from paramedic.model.component import Component, Desired
from paramedic.model.errors import UsageError
from paramedic.model.ids import PlanId
from paramedic.model.playbook import Plan, PlanState, Playbook, PlaybookStep, Verification
from paramedic.model.receipt import Command, Phase
from paramedic.model.wire import Json, dump
from paramedic.recovery.planning import Bench, draw_up
from paramedic.store import Transaction, insist
from paramedic.store.notes import EMERGENCY
from paramedic.watch.node import Node
from paramedic.watch.orders import ROLLBACK, managed

ENTER, LEAVE = "flags.enter-emergency", "flags.leave-emergency"
VERBS = ("rollback", "baseline", "shutdown")
"""What can be ordered, the least harmful first."""
Result = Mapping[str, Json]
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What was ordered and not taken back."""

    baseline: Mapping[str, list[str]]
    """Component to the plans that turned its overlays off."""
    stopped: tuple[str, ...]
    """Components that a shutdown stopped, in the order in which they are started."""
    down: tuple[str, ...] = ()
    """Components that did not run then, though nobody had stopped them: they are wanted again, and not started."""

    @property
    def is_over(self) -> bool:
        """Whether there is nothing to take back."""
        return not (self.baseline or self.stopped or self.down)


def standing(tx: Transaction) -> Standing:
    """What the store knows of it."""
    found = tx.notes.get(EMERGENCY)
    known = found if isinstance(found, dict) else {}
    baseline, stopped, down = known.get("baseline"), known.get("stopped"), known.get("down")
    return Standing(
        baseline={name: [str(each) for each in plans] for name, plans in baseline.items() if isinstance(plans, list)}
        if isinstance(baseline, dict)
        else {},
        stopped=tuple(map(str, stopped)) if isinstance(stopped, list) else (),
        down=tuple(map(str, down)) if isinstance(down, list) else (),
    )


def concerned(bench: Bench, verb: str, names: Sequence[str] = ()) -> tuple[Component, ...]:
    """The components that an order is about, in the order in which they are seen to."""
    service = bench.service
    if verb == "shutdown":
        found = managed(service.components, service.start_order(), service.settings.node)
        return tuple(each for each in reversed(found) if not names or each.name in names)
    kind = "guards" if verb == "baseline" else "release"
    known = service.components.values()
    return tuple(each for each in known if each.kind == kind and (not names or each.name in names))


def must_concern(bench: Bench, verb: str, names: Sequence[str] = ()) -> tuple[Component, ...]:
    """The same, where there are any.

    Raises:
        UsageError: there are none, or one of the names is nothing that the order is about.
    """
    found = concerned(bench, verb, names)
    if missing := sorted(set(names) - {each.name for each in found}):
        raise UsageError(f"`{missing[0]}` is nothing that `{verb}` is about")
    if not found:
        raise UsageError(why_nothing(verb))
    return found


async def foreseen(bench: Bench, verb: str, names: Sequence[str] = (), release: str | None = None) -> tuple[Plan, ...]:
    """The plans that an order would become; nothing is kept and nothing is done.

    Raises:
        UsageError: as ``must_concern`` does, or none of the components can go to the release that is named.
    """
    switch = replace(ROLLBACK[0], params={"release": release} if release else {})
    found = []
    for each in must_concern(bench, verb, names):
        steps = {
            "baseline": (PlaybookStep(action=ENTER),),
            "rollback": (switch,) if runs_nothing(bench, each) else (switch, *ROLLBACK[1:]),
            "shutdown": (PlaybookStep(action="process.stop"),),
        }[verb]
        if verb == "shutdown" and is_down(bench, each):
            continue
        book = Playbook(name=f"emergency-{verb}", title=verb, heals=(), steps=steps, verify=Verification(times=1))
        found.append(await draw_up(bench, book, each.name, verb, (), incident=None, attempt=1, baseline={}))
    reasons = [each.steps[0].preview.blocked for each in found]
    if release and all(reasons):
        raise UsageError("; ".join(filter(None, reasons)), hint="without `--to` it is the last one that was well")
    return tuple(found)


def is_down(bench: Bench, component: Component) -> bool:
    """Whether it is stopped on purpose and gone; what is only wanted to be stopped may have survived its stop."""
    facts = bench.processes.facts(component)
    return facts.desired is Desired.STOPPED and facts.pid is None


def runs_nothing(bench: Bench, component: Component) -> bool:
    """Whether all that runs from a release is stopped on purpose, so that another one must not start it."""
    service = bench.service
    runs = bench.registry.kinds[component.kind].runs(component.target)
    return all(bench.processes.facts(service.components[each]).desired is Desired.STOPPED for each in runs)


class Emergency:
    """Carries out ``baseline``, ``rollback``, ``shutdown`` and ``resume``."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def carry_out(self, command: Command) -> Result:
        """Do what a command says; its plans and whether all of them are verified."""
        await self._node.attendant.resume()
        left: tuple[str, ...] = ()
        match command.args.get("what"):
            case "baseline":
                plans = await self._baseline(command)
            case "rollback":
                plans = await self._rollback(command)
            case "shutdown":
                plans = await self._shutdown(command)
            case "resume":
                plans = await self._resume(command)
                left = await self._want_again(command)  # last, so that nobody brings it up before what it needs
            case other:
                raise UsageError(f"there is no emergency order `{other}`")
        return {"plans": [dump(each) for each in plans], "left": [*left], "verified": all(map(_is_verified, plans))}

    async def _baseline(self, command: Command) -> list[Plan]:
        names = [each.name for each in self._wanted(command, "baseline")]
        made = {name: f"plan-{command.id}-{name}" for name in names}
        await self._note(lambda now, _: replace(now, baseline=_with(now.baseline, made)))
        return [await self._act(command, name, ENTER, {}) for name in names]

    async def _rollback(self, command: Command) -> list[Plan]:
        release = command.args.get("release")
        params: Mapping[str, Json] = {"release": release} if release else {}
        plans: list[Plan] = []
        wanted = self._wanted(command, "rollback")
        if release and not await self._is_begun(command, wanted):
            await foreseen(self._node.bench, "rollback", [each.name for each in wanted], str(release))
        for each in wanted:
            if runs_nothing(self._node.bench, each):
                plans.append(await self._act(command, each.name, ROLLBACK[0].action, params))
            else:
                plans.append(await self._node.orders.give("roll-back", each.name, command.by, command.id, params))
        return plans

    async def _shutdown(self, command: Command) -> list[Plan]:
        found = self._wanted(command, "shutdown")
        wanted = [each.name for each in found if not is_down(self._node.bench, each)]
        dead = {each.name for each in found if self._node.bench.processes.facts(each).pid is None}

        def noted(now: Standing, desired: Mapping[str, Desired]) -> Standing:
            ours = {each for each in wanted if desired.get(each) is not Desired.STOPPED}  # others a person had stopped
            stopped = {*(ours - dead), *now.stopped}
            down = {*(ours & dead), *now.down} - stopped
            return replace(now, stopped=self._in_order([*stopped]), down=self._in_order([*down]))

        await self._note(noted)
        return [await self._node.orders.give("stop", name, command.by, command.id) for name in wanted]

    async def _resume(self, command: Command) -> list[Plan]:
        """Flags first, so that what is started reads the right ones; then what was stopped, in order."""
        plans = []
        for name, made in (await self._standing()).baseline.items():
            if name in self._node.service.components:
                pids = [pid for each in made for pid in await self._told(PlanId(each))]
                plans.append(await self._act(command, name, LEAVE, {"pids": pids}))
            if not plans or _is_verified(plans[-1]):
                await self._note(partial(_taken_back, name=name, plans=made))
        for name in self._in_order((await self._standing()).stopped):
            desired = await self._insist(lambda tx: tx.desired.all())
            is_ours = name in self._node.service.components and desired.get(name) is Desired.STOPPED
            if is_ours:
                plans.append(await self._node.orders.give("start", name, command.by, command.id))
            if not is_ours or _is_verified(plans[-1]):
                await self._note(partial(_started, name=name))
        return plans

    async def _want_again(self, command: Command) -> tuple[str, ...]:
        """What did not run at the shutdown is as it was: whoever looks after it may start it; its names."""
        names, desired = await self._insist(lambda tx: (standing(tx).down, tx.desired.all()))
        known = [each for each in names if each in self._node.service.components]
        left = tuple(each for each in known if desired.get(each) is Desired.STOPPED)
        for each in left:
            await self._node.orders.wish(each, Desired.RUNNING, command.by)
        await self._note(lambda now, _: replace(now, down=tuple(each for each in now.down if each not in names)))
        return left

    async def _act(self, command: Command, name: str, action: str, params: Mapping[str, Json]) -> Plan:
        order: Mapping[str, Json] = {"action": action, "with": dict(params), "checks": []}
        return await self._node.orders.give("act", name, command.by, command.id, order)

    async def _is_begun(self, command: Command, wanted: Sequence[Component]) -> bool:
        """Whether the order was being carried out before, when something came in between."""
        made = [PlanId(f"plan-{command.id}-{each.name}") for each in wanted]
        return await self._insist(lambda tx: any(tx.plans.get(each) for each in made))

    async def _told(self, plan: PlanId) -> list[Json]:
        """The processes that a plan told to turn everything off."""
        receipts = await self._insist(lambda tx: tx.receipts.of(plan))
        done = [each.output.get("pids") for each in receipts if each.phase is Phase.DONE]
        return [pid for each in done if isinstance(each, list) for pid in each]

    def _wanted(self, command: Command, verb: str) -> tuple[Component, ...]:
        given = command.args.get("components")
        names = [str(each) for each in given] if isinstance(given, list) else []
        return must_concern(self._node.bench, verb, names)

    def _in_order(self, names: Sequence[str]) -> tuple[str, ...]:
        order = self._node.service.start_order()
        return tuple(sorted(names, key=lambda each: order.index(each) if each in order else -1))

    async def _standing(self) -> Standing:
        return await self._insist(standing)

    async def _note(self, change: Callable[[Standing, Mapping[str, Desired]], Standing]) -> None:
        """Read and written in one transaction, because several orders may be carried out at once."""

        def changed(tx: Transaction) -> None:
            now = change(standing(tx), tx.desired.all())
            tx.notes.set(EMERGENCY, None if now.is_over else dump(now))

        await self._insist(changed)

    async def _insist(self, fn: Callable[[Transaction], Found]) -> Found:
        return await insist(self._node.store, fn, self._node.clock.sleep)


def why_nothing(verb: str) -> str:
    """Why there is nothing that an order is about."""
    match verb:
        case "baseline":
            return "the service file names no component of kind `guards`"
        case "rollback":
            return "the service file names no component of kind `release`"
    return "there is no component that paramedic starts"


def _is_verified(plan: Plan) -> bool:
    return plan.state is PlanState.VERIFIED


def _with(known: Mapping[str, list[str]], made: Mapping[str, str]) -> dict[str, list[str]]:
    return {**known, **{name: [*known.get(name, ()), plan] for name, plan in made.items()}}


def _taken_back(now: Standing, _: object, *, name: str, plans: Sequence[str]) -> Standing:
    """What was ordered meanwhile stays."""
    left = {**now.baseline, name: [each for each in now.baseline.get(name, ()) if each not in plans]}
    return replace(now, baseline={key: found for key, found in left.items() if found})


def _started(now: Standing, _: object, *, name: str) -> Standing:
    return replace(now, stopped=tuple(each for each in now.stopped if each != name))
