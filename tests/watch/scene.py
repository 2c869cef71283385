"""Triage and attendance over a real store, with made-up checks and one action whose luck the test decides."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from paramedic.model.code import Code, Ending, IssueType
from paramedic.model.component import Component
from paramedic.model.finding import Finding
from paramedic.model.ids import PlanId
from paramedic.model.incident import Incident
from paramedic.model.playbook import Playbook, PlaybookStep, Preview, Verification
from paramedic.model.status import Status
from paramedic.recovery.engine import carry_out
from paramedic.recovery.executor import Ended, Executor, Result
from paramedic.recovery.planning import Bench
from paramedic.report.redaction import Redactor
from paramedic.sdk import ActContext, ActionFailed, Context, DidIt, Outcome, Pack, Registry, Risk, action, check
from paramedic.store import open_store
from paramedic.watch.attendant import Attendant
from paramedic.watch.journal import Journal
from paramedic.watch.triage import Triage
from scenery import make_service, make_settings

SLOW = Code(id="it.slow", type=IssueType.PERFORMANCE, summary="slow")
DEAD = Code(id="it.dead", type=IssueType.OUTAGE, summary="dead", instant=True, depth=1)
ODD = Code(id="it.odd", type=IssueType.CONFIG, summary="odd", instant=True, depth=1, ending=Ending.ADVISE)
LOST = Code(id="it.lost", type=IssueType.OUTAGE, summary="nobody can mend it", instant=True, depth=2)
FULL = Code(id="it.full", type=IssueType.RESOURCE, summary="used up", instant=True, depth=3)
BUSY = Code(id="it.busy", type=IssueType.PERFORMANCE, summary="busy", instant=True, depth=1, ending=Ending.ADVISE)
OK, BLIND = (Status.OK, None), (Status.UNKNOWN, "paramedic.cannot-look")


@check(SLOW, DEAD, ODD, LOST, FULL, BUSY, of=object)
async def seen(target: object, context: Context) -> Finding:
    """A check that only lends its codes to the scene."""
    raise AssertionError("the scene judges by itself")


class HandClock:
    """Time that passes when the test or a sleeper says so; sleeping takes no real time."""

    def __init__(self) -> None:
        self.passed = 0.0
        self._told = 0

    def now(self) -> datetime:
        self._told += 1  # so that what is told later has the later time
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.passed, milliseconds=self._told)

    def monotonic(self) -> float:
        return self.passed

    async def sleep(self, seconds: float) -> None:
        self.passed += seconds
        await asyncio.sleep(0)


@dataclass
class Luck:
    """What the action does: ``works`` decides for each component whether it heals it."""

    works: Callable[[str], bool] = lambda _: True
    done: list[str] = field(default_factory=list)
    hold: asyncio.Event | None = None
    answer: DidIt = DidIt.NO
    most: int = 0
    now: int = 0


def make_action(scene: "Scene") -> Any:
    class Mend:
        """Heals its component, or does not."""

        async def preview(self, context: ActContext) -> Preview:
            scene.previews += 1
            return Preview(
                summary=f"mend {context.component.name}", blocked=scene.blocks, blocked_for_s=scene.blocks_for_s
            )

        async def apply(self, context: ActContext) -> Outcome:
            luck, name = scene.luck, context.component.name
            luck.now += 1
            luck.most = max(luck.most, luck.now)
            try:
                luck.done.append(name)
                await asyncio.sleep(0.01)  # an act takes its time
                if luck.hold:
                    await luck.hold.wait()
                if not luck.works(name):
                    raise ActionFailed("no luck")
                scene.state[name] = OK
            finally:
                luck.now -= 1
            return Outcome(summary="mended")

        async def reconcile(self, context: ActContext) -> DidIt:
            return scene.luck.answer

    return action("scene.mend", risk=Risk.SAFE)(Mend)


class Engine:
    """Runs plans as the durable engine does, and dies with its scene."""

    def __init__(self, scene: "Scene") -> None:
        self._scene = scene
        self.tasks: dict[PlanId, asyncio.Task[None]] = {}

    async def launch(self) -> None:
        """Nothing to start."""

    async def submit(self, plan: PlanId, steps: int) -> None:
        if plan not in self.tasks:
            self.tasks[plan] = asyncio.create_task(carry_out(lambda *phase: self._phase(plan, *phase), steps))

    async def close(self) -> None:
        for task in self.tasks.values():
            task.cancel()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)

    async def _phase(self, plan: PlanId, name: str, index: int, text: str) -> str:
        executor = self._scene.executor
        match name:
            case "do":
                return await executor.do(plan, index)
            case "undo":
                return await executor.undo(plan, index)
            case "verify":
                good, why = await executor.verify(plan)
                return f"{'yes' if good else 'no'}:{why}"
        await executor.end(Ended(plan=plan, verified=index == 1, undone=index >= 0, untold=index == -2, why=text))
        return Result.DONE


def book(name: str, *heals: Code, times: int = 1, **fields: Any) -> Playbook:
    """A playbook of one step."""
    return Playbook(
        name=name,
        title=name,
        heals=tuple(each.id for each in heals),
        steps=(PlaybookStep(action="scene.mend"),),
        verify=Verification(times=times, within_s=2.0),
        **fields,
    )


BOOKS = {each.name: each for each in (book("mend", DEAD, SLOW),)}


class Scene:
    """One life of the watch; ``reborn`` begins the next one over the same store."""

    def __init__(
        self,
        folder: Path,
        *components: Component,
        books: Mapping[str, Playbook] = BOOKS,
        escalation: Mapping[str, tuple[str, ...]] | None = None,
        clock: HandClock | None = None,
        **settings: Any,
    ) -> None:
        self._again = (folder, components, books, escalation, settings)
        self._next: Scene | None = None
        self.clock = clock or HandClock()
        self.luck = Luck()
        self.blocks: str | None = None
        """Why the action cannot be done now, if so."""
        self.blocks_for_s: float | None = None
        self.previews = 0
        self.state: dict[str, tuple[Status, str | None]] = {}
        self.service = make_service(
            folder, *components, settings=make_settings(folder, **settings), escalation=escalation or {}
        )
        self.registry = Registry((Pack(name="scene", checks=(seen,), actions=(make_action(self),)),))
        self.store = open_store(self.service.settings.store, node="bench", clock=self.clock)
        self.journal = Journal(self.store, self.clock)
        self.woken: list[str] = []
        self.triage = Triage(self.service, self.registry, self.journal, self._wake)
        self.bench = Bench(
            service=self.service,
            registry=self.registry,
            clock=self.clock,
            processes=None,  # type: ignore[arg-type]
            look=self.look,
            last_good=None,  # type: ignore[arg-type]
        )
        self.attendant = Attendant(self.bench, self.triage, self.store, books, False)
        self.attendant.is_idle = True
        self.executor = Executor(
            self.bench,
            self.store,
            Redactor(()),
            on_step=lambda _: None,
            on_end=self.attendant.plan_over,
            quiet=self.triage.quiet,
        )
        self.engine = Engine(self)
        self.attendant.engine = self.engine

    async def begin(self) -> "Scene":
        """What a node does at its start."""
        await self.triage.load()
        self.attendant.is_idle = False
        await self.attendant.load()
        await self.attendant.resume()
        return self

    async def end(self) -> None:
        """As after ``kill -9``: nothing is finished, the store is as it was. Of several lives, the last one ends."""
        if self._next is not None:
            await self._next.end()
            return
        await self.attendant.close()
        await self.engine.close()
        await self.journal.close(2.0)
        self.store.close()

    async def reborn(self, **changes: Any) -> "Scene":
        """The next life; call ``begin`` on it."""
        await self.end()
        folder, components, books, escalation, settings = self._again
        after = Scene(
            folder,
            *changes.pop("components", components),
            books=books,
            escalation=escalation,
            clock=self.clock,
            **{**settings, **changes},
        )
        after.state = dict(self.state)
        self._next = after
        return after

    async def see(self, component: str, status: Status, code: Code | str | None = None, check: str = "seen") -> bool:
        """One look of one check."""
        name = code.id if isinstance(code, Code) else code
        self.state[component] = (status, name)
        return await self.triage.judge((self.finding(component, check),), "timer")

    def finding(self, component: str, check: str = "seen") -> Finding:
        status, code = self.state.get(component, OK)
        return Finding(
            component=component,
            kind="http",
            check=check,
            status=status,
            code=code,
            observed=f"{status}",
            hint="mend it",
        )

    async def look(self, component: str, checks: Sequence[str] = ()) -> tuple[Finding, ...]:
        """The scene's port for looking now."""
        found = self.finding(component)
        await self.triage.judge((found,), "sweep")
        return (found,)

    async def until(self, condition: Callable[[], Any]) -> Any:
        """Wait for a condition in real time."""
        for _ in range(4000):
            if value := condition():
                return value
            await asyncio.sleep(0.005)
        raise AssertionError(f"waited in vain: {self.triage.incidents}")

    def recorded(self) -> list[Incident]:
        """All incidents in the store, oldest first."""
        with self.store.read() as tx:
            return list(tx.incidents.list())[::-1]

    def messages(self) -> list[tuple[str, str]]:
        """Kind and address of each message."""
        with self.store.read() as tx:
            return [(m.kind, m.address) for i in tx.incidents.list() for m in tx.outbox.of(i.id)]

    def plans(self) -> list[Any]:
        """All plans, oldest first."""
        with self.store.read() as tx:
            return list(tx.plans.recent(100))[::-1]

    def _wake(self, incident: Any) -> None:
        self.woken.append(incident)
        self.attendant.wake(incident)


__all__ = [
    "BLIND",
    "BOOKS",
    "BUSY",
    "DEAD",
    "FULL",
    "LOST",
    "ODD",
    "OK",
    "SLOW",
    "DidIt",
    "HandClock",
    "Scene",
    "book",
    "replace",
]
