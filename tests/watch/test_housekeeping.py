"""What grows old is let go, and nothing is while the clock cannot be trusted."""

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from paramedic.watch.program import _housekeeping


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
async def test_records_backups_and_what_was_set_aside_are_pruned(jump: timedelta, times: int) -> None:
    """By the retention of the settings, once a minute; not by a clock that has just jumped."""
    pruned: list[tuple[object, ...]] = []

    def note(name: str) -> SimpleNamespace:
        return SimpleNamespace(prune=lambda *given: pruned.append((name, *given)))

    node = SimpleNamespace(
        clock=Calendar(3, jump),
        store=note("store"),
        backups=note("backups"),
        last_good=note("aside"),
        service=SimpleNamespace(settings=SimpleNamespace(retention_days=7)),
    )
    with pytest.raises(asyncio.CancelledError):
        await _housekeeping(node)  # type: ignore[arg-type]  # as much of a node as is needed
    assert [each[0] for each in pruned] == ["store", "backups", "aside"] * times
    assert all(each == ("aside", 7) for each in pruned if each[0] == "aside")
