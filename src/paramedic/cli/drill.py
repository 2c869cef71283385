"""``paramedic drill``: break a patient for real and see what comes of it."""

import asyncio
import json
import signal
import sys
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from paramedic import __version__
from paramedic.cli.listing import format_option, show_json, show_rows
from paramedic.cli.output import write_private
from paramedic.model.errors import UsageError
from paramedic.model.status import Severity
from paramedic.service.quantity import measure

if TYPE_CHECKING:
    from paramedic.drills.board import Board
    from paramedic.drills.catalogue import Drill
    from paramedic.drills.outcome import Outcome
    from paramedic.drills.run import Done
    from paramedic.drills.targets import Objective

Result = TypeVar("Result")
_HEADS = ("", "drill", "ending", "found", "detect", "diagnose", "recover", "why")


@click.group()
def drill() -> None:
    """Break a small patient for real, and judge what Paramedic does about it.

    Every drill lays out a patient in a folder of its own, watches it as a user would, breaks it, and follows the
    records to the end. Nothing outside that folder is touched.
    """


@drill.command("list")
@format_option
def list_drills(style: str) -> None:
    """Show every drill with what must be named and how it must end."""
    drills = list(_known().values())
    if style == "json":
        show_json(drills)
        return
    rows = [(each.id, each.ends, each.code, each.component) for each in drills]
    show_rows(("drill", "ends", "code", "component"), rows, empty="there are no drills")


@drill.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@format_option
@click.option("--jobs", type=click.IntRange(1), default=2, show_default=True, help="How many drills at a time.")
@click.option(
    "--rto",
    "objectives",
    multiple=True,
    callback=lambda _context, _parameter, given: tuple(map(_objective, given)),
    metavar="[NAME=]TIME",
    help="Fail where recovery took longer: `30s` for all, `P0=10s` for a severity, `api=1m` for a component.",
)
@click.pass_context
def run(
    context: click.Context, ids: tuple[str, ...], style: str, jobs: int, objectives: "tuple[Objective, ...]"
) -> None:
    """Carry out the drills named. Exit 0 only when all passed, and within their recovery-time objectives."""
    known = _known()
    for each in ids:
        if each not in known:
            raise UsageError(f"there is no drill `{each}`", hint="`paramedic drill list` shows them")
    names = {*Severity, *(known[each].component for each in ids)}
    for objective in objectives:
        if objective.of and objective.of not in names:
            raise UsageError(
                f"`--rto {objective.of}=…` fits none of these drills",
                hint=f"give a severity or a component of theirs: {', '.join(sorted(names))}",
            )
    context.exit(_carry_out([known[each] for each in ids], objectives, as_json=style == "json", jobs=jobs))


@drill.command("all")
@click.option("--times", type=click.IntRange(1), default=1, show_default=True, help="How often each; the worst counts.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder of the board and its runs; goes on there.",
)
@click.option("--again", is_flag=True, help="Forget what the folder holds.")
@click.option("--target", type=click.FloatRange(0, 100), default=95.0, show_default=True, help="Percent to be reached.")
@click.option("--group", "groups", multiple=True, metavar="NAME", help="Only drills of this group.")
@click.option("--only", multiple=True, metavar="ID", help="Only these drills, or those that fit: `sqlite-*`.")
@click.option("--scenarios", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A list to be covered.")
@format_option
@click.option("--jobs", type=click.IntRange(1), default=2, show_default=True, help="How many drills at a time.")
@click.pass_context
def run_all(  # noqa: PLR0917  # click passes them by name
    context: click.Context,
    times: int,
    out: Path | None,
    again: bool,
    target: float,
    groups: tuple[str, ...],
    only: tuple[str, ...],
    scenarios: Path | None,
    style: str,
    jobs: int,
) -> None:
    """Carry out every drill and write the board: JSON, Markdown and a page. Exit 0 only when its targets are reached.

    Promises and times are held against targets; every miss has its reason; what has no drill is named. With `--out`
    each run is written down as it ends, and the same command goes on where it was interrupted; without it the board
    is in the folder `board`. As JSON it prints of each drill the worst run.
    """
    chosen = [each for each in _known().values() if _is_chosen(each, groups, only)]
    if not chosen:
        raise UsageError("no drill fits", hint="`paramedic drill list` shows them")
    as_json = style == "json"
    context.exit(
        _board(chosen, out, times=times, target=target, again=again, scenarios=scenarios, as_json=as_json, jobs=jobs)
    )


def _objective(text: str) -> "Objective":
    from paramedic.drills.targets import Objective

    name, given, time = text.rpartition("=")
    limit_s = measure(time, "_s")
    if limit_s is None or limit_s <= 0 or (given and not name):
        raise click.BadParameter(f"`{text}` is no objective; write `30s`, `P0=10s` or `api=1m`")
    return Objective(limit_s=limit_s, of=name)


def _is_chosen(drill: "Drill", groups: tuple[str, ...], only: tuple[str, ...]) -> bool:
    return (not groups or drill.group in groups) and (not only or any(fnmatch(drill.id, each) for each in only))


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


def _carry_out(drills: "list[Drill]", objectives: "tuple[Objective, ...]", *, as_json: bool, jobs: int) -> int:
    from paramedic.demo.patient import lay_out
    from paramedic.drills.run import run_all

    def done(result: "Done") -> None:
        _tell(_judged(result, objectives))

    results = until_interrupted(run_all(drills, lay_out, jobs=jobs, done=done))
    results = tuple(_judged(each, objectives) for each in results)
    outcomes = [each.outcome for each in results]
    if as_json:
        show_json(outcomes)
    else:
        show_rows(_HEADS, [_row(each.outcome) for each in results], empty="no drill was carried out")
        passed, skipped = (sum(each.passed is wanted for each in outcomes) for wanted in (True, None))
        left_out = f", {skipped} not possible here" if skipped else ""
        click.echo(f"\n{passed} of {len(outcomes) - skipped} passed{left_out}")
    return 0 if all(each.passed is not False for each in outcomes) and any(each.passed for each in outcomes) else 1


def _judged(done: "Done", objectives: "tuple[Objective, ...]") -> "Done":
    """As it went, unless recovery took longer than somebody wants."""
    from paramedic.drills.targets import beyond

    why = beyond(done.outcome, done.severity, objectives) if done.outcome.passed else ""
    return replace(done, outcome=replace(done.outcome, passed=False, why=why)) if why else done


def _board(
    drills: "list[Drill]",
    out: Path | None,
    *,
    times: int,
    target: float,
    again: bool,
    scenarios: Path | None,
    as_json: bool,
    jobs: int,
) -> int:
    from paramedic.demo.patient import lay_out
    from paramedic.drills.board import Run, board
    from paramedic.drills.ledger import Ledger
    from paramedic.drills.run import run_all
    from paramedic.drills.targets import shipped_targets

    uncovered = _uncovered(scenarios)
    ledger = Ledger(out / "runs.jsonl", __version__) if out else None
    runs = list(ledger.begin(again=again)) if ledger else []
    wanted = {each.id for each in drills}
    missing = {
        number: [each for each in drills if (number, each.id) not in {(run.number, run.outcome.id) for run in runs}]
        for number in range(1, times + 1)
    }
    total, begun = times * len(drills), sum(run.outcome.id in wanted and run.number <= times for run in runs)
    if begun:
        click.echo(f"{begun} of {total} runs are there already", err=True)

    def done(number: int, result: "Done") -> None:
        runs.append(Run(number=number, outcome=result.outcome, severity=result.severity))
        if ledger:
            ledger.add(runs[-1])
        count = sum(run.outcome.id in wanted and run.number <= times for run in runs)
        _tell(result, f"[{count}/{total}] ")

    async def everything() -> None:
        for number, left in missing.items():
            await run_all(left, lay_out, jobs=jobs, done=partial(done, number))

    until_interrupted(everything())
    mine = [run for run in runs if run.number <= times]
    found = board(
        drills,
        mine,
        shipped_targets(),
        times=times,
        target_percent=target,
        not_covered=uncovered,
        version=__version__,
    )
    _write(found, out or Path("board"))
    if as_json:
        show_json([each.worst for each in found.entries if each.worst])
    else:
        _show(found)
    return 0 if found.is_reached else 1


def _uncovered(scenarios: Path | None) -> tuple[str, ...]:
    """What no drill is about: codes, and scenarios of a list with `id`s."""
    from paramedic.drills.board import not_covered
    from paramedic.sdk.pack import load_packs

    known = _known()
    codes = not_covered(load_packs().codes, known.values())
    if scenarios is None:
        return codes
    from ruamel.yaml import YAML

    document = YAML(typ="safe", pure=True).load(scenarios.read_text(encoding="utf-8"))
    listed = document.get("scenarios") if isinstance(document, dict) else None
    if not isinstance(listed, list) or not all(isinstance(each, dict) and "id" in each for each in listed):
        raise UsageError(f"`{scenarios}` is no list of scenarios", hint="it holds `scenarios:`, each with an `id`")
    return (*(str(each["id"]) for each in listed if each["id"] not in known), *codes)


def _write(found: "Board", out: Path) -> None:
    from paramedic.drills.board_page import data, document
    from paramedic.report import render_document

    page = document(found)
    out.mkdir(parents=True, exist_ok=True)
    write_private(out / "board.json", json.dumps(data(found), indent=2) + "\n")
    write_private(out / "board.md", render_document(page, "markdown"))
    write_private(out / "board.html", render_document(page, "html"))
    click.echo(f"the board is in {out}", err=True)


def _show(found: "Board") -> None:
    shown = [each.worst for each in found.entries if each.worst and each.state != "passed"]
    if shown:
        show_rows(_HEADS, [_row(each) for each in shown], empty="")
        click.echo("")
    for score in found.scores:
        if score.of:
            word, kept = "ok" if score.is_reached else "MISSED", f"{score.kept} of {score.of}"
            share = f"{score.percent:5.1f} %, target {score.target_percent:g} %"
            click.echo(f"{word:<7}{score.promise:<36} {kept:>10}  {share}")
    for each in found.entries:
        for why in each.late:
            click.echo(f"late   {each.drill.id}: {why}")
    click.echo("the targets are reached" if found.is_reached else "below target")


def _row(outcome: "Outcome") -> tuple[object, ...]:
    mark = {True: "ok", False: "FAILED", None: "-"}[outcome.passed]
    found = f"{outcome.code} on {outcome.component}" if outcome.code else None
    times = (outcome.detect_s, outcome.diagnose_s, outcome.recover_s)
    return (mark, outcome.id, outcome.ending, found, *(None if s is None else f"{s:.2f} s" for s in times), outcome.why)


def _tell(done: "Done", prefix: str = "") -> None:
    """One line a drill while they run; everything that helps where one did not pass."""
    outcome = done.outcome
    word = {True: "passed", False: "FAILED", None: "not possible here"}[outcome.passed]
    click.echo(f"{prefix}{outcome.id}: {word}{f': {outcome.why}' if outcome.why else ''}", err=True)
    if done.remains:
        click.echo(f"  kept in {done.remains.folder}; the end of its watch.log:", err=True)
        for line in done.remains.log_tail.splitlines()[-15:]:
            click.echo(f"  | {line}", err=True)
    sys.stderr.flush()
