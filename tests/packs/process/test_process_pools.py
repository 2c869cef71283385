"""Bringing dependants back, on real processes."""

import sys
from itertools import chain, repeat

import pytest
from guests import python

from paramedic.packs.process.pools import ResetPool
from paramedic.packs.process.target import Process
from paramedic.sdk import ActionFailed, DidIt, Finding, ProcessSpec, Status

ACTION = ResetPool.action


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """Nobody waits long for a component to notice by itself."""
    monkeypatch.setattr("paramedic.packs.process.pools._GRACE_S", 0.05)


def answering(*statuses: Status):
    """A look that gives these one after another, the last for ever."""
    coming = chain(statuses, repeat(statuses[-1]))

    async def look(component: str, _checks=()) -> tuple[Finding, ...]:
        return (
            Finding(
                component=component, kind="http", check="http.answers", status=next(coming), code=None, observed="x"
            ),
        )

    return look


async def test_what_answers_is_left_alone(act, tmp_path):
    """Its own command is not run where nothing is wrong."""
    touched = tmp_path / "touched"
    spec = ProcessSpec(command=("sleep", "9"), reset_pools=("touch", str(touched)))
    outcome = await ACTION.apply(act(Process(), process=spec, look=answering(Status.OK)))
    assert "by itself" in outcome.summary
    assert not touched.exists()


async def test_its_own_command_comes_first(act, tmp_path):
    """With its environment and in its folder; the checks must pass afterwards."""
    code = "import os; open('reset', 'w').write(os.environ['WHO'])"
    spec = ProcessSpec(
        command=("sleep", "9"), cwd=tmp_path, env={"WHO": "shop"}, reset_pools=python(code), ready_within_s=0.3
    )
    context = act(Process(), process=spec, look=answering(Status.CRITICAL))
    assert "own command" in (await ACTION.apply(context)).summary
    assert (tmp_path / "reset").read_text() == "shop"
    with pytest.raises(ActionFailed, match="does not answer"):
        await ACTION.verify(context, {})


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ((sys.executable, "-c", "import sys; sys.exit('no pool here')"), "failed with 1: no pool here"),
        (("no-such-program-anywhere",), "cannot be run"),
        (("sleep", "60"), "did not end within 0.3 s"),
    ],
)
async def test_a_command_that_does_not_work_is_told(act, command, said):
    """Nothing is restarted behind its back."""
    spec = ProcessSpec(command=("sleep", "9"), reset_pools=command)
    context = act(Process(), process=spec, look=answering(Status.CRITICAL), limit_s=0.3)
    with pytest.raises(ActionFailed, match=said):
        await ACTION.apply(context)


async def test_else_it_is_restarted(act, children):
    """With the token of the step, so that a crash in between is understood."""
    spec = ProcessSpec(command=("sleep", "600"))
    context = act(Process(), process=spec, processes=children, look=answering(Status.CRITICAL), token="t-reset")
    assert "restart" in (await ACTION.preview(context)).summary
    assert await ACTION.reconcile(context) is DidIt.NO
    outcome = await ACTION.apply(context)
    assert outcome.output["pid"] == children.facts(context.component).pid
    assert await ACTION.reconcile(context) is DidIt.YES


async def test_what_nobody_may_restart_is_left_to_its_owner(act):
    """Said, not failed: the database itself is well again."""
    context = act(Process(match="x"), look=answering(Status.CRITICAL))
    outcome = await ACTION.apply(context)
    assert "does not say who restarts it" in outcome.summary
    await ACTION.verify(context, outcome.output)
