"""Nothing disruptive begins by itself while somebody works on a component."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from incident_told import AT, plan, service
from paramedic.model.component import ProcessSpec, Risk
from paramedic.model.maintenance import Maintenance, Window
from paramedic.model.playbook import PlanState, Playbook, Verification
from paramedic.recovery.gate import IN_MAINTENANCE, Answer, Traffic, rule

RESTART = Playbook(name="restart-component", title="", heals=(), steps=(), verify=Verification(), is_restart=True)
QUIET = Traffic(is_paused=False, running=())


@pytest.mark.parametrize(
    ("components", "risk", "begins_in_min", "answer"),
    [
        (("model",), Risk.DISRUPTIVE, -5, Answer.APPROVAL),
        ((), Risk.DISRUPTIVE, -5, Answer.APPROVAL),
        (("api",), Risk.DISRUPTIVE, -5, Answer.GO),
        (("model",), Risk.REVERSIBLE, -5, Answer.GO),
        (("model",), Risk.DISRUPTIVE, 5, Answer.GO),
        (("model",), Risk.DISRUPTIVE, -90, Answer.GO),
    ],
)
def test_the_gate_in_a_window(
    tmp_path: Path, components: tuple[str, ...], risk: Risk, begins_in_min: int, answer: Answer
) -> None:
    """A restart waits for a person, with the window as its reason; what disturbs nobody goes on."""
    begins = AT + timedelta(minutes=begins_in_min)
    window = Window(id="w", begins=begins, ends=begins + timedelta(hours=1), components=components, reason="new disks")
    scene = service(tmp_path)
    ours = replace(scene.components["model"], process=ProcessSpec(command=("model",)))
    scene = replace(scene, components={**scene.components, "model": ours}, maintenance=Maintenance(windows=(window,)))
    ruling = rule(replace(plan(1, PlanState.PROPOSED, 0, 0, ""), risk=risk), RESTART, scene, QUIET)
    assert ruling.answer is answer
    if answer is Answer.APPROVAL:
        assert ruling.reason.startswith(IN_MAINTENANCE)
        assert "new disks" in ruling.reason
