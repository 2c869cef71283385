"""Files of flags, kept calls that were given up, and labels of metrics, in a real program."""

from pathlib import Path

import pytest

from guarded_program import Program
from paramedic.guard import FailedTaskQueue
from paramedic.model.clock import SystemClock
from paramedic.packs.config import pack as configuration
from paramedic.packs.guards import pack
from paramedic.packs.guards.target import Guards
from paramedic.recovery.last_good import LastGoodFiles
from paramedic.sdk import DidIt, Status

ACTIONS = {each.id: each.action for each in pack.actions}
CHECKS = {each.id: each for each in pack.checks}
CAP = ACTIONS["metrics.cap"]
RESTORE = {each.id: each.action for each in configuration.actions}["config.restore"]
GOOD = "overlays:\n  concise: {enabled: true}\n"


@pytest.fixture
def flagged(tmp_path: Path) -> Guards:
    """A file of flags that is as it should be, and the overlays that exist."""
    (tmp_path / "overlays").mkdir()
    (tmp_path / "overlays" / "concise.txt").write_text("Be brief.")
    (tmp_path / "flags.yaml").write_text(GOOD)
    return Guards(folder=tmp_path / "guards", flags=tmp_path / "flags.yaml", overlays=tmp_path / "overlays")


async def test_a_valid_file_of_flags(flagged: Guards, look) -> None:
    """Flags that name existing overlays are nothing to report."""
    assert [each.status for each in await look(CHECKS["guards.flags"], flagged)] == [Status.OK]


@pytest.mark.parametrize(
    ("text", "status", "line"),
    [
        (GOOD + "  concize: {enabled: true}\n", Status.WARNING, 3),
        (GOOD + "  concise2: {rollout_percent: 200}\n", Status.WARNING, 3),
        ("overlays: {\n", Status.CRITICAL, 2),
        (None, Status.CRITICAL, None),
    ],
    ids=["unknown overlay", "impossible share", "no yaml", "missing"],
)
async def test_an_invalid_file_of_flags(
    flagged: Guards, look, text: str | None, status: Status, line: int | None
) -> None:
    """Every problem is found with its line; what makes the whole file useless is critical."""
    assert flagged.flags is not None
    flagged.flags.write_text(text) if text is not None else flagged.flags.unlink()
    (found,) = await look(CHECKS["guards.flags"], flagged)
    assert (found.code, found.status, found.line) == ("flags.invalid", status, line)


async def test_the_last_good_file_of_flags_is_restored(flagged: Guards, look, act, tmp_path: Path) -> None:
    """What restores configuration files restores this one, byte for byte."""
    assert flagged.flags is not None
    copies = LastGoodFiles(tmp_path / "state", SystemClock())
    assert copies.keep(flagged.flags)
    flagged.flags.write_text("overlays:\n  nothing_of_that_name: true\n")
    assert copies.keep(flagged.flags)  # another check looked before the one that would have said no
    context = act(flagged, last_good=copies)
    assert (await RESTORE.preview(context)).blocked is None
    await RESTORE.apply(context)
    assert flagged.flags.read_text() == GOOD
    assert [each.status for each in await look(CHECKS["guards.flags"], flagged)] == [Status.OK]


QUEUE = (
    "def deliver(order): raise ConnectionError('nobody there')\n"
    "q = FailedTaskQueue('calls.sqlite', handlers={'deliver': deliver}, max_retries=2, backoff_s=0.01)\n"
    "q.add('deliver', 7, task_id='order-7')"
)


async def test_kept_calls_that_wait_are_well(program: Program, finds) -> None:
    """A call that waits for its next try is what the queue is for."""
    program.do(QUEUE)
    await program.until(lambda: (program.shows("tasks") or {}).get("waiting") == 1, "the call to be shown")
    found = await finds("guards.tasks", Status.OK)
    assert "1 wait" in found.observed


async def test_calls_that_were_given_up_are_found_in_a_running_program(program: Program, finds) -> None:
    """A call that failed in every retry is named with what it takes to go on."""
    program.do(QUEUE + "; q.start()")
    found = await finds("guards.tasks", "tasks.exhausted")
    assert found.status is Status.CRITICAL
    assert "nobody there" in found.because
    assert "order-7" in found.hint


async def test_calls_that_were_given_up_are_found_in_a_file_that_nobody_uses(tmp_path: Path, look) -> None:
    """The file alone is enough, and a look leaves it and its folder as they are."""

    def deliver(order: int) -> None:
        raise ConnectionError(f"nobody takes {order}")

    path = tmp_path / "calls.sqlite"
    queue = FailedTaskQueue(path, handlers={"deliver": deliver}, max_retries=1, backoff_s=0)
    queue.add("deliver", 7)
    queue.run_due()
    queue.close()
    before = {each.name: each.read_bytes() for each in tmp_path.glob("calls*")}
    at = Guards(folder=tmp_path / "guards", queue=path)
    (found,) = await look(CHECKS["guards.tasks"], at)
    assert found.code == "tasks.exhausted"
    assert {each.name: each.read_bytes() for each in tmp_path.glob("calls*")} == before
    path.write_bytes(b"no database at all, however long it is " * 200)
    assert [each.status for each in await look(CHECKS["guards.tasks"], at)] == [Status.UNKNOWN]


async def test_a_label_with_thousands_of_values_is_found_and_capped(
    program: Program, target: Guards, bench, finds
) -> None:
    """A label that takes a value for every customer is capped in the running program; undo lifts the cap again."""
    program.do("c = LabelCap(100_000, name='shop')\nfor n in range(500): c.fold('customer', str(n))")
    await finds("guards.labels", Status.OK)
    program.do("for n in range(3000): c.fold('customer', str(n))")
    found = await finds("guards.labels", "metrics.cardinality")
    assert found.measures["values"] == 3000
    context = bench.act(target, params={"limit": 50})
    assert "`customer`" in (await CAP.preview(context)).summary
    outcome = await CAP.apply(context)
    program.do("for n in range(3000): c.fold('customer', str(n))\nassert c.report()['values']['customer'] == 50")
    await program.until(lambda: (program.shows("metrics") or {}).get("folded"), "the fold to show")
    assert "folded into `other`" in (await finds("guards.labels", Status.OK)).observed
    assert await CAP.reconcile(context) is DidIt.YES
    await CAP.undo(context, outcome.output)
    program.do("for n in range(60): c.fold('customer', f'again {n}')\nassert c.report()['values']['customer'] > 50")
