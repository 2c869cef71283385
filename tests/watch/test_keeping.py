"""Which files are kept as good ones: those that no look speaks against, as they were when they were looked at."""

import asyncio
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from paramedic.checking.runner import Runner
from paramedic.model.clock import SystemClock
from paramedic.model.finding import Finding
from paramedic.model.status import Status
from paramedic.recovery.last_good import LastGoodFiles
from paramedic.sdk import load_packs
from paramedic.sdk.ports import ProcessFacts
from paramedic.service import load
from paramedic.watch.keeping import Keeping

SERVICE = """
service: shop
components:
  settings: {kind: config, path: settings.yaml, required: [name]}
  db: {kind: sqlite, path: shop.db, tables: [orders]}
"""


class Bench:
    """What keeping needs of a node: real looks at real files, and verdicts that the test may change."""

    def __init__(self, folder: Path) -> None:
        (folder / "paramedic.yaml").write_text(SERVICE)
        (folder / "settings.yaml").write_text("name: shop\n")
        with closing(sqlite3.connect(folder / "shop.db")) as base, base:
            base.execute("create table orders (id integer primary key)")
        self.folder = folder
        self.clock = SystemClock()
        self.registry = load_packs()
        self.service = load(folder / "paramedic.yaml", self.registry, os.environ)
        self.last_good = LastGoodFiles(folder / "last-good", self.clock)
        nothing_runs = SimpleNamespace(facts=lambda _component: ProcessFacts(desired=None))
        self.runner = Runner(self.service, self.registry, self.clock, nothing_runs)  # type: ignore[arg-type]  # see above
        self.triage = SimpleNamespace(verdicts={})
        self.keeping = Keeping(self)  # type: ignore[arg-type]  # as much of a node as is needed

    async def look(self, component: str, change: Callable[[Finding], Finding] = lambda found: found) -> None:
        """Look, and take the verdicts as the test wants them."""
        for found in await self.runner.look(component):
            verdict = SimpleNamespace(finding=change(found), doubt=None)
            self.triage.verdicts[found.component, found.check] = verdict

    async def looked(self, component: str) -> None:
        """A check has looked; what follows is over."""
        self.keeping.looked(component)
        while self.keeping._tasks:
            await asyncio.wait(set(self.keeping._tasks))

    def copies(self, name: str) -> list[str]:
        """What was kept of a file, newest first."""
        return [each.read_text(errors="replace") for each in self.last_good.newest(self.folder / name)]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A configuration file and a database, both well."""
    return Bench(tmp_path)


def told(status: Status, code: str | None = None) -> Callable[[Finding], Finding]:
    """Every finding has this status."""
    from dataclasses import replace

    return lambda found: replace(found, status=status, code=code)


async def settled(path: Path) -> None:
    """Until what was just written is older than a tick of the file system's clock."""
    await asyncio.sleep(max(0.0, 0.1 + path.stat().st_ctime - SystemClock().now().timestamp()))


async def test_what_is_well_is_kept(bench: Bench) -> None:
    """Once for each change."""
    await settled(bench.folder / "settings.yaml")
    await bench.look("settings")
    await bench.looked("settings")
    await bench.looked("settings")
    assert bench.copies("settings.yaml") == ["name: shop\n"]


@pytest.mark.parametrize(
    ("name", "status", "code", "is_kept"),
    [
        ("settings.yaml", Status.INFO, None, True),
        ("settings.yaml", Status.WARNING, "config.env-var-missing", True),
        ("settings.yaml", Status.WARNING, "config.invalid-value", False),
        ("settings.yaml", Status.CRITICAL, "config.invalid-value", False),
        ("settings.yaml", Status.UNKNOWN, None, False),
        ("shop.db", Status.INFO, None, True),
        ("shop.db", Status.WARNING, "sqlite.wal-large", True),
        ("shop.db", Status.CRITICAL, "sqlite.corrupt", False),
        ("shop.db", Status.UNKNOWN, None, False),
    ],
)
async def test_only_what_speaks_against_the_file_keeps_it_from_being_kept(
    bench: Bench, name: str, status: Status, code: str | None, is_kept: bool
) -> None:
    """Advice does not, nor a log that grows beside a database whose copy is checked; blindness and damage do."""
    component = "db" if name == "shop.db" else "settings"
    await settled(bench.folder / name)
    await bench.look(component, told(status, code))
    await bench.looked(component)
    assert bool(bench.copies(name)) is is_kept


async def test_a_file_that_was_changed_after_the_look_is_not_kept(bench: Bench) -> None:
    """Also when its time was set back; the next look decides."""
    path = bench.folder / "settings.yaml"
    await settled(path)
    await bench.look("settings")
    path.write_text("name: [\n")
    os.utime(path, (1, 1))
    await settled(path)
    await bench.looked("settings")
    assert bench.copies("settings.yaml") == []
    await bench.look("settings")
    await bench.looked("settings")
    assert bench.copies("settings.yaml") == []
    path.write_text("name: cafe\n")
    await settled(path)
    await bench.look("settings")
    await bench.looked("settings")
    assert bench.copies("settings.yaml") == ["name: cafe\n"]


async def test_a_database_in_use_is_kept_although_it_was_written_since(bench: Bench) -> None:
    """Its copy is checked by itself, so that the look may be older."""
    await bench.look("db")
    with closing(sqlite3.connect(bench.folder / "shop.db")) as base, base:
        base.execute("insert into orders default values")
    await bench.looked("db")
    assert len(bench.last_good.newest(bench.folder / "shop.db")) == 1


async def test_a_verdict_in_doubt_keeps_nothing(bench: Bench) -> None:
    """It is confirmed first."""
    await settled(bench.folder / "settings.yaml")
    await bench.look("settings")
    for each in bench.triage.verdicts.values():
        each.doubt = (Status.CRITICAL, "config.unparseable")
    await bench.looked("settings")
    assert bench.copies("settings.yaml") == []


async def test_the_first_copy_is_of_what_was_looked_at(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change between the first look and the copy is not kept."""
    look: Any = bench.runner.look

    async def interrupted(component: str) -> Any:
        found = await look(component)
        path = bench.folder / "settings.yaml"
        path.write_text("name: [\n")
        await settled(path)
        return found

    monkeypatch.setattr(bench.runner, "look", interrupted)
    await bench.keeping.first()
    assert bench.copies("settings.yaml") == []
