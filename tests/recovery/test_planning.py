"""What a plan assumes, and what is said when that is no longer so."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from paramedic.model.playbook import Plan
from paramedic.model.status import Severity
from paramedic.recovery.planning import _patience, what_changed
from plans import make_plan
from scenery import make_settings

PLAN = make_plan()
(STEP,) = PLAN.steps


def with_step(**preview: Any) -> Plan:
    return replace(PLAN, steps=(replace(STEP, preview=replace(STEP.preview, **preview)),))


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (replace(PLAN, attempt=2), ""),
        (None, "`mend` is gone or needs what is not installed"),
        (replace(PLAN, fingerprint="db:y"), "it is about `x` on `api`, and the cause is `y` on `db` now"),
        (replace(PLAN, steps=(STEP, STEP)), "`mend` takes 2 steps now, not 1"),
        (with_step(summary="y"), "step 1 is another one now: y, where it was x"),
        (with_step(diff="-a"), "step 1 is another one now: it would change something else"),
        (with_step(downtime_s=9.0), "step 1 is another one now: it would cost something else"),
        (with_step(blocked="no copy is left"), "step 1 is another one now: no copy is left"),
        (
            replace(PLAN, steps=(replace(STEP, action="c.d"),)),
            "step 1 is another one now: `c.d` on `api` as it is defined now",
        ),
    ],
)
def test_a_stale_plan_says_what_has_changed(now: Plan | None, said: str) -> None:
    """In words that need no second look; nothing where nothing has changed."""
    assert what_changed(PLAN, now) == said


@pytest.mark.parametrize(
    ("severity", "wanted"),
    [
        (Severity.P0, (30.0, 3)),
        (Severity.P1, (60.0, 5)),
        (Severity.P2, (120.0, 3)),
        (Severity.P3, (120.0, 3)),
    ],
)
def test_the_more_urgent_the_shorter_a_step_may_take(
    tmp_path: Path, severity: Severity, wanted: tuple[float, int]
) -> None:
    """Critical 30 s three times, high 60 s five times, everything else 120 s three times."""
    assert _patience(make_settings(tmp_path), severity) == wanted


def test_the_times_of_steps_are_settings(tmp_path: Path) -> None:
    """Not numbers in the code."""
    settings = make_settings(tmp_path, step_limit_p1_s=7.0, step_tries_p1=9)
    assert _patience(settings, Severity.P1) == (7.0, 9)
