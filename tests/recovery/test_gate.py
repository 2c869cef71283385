"""May it run? Every rule of the gate, and that each answer has its reason."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from paramedic.model.component import Autonomy, Owner, ProcessSpec, Risk
from paramedic.model.ids import PlanId
from paramedic.model.playbook import Playbook, Verification
from paramedic.recovery.gate import Answer, Traffic, rule
from plans import make_plan
from scenery import make_service, make_settings, part

QUIET = Traffic(is_paused=False, running=())


def make_playbook(**fields: Any) -> Playbook:
    return Playbook(name="mend", title="", heals=("x",), steps=(), verify=Verification(), **fields)


MANAGED = ProcessSpec(command=("sleep", "1"))


@pytest.mark.parametrize(
    ("risk", "restart", "fields", "wanted"),
    [
        (Risk.SAFE, False, {}, Answer.GO),
        (Risk.REVERSIBLE, False, {}, Answer.GO),
        (Risk.DISRUPTIVE, False, {}, Answer.APPROVAL),
        (Risk.DISRUPTIVE, True, {}, Answer.APPROVAL),
        (Risk.DISRUPTIVE, True, {"process": MANAGED}, Answer.GO),
        (Risk.DISRUPTIVE, False, {"process": MANAGED}, Answer.APPROVAL),
        (Risk.DISRUPTIVE, True, {"owner": Owner(manager="systemd", unit="x")}, Answer.GO),
        (Risk.DISRUPTIVE, True, {"process": ProcessSpec(match="x")}, Answer.APPROVAL),
        (Risk.MANUAL, True, {"process": MANAGED}, Answer.APPROVAL),
        (Risk.SAFE, False, {"autonomy": Autonomy.APPROVE}, Answer.APPROVAL),
        (Risk.SAFE, False, {"autonomy": Autonomy.SUGGEST}, Answer.APPROVAL),
        (Risk.SAFE, False, {"autonomy": Autonomy.OBSERVE}, Answer.NEVER),
    ],
)
def test_risk_and_autonomy(tmp_path: Path, risk: Risk, restart: bool, fields: dict[str, Any], wanted: Answer) -> None:
    """Safe and reversible acts run alone; disruptive ones only as restarts of what we or its owner start."""
    service = make_service(tmp_path, part("api", **fields))
    ruling = rule(make_plan(risk), make_playbook(is_restart=restart), service, QUIET)
    assert (ruling.answer, bool(ruling.reason)) == (wanted, True)


def test_anything_lost_for_good_needs_a_person(tmp_path: Path) -> None:
    """The reason lists what would be lost."""
    ruling = rule(make_plan(loss=("table a: rowids 1-3",)), make_playbook(), make_service(tmp_path, part("api")), QUIET)
    assert ruling.answer is Answer.APPROVAL
    assert "rowids 1-3" in ruling.reason


def test_an_attended_playbook_waits_for_a_person(tmp_path: Path) -> None:
    """Whatever its risk."""
    ruling = rule(make_plan(Risk.SAFE), make_playbook(attended=True), make_service(tmp_path, part("api")), QUIET)
    assert ruling.answer is Answer.APPROVAL


@pytest.mark.parametrize(("code", "wanted"), [("x", Answer.APPROVAL), ("y", Answer.GO)])
def test_a_playbook_may_be_attended_for_some_codes_only(tmp_path: Path, code: str, wanted: Answer) -> None:
    """A restart heals what is down by itself, and what is slow once a person agrees."""
    plan = replace(make_plan(Risk.SAFE), fingerprint=f"api:{code}")
    assert rule(plan, make_playbook(attended_for=("x",)), make_service(tmp_path, part("api")), QUIET).answer is wanted


def test_a_pause_makes_every_plan_wait(tmp_path: Path) -> None:
    """`paramedic pause` stops automation."""
    service = make_service(tmp_path, part("api"))
    assert rule(make_plan(), make_playbook(), service, Traffic(is_paused=True, running=())).answer is Answer.APPROVAL


def test_recovery_switched_off_never_acts(tmp_path: Path) -> None:
    """`AUTO_RECOVERY_ENABLED=false` wins over everything."""
    settings = make_settings(tmp_path, auto_recovery=False)
    service = make_service(tmp_path, part("api"), settings=settings)
    assert rule(make_plan(Risk.SAFE), make_playbook(), service, QUIET).answer is Answer.NEVER


def test_two_plans_never_work_on_one_component(tmp_path: Path) -> None:
    """The second waits its turn."""
    service = make_service(tmp_path, part("api"), part("db"))
    other = replace(make_plan(), id=PlanId("plan-2"))
    assert (
        rule(make_plan(), make_playbook(), service, Traffic(is_paused=False, running=(other,))).answer is Answer.LATER
    )


def test_no_more_recoveries_at_once_than_allowed(tmp_path: Path) -> None:
    """The limit counts over all components."""
    service = make_service(tmp_path, part("api"), part("db"), part("llm"))
    running = tuple(make_plan(suspect=name) for name in ("db", "llm"))
    assert rule(make_plan(), make_playbook(), service, Traffic(is_paused=False, running=running)).answer is Answer.LATER
    assert (
        rule(make_plan(), make_playbook(), service, Traffic(is_paused=False, running=running[:1])).answer is Answer.GO
    )
