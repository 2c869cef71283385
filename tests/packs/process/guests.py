"""Real processes for the tests of the process pack."""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from paramedic.model.clock import SystemClock
from paramedic.model.component import Component
from paramedic.sdk import ActionFailed, Exit, ProcessFacts, proc

SERVER = """
import os, signal, socket, sys, time
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("up", flush=True)
while True:
    listener.accept()[0].close()
"""


def python(code: str, *arguments: object) -> tuple[str, ...]:
    """A command line that runs this code."""
    return (sys.executable, "-c", code, *map(str, arguments))


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


async def until(condition: Callable[[], object], within_s: float = 15.0) -> None:
    """Wait for a condition; fails the test when it does not come true."""
    deadline = asyncio.get_running_loop().time() + within_s
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "waited in vain"
        await asyncio.sleep(0.005)


class Children:
    """A small process control: starts and stops children for real, without a store."""

    def __init__(self) -> None:
        self.child: subprocess.Popen[bytes] | None = None
        self.token: str | None = None
        self.ends: list[Exit] = []
        self.asked: list[str] = []
        self.log_tail = ""
        self.began = 0.0
        self.refusal: str | None = None
        self._clock = SystemClock()

    def facts(self, component: Component) -> ProcessFacts:
        if self.child and self.child.poll() is not None:
            code = self.child.returncode
            self.ends.insert(0, Exit(at=self._clock.now(), age_s=0, uptime_s=0.5, code=code))
            self.child = None
        return ProcessFacts(
            desired=None,
            pid=self.child.pid if self.child else None,
            ours=self.child is not None,
            uptime_s=time.monotonic() - self.began if self.child else None,
            exits=tuple(self.ends),
            log_tail=self.log_tail,
            token=self.token,
        )

    async def start(self, component: Component, token: str) -> int:
        self.asked.append("start")
        if self.refusal:
            raise ActionFailed(self.refusal)
        assert component.process
        self.token, self.began = token, time.monotonic()
        self.child = subprocess.Popen(  # noqa: ASYNC220  # as short as the real one
            component.process.command, env={proc.TOKEN_VARIABLE: token}, stdout=subprocess.DEVNULL
        )
        return self.child.pid

    def mark_ready(self, component: str) -> None:
        self.asked.append("ready")

    async def stop(self, component: Component) -> None:
        self.asked.append("stop")
        if self.child:
            self.child.kill()
            self.child.wait()
            self.child = None


def invite(command: Sequence[str], **options: object) -> "subprocess.Popen[bytes]":
    """A process that a person started by hand."""
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)  # type: ignore[call-overload]
