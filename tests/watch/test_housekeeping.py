"""What grows old is let go, and nothing is while the clock cannot be trusted."""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from paramedic.watch.program import _housekeeping
from paramedic.watch.tidying import tidy
from scenery import make_settings


class Calendar:
    """A clock whose every sleep is over at once; a jump is a wall clock that goes on alone."""

    def __init__(self, minutes: int, jump: timedelta) -> None:
        self.minutes, self.jump = minutes, jump
        self.at, self.passed_s = datetime(2026, 1, 1, tzinfo=UTC), 0.0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.passed_s

    async def sleep(self, seconds: float) -> None:
        if self.minutes == 0:
            raise asyncio.CancelledError
        self.minutes -= 1
        self.passed_s += seconds
        self.at += timedelta(seconds=seconds) + self.jump
        self.jump = timedelta()


@pytest.mark.parametrize(("jump", "times"), [(timedelta(), 3), (timedelta(days=30), 0)])
async def test_what_grows_old_is_pruned(tmp_path: Path, jump: timedelta, times: int) -> None:
    """Records, backups, what was set aside, and workspaces: by the retention of the settings, once a minute; not by a clock that has just jumped."""
    pruned: list[tuple[object, ...]] = []

    def note(name: str) -> SimpleNamespace:
        return SimpleNamespace(prune=lambda *given: pruned.append((name, *given)), run=known)

    async def known(_: object) -> frozenset[str]:
        pruned.append(("workspaces",))
        return frozenset()

    node = SimpleNamespace(
        clock=Calendar(3, jump),
        store=note("store"),
        backups=note("backups"),
        last_good=note("aside"),
        service=SimpleNamespace(settings=make_settings(tmp_path, retention_days=7)),
    )
    with pytest.raises(asyncio.CancelledError):
        await _housekeeping(node)  # type: ignore[arg-type]  # as much of a node as is needed
    assert [each[0] for each in pruned] == ["store", "backups", "aside", "workspaces"] * times
    assert all(each == ("aside", 7) for each in pruned if each[0] == "aside")


def test_old_reports_and_workspaces_without_a_plan_are_removed(tmp_path: Path) -> None:
    """What a plan that is recorded may need stays, and so does what is young, and what is not ours."""
    settings, now = make_settings(tmp_path, retention_days=7), datetime.now(UTC)
    tidy(settings, (), now)  # where nothing was ever written there is nothing to remove
    reports, plans = settings.reports_path, settings.state_dir / "plans"
    for days in (1, 8):
        make(reports / f"check-shop-2026010{days}T100000.000000Z.json", now - timedelta(days=days))
    make(reports / "my-own-notes.txt", now - timedelta(days=900))
    for name, hours in (("plan-recorded", 900), ("plan-given-up", 2), ("plan-being-drawn", 0.5)):
        make(plans / name / "repair-db" / "repaired", now - timedelta(hours=hours))
        os.utime(plans / name, 2 * ((now - timedelta(hours=hours)).timestamp(),))
    tidy(settings, {"plan-recorded"}, now)
    assert sorted(each.name for each in plans.iterdir()) == ["plan-being-drawn", "plan-recorded"]
    assert sorted(each.name for each in reports.iterdir()) == [
        "check-shop-20260101T100000.000000Z.json",
        "my-own-notes.txt",
    ]


def make(path: Path, at: datetime) -> None:
    """A file that was written then."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.utime(path, (at.timestamp(), at.timestamp()))
