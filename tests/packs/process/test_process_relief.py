"""Memory is given back the gentle way first."""

import sys
from itertools import chain, repeat

import pytest
from guests import python

from paramedic.packs.process.relief import RelieveMemory
from paramedic.packs.process.target import Process
from paramedic.sdk import ActionFailed, DidIt, Finding, ProcessSpec, Status

ACTION = RelieveMemory.action
OK, WARNING, CRITICAL = Status.OK, Status.WARNING, Status.CRITICAL
SLEEP = ("sleep", "600")


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """Nobody waits long for memory to be given back."""
    monkeypatch.setattr("paramedic.packs.process.relief._WITHIN_S", 0.05)
    monkeypatch.setattr("paramedic.packs.process.relief._POLL_S", 0.01)


def showing(*statuses: Status):
    """Looks at the memory that give these one after another, the last for ever."""
    coming = chain(statuses, repeat(statuses[-1]))

    async def look(_component: str, checks=()) -> tuple[Finding, ...]:
        assert tuple(checks) in (("process.memory",), ())
        status = next(coming)
        return (
            Finding(component="it", kind="http", check="process.memory", status=status, code=None, observed="memory"),
        )

    return look


async def test_its_own_command_is_enough(act, tmp_path):
    """Caches are cleared; the process lives on."""
    spec = ProcessSpec(command=SLEEP, cwd=tmp_path, free_memory=python("open('freed', 'w')"))
    context = act(Process(), process=spec, look=showing(CRITICAL, OK))
    preview = await ACTION.preview(context)
    assert preview.blocked is None
    assert "only if its memory is still critical" in preview.summary
    outcome = await ACTION.apply(context)
    assert "freed its memory" in outcome.summary
    assert (tmp_path / "freed").exists()
    await ACTION.verify(context, outcome.output)


async def test_only_what_stays_critical_is_restarted(act, children, tmp_path):
    """With a command after it, without one at once."""
    for command in (python("pass"), ()):
        spec = ProcessSpec(command=SLEEP, cwd=tmp_path, free_memory=command)
        token = f"t-relief-{bool(command)}"
        context = act(Process(), process=spec, processes=children, look=showing(CRITICAL), token=token)
        assert (await ACTION.preview(context)).blocked is None
        assert await ACTION.reconcile(context) is DidIt.NO
        outcome = await ACTION.apply(context)
        assert outcome.output["pid"]
        assert await ACTION.reconcile(context) is DidIt.YES


@pytest.mark.parametrize("freeing", [True, False])
async def test_a_warning_restarts_nothing(act, tmp_path, freeing):
    """Whether its command frees too little or it has none."""
    spec = ProcessSpec(command=SLEEP, cwd=tmp_path, free_memory=python("pass") if freeing else ())
    context = act(Process(), process=spec, look=showing(WARNING))
    assert bool((await ACTION.preview(context)).blocked) is not freeing
    with pytest.raises(ActionFailed, match="not critical yet"):
        await ACTION.apply(context)


async def test_what_went_by_itself_is_left_alone(act, tmp_path):
    """Nothing is run and nothing restarted."""
    spec = ProcessSpec(command=SLEEP, cwd=tmp_path, free_memory=python("open('freed', 'w')"))
    context = act(Process(), process=spec, look=showing(OK))
    assert "by itself" in (await ACTION.apply(context)).summary
    assert await ACTION.reconcile(context) is DidIt.YES
    assert not (tmp_path / "freed").exists()


async def test_a_command_that_fails_is_told(act):
    """Nothing is restarted behind its back."""
    spec = ProcessSpec(command=SLEEP, free_memory=(sys.executable, "-c", "import sys; sys.exit('no cache here')"))
    with pytest.raises(ActionFailed, match="failed with 1: no cache here"):
        await ACTION.apply(act(Process(), process=spec, look=showing(CRITICAL)))
