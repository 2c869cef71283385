"""Receipts are the authority: whatever is asked twice happens once, and nothing is repeated that might have happened."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from paramedic.model.finding import Finding
from paramedic.model.ids import IncidentId, PlanId
from paramedic.model.playbook import FailedCheck, Plan, PlanState, PlanStep, Preview
from paramedic.model.receipt import Phase
from paramedic.model.status import Status
from paramedic.recovery.engine import carry_out
from paramedic.recovery.executor import Ended, Executor, Result, _proof
from paramedic.recovery.planning import Bench
from paramedic.report.redaction import Redactor
from paramedic.sdk import ActContext, ActionFailed, DidIt, Json, Outcome, Pack, Registry, Risk, action
from paramedic.store import Store, open_store
from scenery import make_service, part


class StillClock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += seconds


@dataclass
class Act:
    """What the test's action does and what was asked of it."""

    done: list[str] = field(default_factory=list)
    undone: list[str] = field(default_factory=list)
    fails: list[Exception] = field(default_factory=list)
    answer: DidIt = DidIt.NO
    stops: tuple[str, ...] = ()
    during: Callable[[], None] = lambda: None


def make_action(act: Act, *, tries: int = 1, undoable: bool = True) -> Any:
    class Plain:
        """Writes down that it was done."""

        async def preview(self, context: ActContext) -> Preview:
            return Preview(summary="would")

        async def apply(self, context: ActContext) -> Outcome:
            for name in act.stops:
                context.stopped.append(name)
                context.on_stop(name)
            act.during()
            if act.fails:
                raise act.fails.pop(0)
            act.done.append(context.token)
            return Outcome(summary="did", output={"token": context.token})

        async def reconcile(self, context: ActContext) -> DidIt:
            return act.answer

    class Reversible(Plain):
        async def undo(self, context: ActContext, output: Mapping[str, Json]) -> str:
            act.undone.append(context.token)
            return "took it back"

    return action("test.act", risk=Risk.SAFE, tries=tries)(Reversible if undoable else Plain)


class Scene:
    """An executor over a real store, with one action and a component whose health the test sets."""

    def __init__(self, folder: Path, *, steps: int = 1, tries: int = 1, undoable: bool = True) -> None:
        self.act = Act()
        self.status = Status.OK
        self.ended: list[Ended] = []
        self.clock = StillClock()
        registry = Registry((Pack(name="test", actions=(make_action(self.act, tries=tries, undoable=undoable),)),))
        service = make_service(folder, part("api", "db"), part("db"))
        self.store: Store = open_store(service.settings.store, node="bench", clock=self.clock)
        bench = Bench(
            service=service,
            registry=registry,
            clock=self.clock,
            processes=None,  # type: ignore[arg-type]
            look=self.look,
            last_good=None,  # type: ignore[arg-type]
        )
        self.quiet = {"api": "under an order"}
        redactor = Redactor(("hunter2-hunter2",))
        self.executor = Executor(bench, self.store, redactor, on_step=lambda _: None, on_end=self.end, quiet=self.quiet)
        step = PlanStep(
            action="test.act",
            component="db",
            params={},
            risk=Risk.SAFE,
            preview=Preview(summary="would"),
            undoable=True,
        )
        self.plan = Plan(
            id=PlanId("plan-1"),
            incident=IncidentId("inc-1"),
            playbook="mend",
            suspect="db",
            fingerprint="db:x",
            state=PlanState.COMMITTED,
            steps=(step,) * steps,
            verify=(FailedCheck(component="db", check="db.answers", code="x"),),
            verify_times=2,
            verify_within_s=5,
            risk=Risk.SAFE,
            blast_radius=("db",),
            needs_approval=None,
            attempt=1,
            created_at=self.clock.now(),
            baseline={"api": "ok"},
        )
        with self.store.begin() as tx:
            tx.plans.save(self.plan)

    async def look(self, component: str, checks: object = ()) -> tuple[Finding, ...]:
        return (
            Finding(
                component=component, kind="http", check="db.answers", status=self.status, code=None, observed="seen"
            ),
        )

    async def end(self, ended: Ended) -> None:
        self.ended.append(ended)

    async def run(self) -> Ended:
        """All phases in their order, as the engine asks for them."""

        async def phase(name: str, index: int, text: str) -> str:
            calls: dict[str, Callable[[], Awaitable[Any]]] = {
                "do": lambda: self.executor.do(self.plan.id, index),
                "undo": lambda: self.executor.undo(self.plan.id, index),
                "verify": lambda: self.executor.verify(self.plan.id),
            }
            if name == "end":
                await self.executor.end(
                    Ended(plan=self.plan.id, verified=index == 1, undone=index >= 0, untold=index == -2, why=text)
                )
                return "done"
            answer = await calls[name]()
            return answer if name != "verify" else f"{'yes' if answer[0] else 'no'}:{answer[1]}"

        await carry_out(phase, len(self.plan.steps))
        return self.ended[-1]

    def phases(self) -> list[Phase]:
        with self.store.begin() as tx:
            return [each.phase for each in tx.receipts.of(self.plan.id)]

    def intend(self, attempt: int = 1) -> None:
        """A crash after the intent."""
        receipt = self.executor._intent(self.plan, 0, attempt, self.plan.steps[0])
        with self.store.begin() as tx:
            tx.receipts.append(receipt)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


async def test_a_plan_that_helps_is_verified(scene: Scene) -> None:
    """Intent before the act, done after it, then the checks pass twice running."""
    ended = await scene.run()
    assert ended.verified
    assert scene.phases() == [Phase.INTENT, Phase.DONE]


@pytest.mark.parametrize(
    ("checks", "streak", "words"),
    [
        (0, 1, "nothing that needs it became worse"),
        (1, 1, "the check that failed passed"),
        (1, 2, "the check that failed passed 2 times running"),
        (3, 2, "the 3 checks that failed passed 2 times running"),
    ],
)
async def test_what_a_verification_has_shown_reads_well(scene: Scene, checks: int, streak: int, words: str) -> None:
    """One check, several or none, once or more often."""
    failed = tuple(FailedCheck(component="api", check=f"check{each}", code="it.dead") for each in range(checks))
    assert _proof(replace(scene.plan, verify=failed), streak) == words


async def test_a_verification_without_a_look_says_so(scene: Scene) -> None:
    """An order to stop something has no check that must pass, and nothing that must not become worse."""
    plan = replace(scene.plan, id=PlanId("plan-2"), incident=None, verify=(), verify_times=1, baseline={})
    with scene.store.begin() as tx:
        tx.plans.save(plan)
    assert await scene.executor.verify(plan.id) == (True, "each step vouches for itself, and no check was asked")


async def test_what_was_stopped_for_an_act_stands_in_its_receipt(scene: Scene) -> None:
    """Whoever wonders why a program went away for a moment finds it, whether the act worked or not."""
    scene.act.stops = ("api", "db")
    await scene.run()
    with scene.store.begin() as tx:
        assert tx.receipts.of(scene.plan.id)[-1].detail == "did; stopped for it: `api`, `db`"


@pytest.mark.parametrize("fails", [False, True])
async def test_what_is_stopped_for_an_act_is_no_fault_meanwhile(scene: Scene, *, fails: bool) -> None:
    """Its troubles are ordered for as long as the act lasts, and what was ordered by others stays so."""
    seen: list[dict[str, str]] = []
    scene.act.stops = ("api", "db")
    scene.act.fails = [ActionFailed("no")] if fails else []
    scene.act.during = lambda: seen.append(dict(scene.quiet))
    await scene.run()
    assert seen == [{"api": "under an order", "db": "stopped for mend (plan-1)"}]
    assert scene.quiet == {"api": "under an order"}


async def test_asking_twice_acts_once(scene: Scene) -> None:
    """A done receipt is the answer to every later question."""
    await scene.run()
    await scene.run()
    assert len(scene.act.done) == 1


async def test_what_did_not_help_is_undone_in_reverse(tmp_path: Path) -> None:
    """Every step, the last one first, and the end says so."""
    scene = Scene(tmp_path, steps=3)
    scene.status = Status.CRITICAL
    ended = await scene.run()
    assert (ended.verified, ended.undone) == (False, True)
    assert scene.act.undone == scene.act.done[::-1]


async def test_what_cannot_be_undone_is_said(tmp_path: Path) -> None:
    """An action without undo leaves its effect, and the end does not hide it."""
    scene = Scene(tmp_path, undoable=False)
    scene.status = Status.CRITICAL
    assert (await scene.run()).undone is False


async def test_a_crash_before_the_act_acts(scene: Scene) -> None:
    """Intent only, and it did not happen: go on."""
    scene.intend()
    assert (await scene.run()).verified
    assert len(scene.act.done) == 1


async def test_a_crash_after_the_act_does_not_repeat_it(scene: Scene) -> None:
    """Intent only, but it happened: the receipt is written from what was found."""
    scene.intend()
    scene.act.answer = DidIt.YES
    assert (await scene.run()).verified
    assert scene.act.done == []
    with scene.store.begin() as tx:
        assert tx.receipts.of(scene.plan.id)[-1].reconciled


async def test_what_nobody_can_tell_is_handed_over(scene: Scene) -> None:
    """Never repeated, never called undone."""
    scene.intend()
    scene.act.answer = DidIt.CANNOT_TELL
    ended = await scene.run()
    assert (ended.verified, ended.untold) == (False, True)
    assert scene.act.done == []


async def test_a_step_that_may_repeat_is_tried_again(tmp_path: Path) -> None:
    """With a pause between, and a receipt for every try under its own token."""
    scene = Scene(tmp_path, tries=3)
    scene.act.fails = [ActionFailed("no"), ActionFailed("still no")]
    assert (await scene.run()).verified
    assert scene.phases() == [Phase.INTENT, Phase.FAILED, Phase.INTENT, Phase.FAILED, Phase.INTENT, Phase.DONE]
    with scene.store.begin() as tx:
        assert len({each.token for each in tx.receipts.of(scene.plan.id)}) == 3


async def test_a_step_that_keeps_failing_ends_the_plan(tmp_path: Path) -> None:
    """After its tries the plan is undone; later steps are never begun."""
    scene = Scene(tmp_path, steps=2, tries=2)
    scene.act.fails = [ActionFailed("no"), ValueError("bug")]
    ended = await scene.run()
    assert not ended.verified
    assert ended.why == "step 1 failed: ValueError: bug", "what its last try said"
    assert scene.act.done == []


async def test_a_dependant_that_became_worse_fails_verification(scene: Scene) -> None:
    """Healing one component by breaking another is no healing."""

    async def look(component: str, checks: object = ()) -> tuple[Finding, ...]:
        status = Status.CRITICAL if component == "api" else Status.OK
        return (Finding(component=component, kind="http", check="x", status=status, code="y", observed=""),)

    scene.executor.bench = replace(scene.executor.bench, look=look)
    verified, why = await scene.executor.verify(scene.plan.id)
    assert not verified
    assert "became worse" in why


async def test_unknown_does_not_verify(scene: Scene) -> None:
    """What cannot be looked at is not healed."""
    scene.status = Status.UNKNOWN
    assert not (await scene.run()).verified


async def test_secrets_do_not_reach_receipts(tmp_path: Path) -> None:
    """Whatever an action says is made safe before it is stored."""
    scene = Scene(tmp_path)
    scene.act.fails = [ActionFailed("login with hunter2-hunter2 failed")]
    await scene.run()
    with scene.store.begin() as tx:
        assert "hunter2-hunter2" not in str(tx.receipts.of(scene.plan.id))


async def test_what_an_operator_ordered_is_not_undone(scene: Scene) -> None:
    """A start that is not yet ready stays started."""
    with scene.store.begin() as tx:
        tx.plans.save(replace(scene.plan, incident=None))
    scene.status = Status.CRITICAL
    await scene.run()
    assert scene.act.undone == []


async def test_a_failed_undo_is_not_tried_for_ever(scene: Scene) -> None:
    """Asked again after a crash, it stays failed."""
    scene.status = Status.CRITICAL

    async def broken(context: ActContext, output: object) -> str:
        raise ActionFailed("stuck")

    scene.executor.bench.registry.actions["test.act"].action.undo = broken  # type: ignore[attr-defined]
    assert (await scene.run()).undone is False
    assert await scene.executor.undo(scene.plan.id, 0) is Result.FAILED
    assert scene.phases().count(Phase.UNDO_FAILED) == 1
