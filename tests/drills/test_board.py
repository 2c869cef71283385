"""The board: the worst of several runs counts, every miss has its reason, what was not carried out counts for nothing."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from paramedic.drills.board import Run, board, not_covered, paces, worst_of
from paramedic.drills.board_page import data, document
from paramedic.drills.catalogue import Drill, Ends
from paramedic.drills.ledger import Ledger
from paramedic.drills.outcome import Outcome
from paramedic.drills.targets import Objective, Targets, beyond, shipped_targets
from paramedic.model.errors import UsageError
from paramedic.model.status import Severity
from paramedic.report import render_document

TARGETS = {Severity.P1: Targets(detect_s=2, diagnose_s=5, resolve_s=10)}
HEAL = Drill(id="down", ends=Ends.HEAL, group="memory", code="it.down", component="db", playbook="restart")
CALL = Drill(id="lost", ends=Ends.ESCALATE, group="bot", code="it.lost", component="db")
IDLE = Drill(id="idle", ends=Ends.CONTROL, group="memory")
GONE = Drill(id="gone", ends=Ends.ADVISE, group="fusion", code="it.gone", component="db")


def went(drill: Drill, number: int = 1, recover_s: float | None = 3.0, **fields: Any) -> Run:
    outcome = Outcome(
        id=drill.id, passed=True, code=drill.code, component=drill.component, ending=drill.ends,
        detect_s=0.5, diagnose_s=1.0, recover_s=recover_s,
    )  # fmt: skip
    return Run(number=number, outcome=replace(outcome, **fields), severity=Severity.P1 if drill.code else None)


def the_board(*runs: Run, times: int = 1, target: float = 95.0, **fields: Any):
    return board((HEAL, CALL, IDLE, GONE), runs, TARGETS, times=times, target_percent=target, **fields)


ABSENT = Run(number=1, outcome=Outcome(id="gone", passed=None, why="there is no MariaDB here"))
ALL = (went(HEAL), went(CALL, recover_s=None), went(IDLE, recover_s=None), ABSENT)


def test_all_is_reached_by_what_was_carried_out() -> None:
    """What is absent on this machine is named, and counts neither for nor against."""
    found = the_board(*ALL)
    assert found.is_reached
    assert [each.state for each in found.entries] == ["passed", "passed", "passed", "absent on this machine"]
    assert "there is no MariaDB here" in render_document(document(found), "markdown")


def test_where_nothing_was_carried_out_nothing_is_reached() -> None:
    """Nor where a run is missing."""
    assert not the_board().is_reached
    assert not the_board(ABSENT).is_reached
    assert not the_board(*ALL, times=2).is_reached


def test_the_worst_run_counts() -> None:
    """One failure of three is a failure, with how often and why; of those that pass the slowest time of each kind."""
    fast, slow = went(HEAL, detect_s=0.1, recover_s=4).outcome, went(HEAL, detect_s=0.4, recover_s=3).outcome
    assert worst_of([fast, slow]) == replace(fast, detect_s=0.4, recover_s=4)
    failed = replace(slow, passed=False, why="the incident is open")
    worst = worst_of([fast, failed, slow])
    assert worst is not None
    assert (worst.passed, worst.why) == (False, "in 1 of 3 runs: the incident is open")
    assert worst_of([]) is None


@pytest.mark.parametrize(
    ("runs", "missed"),
    [
        ((went(HEAL, code="it.else"),), "code and component ranked first"),
        ((went(HEAL, passed=False, why="x"),), "healed and verified"),
        ((went(CALL, passed=False, why="x"),), "untouched and people called"),
        ((went(IDLE, passed=False, why="x"),), "controls silent"),
        ((went(HEAL, recover_s=11),), "within the times of their severity"),
    ],
)
def test_each_promise_is_held_against_its_target(runs: tuple[Run, ...], missed: str) -> None:
    """And what is missed stands among the misses with its reason."""
    found = the_board(*runs)
    assert missed in [each.promise for each in found.scores if not each.is_reached]
    assert not found.is_reached


def test_what_must_never_be_touched_has_no_share() -> None:
    """A lower target is for what is healed; people are called always."""
    assert the_board(*ALL, went(HEAL, 2, passed=False, why="x"), target=0).is_reached
    assert not the_board(*ALL, went(CALL, 2, passed=False, why="x"), target=0).is_reached


def test_times_by_severity() -> None:
    """Median and slowest beside the target, and which drill was slowest."""
    (detect, _, resolve) = paces(the_board(went(HEAL), went(CALL, detect_s=3, recover_s=None)))
    assert (detect.slowest, detect.slowest_s, detect.within, detect.of) == ("lost", 3, 1, 2)
    assert (resolve.median_s, resolve.target_s) == (3, 10)


def test_the_shipped_targets() -> None:
    """A system outage is over within ten minutes, what is minor within two hours."""
    assert shipped_targets()[Severity.P0] == Targets(detect_s=60, diagnose_s=60, resolve_s=600)
    assert list(shipped_targets()) == list(Severity)


def test_what_has_no_drill() -> None:
    """Codes that no drill causes, neither as its fault nor as its noise."""
    assert not_covered(("it.down", "it.lost", "it.odd"), (HEAL, replace(IDLE, herrings=("it.odd",)))) == ("it.lost",)


def test_the_page_and_the_data_tell_the_same() -> None:
    """Every miss with its reason, grouped by the system it comes from, and what is not covered."""
    found = the_board(*ALL, went(HEAL, 2, passed=False, why="the incident is open"), not_covered=("it.odd",))
    for style in ("markdown", "html", "text"):
        text = " ".join(render_document(document(found), style).split())
        for each in ("in 1 of 2 runs: the incident is open", "below target", "An agent with vector memory", "it.odd"):
            assert each in text, (style, each)
    told = data(found)
    assert told["reached"] is False
    assert json.dumps(told)


def test_a_ledger_goes_on_after_a_crash(tmp_path: Path) -> None:
    """What ended is kept, a line that was cut off is not; another version begins anew, and only when told."""
    ledger = Ledger(tmp_path / "board" / "runs.jsonl", "1")
    assert ledger.begin(again=False) == ()
    for each in ALL[:2]:
        ledger.add(each)
    place = tmp_path / "board" / "runs.jsonl"
    place.write_text(place.read_text() + '{"number": 1, "out')
    after = Ledger(place, "1")
    assert after.begin(again=False) == ALL[:2]
    after.add(ALL[2])
    assert Ledger(place, "1").begin(again=False) == ALL[:3], "what is added later is not written onto the cut line"
    with pytest.raises(UsageError, match="another version"):
        Ledger(place, "2").begin(again=False)
    assert Ledger(place, "2").begin(again=True) == ()


@pytest.mark.parametrize(
    ("objectives", "is_missed"),
    [((("", 5),), False), ((("", 2),), True), ((("P1", 2),), True), ((("db", 2),), True), ((("P0", 2),), False),
     ((("", 2), ("db", 9)), False)],
)  # fmt: skip
def test_objectives_of_somebodys_own(objectives: tuple[tuple[str, float], ...], is_missed: bool) -> None:
    """Of all, of a severity, of a component; a particular one counts before the general one."""
    made = [Objective(of=of, limit_s=limit_s) for of, limit_s in objectives]
    run = went(HEAL)
    assert bool(beyond(run.outcome, run.severity, made)) is is_missed
