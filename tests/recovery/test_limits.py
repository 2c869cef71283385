"""How much at once, in which order, and when everything stops."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from paramedic.model.ids import IncidentId, PlanId
from paramedic.model.playbook import Plan, PlanState
from paramedic.recovery.guides import STEP
from paramedic.recovery.limits import instances_at_once, is_failure, why_halt, why_later
from plans import make_plan
from scenery import make_service, make_settings, part

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def plan_of(name: str, **fields: Any) -> Plan:
    return replace(make_plan(suspect=name), id=PlanId(f"plan-{name}"), **fields)


def failed(minutes_ago: float, state: PlanState = PlanState.ROLLED_BACK) -> Plan:
    ended = NOW - timedelta(minutes=minutes_ago)
    return plan_of("api", incident=IncidentId("inc-1"), state=state, ended_at=ended)


def test_what_others_need_is_seen_to_first(tmp_path: Path) -> None:
    """A plan waits for one that works on something it needs, however far away; never the other way round."""
    service = make_service(tmp_path, part("api", "memory"), part("memory", "db"), part("db"))
    assert why_later(plan_of("api"), service, [plan_of("db")]) == "`db`, which it needs, is seen to first"
    assert why_later(plan_of("db"), service, [plan_of("api")]) is None


@pytest.mark.parametrize(("share", "size", "most"), [(0.34, 3, 1), (0.34, 6, 2), (0.5, 4, 2), (0.01, 5, 1), (1, 3, 3)])
def test_a_share_of_the_instances_and_always_one(tmp_path: Path, share: float, size: int, most: int) -> None:
    """However small the share: one instance may be worked on, and never more than the share."""
    names = [f"worker{index}" for index in range(size)]
    settings = make_settings(tmp_path, instance_share=share, recoveries_at_once=10)
    service = make_service(tmp_path, *(part(name, group="worker") for name in names), settings=settings)
    assert instances_at_once(service, "worker") == most
    running = [plan_of(name) for name in names[: most - 1]]
    assert why_later(plan_of(names[most - 1]), service, running) is None
    if most < size:
        running.append(plan_of(names[most - 1]))
        why = f"{most} of the {size} instances of `worker` are worked on"
        assert why_later(plan_of(names[most]), service, running) == why


def test_other_components_do_not_count_as_instances(tmp_path: Path) -> None:
    """Who is in no group waits for none."""
    service = make_service(tmp_path, part("a", group="g"), part("b", group="g"), part("c"))
    assert why_later(plan_of("c"), service, [plan_of("a")]) is None


@pytest.mark.parametrize(
    ("ages", "since", "halts"),
    [
        ([1, 2, 3], None, True),
        ([1, 2], None, False),
        ([1, 2, 61], None, False),
        ([1, 2, 3], NOW - timedelta(minutes=2, seconds=30), False),
        ([1, 2, 3], NOW - timedelta(hours=9), True),
        ([1, 2, 3], NOW + timedelta(minutes=59), True),  # the clock was set back since
    ],
)
def test_too_many_failures_within_the_window_stop_everything(
    tmp_path: Path, ages: list[float], since: datetime | None, halts: bool
) -> None:
    """Old ones do not count, nor those from before a person said that it may go on."""
    settings = make_settings(tmp_path, recovery_breaker_failures=3, recovery_breaker_window_s=3600.0)
    why = why_halt(settings, [failed(age) for age in ages], NOW, since)
    assert why == ("3 recoveries did not help within 60 min" if halts else None)


def test_only_recoveries_that_were_run_in_vain_are_failures() -> None:
    """Not what helped, was refused or went stale; not what an operator ordered or people did by a guide."""
    assert all(is_failure(failed(1, state)) for state in (PlanState.ROLLED_BACK, PlanState.FAILED))
    others = set(PlanState) - {PlanState.ROLLED_BACK, PlanState.FAILED}
    assert not any(is_failure(failed(1, state)) for state in others)
    assert not is_failure(replace(failed(1), incident=None))
    (step,) = failed(1).steps
    assert not is_failure(replace(failed(1), steps=(replace(step, action=STEP),)))
