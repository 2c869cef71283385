"""A service of real processes in a folder of its own, and a supervisor over a real SQLite store."""

import asyncio
import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from paramedic.model.clock import SystemClock
from paramedic.model.component import Component, ProcessSpec
from paramedic.model.service import Service, Settings
from paramedic.sdk import Exit, proc
from paramedic.store import Store, open_store
from paramedic.watch.recorded import RecordedProcesses
from paramedic.watch.supervisor import Supervisor

SLEEPER = "import time; print('up', flush=True); time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
)


def make_settings(folder: Path, **changes: Any) -> Settings:
    """Settings of a service in a folder; every number can be changed by name."""
    defaults: dict[str, Any] = {
        "state_dir": folder / ".paramedic",
        "store": f"sqlite:///{folder / 'store.sqlite'}",
        "node": "here",
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


def python(code: str, *arguments: str) -> tuple[str, ...]:
    """A command line that runs this code."""
    return (sys.executable, "-c", code, *arguments)


def component(name: str, *command: str, **spec: Any) -> Component:
    """A component with a process."""
    return Component(name=name, kind="process", target=None, process=ProcessSpec(command=command, **spec))


class Bench:
    """One service on this node; ``supervise`` again after ``supervisor.close()`` is a restart of Paramedic."""

    def __init__(self, folder: Path, *components: Component, **settings: Any) -> None:
        self.folder = folder
        self._run = secrets.token_hex(4)
        self.clock = SystemClock()
        self.service = Service(
            name="bench",
            path=folder / "paramedic.yaml",
            components={each.name: each for each in components},
            settings=make_settings(folder, **settings),
        )
        self.store: Store = open_store(self.service.settings.store, node="here", clock=self.clock)
        self.exits: list[tuple[str, Exit, float]] = []
        self.supervisor = self.supervise()

    def supervise(self) -> Supervisor:
        """A supervisor that begins now."""

        def note(name: str, end: Exit) -> None:
            self.exits.append((name, end, self.clock.monotonic()))

        self.supervisor = Supervisor(self.service, self.store, self.clock, note)
        return self.supervisor

    def recorded(self) -> RecordedProcesses:
        """What a one-shot command sees."""
        return RecordedProcesses(self.service, self.store, self.clock)

    def component(self, name: str = "it") -> Component:
        """A component by name."""
        return self.service.components[name]

    def facts(self, name: str = "it"):
        """What the supervisor knows of a component."""
        return self.supervisor.facts(self.component(name))

    def token(self, name: str = "t1") -> str:
        """A launch token of this bench: others on this machine must not stop what carries it."""
        return f"{self._run}-{name}"

    async def start(self, name: str = "it", token: str = "t1") -> int:
        """Start a component and wait until it has printed that it is up."""
        pid = await self.supervisor.start(self.component(name), self.token(token))
        await until(lambda: "up" in self.facts(name).log_tail or self.facts(name).pid is None)
        return pid

    def launches(self, name: str = "it"):
        """Its launches in the store, oldest first."""
        with self.store.begin() as tx:
            return tuple(reversed(tx.launches.recent(name, self.clock.now().replace(year=2000))))

    async def close(self) -> None:
        """End everything that was started here."""
        await self.supervisor.close()
        folder = str(self.folder)
        for pid in proc.pids():
            try:
                if pid != os.getpid() and os.readlink(f"/proc/{pid}/cwd").startswith(folder):
                    os.kill(pid, 9)
            except OSError:
                continue
        self.store.close()


async def until(condition: Callable[[], bool], within_s: float = 15.0) -> None:
    """Wait for a condition; fails the test when it does not come true."""
    deadline = asyncio.get_running_loop().time() + within_s
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "waited in vain"
        await asyncio.sleep(0.005)


def is_alive(pid: int) -> bool:
    """Whether a process lives; zombies are dead."""
    return proc.identity(pid) is not None
