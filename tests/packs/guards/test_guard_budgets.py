"""Budgets in a real program: stuck downgrades, damaged states, callers that loop, energy."""

import json
from pathlib import Path

import pytest

from guarded_program import Program
from paramedic.guard import state_file
from paramedic.packs.guards import pack
from paramedic.packs.guards.target import Guards
from paramedic.sdk import DidIt, Status

ACTIONS = {each.id: each.action for each in pack.actions}
CHECKS = {each.id: each for each in pack.checks}
RESET, REPAIR, STOP, BASELINE = (
    ACTIONS[name] for name in ("budget.reset-tripwire", "budget.repair-state", "budget.stop-spending", "flags.baseline")
)
LONG_AGO = "2026-01-01T09:00:00+00:00"
STUCK = {
    "consecutive_breaches": 3,
    "last_breach_timestamp": LONG_AGO,
    "downgrade_active": True,
    "downgrade_activated_at": LONG_AGO,
    "breach_history": [{"timestamp": LONG_AGO, "token_delta": 40.0}],
}
MAKE = "t = BudgetTripwire('tripwire.json', limits={'*': 1000}); t.record(100, 100)"


@pytest.fixture
def files(program: Program) -> Guards:
    """The guards with their files declared."""
    return Guards(folder=program.guards, tripwire=program.folder / "tripwire.json")


async def test_a_budget_that_is_kept_is_well(program: Program, finds) -> None:
    """Use within budget is nothing to report."""
    program.do(MAKE)
    await finds("guards.budgets", Status.OK)


async def test_no_budget_at_all(finds) -> None:
    """A service without budgets is not reported as ill."""
    assert "no running process" in (await finds("guards.budgets", Status.OK)).observed


async def test_a_downgrade_within_its_cooldown_is_right(program: Program, finds) -> None:
    """A downgrade that was just activated is what the tripwire is for."""
    program.do(MAKE + "\nfor _ in range(3): t.record(200, 100)\nassert t.downgrade_active")
    await program.until(lambda: (program.shows("budget") or {}).get("downgrade_active"), "the downgrade to show")
    await finds("guards.budgets", Status.OK)


async def test_a_stuck_downgrade_is_found_and_lifted_in_a_running_program(
    program: Program, files: Guards, bench, finds
) -> None:
    """A downgrade whose last breach is long ago is lifted by an order, and undo brings it back through the file."""
    program.do(MAKE)
    state_file.write(program.folder / "tripwire.json", STUCK)
    found = await finds("guards.budgets", "budget.tripwire-stuck")
    assert found.status is Status.WARNING
    context = bench.act(files)
    assert "`tokens`" in (await RESET.preview(context)).summary
    outcome = await RESET.apply(context)
    program.do("assert not t.downgrade_active")
    await finds("guards.budgets", Status.OK)
    assert await RESET.reconcile(context) is DidIt.YES
    await RESET.undo(context, outcome.output)
    await program.until(lambda: (program.shows("budget") or {}).get("downgrade_active"), "the downgrade to be back")


async def test_a_stuck_downgrade_in_a_file_that_nobody_uses(program: Program, files: Guards, bench, finds) -> None:
    """The file alone is enough: what will be read at the next start is looked at, and put right."""
    assert files.tripwire is not None
    state_file.write(files.tripwire, STUCK)
    await finds("guards.budgets", "budget.tripwire-stuck", at=files)
    await RESET.apply(bench.act(files))
    await finds("guards.budgets", Status.OK, at=files)
    content = json.loads(files.tripwire.read_text())
    assert (content["downgrade_active"], len(content["breach_history"])) == (False, 1)


@pytest.mark.parametrize("garbage", [b"", b"{", b"[]", b"\xff\xfe", b'{"downgrade_active": "yes"}', b'{"spending": 7}'])
async def test_garbage_in_a_state_file_is_found_and_repaired(
    program: Program, files: Guards, bench, finds, garbage: bytes
) -> None:
    """Whatever makes a file no state is found, a whole one takes its place, and the garbage is kept."""
    assert files.tripwire is not None
    files.tripwire.write_bytes(garbage)
    found = await finds("guards.states", "budget.state-corrupt", at=files)
    assert found.status is Status.CRITICAL
    context = bench.act(files)
    outcome = await REPAIR.apply(context)
    assert json.loads(files.tripwire.read_text())["downgrade_active"] is False
    assert garbage in [path.read_bytes() for path in (program.folder / "copies").iterdir()]
    assert outcome.output["mended"]
    await finds("guards.states", Status.OK, at=files)
    assert await REPAIR.reconcile(context) is DidIt.YES
    assert "nothing" in await REPAIR.undo(context, outcome.output)


async def test_what_a_program_set_aside_is_reported_until_it_is_put_away(
    program: Program, files: Guards, bench, finds
) -> None:
    """A running program mends its own file at once and goes on; that it was damaged is not lost."""
    assert files.tripwire is not None
    program.do(MAKE + "; t.reserve(100, 'a').commit()")
    files.tripwire.write_text("garbage")
    aside = Path(f"{files.tripwire}.corrupt")
    await program.until(aside.exists, "the program to set it aside")
    found = await finds("guards.states", "budget.state-corrupt", at=files)
    assert found.status is Status.WARNING
    await REPAIR.apply(bench.act(files))
    assert not aside.exists()
    assert json.loads(files.tripwire.read_text())["spending"]["scopes"]["a"] >= 100
    await finds("guards.states", Status.OK, at=files)


async def test_a_state_file_that_cannot_be_read_is_unknown(program: Program, files: Guards, look) -> None:
    """What is no regular file says nothing about the budget."""
    assert files.tripwire is not None
    files.tripwire.mkdir()
    assert [each.status for each in await look(CHECKS["guards.states"], files)] == [Status.UNKNOWN]


async def test_a_caller_that_loops_is_found_and_stopped(program: Program, target: Guards, bench, finds) -> None:
    """Who goes on after being refused is stopped until somebody allows it; others may go on."""
    program.do(MAKE)
    program.do("for _ in range(30):\n  try: t.reserve(100, 'loop').commit()\n  except BudgetExhausted: pass")
    found = await finds("guards.budgets", "budget.runaway")
    assert found.status is Status.CRITICAL
    assert "`loop`" in found.observed
    context = bench.act(target)
    assert "`loop`" in (await STOP.preview(context)).summary
    outcome = await STOP.apply(context)
    program.do("t.set_limit('loop', 10**9)")
    program.do("try: t.reserve(1, 'loop'); refused = False\nexcept BudgetExhausted: refused = True\nassert refused")
    program.do("t.reserve(100, 'another').commit()")
    found = await finds("guards.budgets", Status.INFO)
    assert "`loop` may spend no more" in found.observed
    assert await STOP.reconcile(context) is DidIt.YES
    await STOP.undo(context, outcome.output)
    program.do("t.reserve(1, 'loop').commit()")


async def test_a_day_that_is_used_up_is_no_loop(program: Program, finds) -> None:
    """One call that is refused at the end of a budget is the budget at work."""
    program.do(MAKE)
    program.do("t.reserve(1000, 'a').commit()\ntry: t.reserve(100, 'a')\nexcept BudgetExhausted: pass")
    await program.until(lambda: (program.shows("budget") or {}).get("refused"), "the refusal to show")
    await finds("guards.budgets", Status.OK)


async def test_spending_that_is_far_too_fast_is_stopped_before_the_limit(
    program: Program, target: Guards, bench, finds
) -> None:
    """A quarter of a day's budget within a minute is a loop, although nothing was refused yet."""
    program.do(MAKE + "; t.reserve(10, 'a').commit()")
    await program.until(lambda: (program.shows("budget") or {}).get("spent", {}).get("a"), "the first call to show")
    await finds("guards.budgets", Status.OK)
    program.do("for _ in range(5): t.reserve(100, 'a').commit()")
    found = await finds("guards.budgets", "budget.runaway")
    assert "were spent within" in found.because

    async def look(_component: str, _checks: object = ()) -> tuple[object, ...]:
        return (found,)

    outcome = await STOP.apply(bench.act(target, look=look))
    assert outcome.output["stopped"]
    await finds("guards.budgets", Status.INFO)


ENERGY = (
    "f = FeatureFlags({'wordy': True}); f.is_enabled('wordy')\n"
    "e = EnergyBudget(joules_per_token=1, request_budget_joules=100, path='energy.json')\n"
    "for _ in range(4): e.record(tokens=150)"
)


async def test_energy_above_its_budget_turns_the_overlays_off(program: Program, target: Guards, bench, finds) -> None:
    """Requests that use too much energy running are answered by the baseline, and it is over when they use less."""
    program.do(ENERGY)
    found = await finds("guards.budgets", "budget.energy")
    assert found.status is Status.CRITICAL
    context = bench.act(target)
    assert "`wordy`" in (await BASELINE.preview(context)).summary
    outcome = await BASELINE.apply(context)
    program.do("assert not f.is_enabled('wordy')")
    await finds("guards.budgets", Status.OK)
    assert await BASELINE.reconcile(context) is DidIt.YES
    assert "baseline already" in str((await BASELINE.preview(context)).blocked)
    await BASELINE.undo(context, outcome.output)
    program.do("assert f.is_enabled('wordy')")


async def test_energy_that_is_within_budget_again_is_over(program: Program, finds) -> None:
    """Some requests within budget end it, although the tripwire still cools down."""
    program.do(ENERGY + "\nfor _ in range(3): e.record(tokens=90)\nassert e.downgrade_active")
    await finds("guards.budgets", Status.OK)
