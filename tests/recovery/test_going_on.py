"""A plan that goes on after a failed step: every step is taken once, and what failed is listed."""

from dataclasses import replace
from pathlib import Path

import pytest

from paramedic.model.playbook import PlanState
from paramedic.model.status import Status
from paramedic.recovery.executor import Result
from paramedic.recovery.planning import blocked
from paramedic.sdk import ActContext, ActionFailed, DidIt, Outcome
from recovery.test_executor import Scene


def going_on(folder: Path, steps: int) -> Scene:
    """A committed plan that goes on."""
    scene = Scene(folder, steps=steps)
    scene.plan = replace(scene.plan, goes_on=True)
    with scene.store.begin() as tx:
        tx.plans.save(scene.plan)
    return scene


async def test_it_takes_the_next_step_and_lists_the_failed_one(tmp_path: Path) -> None:
    """Verified by its checks alone, with the failed step in the proof."""
    scene = going_on(tmp_path, 3)
    scene.act.fails = [ActionFailed("no such file")]
    ended = await scene.run()
    assert ended.verified
    assert len(scene.act.done) == 2
    assert "step 1 failed: test.act: no such file" in ended.why


async def test_without_the_key_it_stops(tmp_path: Path) -> None:
    """As every other plan does."""
    scene = Scene(tmp_path, steps=3)
    scene.act.fails = [ActionFailed("no such file")]
    assert not (await scene.run()).verified
    assert scene.act.done == []


async def test_what_did_not_help_is_undone_in_reverse(tmp_path: Path) -> None:
    """The steps that were taken, and what a failed one may have left."""
    scene = going_on(tmp_path, 3)
    scene.act.fails = [ActionFailed("no such file")]
    scene.status = Status.CRITICAL
    ended = await scene.run()
    assert (ended.verified, ended.undone) == (False, True)
    assert scene.act.undone[:2] == scene.act.done[::-1]


async def test_a_crash_after_the_failed_step(tmp_path: Path) -> None:
    """What has failed is not tried again, what was done is not repeated, and the rest is done."""
    scene = going_on(tmp_path, 3)
    scene.act.fails = [ActionFailed("no such file")]

    class Crash(BaseException):
        """Stands for the end of the program."""

    action = scene.executor.bench.registry.actions["test.act"].action
    apply = action.apply

    async def crash_at_the_third(context: ActContext) -> Outcome:
        if len(scene.act.done) == 1:
            raise Crash
        return await apply(context)

    action.apply = crash_at_the_third  # type: ignore[method-assign]
    with pytest.raises(Crash):
        await scene.run()
    action.apply = apply  # type: ignore[method-assign]
    before = list(scene.act.done)
    ended = await scene.run()
    assert ended.verified
    assert len(before) == 1
    assert scene.act.done[:1] == before
    assert len(scene.act.done) == 2
    assert "step 1 failed" in ended.why
    assert await scene.executor.do(scene.plan.id, 0) in (Result.WENT_ON, Result.DONE)


async def test_an_act_of_which_nobody_can_tell_ends_it(tmp_path: Path) -> None:
    """Going on is no reason to repeat what may have happened."""
    scene = going_on(tmp_path, 2)
    scene.intend()
    scene.act.answer = DidIt.CANNOT_TELL
    assert (await scene.run()).untold
    assert scene.act.done == []


def test_one_step_that_cannot_be_done_blocks_nothing(tmp_path: Path) -> None:
    """Only where none of them can, there is no plan."""
    scene = going_on(tmp_path, 2)
    first, second = scene.plan.steps
    stuck = replace(first, preview=replace(first.preview, blocked="nothing to do"))
    assert blocked(replace(scene.plan, steps=(stuck, second))) is None
    assert blocked(replace(scene.plan, steps=(stuck, stuck))) == "nothing to do"
    assert blocked(replace(scene.plan, steps=(stuck, second), goes_on=False)) == "nothing to do"
    assert scene.plan.state is PlanState.COMMITTED
