"""Releases in a folder, and what runs from them."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from paramedic.model.component import Component, ProcessSpec
from paramedic.packs.release import memory
from paramedic.packs.release.checks import serves
from paramedic.packs.release.target import Release
from paramedic.sdk import Context, Exit, Finding, Status


class Yard:
    """A folder with releases, the link, and what is known of the component that runs from it."""

    def __init__(self, folder: Path, bench: Any) -> None:
        self.folder = folder
        self.bench = bench
        self.found: dict[str, tuple[Finding, ...]] = {}
        self.memory: dict[str, object] = {}
        self.onset: datetime | None = None
        """Since when the component fails."""
        self.target = Release(
            path=folder / "releases", current=folder / "current", component="api", requires=("app.py",)
        )
        self.lay("r1")
        self.lay("r2")
        self.switch("r1")
        self.api = Component(
            name="api", kind="http", target=None, process=ProcessSpec(command=("x",)), depends_on=("it", "db")
        )
        self.db = Component(name="db", kind="tcp", target=None)
        bench.others |= {"api": self.api, "db": self.db}
        self.ready()

    def lay(self, name: str) -> Path:
        """A whole release."""
        place = self.folder / "releases" / name
        place.mkdir(parents=True)
        (place / "app.py").write_text("print()\n")
        return place

    def switch(self, name: str) -> None:
        """Point the link to a release, as a deployment does."""
        draft = self.folder / "draft"
        draft.symlink_to(f"releases/{name}")
        draft.replace(self.folder / "current")

    def later(self, seconds: float) -> datetime:
        """A moment after the newest switch."""
        return datetime.fromtimestamp((self.folder / "current").lstat().st_ctime, UTC) + timedelta(seconds=seconds)

    def ready(self, **facts: Any) -> None:
        """The process was started after the switch, long enough ago to be ready."""
        self.bench.processes.set("api", **{"pid": 7, "ours": True, "uptime_s": -1.0, **facts})

    def ended(self, *, was_ready: bool = False) -> Exit:
        """One end of a process that was started after the switch."""
        return Exit(at=self.later(5), age_s=1, uptime_s=1, code=1, was_ready=was_ready)

    def says(
        self,
        status: Status,
        code: str | None = None,
        *,
        of: str = "api",
        check: str = "http.answers",
        after_s: float = 5,
    ) -> None:
        """What a check of a component found so long after the switch."""
        if of == "api":
            self.onset = (self.onset or self.later(after_s)) if status is Status.CRITICAL else None
        self.found[of] = (
            Finding(
                component=of,
                kind="http",
                check=check,
                status=status,
                code=code,
                observed=f"{of} is {status}",
                expected="",
                at=self.later(after_s),
            ),
        )

    def passed(self, name: str) -> None:
        """A release is known to have passed its checks."""
        memory.note(self.bench.service(self.component()), "it", self.folder / "releases" / name, self.later(1), 5)

    def remembered(self) -> list[str]:
        """Releases that are known to have passed."""
        return [each.name for each in memory.passed(self.bench.service(self.component()), "it")]

    def component(self, **fields: Any) -> Component:
        """The component of the releases."""
        return self.bench.component(self.target, **fields)

    async def judge(self, **fields: Any) -> Finding:
        """One look of `release.serves` in a program that goes on looking."""
        component = self.component(**fields)
        context = Context(
            service=self.bench.service(component),
            component=component,
            check=serves.id,
            clock=self.bench.clock,
            deadline=self.bench.clock.monotonic() + 10,
            processes=self.bench.processes,
            memory=self.memory,
            looks_again=True,
            found=lambda name: self.found.get(name, ()),
            failing_since=lambda _name: self.onset,
        )
        found = await serves.run(self.target, context)
        assert isinstance(found, Finding)
        return found

    def act(self, **fields: Any) -> Any:
        """What an action on the releases is given."""
        context = self.bench.act(self.target, **fields)
        return replace(context, service=self.bench.service(context.component))

    def current(self) -> str:
        """The release that the link names."""
        return Path(os.readlink(self.folder / "current")).name


@pytest.fixture
def yard(tmp_path: Path, bench: Any) -> Yard:
    """Two whole releases of which the first is current."""
    return Yard(tmp_path, bench)
