"""What guards did is told for the story of an incident, and what people did to them as changes."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from guarded_program import Program
from paramedic.model.change import ChangeKind
from paramedic.packs.guards import pack
from paramedic.packs.guards.target import Guards

(KIND,) = pack.kinds
MAKE = "b = CircuitBreaker(name='model', failure_threshold=2); b.call(max, 1, 2); f = FeatureFlags({'wordy': True}); f.active()"
FAIL = "def bad(): raise OSError('away')\nfor _ in range(2):\n  try: b.call(bad)\n  except OSError: pass"


async def test_breakers_tell_that_they_opened_and_closed(program: Program, target: Guards, bench) -> None:
    """In order, with why and whom it concerns, and nothing that is older than asked for."""
    program.do(MAKE)
    program.do(FAIL)
    program.do("b.reset()")
    await program.until(lambda: (program.shows("breaker") or {}).get("because") == "reset", "the breaker to show")
    context = bench.act(target)
    found = await KIND.tells(context, datetime.now(UTC) - timedelta(minutes=5))
    where = f"`model` of pid {program.pid}"
    assert [each.text for each in found] == [f"{where} opened: 2 failures running", f"{where} closed: reset"]
    assert [(each.what, each.about) for each in found] == [("breaker", ("model",))] * 2
    assert await KIND.tells(context, datetime.now(UTC) + timedelta(minutes=5)) == ()


async def test_what_people_switched_is_a_change(program: Program, target: Guards, tmp_path: Path) -> None:
    """A flag that was switched and a breaker that an operator opened; what guards do by themselves is none."""
    program.do(MAKE)
    program.do(FAIL)
    program.do("f.override('wordy', False); b.force_open('an operator opened it: ada, maintenance')")
    await program.until(lambda: (program.shows("breaker") or {}).get("forced"), "the breaker to show")
    found = KIND.changed(target, datetime.now(UTC) - timedelta(minutes=5), tmp_path)
    assert [each.kind for each in found] == [ChangeKind.FLAG] * 2
    assert "wordy" in found[0].what
    assert "opened: an operator opened it: ada" in found[1].what
    assert KIND.changed(target, datetime.now(UTC) + timedelta(minutes=5), tmp_path) == ()


async def test_nobody_is_blamed_for_what_another_service_switched(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the folder that all of a user share, what works elsewhere does not count; nor what may be of another part."""
    program.do("f = FeatureFlags({'wordy': True}); f.active(); f.override('wordy', False)")
    await program.until(lambda: (program.shows("flags") or {}).get("overrides"), "the flag to show")
    monkeypatch.setenv("PARAMEDIC_GUARD_DIR", str(program.guards))
    (tmp_path / "elsewhere").mkdir()
    since = datetime.now(UTC) - timedelta(minutes=5)
    assert len(KIND.changed(Guards(), since, tmp_path)) == 1
    assert KIND.changed(Guards(), since, tmp_path / "elsewhere") == ()
    part = Guards(folder=program.guards, of=("web",))
    assert KIND.changed(part, since, tmp_path) == ()
    assert "inside the processes of `web`, because the files do not tell" in KIND.untold(part), "and it says why"
    assert KIND.untold(Guards()) == ""
