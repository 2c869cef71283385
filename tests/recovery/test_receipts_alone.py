"""Where the engine's cursor is lost, receipts alone say where to go on; where the store is away, a plan waits."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from moody import Moody
from paramedic.model.ids import PlanId
from paramedic.model.playbook import PlanState
from paramedic.model.receipt import Phase
from paramedic.model.status import Status
from paramedic.recovery.engine import DurableEngine
from paramedic.recovery.executor import Ended, Result
from paramedic.sdk import ActContext, ActionFailed, DidIt
from paramedic.store import AlreadyRecorded
from recovery.test_executor import Scene


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path, tries=3)


async def test_what_nobody_can_tell_stays_so(scene: Scene) -> None:
    """Asked again without the cursor, an act that may have happened is still not repeated, though it has tries left."""
    scene.intend()
    scene.act.answer = DidIt.CANNOT_TELL
    assert (await scene.run()).untold
    scene.act.answer = DidIt.NO
    assert (await scene.run()).untold
    assert scene.act.done == []


async def test_an_interrupted_undo_goes_on(tmp_path: Path) -> None:
    """What was being taken back is not done again, and not called healed because it looks well by now."""
    scene = Scene(tmp_path, steps=2, tries=3)
    scene.status = Status.CRITICAL

    class Crash(BaseException):
        pass

    async def crash(context: ActContext, output: object) -> str:
        raise Crash

    action = scene.executor.bench.registry.actions["test.act"].action
    undo = action.undo  # type: ignore[attr-defined]
    action.undo = crash  # type: ignore[attr-defined]
    with pytest.raises(Crash):
        await scene.run()
    action.undo = undo  # type: ignore[attr-defined]
    scene.status = Status.OK
    done = list(scene.act.done)
    ended = await scene.run()
    assert (ended.verified, ended.undone) == (False, True)
    assert scene.act.done == done
    assert scene.act.undone == done[::-1]


async def test_a_plan_that_is_over_is_left_alone(scene: Scene) -> None:
    """Whoever still asks for its phases changes nothing."""
    with scene.store.begin() as tx:
        tx.plans.save(replace(scene.plan, state=PlanState.FAILED))
    assert await scene.executor.do(scene.plan.id, 0) is Result.FAILED
    assert await scene.executor.undo(scene.plan.id, 0) is Result.DONE
    assert scene.phases() == []


async def test_an_action_whose_pack_is_gone_fails_its_step(scene: Scene) -> None:
    """After an upgrade, perhaps; the plan still has an end."""
    scene.executor.bench.registry.actions.pop("test.act")  # type: ignore[attr-defined]
    assert not (await scene.run()).verified


async def test_a_store_that_is_away_is_waited_for(scene: Scene) -> None:
    """No receipt, no act: both come when it is back, once."""
    store = scene.executor._store = Moody(scene.store)  # type: ignore[assignment]
    store.away = True
    running = asyncio.create_task(scene.run())
    async with asyncio.timeout(5):
        while store.tries < 5:  # noqa: ASYNC110  # what is waited for has no event
            await asyncio.sleep(0)
    assert scene.act.done == []
    store.away = False
    assert (await asyncio.wait_for(running, 5)).verified
    assert len(scene.act.done) == 1


async def test_a_receipt_whose_confirmation_was_lost_is_ours(scene: Scene) -> None:
    """The server wrote it and died: we go on, and nothing is recorded or done twice."""
    store = scene.executor._store = Moody(scene.store)  # type: ignore[assignment]

    receipt = scene.executor._intent(scene.plan, 0, 1, scene.plan.steps[0])
    store.loses_answers = 1
    await scene.executor._write(receipt)
    assert scene.phases() == [Phase.INTENT]


async def test_a_receipt_of_somebody_else_is_not_ours(scene: Scene) -> None:
    """Two who carry out one plan: the second one stops before it acts."""
    scene.intend()
    with pytest.raises(AlreadyRecorded):
        await scene.executor._write(scene.executor._intent(scene.plan, 0, 1, scene.plan.steps[0]))


class TrickyEngine(DurableEngine):
    """An engine whose cursor fails as the test wants."""

    def __init__(self, scene: Scene, cursor: Callable[[str, int], Awaitable[Awaitable[None]]] | None) -> None:
        super().__init__(scene.executor.bench.service, scene.executor)
        self._cursor = cursor

    async def launch(self) -> None:
        self._start = self._cursor


async def nothing() -> None:
    """What a workflow returns that the cursor believes to be over."""


async def over() -> None:
    raise RuntimeError("the workflow failed before")


async def believes_it_is_over(plan: str, steps: int) -> Awaitable[None]:
    return nothing()


async def cannot_start(plan: str, steps: int) -> Awaitable[None]:
    raise OSError("database or disk is full")


async def remembers_a_failure(plan: str, steps: int) -> Awaitable[None]:
    return over()


@pytest.mark.parametrize("cursor", [None, believes_it_is_over, cannot_start, remembers_a_failure])
async def test_a_plan_has_an_end_without_the_cursor(
    scene: Scene, cursor: Callable[[str, int], Awaitable[Awaitable[None]]] | None
) -> None:
    """Absent, unable, or wrong: the plan is carried out once, from its receipts."""
    done = asyncio.Event()

    async def end(ended: Ended) -> None:
        with scene.store.begin() as tx:
            tx.plans.save(replace(scene.plan, state=PlanState.VERIFIED))
        scene.ended.append(ended)
        done.set()

    scene.executor._on_end = end
    engine = TrickyEngine(scene, cursor)
    await engine.launch()
    await engine.submit(PlanId(scene.plan.id), 1)
    await engine.submit(PlanId(scene.plan.id), 1)
    await asyncio.wait_for(done.wait(), 10)
    assert [each.verified for each in scene.ended] == [True]
    assert len(scene.act.done) == 1
    engine._start = None
    await engine.close()


async def test_a_phase_that_fails_by_a_fault_of_ours_is_asked_again(scene: Scene) -> None:
    """Whatever goes wrong between two receipts, the plan does not hang for ever."""
    done, faults = asyncio.Event(), [ActionFailed("a fault")]

    async def end(ended: Ended) -> None:
        if faults:
            raise faults.pop()
        scene.ended.append(ended)
        done.set()

    scene.executor._on_end = end
    engine = TrickyEngine(scene, None)
    await engine.submit(PlanId(scene.plan.id), 1)
    await asyncio.wait_for(done.wait(), 10)
    assert len(scene.act.done) == 1
