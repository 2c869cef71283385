"""What runs from a release depends on it, and is what an emergency rollback restarts."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from paramedic.model.clock import SystemClock
from paramedic.model.code import Code, IssueType
from paramedic.model.errors import ConfigurationError
from paramedic.model.finding import Finding
from paramedic.recovery.gate import Answer, Traffic, rule
from paramedic.recovery.planning import Bench, draw_up, may_come_from_elsewhere
from paramedic.recovery.playbooks import load_playbooks
from paramedic.sdk import load_packs
from paramedic.service import load
from things import Facts

SERVICE = """
service: shop
components:
  web: {kind: http, url: 'http://127.0.0.1:1/', depends_on: [api]}
  api: {kind: tcp, host: 127.0.0.1, port: 1PROCESS}
  app: {kind: release, path: releases, current: current, component: COMPONENT}
"""


def service(folder: Path, *, component: str = "api", process: str = ", process: {command: [sleep, '9']}") -> Any:
    """A service with a release."""
    path = folder / "paramedic.yaml"
    path.write_text(SERVICE.replace("COMPONENT", component).replace("PROCESS", process))
    return load(path, load_packs(), {})


def bench(found: Any) -> Bench:
    """Enough to look ahead."""

    async def nothing(component: str, checks: Any = ()) -> tuple[Finding, ...]:
        del component, checks
        return ()

    return Bench(
        service=found,
        registry=load_packs(),
        clock=SystemClock(),
        processes=Facts(),
        look=nothing,
        last_good=None,  # type: ignore[arg-type]
    )


def test_what_runs_from_it_depends_on_it(tmp_path: Path) -> None:
    """Without a word about it; so does what depends on that."""
    found = service(tmp_path)
    assert found.components["api"].depends_on == ("app",)
    assert found.needs("web") == ("api", "app")


def test_an_unknown_component_is_a_mistake(tmp_path: Path) -> None:
    """With the name that was probably meant."""
    with pytest.raises(ConfigurationError) as raised:
        service(tmp_path, component="apu")
    (problem,) = raised.value.problems
    assert problem.message == "`apu`, which runs from `app`, is no component"
    assert "api" in (problem.hint or "")


def test_a_circle_is_a_mistake(tmp_path: Path) -> None:
    """A release cannot run from itself."""
    with pytest.raises(ConfigurationError, match="in a circle"):
        service(tmp_path, component="app")


def test_a_cause_is_looked_for_where_it_runs_from(tmp_path: Path) -> None:
    """Before anything is restarted for a process that has ended; not for what runs from nothing."""
    exited = Code(id="process.exited", type=IssueType.OUTAGE, summary="", depth=1)
    found = bench(service(tmp_path))
    assert may_come_from_elsewhere(found, "api", exited)
    assert not may_come_from_elsewhere(found, "web", exited)


@pytest.mark.parametrize(
    ("process", "wanted"), [(", process: {command: [sleep, '9']}", Answer.GO), (", owner: {systemd: api}", Answer.GO)]
)
def test_it_runs_by_itself_where_somebody_starts_the_component(tmp_path: Path, process: str, wanted: Answer) -> None:
    """Paramedic, or an owner that is declared."""
    found = service(tmp_path, process=process)
    book = load_playbooks(load_packs())["emergency-rollback"]
    args = {"incident": None, "attempt": 1, "baseline": {}}
    plan = asyncio.run(draw_up(bench(found), book, "app", "release.bad", (), **args))  # type: ignore[arg-type]
    assert [(each.action, each.component) for each in plan.steps] == [
        ("release.switch", "app"),
        ("process.restart", "api"),
    ]
    assert rule(plan, book, found, Traffic(is_paused=False, running=())).answer is wanted


def test_it_waits_where_nobody_is_known_to_start_the_component(tmp_path: Path) -> None:
    """And where a code says that the component may still run well."""
    book = load_playbooks(load_packs())["emergency-rollback"]
    args = {"incident": None, "attempt": 1, "baseline": {}}
    for process, code in (("", "release.bad"), (", process: {command: [sleep, '9']}", "release.unfinished")):
        found = service(tmp_path, process=process)
        plan = asyncio.run(draw_up(bench(found), book, "app", code, (), **args))  # type: ignore[arg-type]
        assert rule(plan, book, found, Traffic(is_paused=False, running=())).answer is Answer.APPROVAL
