"""Planned work in the service file: once, again and again, by the clock on the wall of its zone."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from paramedic.model.errors import ConfigurationError
from paramedic.model.maintenance import Maintenance
from paramedic.service import load
from service.kinds import REGISTRY

FILE = """
service: shop
components:
  api: {kind: http, url: http://127.0.0.1:1/}
  db: {kind: http, url: http://127.0.0.1:2/}
maintenance:
  - %s
"""


def planned(folder: Path, line: str) -> Maintenance:
    place = folder / "paramedic.yaml"
    place.write_text(FILE % line)
    return load(place, REGISTRY, os.environ).maintenance


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "begins", "lasts_h"),
    [
        ("{from: 2026-11-22 02:00, until: 2026-11-22 04:00}", "2026-11-22 02:00", 2),
        ("{from: 2026-11-22 02:00, for: 90m, timezone: Europe/Berlin}", "2026-11-22 01:00", 1.5),
        ("{from: '2026-11-22T02:00+05:30', for: 1h}", "2026-11-21 20:30", 1),
        ("{every: sun 02:00, for: 2h}", "2026-11-22 02:00", 2),
        ("{every: 'fri-mon 02:00', for: 2h}", "2026-11-22 02:00", 2),
        ("{every: 'tue, sun 02:00', for: 2h, timezone: America/New_York}", "2026-11-22 07:00", 2),
        ("{every: day 23:00, for: 3h}", "2026-11-21 23:00", 3),
    ],
)
def test_windows(tmp_path: Path, line: str, begins: str, lasts_h: float) -> None:
    """It begins and ends at its moment, and nothing is planned before and after."""
    found, begin, end = planned(tmp_path, line), utc(begins), utc(begins) + timedelta(hours=lasts_h)
    second = timedelta(seconds=1)
    assert [found.over(("api",), each) is not None for each in (begin - second, begin, end - second, end)] == [
        False, True, True, False,
    ]  # fmt: skip
    assert found.coming(begin - second, second)[0].begins == begin


def test_only_the_components_that_are_named(tmp_path: Path) -> None:
    """Without names it is everything; the name of the reason is kept."""
    found = planned(tmp_path, "{every: day 00:00, for: 24h, components: [db], reason: new disks}")
    now = utc("2026-11-22 12:00")
    window = found.over(("api", "db"), now)
    assert window is not None
    assert "new disks" in window.said
    assert found.over(("api",), now) is None


@pytest.mark.parametrize(
    ("day", "hours"),
    [("2026-03-28", ["01:30"]), ("2026-03-29", ["01:30"]), ("2026-03-30", ["00:30"]), ("2026-10-25", ["00:30"])],
)
def test_clocks_that_are_changed(tmp_path: Path, day: str, hours: list[str]) -> None:
    """02:30 in Berlin: skipped on the 29th of March, twice on the 25th of October; once a day it begins, for an hour."""
    found = planned(tmp_path, "{every: day 02:30, for: 1h, timezone: Europe/Berlin}")
    begins = [each.begins for each in found.coming(utc(f"{day} 00:00"), timedelta(hours=20))]
    assert [f"{each:%H:%M}" for each in begins] == hours
    window = found.at(begins[0])[0]
    assert window.ends - window.begins == timedelta(hours=1)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{every: sun 02:00}", "`for` is missing"),
        ("{every: sunday 02:00, for: 2h}", "is no day"),
        ("{every: sun 25:00, for: 2h}", "`every` is `sun 25:00`"),
        ("{every: sun 02:00, for: 2h, until: 2026-11-22}", "beside `from` or `until`"),
        ("{for: 2h}", "neither `every` nor `from`"),
        ("{from: 2026-11-22}", "its end is not clear"),
        ("{from: 2026-11-22, until: 2026-11-21}", "ends before it begins"),
        ("{from: 2026-11-22, for: 90d}", "lasts too long"),
        ("{from: tomorrow, for: 1h}", "`from` is `tomorrow`"),
        ("{from: 2026-11-22, for: 1h, timezone: Mars/Olympus}", "`Mars/Olympus` is not known"),
        ("{from: 2026-11-22, for: 1h, components: [apy]}", "did you mean `api`"),
        ("{froom: 2026-11-22, for: 1h}", "did you mean `from`"),
    ],
)
def test_what_cannot_be_understood(tmp_path: Path, line: str, said: str) -> None:
    """It is told with its line, and nothing is guessed."""
    with pytest.raises(ConfigurationError) as caught:
        planned(tmp_path, line)
    assert said in str(caught.value)
    assert "paramedic.yaml:7" in str(caught.value)
