"""Servers of tools that no one here wrote, killed, stopped, corrupted and overloaded; a table of what was found when."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from living import free_port, until
from packs.conftest import Bench, SetProcesses, make_settings
from packs.mcp.conftest import running
from paramedic.model.component import ProcessSpec
from paramedic.packs.mcp import pack
from paramedic.packs.mcp.talk import call
from paramedic.packs.mcp.target import Mcp
from paramedic.sdk import Finding, Status, proc

ROOT = Path(__file__).parent.parent.parent / ".venv"
EVERYTHING = ROOT / "node" / "node_modules" / "@modelcontextprotocol" / "server-everything" / "dist" / "index.js"
PYTHON = ROOT / "mcp-servers" / "bin"
COMMANDS = {
    "server-everything": ("node", str(EVERYTHING), "stdio"),
    "mcp-server-time": (str(PYTHON / "mcp-server-time"),),
    "mcp-server-fetch": (str(PYTHON / "mcp-server-fetch"),),
}
CHECKS = {each.id: each for each in pack.checks}
LIMIT_S = 60.0
ROWS: list[tuple[str, ...]] = []

pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]


@dataclass
class Ward:
    """Looks at one server, and notes what was found in what time."""

    name: str
    bench: Bench
    processes: SetProcesses

    async def look(
        self, what: str, check: str, target: Mcp, *, timeout_s: float = LIMIT_S, **fields: object
    ) -> Finding:
        began = time.monotonic()
        [found] = await self.bench.look(CHECKS[check], target, timeout_s=timeout_s, **fields)
        took = f"{time.monotonic() - began:.2f} s"
        ROWS.append((self.name, what, found.code or str(found.status), took, found.observed[:70]))
        return found


@pytest.fixture(scope="module", autouse=True)
def table() -> Iterator[None]:
    """Print what was found, for people."""
    yield
    heads = ("server", "what was done", "found", "in", "in words")
    lines = [f"| {' | '.join(row)} |" for row in (heads, ("---",) * len(heads), *ROWS)]
    sys.__stdout__.write("\n" + "\n".join(lines) + "\n")


@pytest.fixture(params=COMMANDS)
def ward(request: pytest.FixtureRequest, tmp_path: Path) -> Ward:
    program = COMMANDS[request.param][1 if request.param == "server-everything" else 0]
    if not Path(program).exists():
        pytest.skip(f"`{request.param}` is not installed; `make test-system` installs it")
    return made(request.param, tmp_path)


def made(name: str, folder: Path) -> Ward:
    processes = SetProcesses()
    return Ward(
        name=name, bench=Bench(folder=folder, settings=make_settings(folder), processes=processes), processes=processes
    )


@contextmanager
def held(command: tuple[str, ...], folder: Path) -> Iterator[tuple[int, int]]:
    """An agent that holds the server's pipes: its pid and the server's."""
    agent = subprocess.Popen(
        [sys.executable, "-m", "paramedic.drills.servers.mcp_agent", *command], cwd=folder, stdout=subprocess.PIPE
    )
    try:
        assert agent.stdout
        assert agent.stdout.read(5) == b"ready"
        [server] = [pid for pid in proc.pids() if proc.parent(pid) == agent.pid]
        yield agent.pid, server
    finally:
        agent.terminate()
        try:
            agent.wait(5)
        except subprocess.TimeoutExpired:
            agent.kill()
        agent.communicate()


async def test_as_a_command(ward: Ward, tmp_path: Path) -> None:
    """It starts, is found well, and leaves nothing behind; what is wrong with it is named for what it is."""
    command = COMMANDS[ward.name]
    target = Mcp(command=command)
    found = await ward.look("nothing", "mcp.starts", target)
    assert found.status is Status.INFO, found
    assert running(command) == []

    noisy = Mcp(command=("/bin/sh", "-c", 'echo "Server starting…"; exec "$0" "$@"', *command))
    found = await ward.look("corrupted: a line on standard output", "mcp.starts", noisy)
    assert (found.code, found.status) == ("mcp.protocol-error", Status.WARNING), found
    assert "Server starting" in found.because

    broken = Path(command[1] if ward.name == "server-everything" else command[0])
    copy = tmp_path / "broken.mjs"
    copy.write_bytes(broken.read_bytes()[: max(60, broken.stat().st_size // 3)] + b"\n}{\n")
    interpreter = "node" if ward.name == "server-everything" else str(PYTHON / "python")
    found = await ward.look("corrupted: its program cut", "mcp.starts", Mcp(command=(interpreter, str(copy))))
    assert found.code == "mcp.exited", found
    assert "Error" in found.because or "Error" in found.evidence[0].text

    many = await asyncio.gather(*(ward.look("overloaded: four at once", "mcp.starts", target) for _ in range(4)))
    assert {each.status for each in many} == {Status.INFO}, many
    assert running(command) == []

    spec = ProcessSpec(command=("agent",))
    with held(command, tmp_path) as (agent, server):
        ward.processes.set("it", pid=agent)
        assert (await ward.look("nothing, held by an agent", "mcp.runs", target, process=spec)).status is Status.OK
        os.kill(server, signal.SIGSTOP)
        found = await ward.look("stopped (SIGSTOP)", "mcp.runs", target, process=spec)
        assert found.code == "mcp.timeout", found
        os.kill(server, signal.SIGKILL)
        until(lambda: not proc.identity(server), 20, "its end")
        found = await ward.look("killed", "mcp.runs", target, process=spec)
        assert found.code == "mcp.exited", found
        assert "SIGKILL" in found.because


@pytest.mark.skipif(
    not EVERYTHING.exists(), reason="server-everything is not installed; `make test-system` installs it"
)
async def test_over_http(tmp_path: Path) -> None:
    """Twenty long calls at once leave it well; killed, stopped and garbled it is told within the look's time."""
    ward, port = made("server-everything, HTTP", tmp_path), free_port()
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(  # noqa: ASYNC220  # it starts at once
            ["node", str(EVERYTHING), "streamableHttp"], env={**os.environ, "PORT": str(port)}, stdout=log, stderr=log
        )
    try:
        until(lambda: proc.listeners(port), 60, "the server")
        target = Mcp(url=f"http://127.0.0.1:{port}/mcp")
        found = await ward.look("nothing", "mcp.answers", target)
        assert found.status is Status.INFO, found

        long = [
            asyncio.create_task(call(target, tmp_path, tool, {"duration": 8, "steps": 4}, limit_s=60))
            for tool in [await _long_running(target, tmp_path)] * 20
        ]
        await asyncio.sleep(1)
        for _ in range(5):
            found = await ward.look("overloaded: 20 long calls at once", "mcp.answers", target)
            assert found.status is Status.INFO, found
        done = await asyncio.gather(*long)
        assert not any(each.get("isError") for each in done)

        server.send_signal(signal.SIGSTOP)
        found = await ward.look("stopped (SIGSTOP)", "mcp.answers", target, timeout_s=5.0)
        assert found.code == "mcp.timeout", found
        assert "SIGSTOP" in found.because
        server.send_signal(signal.SIGCONT)

        async with garbling(port) as front:
            found = await ward.look(
                "corrupted: a proxy garbles it", "mcp.answers", Mcp(url=f"http://127.0.0.1:{front}/mcp")
            )
        assert found.code == "mcp.protocol-error", found
    finally:
        server.kill()
        server.wait()
    found = await ward.look("killed", "mcp.answers", target)
    assert found.code == "mcp.refused", found


async def _long_running(target: Mcp, folder: Path) -> str:
    """Its tool that takes long, however this release calls it."""
    from paramedic.packs.mcp.offering import offers

    names = [str(each["name"]) for each in (await offers(target, folder, LIMIT_S))["tools"]]
    return next(each for each in names if "long" in each.lower())


class garbling:  # noqa: N801  # reads as a sentence
    """A proxy that turns every brace of an answer's body into something else."""

    def __init__(self, behind: int) -> None:
        self._behind = behind

    async def __aenter__(self) -> int:
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def __aexit__(self, *_error: object) -> None:
        self._server.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back_reader, back_writer = await asyncio.open_connection("127.0.0.1", self._behind)

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, spoil: bool) -> None:
            try:
                while chunk := await source.read(65_536):
                    sink.write(chunk.replace(b"{", b"<") if spoil else chunk)
                    await sink.drain()
            except OSError:
                pass  # one side went away
            finally:
                sink.close()

        await asyncio.gather(pump(reader, back_writer, spoil=False), pump(back_reader, writer, spoil=True))
