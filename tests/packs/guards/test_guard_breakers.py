"""Breakers in a real program: stuck ones are found and closed, those that flap are made more patient."""

import os
import signal
from collections.abc import Sequence

import pytest

from guarded_program import Program
from paramedic.model.finding import Finding
from paramedic.packs.guards import pack
from paramedic.packs.guards.target import Guards
from paramedic.sdk import ActionFailed, Component, DidIt, Status

ACTIONS = {each.id: each.action for each in pack.actions}
CHECKS = {each.id: each for each in pack.checks}
RESET, RETUNE = ACTIONS["breaker.reset"], ACTIONS["breaker.retune"]
MAKE = "b = CircuitBreaker(name='model', failure_threshold={}, recovery_timeout={}, success_threshold=1); b.call(max, 1, 2)"
FAIL = (
    "def bad(): raise OSError('away')\nfor _ in range({}):\n  try: b.call(bad)\n  except (OSError, CircuitOpen): pass"
)
BLIP = (
    "import time\n"
    + FAIL.format(2)
    + "\nwhile b.state == 'open': time.sleep(0.01)\nb.call(max, 1, 2)\nassert b.state == 'closed'"
)


def dependency(status: Status):
    """What looking at the dependency says."""

    async def look(component: str, _checks: Sequence[str] = ()) -> tuple[Finding, ...]:
        return (
            Finding(
                component=component, kind="http", check="http.answers", status=status, code=None, observed="says so"
            ),
        )

    return look


@pytest.fixture
def others(bench) -> None:
    """The service has a component that the breaker protects."""
    bench.others["model"] = Component(name="model", kind="http", target=None)


async def test_a_closed_breaker_is_well(program: Program, finds) -> None:
    """A breaker that lets calls through is nothing to report."""
    program.do(MAKE.format(3, 30))
    assert await finds("guards.breakers", Status.OK, says="1 breakers")


async def test_no_program_shows_a_breaker(finds) -> None:
    """A service that has used no guard yet is not reported as ill."""
    assert "no running process" in (await finds("guards.breakers", Status.OK)).observed


async def test_an_open_breaker_within_its_time_does_its_work(program: Program, finds) -> None:
    """A breaker that opened for failures and waits for its time is no fault of its own."""
    program.do(MAKE.format(3, 300))
    program.do(FAIL.format(3))
    await program.until(lambda: (program.shows("breaker") or {}).get("state") == "open", "the breaker to open")
    found = await finds("guards.breakers", Status.OK)
    assert "not closed" in found.observed


async def test_a_breaker_that_is_held_open_is_found_and_closed(
    program: Program, target: Guards, bench, finds, others
) -> None:
    """One that was forced open past its recovery time is stuck; it is closed when what it protects works."""
    program.do(MAKE.format(3, 0.1) + "; b.force_open('a script held it')")
    found = await finds("guards.breakers", "breaker.stuck-open")
    assert found.status is Status.CRITICAL
    assert "a script held it" in found.because

    context = bench.act(target, look=dependency(Status.OK))
    assert (await RESET.preview(context)).blocked is None
    assert await RESET.reconcile(context) is DidIt.NO
    outcome = await RESET.apply(context)
    program.do("assert b.state == 'closed' and b.call(max, 1, 2) == 2")
    await finds("guards.breakers", Status.OK)
    assert await RESET.reconcile(context) is DidIt.YES

    assert "again" in await RESET.undo(context, outcome.output)
    program.do("assert b.get_state()['forced']")


async def test_a_breaker_stays_open_while_what_it_protects_is_ill(
    program: Program, target: Guards, bench, finds, others
) -> None:
    """A dependency that fails its checks keeps its breaker, stuck or not."""
    program.do(MAKE.format(3, 0.1) + "; b.force_open('a script held it')")
    await finds("guards.breakers", "breaker.stuck-open")
    context = bench.act(target, look=dependency(Status.CRITICAL))
    assert "does not pass its checks" in str((await RESET.preview(context)).blocked)
    with pytest.raises(ActionFailed, match="does not pass its checks"):
        await RESET.apply(context)
    program.do("assert b.state == 'open'")


async def test_nobody_knows_what_a_breaker_protects(program: Program, bench, finds) -> None:
    """A breaker of which nobody says what it protects is left to people."""
    program.do(MAKE.format(3, 0.1) + "; b.force_open('a script held it')")
    at = Guards(folder=program.guards)
    await finds("guards.breakers", "breaker.stuck-open", at=at)
    assert "nobody says" in str((await RESET.preview(bench.act(at))).blocked)


async def test_a_trial_that_never_ends_is_stuck(program: Program, finds) -> None:
    """Half open for ever, because the trial call hangs, is as bad as open."""
    program.do(MAKE.format(1, 0.2))
    program.do("import threading, time\n" + FAIL.format(1) + "\ntime.sleep(0.3)\n"
               "threading.Thread(target=b.call, args=(time.sleep, 600), daemon=True).start()")  # fmt: skip
    found = await finds("guards.breakers", "breaker.stuck-open")
    assert "do not end" in found.because


async def test_an_operator_may_hold_a_breaker_open(program: Program, look, target: Guards) -> None:
    """What a person opened on purpose is not reported, however long it lasts."""
    program.do(
        MAKE.format(3, 0.1) + "; b.force_open('an operator opened it: maintenance')\nimport time; time.sleep(1.5)"
    )
    await program.until(lambda: (program.shows("breaker") or {}).get("forced"), "the breaker to show")
    assert [each.status for each in await look(CHECKS["guards.breakers"], target)] == [Status.OK]


async def test_a_breaker_that_flaps_is_found_and_made_patient(program: Program, target: Guards, bench, finds) -> None:
    """Three openings for blips are flapping; the patient profile ends it, and undo brings the old settings back."""
    program.do(MAKE.format(2, 0.05))
    for _ in range(3):
        program.do(BLIP)
    found = await finds("guards.breakers", "breaker.flapping")
    assert found.status is Status.WARNING
    context = bench.act(target)
    preview = await RETUNE.preview(context)
    assert "failure_threshold: 2 -> 8" in preview.diff
    outcome = await RETUNE.apply(context)
    program.do("assert (b.failure_threshold, b.success_threshold) == (8, 3)")
    await finds("guards.breakers", Status.OK)
    assert await RETUNE.reconcile(context) is DidIt.YES
    assert "patient as the profile already" in str((await RETUNE.preview(context)).blocked)
    await RETUNE.undo(context, outcome.output)
    program.do("assert (b.failure_threshold, b.success_threshold) == (2, 1)")


async def test_an_outage_that_lasts_is_no_flapping(program: Program, finds) -> None:
    """A breaker whose trials fail again and again tells of one outage, not of many blips."""
    program.do(MAKE.format(2, 0.05))
    program.do("import time\n" + FAIL.format(2) + "\nfor _ in range(6):\n  time.sleep(0.06)\n  try: b.call(bad)\n"
               "  except OSError: pass\ntime.sleep(0.06); b.call(max, 1, 2); assert b.state == 'closed'")  # fmt: skip
    await program.until(lambda: (program.shows("breaker") or {}).get("opened_times", 0) >= 7, "the outage to show")
    await finds("guards.breakers", Status.OK)


async def test_only_the_processes_of_named_components_count(program: Program, processes, finds) -> None:
    """Guards of other programs in the same folder are not this component's."""
    program.do(MAKE.format(3, 0.1) + "; b.force_open('a script held it')")
    await program.until(lambda: program.shows("breaker"), "the breaker to show")
    at = Guards(folder=program.guards, of=("it",))
    processes.set("it", pid=1)
    assert "no running process" in (await finds("guards.breakers", Status.OK, at=at)).observed
    processes.set("it", pid=program.pid)
    await finds("guards.breakers", "breaker.stuck-open", at=at)


async def test_a_process_that_does_not_answer_is_told(program: Program, target: Guards, bench, finds, others) -> None:
    """An order to a frozen process fails with the reason, and nothing is taken for done."""
    program.do(MAKE.format(3, 0.1) + "; b.force_open('a script held it')")
    await finds("guards.breakers", "breaker.stuck-open")
    os.kill(program.pid, signal.SIGSTOP)
    try:
        with pytest.raises(ActionFailed, match="does not answer"):
            await RESET.apply(bench.act(target, look=dependency(Status.OK), limit_s=0.5))
    finally:
        os.kill(program.pid, signal.SIGCONT)
