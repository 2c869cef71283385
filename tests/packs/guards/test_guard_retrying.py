"""Kept calls that wait although what they need is there again, in a real program."""

import pytest

from guarded_program import Program
from paramedic.model.component import Component
from paramedic.packs.guards import pack
from paramedic.packs.guards.target import Guards
from paramedic.sdk import ActionFailed, DidIt, Finding, Status

RETRY = {each.id: each.action for each in pack.actions}["tasks.retry"]
KEPT = """
import pathlib
def deliver(order):
    if not pathlib.Path("is-there").exists():
        raise ConnectionError("nobody there")
    with open("delivered", "a") as file:
        file.write(f"{order}\\n")
queue = FailedTaskQueue("calls.sqlite", handlers={"deliver": deliver}, backoff_s=200, max_backoff_s=1000)
queue.start()
for order in range(5):
    queue.call("deliver", order)
"""


async def test_calls_that_wait(program: Program, finds, bench, act) -> None:
    """Calls whose next retry is minutes away are told; an order makes each of them once, and all is well again."""
    program.do(KEPT)
    target = Guards(folder=program.guards)
    await finds("guards.tasks", Status.OK, at=target)
    bench.others["it"] = Component(name="it", kind="guards", target=target)
    await program.until(lambda: (program.shows("tasks") or {}).get("waiting") == 5, "five calls to wait")

    [early] = await bench.look({each.id: each for each in pack.checks}["guards.tasks"], target)
    [late] = await bench.look(
        {each.id: each for each in pack.checks}["guards.tasks"], target, thresholds={"pending_s": 0.0}
    )
    assert early.status is Status.OK
    assert (late.status, late.code) == (Status.WARNING, "tasks.pending")
    assert "5 kept calls wait" in late.observed

    (program.folder / "is-there").touch()
    context = act(target, limit_s=20.0)
    preview = await RETRY.preview(context)
    assert (preview.summary, preview.blocked) == ("make 5 kept calls now", None)
    outcome = await RETRY.apply(context)
    assert outcome.output == {"waited": 5, "made": 5}
    assert sorted((program.folder / "delivered").read_text().split()) == ["0", "1", "2", "3", "4"]
    assert await RETRY.reconcile(context) is DidIt.YES
    await finds("guards.tasks", Status.OK, at=target)


async def test_what_they_need_is_still_away(program: Program, act) -> None:
    """Nothing is tried while the checks of what the calls need fail, and a retry in vain says so."""
    program.do(KEPT)
    target = Guards(folder=program.guards)
    await program.until(lambda: (program.shows("tasks") or {}).get("waiting") == 5, "five calls to wait")
    ill = Finding(
        component="tools", kind="mcp", check="mcp.answers", status=Status.CRITICAL, code="mcp.refused", observed="gone"
    )

    async def look(_component: str, _checks: object = ()) -> tuple[Finding, ...]:
        return (ill,)

    needed = {"tools": Component(name="tools", kind="mcp", target=object())}
    context = act(target, limit_s=3.0, look=look, depends_on=("tools",))
    context.service.components.update(needed)  # the bench's service is a plain mapping
    assert "gone" in ((await RETRY.preview(context)).blocked or "")
    with pytest.raises(ActionFailed, match="does not pass its checks"):
        await RETRY.apply(context)

    context = act(target, limit_s=1.0)
    with pytest.raises(ActionFailed, match="5 of 5 calls still wait"):
        await RETRY.apply(context)
