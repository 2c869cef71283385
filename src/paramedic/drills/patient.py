"""A laid-out patient as a drill sees it from outside: its files, its processes in /proc, its addresses."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from paramedic.drills.leash import leash
from paramedic.model.clock import Clock, SystemClock
from paramedic.sdk import proc
from paramedic.sdk.fault import DrillFailed

__all__ = ["DrillFailed", "LayOut", "Patient", "Ran"]

LayOut = Callable[[Path], Path]
"""Writes a fresh patient into a folder and returns its service file."""
_POLL_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A command that ended."""

    code: int
    out: str
    err: str


@dataclass(kw_only=True)
class Patient:
    """One patient in its own folder."""

    service_file: Path
    clock: Clock = field(default_factory=SystemClock)
    broken_at: datetime | None = None
    """When the fault took effect."""
    guests: list[subprocess.Popen[bytes]] = field(default_factory=list)
    """Processes that the drill started: strangers, stale instances, holders of locks."""
    extra_environment: dict[str, str] = field(default_factory=dict)
    """For every process of Paramedic that is started for this patient."""

    @property
    def folder(self) -> Path:
        """Where it lives; the working directory of all its processes."""
        return self.service_file.parent

    # ------------------------------------------------------------------ the service file

    def document(self) -> dict[str, Any]:  # Any: the service file as it stands
        """The service file as data."""
        from ruamel.yaml import YAML

        data: dict[str, Any] = YAML(typ="safe", pure=True).load(self.service_file)
        return data

    def edit(self, change: Callable[[dict[str, Any]], None]) -> None:  # Any: see above
        """Change the service file, keeping its comments; it is replaced at once."""
        from ruamel.yaml import YAML

        yaml = YAML()
        data = yaml.load(self.service_file)
        change(data)
        draft = self.service_file.with_suffix(".draft")
        with draft.open("w") as out:
            yaml.dump(data, out)
        draft.replace(self.service_file)

    def component(self, name: str) -> Mapping[str, Any]:  # Any: see above
        """One component as the service file has it."""
        component: Mapping[str, Any] = self.document()["components"][name]
        return component

    def command(self, name: str) -> tuple[str, ...]:
        """How a component's process is started."""
        return tuple(map(str, self.component(name)["process"]["command"]))

    def port(self, name: str) -> int:
        """Where a component listens."""
        component = self.component(name)
        return int(component["port"] if "port" in component else urlsplit(component["url"]).port or 0)

    # ------------------------------------------------------------------ processes

    def pids(self, name: str) -> tuple[int, ...]:
        """The component's living processes, the drill's own guests left out."""
        wanted, guests = self.command(name), {guest.pid for guest in self.guests}
        return tuple(
            pid
            for pid in proc.pids()
            if pid not in guests and proc.command(pid) == wanted and self.lives_here(pid) and proc.identity(pid)
        )

    def pid(self, name: str) -> int:
        """The component's process.

        Raises:
            DrillFailed: there is none, or more than one.
        """
        found = self.pids(name)
        if len(found) != 1:
            raise DrillFailed(f"`{name}` has {len(found)} processes where the drill needs one")
        return found[0]

    def lives_here(self, pid: int) -> bool:
        """Whether the process works in this patient's folder or below."""
        try:
            return Path(os.readlink(f"/proc/{pid}/cwd")).is_relative_to(self.folder.resolve())
        except OSError:
            return False

    async def send(self, name: str, what: signal.Signals) -> None:
        """Send a signal to a component's process. The fault counts from here."""
        pid = self.pid(name)
        self.mark()
        os.kill(pid, what)

    def invite(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start a process of the drill's own in the patient's folder; it ends with the drill."""
        log = self.folder / "guests.log"
        with log.open("ab") as out:
            guest = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                preexec_fn=leash(signal.SIGKILL),  # noqa: PLW1509  # it makes system calls only
                start_new_session=True,
            )
        self.guests.append(guest)
        return guest

    # ------------------------------------------------------------------ acting like a user

    def mark(self) -> None:
        """The fault takes effect now."""
        self.broken_at = self.clock.now()

    def environment(self) -> dict[str, str]:
        """What Paramedic gets for this patient: nothing of how its caller was configured."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PARAMEDIC_")}
        return {**kept, **self.extra_environment}

    async def paramedic(self, *args: str, within_s: float = 30) -> Ran:
        """Run the program as a user would, in the patient's folder."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "paramedic", *args),
            cwd=self.folder,
            env=self.environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            out, err = await asyncio.wait_for(process.communicate(), within_s)
        except TimeoutError:
            raise DrillFailed(f"`paramedic {' '.join(args)}` did not end within {within_s:g} s") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return Ran(code=process.returncode or 0, out=out.decode(errors="replace"), err=err.decode(errors="replace"))

    async def post(self, name: str, path: str, body: Mapping[str, object]) -> None:
        """Send JSON to a page of a component that speaks HTTP, or WebSocket on the same port."""
        parts = urlsplit(self.component(name)["url"])
        address = parts._replace(scheme=parts.scheme.replace("ws", "http"), path=path).geturl()
        request = urllib.request.Request(  # noqa: S310  # the address stands in our own service file
            address, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
        )

        def send() -> None:
            urllib.request.urlopen(request, timeout=10).close()  # noqa: S310  # see above

        await asyncio.to_thread(send)

    async def until(self, condition: Callable[[], bool], what: str, *, within_s: float = 10) -> None:
        """Wait for something that the drill itself needs.

        Raises:
            DrillFailed: it did not come true in time.
        """
        deadline = self.clock.monotonic() + within_s
        while not condition():
            if self.clock.monotonic() > deadline:
                raise DrillFailed(f"waited {within_s:g} s in vain for {what}")
            await self.clock.sleep(_POLL_S)

    def dismiss(self) -> None:
        """End the guests, and whatever is left of the patient's processes."""
        for guest in self.guests:
            if guest.poll() is None:
                guest.kill()
            guest.wait()
        me = os.getpid()
        for pid in proc.pids():
            if pid != me and self.lives_here(pid):
                _kill(pid)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # it was quicker
        os.kill(pid, signal.SIGKILL)
