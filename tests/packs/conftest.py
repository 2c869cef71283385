"""A bench on which one check or one action of a pack is tried against a real target.

``look`` runs a check the way the runner does, without the runner; ``act`` builds what an action is given;
``processes`` answers for the processes of components.
"""

import asyncio
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from paramedic.model.clock import SystemClock
from paramedic.model.component import Component
from paramedic.model.finding import Finding
from paramedic.model.service import Service, Settings
from paramedic.model.wire import Json
from paramedic.sdk import ActContext, CheckSpec, Context, ProcessFacts, Status


def make_settings(folder: Path, **changes: Any) -> Settings:
    """Settings of a service in a folder of its own; every number can be changed by name."""
    defaults: dict[str, Any] = {
        "state_dir": folder / ".paramedic",
        "store": f"sqlite:///{folder / '.paramedic' / 'store.sqlite'}",
        "node": "bench",
        "auto_recovery": True,
        "max_recovery_attempts": 3,
        "recovery_cooldown_s": 300.0,
        "recoveries_at_once": 2,
        "crash_loop_exits": 5,
        "crash_loop_window_s": 60.0,
        "flapping_changes": 6,
        "flapping_window_s": 120.0,
        "confirm_looks": 2,
        "verify_times": 2,
        "verify_within_s": 60.0,
        "checks_at_once": 8,
        "health_check_interval_s": 300.0,
        "retention_days": 7.0,
        "backup_interval_s": 3600.0,
        "reports_path": folder / "diagnostics",
        "log_max_bytes": 10_000_000,
        "log_keep": 3,
        "heartbeat_url": None,
        "heartbeat_interval_s": 60.0,
        "error_report_webhook": None,
        "critical_error_notifications": True,
        "diagnostic_enabled": True,
        "state_backup_enabled": True,
        "debug": False,
        "verbose": False,
    }
    return Settings(**{**defaults, **changes})


class SetProcesses:
    """Answers for processes with what a test has set, and notes what is asked of it."""

    def __init__(self) -> None:
        self.known: dict[str, ProcessFacts] = {}
        self.asked: list[tuple[str, str]] = []

    def set(self, component: str, **facts: Any) -> None:
        """From now on these are the facts of a component."""
        self.known[component] = ProcessFacts(**{"desired": None, **facts})

    def facts(self, component: Component) -> ProcessFacts:
        return self.known.get(component.name, ProcessFacts(desired=None))

    async def start(self, component: Component, token: str) -> int:
        self.asked.append(("start", component.name))
        return 1

    async def stop(self, component: Component) -> None:
        self.asked.append(("stop", component.name))


@dataclass
class Copies:
    """Last good versions as a test laid them out."""

    folder: Path
    good: dict[Path, tuple[Path, ...]] = field(default_factory=dict)

    def newest(self, path: Path) -> tuple[Path, ...]:
        return self.good.get(path, ())

    def set_aside(self, path: Path, reason: str) -> Path | None:
        if not path.exists():
            return None
        self.folder.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy2(path, self.folder / f"{path.name}.{len(list(self.folder.iterdir()))}"))


@dataclass
class Bench:
    """Everything one test needs around the target that it tries."""

    folder: Path
    settings: Settings
    processes: SetProcesses
    clock: SystemClock = field(default_factory=SystemClock)
    memories: dict[tuple[str, str], dict[str, object]] = field(default_factory=dict)
    """What each check remembers of each component, as in a program that lives on."""
    others: dict[str, Component] = field(default_factory=dict)
    """Further components of the service."""

    def component(self, target: object, **fields: Any) -> Component:
        kind = type(target).__module__.split(".")[-2]
        return Component(target=target, **{"name": "it", "kind": kind, **fields})

    def service(self, component: Component, **fields: Any) -> Service:
        return Service(
            **{
                "name": "bench",
                "path": self.folder / "paramedic.yaml",
                "components": {**self.others, component.name: component},
                "settings": self.settings,
                **fields,
            }
        )

    async def look(
        self,
        spec: CheckSpec,
        target: object,
        *,
        timeout_s: float | None = None,
        service: Mapping[str, Any] | None = None,
        looks_again: bool = False,
        **component_fields: Any,
    ) -> list[Finding]:
        """Run one check at a target; fails the test when the check overruns its own deadline.

        Args:
            spec: the check.
            target: what it looks at; becomes the target of a component named ``it``.
            timeout_s: the time it may take; its own default where not given.
            service: fields of the service, such as ``objectives``.
            looks_again: as in a program that goes on looking.
            component_fields: fields of the component, such as ``thresholds`` or ``process``.
        """
        component = self.component(target, **component_fields)
        seen = spec.target(component)
        assert seen is not None, f"`{spec.id}` does not look at {type(target).__name__}"
        limit_s = timeout_s if timeout_s is not None else spec.timeout_s
        context = Context(
            service=self.service(component, **(service or {})),
            component=component,
            check=spec.id,
            clock=self.clock,
            deadline=self.clock.monotonic() + limit_s,
            processes=self.processes,
            memory=self.memories.setdefault((component.name, spec.id), {}),
            looks_again=looks_again,
        )
        found = await asyncio.wait_for(spec.run(seen, context), limit_s)
        findings = list(found) if isinstance(found, Sequence) else [found]
        declared = {code.id for code in spec.codes}
        for each in findings:
            assert each.code is None or each.status is Status.UNKNOWN or each.code in declared, (
                f"undeclared {each.code}"
            )
        return findings

    def act(self, target: object, params: Mapping[str, Json] | None = None, **fields: Any) -> ActContext:
        """What an action is given for a component with this target.

        Its ``look`` answers with nothing; give ``look=`` (and any other field of ``ActContext``) to change that.
        """

        async def nothing(_component: str, _checks: Sequence[str] = ()) -> tuple[Finding, ...]:
            return ()

        own = set(ActContext.__dataclass_fields__)
        component = self.component(target, **{name: value for name, value in fields.items() if name not in own})
        workspace = self.folder / "workspace"
        workspace.mkdir(exist_ok=True)
        return ActContext(
            **{
                "service": self.service(component),
                "component": component,
                "params": params or {},
                "clock": self.clock,
                "processes": self.processes,
                "look": nothing,
                "last_good": Copies(self.folder / "copies"),
                "workspace": workspace,
                "token": "bench-token",
                **{name: value for name, value in fields.items() if name in own},
            }
        )


@pytest.fixture
def settings(tmp_path: Path) -> Callable[..., Settings]:
    """``settings(log_keep=1)``: settings of a service in this test's folder."""
    return lambda **changes: make_settings(tmp_path, **changes)


@pytest.fixture
def processes() -> SetProcesses:
    """``processes.set("it", pid=…, desired=…)`` decides what is known of a component's process."""
    return SetProcesses()


@pytest.fixture
def bench(tmp_path: Path, processes: SetProcesses) -> Bench:
    """The whole bench, for tests that need more than ``look`` and ``act``."""
    return Bench(folder=tmp_path, settings=make_settings(tmp_path), processes=processes)


@pytest.fixture
def look(bench: Bench):
    """Run one check at a target and give its findings; see ``Bench.look``."""
    return bench.look


@pytest.fixture
def act(bench: Bench):
    """Make what an action is given; see ``Bench.act``."""
    return bench.act
