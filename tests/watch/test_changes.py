"""What was changed since it was looked at, so that nothing is decided on what a file said before."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from paramedic.model.clock import SystemClock
from paramedic.model.finding import Finding
from paramedic.model.status import Status
from paramedic.sdk import load_packs
from paramedic.service import load
from paramedic.watch.changes import Changes
from paramedic.watch.seeing import Seeing

SERVICE = """
service: shop
components:
  tariff: {kind: config, path: tariff.yaml, required: [shelves]}
"""


class Desk:
    """A real file, and the question of what must be looked at again before something is done."""

    def __init__(self, folder: Path) -> None:
        (folder / "paramedic.yaml").write_text(SERVICE)
        self.file = folder / "tariff.yaml"
        self.file.write_text("shelves: 3\n")
        registry = load_packs()
        self.service = load(folder / "paramedic.yaml", registry, os.environ)
        nothing_is_told = SimpleNamespace(clock=SystemClock())
        self.changes = Changes(registry, nothing_is_told)  # type: ignore[arg-type]  # as much of a journal as is needed
        self.seeing = Seeing(registry)

    def look(self, *, began_s: float, ended_s: float) -> Finding:
        """What a check found that began and ended so long after the file was written."""
        written = datetime.fromtimestamp(self.file.stat().st_ctime, UTC)
        (check,) = [check for _, check in self.seeing.due(self.service, "tariff")]
        return Finding(
            component="tariff",
            kind="config",
            check=check,
            status=Status.OK,
            code=None,
            observed="fine",
            at=written + timedelta(seconds=ended_s),
            duration_ms=(ended_s - began_s) * 1000,
        )

    async def news(self, *found: Finding) -> list[str]:
        verdicts = {(each.component, each.check): SimpleNamespace(finding=each) for each in found}
        looked = self.seeing.last_look(self.service, "tariff", verdicts)
        return list(await self.changes.news(self.service, {"tariff": looked}))


@pytest.mark.parametrize(
    ("began_s", "ended_s", "news"),
    [
        (0.5, 0.6, []),
        (-0.6, -0.5, ["tariff"]),
        pytest.param(-0.1, 0.1, ["tariff"], id="while it looked: it may have read the file before or after"),
        pytest.param(0.001, 0.1, ["tariff"], id="times of files are those of the last tick"),
    ],
)
async def test_what_was_written_since_a_look_began_is_news(
    tmp_path: Path, began_s: float, ended_s: float, news: list[str]
) -> None:
    """Only a look that began afterwards is known to have seen it."""
    desk = Desk(tmp_path)
    assert await desk.news(desk.look(began_s=began_s, ended_s=ended_s)) == news


async def test_what_no_look_has_seen_yet_is_news(tmp_path: Path) -> None:
    """Shortly after the start of a watch not every check has looked."""
    assert await Desk(tmp_path).news() == ["tariff"]


async def test_what_was_written_long_ago_is_no_news(tmp_path: Path) -> None:
    """It is no reason for what fails now; the check looks when it is its turn."""
    desk = Desk(tmp_path)
    desk.changes._clock = SimpleNamespace(now=lambda: datetime.now(UTC) + timedelta(days=1))  # type: ignore[assignment]
    assert await desk.news() == []


async def test_what_no_check_looks_at_is_no_news(tmp_path: Path) -> None:
    """Nobody could look again."""
    desk = Desk(tmp_path)
    assert desk.seeing.last_look(desk.service, "nobody", {}) is None
    assert await desk.changes.news(desk.service, {"tariff": None}) == {}
