"""``paramedic drill``: break a patient for real and see what comes of it."""

import asyncio
import signal
import sys
from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from paramedic.cli.listing import show_json, show_rows
from paramedic.model.errors import UsageError

if TYPE_CHECKING:
    from paramedic.drills.catalogue import Drill
    from paramedic.drills.run import Done

Result = TypeVar("Result")
_HEADS = ("", "drill", "ending", "found", "detect", "diagnose", "recover", "why")


@click.group()
def drill() -> None:
    """Break a small patient for real, and judge what Paramedic does about it.

    Every drill lays out a patient in a folder of its own, watches it as a user would, breaks it, and follows the
    records to the end. Nothing outside that folder is touched.
    """


@drill.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects.")
def list_drills(as_json: bool) -> None:
    """Show every drill with what must be named and how it must end."""
    drills = list(_known().values())
    if as_json:
        show_json(drills)
        return
    rows = [(each.id, each.ends, each.code, each.component) for each in drills]
    show_rows(("drill", "ends", "code", "component"), rows, empty="there are no drills")


@drill.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects.")
@click.option("--jobs", type=click.IntRange(1), default=2, show_default=True, help="How many drills at a time.")
@click.pass_context
def run(context: click.Context, ids: tuple[str, ...], as_json: bool, jobs: int) -> None:
    """Carry out the drills named. Exit 0 only when all passed."""
    known = _known()
    for each in ids:
        if each not in known:
            raise UsageError(f"there is no drill `{each}`", hint="`paramedic drill list` shows them")
    context.exit(_carry_out([known[each] for each in ids], as_json=as_json, jobs=jobs))


@drill.command("all")
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects.")
@click.option("--jobs", type=click.IntRange(1), default=2, show_default=True, help="How many drills at a time.")
@click.pass_context
def run_all(context: click.Context, as_json: bool, jobs: int) -> None:
    """Carry out every drill. Exit 0 only when all passed."""
    context.exit(_carry_out(list(_known().values()), as_json=as_json, jobs=jobs))


def _known() -> "Mapping[str, Drill]":
    """Every drill of every pack; what is left out is told."""
    from paramedic.drills.gathering import all_drills

    everything = all_drills()
    for name, why in everything.broken.items():
        click.echo(f"pack `{name}`: {why}", err=True)
    return everything.drills


def until_interrupted(work: Coroutine[Any, Any, Result]) -> Result:  # Any: as typing has it for coroutines
    """Run to the end. SIGTERM ends it as Ctrl-C does: in order, with nothing left behind."""

    async def guarded() -> Result:
        task = asyncio.current_task()
        assert task is not None, "this is a task"
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await work

    try:
        return asyncio.run(guarded())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def _carry_out(drills: "list[Drill]", *, as_json: bool, jobs: int) -> int:
    from paramedic.demo.patient import lay_out
    from paramedic.drills.run import run_all

    results = until_interrupted(run_all(drills, lay_out, jobs=jobs, done=_tell))
    outcomes = [each.outcome for each in results]
    if as_json:
        show_json(outcomes)
    else:
        show_rows(_HEADS, [_row(each) for each in results], empty="no drill was carried out")
        passed, skipped = (sum(each.passed is wanted for each in outcomes) for wanted in (True, None))
        left_out = f", {skipped} not possible here" if skipped else ""
        click.echo(f"\n{passed} of {len(outcomes) - skipped} passed{left_out}")
    return 0 if all(each.passed is not False for each in outcomes) and any(each.passed for each in outcomes) else 1


def _row(done: "Done") -> tuple[object, ...]:
    outcome = done.outcome
    mark = {True: "ok", False: "FAILED", None: "-"}[outcome.passed]
    found = f"{outcome.code} on {outcome.component}" if outcome.code else None
    times = (outcome.detect_s, outcome.diagnose_s, outcome.recover_s)
    return (mark, outcome.id, outcome.ending, found, *(None if s is None else f"{s:.2f} s" for s in times), outcome.why)


def _tell(done: "Done") -> None:
    """One line a drill while they run; everything that helps where one did not pass."""
    outcome = done.outcome
    word = {True: "passed", False: "FAILED", None: "not possible here"}[outcome.passed]
    click.echo(f"{outcome.id}: {word}{f': {outcome.why}' if outcome.why else ''}", err=True)
    if done.remains:
        click.echo(f"  kept in {done.remains.folder}; the end of its watch.log:", err=True)
        for line in done.remains.log_tail.splitlines()[-15:]:
            click.echo(f"  | {line}", err=True)
    sys.stderr.flush()
