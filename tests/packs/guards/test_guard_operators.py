"""Orders of people, as steps of plans."""

import pytest

from guarded_program import Program
from paramedic.packs.guards import pack
from paramedic.packs.guards.target import Guards
from paramedic.sdk import ActionFailed, DidIt

ORDER = next(each.action for each in pack.actions if each.id == "guards.order")
MAKE = (
    "def deliver(order): raise ConnectionError('nobody there')\n"
    "q = FailedTaskQueue('calls.sqlite', handlers={'deliver': deliver}, max_retries=1, backoff_s=0.01)\n"
    "q.add('deliver', 7, task_id='order-7'); q.run_due()\n"
    "b = CircuitBreaker(name='model'); b.call(max, 1, 2)"
)


async def test_a_call_is_dropped_once(program: Program, target: Guards, bench) -> None:
    """What would be lost is named; after a crash it is known whether the call was dropped."""
    program.do(MAKE)
    await program.until(lambda: (program.shows("tasks") or {}).get("dead_letters"), "the call to be given up")
    wanted = {"kind": "tasks", "name": "tasks", "verb": "discard", "settings": {"id": "order-7"}}
    context = bench.act(target, params=wanted)
    preview = await ORDER.preview(context)
    assert preview.loss == ("the call order-7",)
    assert f"`tasks` of pid {program.pid}: `discard` (id order-7)" in preview.summary
    assert await ORDER.reconcile(context) is DidIt.NO
    assert (await ORDER.apply(context)).output["done"] == [program.pid]
    await program.until(lambda: not (program.shows("tasks") or {})["dead"], "the call to be gone")
    assert await ORDER.reconcile(context) is DidIt.YES
    with pytest.raises(ActionFailed, match="no such call was given up"):
        await ORDER.apply(context)


async def test_an_order_for_nobody_does_nothing(program: Program, target: Guards, bench) -> None:
    """Other processes and other names are left alone; most orders can be given a second time."""
    program.do(MAKE)
    await program.until(lambda: program.shows("breaker"), "the breaker to show")
    for beside in ({"pids": [1]}, {"name": "other"}):
        context = bench.act(target, params={"kind": "breaker", "name": "*", "verb": "open", "settings": {}, **beside})
        assert "nobody is told anything" in (await ORDER.preview(context)).summary
        assert (await ORDER.apply(context)).output == {"done": [], "told": []}
        assert await ORDER.reconcile(context) is DidIt.NO
    program.do("assert b.state == 'closed'")
