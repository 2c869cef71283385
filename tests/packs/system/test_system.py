"""When too much fails at once, and the steps that bring all of it back."""

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from paramedic.model.component import Component
from paramedic.packs.config.target import Config
from paramedic.packs.guards.target import Guards
from paramedic.packs.system import actions
from paramedic.packs.system.checks import critical
from paramedic.sdk import ActionFailed, Context, DidIt, Finding, IssueType, Preview, Status, load_packs


def found(check: str, status: Status, code: str | None, component: str = "it", **fields: Any) -> Finding:
    """What a check found."""
    return Finding(
        component=component, kind="guards", check=check, status=status, code=code, observed=f"{code} is seen", **fields
    )


TROUBLES = (
    found("guards.breakers", Status.CRITICAL, "breaker.stuck-open"),
    found("guards.budgets", Status.WARNING, "budget.tripwire-stuck"),
    found("guards.states", Status.CRITICAL, "budget.state-corrupt"),
)


async def judge(bench: Any, *findings: Finding, **fields: Any) -> Finding:
    """One look at guards of which the other checks found this."""
    component = Component(name="it", kind="guards", target=Guards(), **fields)
    context = Context(
        service=bench.service(component),
        component=component,
        check=critical.id,
        clock=bench.clock,
        deadline=bench.clock.monotonic() + 5,
        processes=bench.processes,
        found=lambda name: findings if name == "it" else (),
    )
    judged = await critical.run(component.target, context)
    assert isinstance(judged, Finding)
    return judged


async def test_three_troubles_at_once_are_too_many(bench: Any) -> None:
    """They are named, with what each check saw; warnings count, too."""
    seen = await judge(bench, *TROUBLES)
    assert (seen.status, seen.code) == (Status.CRITICAL, "system.critical")
    assert "`breaker.stuck-open`, `budget.state-corrupt`, `budget.tripwire-stuck`" in seen.observed
    assert len(seen.evidence) == 3


async def test_two_are_not(bench: Any) -> None:
    """Neither are three times the same, nor the finding of this check itself."""
    own = found(critical.id, Status.CRITICAL, "system.critical")
    assert (await judge(bench, *TROUBLES[:2], TROUBLES[0], own)).status is Status.OK
    assert (await judge(bench, *TROUBLES[:2], thresholds={"failures": 2})).status is Status.CRITICAL


async def test_what_nobody_could_look_at_is_not_well(bench: Any) -> None:
    """Where too many might be in trouble, or nobody has looked, the answer is that nobody knows."""
    blind = [
        found(name, Status.UNKNOWN, "paramedic.cannot-look") for name in ("guards.flags", "guards.tasks", "guards.loop")
    ]
    assert (await judge(bench)).status is Status.UNKNOWN
    assert (await judge(bench, *blind)).status is Status.UNKNOWN
    seen = await judge(bench, *TROUBLES[:2], blind[0])
    assert (seen.status, seen.code) == (Status.UNKNOWN, "paramedic.cannot-look")
    assert "`guards.flags` could not look" in seen.observed
    assert (await judge(bench, TROUBLES[0], blind[0])).status is Status.OK, "two at the most are in trouble"


ACTIONS = {each.id: each.action for each in load_packs().actions.values() if each.id.startswith("system.")}


def make(bench: Any, folder: Path, **findings: Sequence[Finding]) -> Any:
    """What the actions are given: guards, a configuration, and what every look finds of them."""
    bench.others["settings"] = Component(name="settings", kind="config", target=Config(path=folder / "shop.yaml"))

    async def look(component: str, checks: Sequence[str] = ()) -> tuple[Finding, ...]:
        del checks
        return tuple(findings.get(component, ()))

    return bench.act(Guards(tripwire=folder / "tripwire.json"), look=look, limit_s=0.2)


async def test_state_is_copied(bench: Any, tmp_path: Path) -> None:
    """What is there, and not what is not; of what is very large it is said that it was left out."""
    (tmp_path / "shop.yaml").write_text("name: shop\n")
    (tmp_path / "tripwire.json").write_text("{}")
    context = make(bench, tmp_path)
    assert "copy 2 files" in (await ACTIONS["system.backup-state"].preview(context)).summary
    done = await ACTIONS["system.backup-state"].apply(context)
    assert "copied 2 files" in done.summary
    copies = done.output["copies"]
    assert isinstance(copies, list)
    assert {Path(str(each)).read_text() for each in copies} == {"name: shop\n", "{}"}


async def test_what_is_large_is_left_to_its_backups(bench: Any, tmp_path: Path, monkeypatch: Any) -> None:
    """And named."""
    (tmp_path / "shop.yaml").write_text("name: shop\n")
    monkeypatch.setattr(actions, "_LARGEST_BYTES", 3)
    assert "`shop.yaml`" in (await ACTIONS["system.backup-state"].apply(make(bench, tmp_path))).summary


async def test_configuration_is_validated(bench: Any, tmp_path: Path) -> None:
    """What is invalid is listed; trouble of another kind is no concern of this step."""
    step = ACTIONS["system.validate-configuration"]
    well = make(bench, tmp_path, it=[TROUBLES[0]])
    assert (await step.preview(well)).summary == "validate settings, it"
    assert (await step.apply(well)).summary == "valid: settings, it"
    wrong = found("config.valid", Status.CRITICAL, "config.missing-field", "settings", type=IssueType.CONFIG)
    with pytest.raises(ActionFailed, match=r"`settings`: config\.missing-field"):
        await step.apply(make(bench, tmp_path, settings=[wrong]))


async def test_what_cannot_be_seen_is_neither_valid_nor_well(bench: Any, tmp_path: Path) -> None:
    """Both steps name it."""
    unreadable = found("config.is-valid", Status.UNKNOWN, "paramedic.cannot-look", "settings")
    for name in ("system.validate-configuration", "system.health-check"):
        with pytest.raises(ActionFailed, match=r"`settings`: paramedic\.cannot-look"):
            await ACTIONS[name].apply(make(bench, tmp_path, settings=[unreadable]))


async def test_health_is_checked_until_all_is_well(bench: Any, tmp_path: Path) -> None:
    """What is still broken at the end of its time is listed; the check of the whole itself does not count."""
    step = ACTIONS["system.health-check"]
    own = found("system.critical", Status.CRITICAL, "system.critical")
    assert "all 2 components are well" in (await step.apply(make(bench, tmp_path, it=[own]))).summary
    with pytest.raises(ActionFailed, match=r"`it`: breaker\.stuck-open"):
        await step.apply(make(bench, tmp_path, it=[TROUBLES[0]]))


async def test_the_way_of_a_user_is_gone(bench: Any, tmp_path: Path) -> None:
    """Where one is declared it must come to its end; where none is, that is said."""
    step = ACTIONS["system.verify-operations"]
    assert "no component declares the way of a user" in (await step.apply(make(bench, tmp_path))).summary
    probe = next(each for each in load_packs().checks if each.probes)
    context = make(bench, tmp_path)
    assert (await step.preview(context)).blocked is None
    assert probe.probes


async def test_nothing_is_rebuilt_and_that_is_said(bench: Any, tmp_path: Path) -> None:
    """An honest step that does nothing."""
    step = ACTIONS["system.rebuild-overlays"]
    context = make(bench, tmp_path)
    assert (await step.preview(context)).summary.startswith("nothing:")
    assert (await step.apply(context)).summary.startswith("nothing:")


async def test_a_downgrade_is_lifted_and_put_back(bench: Any, tmp_path: Path) -> None:
    """A damaged state first becomes a whole one; undoing gives a lifted downgrade back."""
    step = ACTIONS["system.clear-tripwire"]
    path = tmp_path / "tripwire.json"
    then = "2020-01-01T00:00:00.000+00:00"
    state = {
        "consecutive_breaches": 3,
        "last_breach_timestamp": then,
        "downgrade_active": True,
        "downgrade_activated_at": then,
        "breach_history": [],
    }
    path.write_text(json.dumps(state))
    context = make(bench, tmp_path)
    assert "`tripwire.json`" in (await step.preview(context)).summary
    assert await step.reconcile(context) is DidIt.NO
    done = await step.apply(context)
    assert json.loads(path.read_text())["downgrade_active"] is False
    assert await step.reconcile(context) is DidIt.YES
    await step.undo(context, done.output)  # type: ignore[attr-defined]
    assert json.loads(path.read_text())["downgrade_active"] is True


async def test_clearing_foresees_what_its_parts_foresee(bench: Any, tmp_path: Path, monkeypatch: Any) -> None:
    """Also what would be lost, and why it cannot be done."""

    class Refused:
        """Loses something, and cannot be done."""

        async def preview(self, context: Any) -> Preview:
            del context
            return Preview(summary="repair", loss=("the history",), blocked="nothing to repair from")

    parts = {name: SimpleNamespace(action=Refused()) for name in actions._CLEARING[:1]}
    known = SimpleNamespace(actions={**load_packs().actions, **parts})
    monkeypatch.setattr(actions, "load_packs", lambda: known)
    preview = await ACTIONS["system.clear-tripwire"].preview(make(bench, tmp_path))
    assert (preview.loss, preview.blocked) == (("the history",), "nothing to repair from")


@pytest.mark.parametrize("name", sorted(set(ACTIONS) - {"system.clear-tripwire"}))
async def test_after_a_crash_it_is_done_again(bench: Any, tmp_path: Path, name: str) -> None:
    """None of them changes what is looked after."""
    context = make(bench, tmp_path)
    assert await ACTIONS[name].reconcile(context) is DidIt.NO
    assert await ACTIONS[name].undo(context, {}) == "nothing to take back"  # type: ignore[attr-defined]
