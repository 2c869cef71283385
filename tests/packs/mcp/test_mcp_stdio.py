"""Servers of tools as commands: started by a look, or held by a program of the service."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from packs.mcp.conftest import FINE, LINES, STDIO, running, until
from paramedic.model.component import ProcessSpec
from paramedic.packs.mcp import pack
from paramedic.packs.mcp.target import Mcp, Revision
from paramedic.sdk import Status, proc

CHECKS = {each.id: each for each in pack.checks}
STARTS, RUNS = CHECKS["mcp.starts"], CHECKS["mcp.runs"]
LIMIT_S = 60.0


def saying(**answers: object) -> Mcp:
    """A stand-in that answers as told."""
    command = (sys.executable, "-S", "-c", LINES, json.dumps({**FINE, **answers}))
    return Mcp(command=command, protocol=Revision.JUNE_2025)


def shell(text: str) -> Mcp:
    return Mcp(command=("/bin/sh", "-c", text))


async def test_a_real_server_starts_and_is_gone_afterwards(look, tmp_path: Path) -> None:
    """It is started in its folder, asked in the newest revision, and nothing of it is left."""
    command = (*STDIO, f"in {tmp_path.name}")
    [found] = await look(STARTS, Mcp(command=command, cwd=tmp_path), timeout_s=LIMIT_S)
    assert (found.status, found.code) == (Status.INFO, None), found
    assert "2026-07-28, 4 tools" in found.observed
    assert running(command) == []


async def test_log_lines_on_standard_output(look, tmp_path: Path) -> None:
    """A real server that prints what is no message is told, with the line, although the dialogue works."""
    (tmp_path / "release.json").write_text('{"chatty": true}')
    [found] = await look(STARTS, Mcp(command=STDIO, cwd=tmp_path), timeout_s=LIMIT_S)
    assert (found.status, found.code) == (Status.WARNING, "mcp.protocol-error"), found
    assert "INFO shelf 1.2: 3 books loaded" in found.because
    assert "standard error" in (found.hint or "")


async def test_nothing_but_log_lines(look) -> None:
    """A command that speaks no protocol at all is critical; so is a line without end."""
    [found] = await look(STARTS, shell("while :; do echo ready for you; sleep 0.1; done"), timeout_s=4.0)
    assert (found.status, found.code) == (Status.CRITICAL, "mcp.protocol-error"), found
    assert "ready for you" in found.because
    [found] = await look(STARTS, shell("exec tr '\\0' 'x' < /dev/zero"), timeout_s=LIMIT_S)
    assert (found.status, found.code) == (Status.CRITICAL, "mcp.protocol-error"), found
    assert "does not end" in found.observed


@pytest.mark.parametrize(
    ("text", "how", "words"),
    [
        ("echo loading; echo 'no variable API_BASE' >&2; exit 7", "exited with code 7", "no variable API_BASE"),
        ("kill -SEGV $$", "killed by SIGSEGV", ""),
        ("exit 0", "exited with code 0", ""),
    ],
)
async def test_a_server_that_ends(look, text: str, how: str, words: str) -> None:
    """How it ended and its last words are told."""
    [found] = await look(STARTS, shell(text), timeout_s=LIMIT_S)
    assert (found.status, found.code) == (Status.CRITICAL, "mcp.exited"), found
    assert how in found.observed
    assert words in found.because


async def test_a_program_that_is_not_there(look, tmp_path: Path) -> None:
    """A command or folder that does not exist is a server that cannot be started."""
    [found] = await look(STARTS, Mcp(command=("no-such-server", "--now")))
    assert (found.status, found.code) == (Status.CRITICAL, "mcp.exited")
    assert "no program `no-such-server`" in found.because
    [found] = await look(STARTS, Mcp(command=("sh",), cwd=tmp_path / "gone"))
    assert (found.status, found.code) == (Status.CRITICAL, "mcp.exited")


async def test_answers_that_are_none(look) -> None:
    """Silence, errors, wrong shapes and strange revisions each have their name."""
    [found] = await look(STARTS, saying(), timeout_s=LIMIT_S)
    assert found.status is Status.INFO, found
    cases = {
        "mcp.timeout": saying(ping=None),
        "mcp.failed": saying(ping={"error": {"code": -32603, "message": "the disk is full"}}),
        "mcp.protocol-error": saying(**{"tools/list": {"result": {"tools": [{"name": 5}]}}}),
        "mcp.version-mismatch": saying(
            initialize={"result": {**FINE["initialize"]["result"], "protocolVersion": "2025-03-26"}}
        ),
    }
    for code, target in cases.items():
        [found] = await look(STARTS, target, timeout_s=4.0 if code == "mcp.timeout" else LIMIT_S)
        assert (found.status, found.code) == (Status.CRITICAL, code), found
        assert running(target.command) == []


async def test_nothing_outlives_a_look(look, tmp_path: Path) -> None:
    """What the server started itself is gone, too, even where nobody hears it; and where the look is given up."""
    target = shell("sleep 1007 & trap '' TERM; sleep 1007; wait")
    [found] = await look(STARTS, target, timeout_s=4.0)
    assert found.code == "mcp.timeout"
    assert running(("sleep", "1007")) == []
    given_up = asyncio.create_task(look(STARTS, shell("exec sleep 1008"), timeout_s=LIMIT_S))
    while not running(("sleep", "1008")):
        assert not given_up.done()
        await asyncio.sleep(0.01)
    given_up.cancel()
    await asyncio.gather(given_up, return_exceptions=True)
    assert running(("sleep", "1008")) == []


def test_nothing_outlives_us(tmp_path: Path) -> None:
    """Where the program that looks is killed, the kernel takes the server with it."""
    program = """
import asyncio
from pathlib import Path
from paramedic.packs.mcp.child import Child
async def main():
    async with Child(("sh", "-c", "sleep 1009; true"), Path("."), {}):
        await asyncio.sleep(1000)
asyncio.run(main())
"""
    looker = subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path)
    until(lambda: running(("sleep", "1009")), "the server")
    looker.kill()
    looker.wait()
    until(lambda: not running(("sleep", "1009")), "its end")


async def test_the_running_server(look, processes, tmp_path: Path) -> None:
    """Below the program that holds its pipes the server runs, is stopped by a signal, or has ended; each is told."""
    target = Mcp(command=saying().command, launch=False)
    assert STARTS.target(pack_component(target)) is None
    agent = subprocess.Popen(  # noqa: ASYNC220  # it starts at once
        [sys.executable, "-m", "paramedic.drills.servers.mcp_agent", *target.command],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
    )
    spec = ProcessSpec(command=("agent",))
    try:
        assert agent.stdout.read(5) == b"ready"
        processes.set("it", pid=agent.pid, log_tail="started\nserver said: out of memory")
        [found] = await look(RUNS, target, process=spec)
        assert (found.status, found.code) == (Status.OK, None), found
        [server] = running(target.command)
        os.kill(server, signal.SIGSTOP)
        until(lambda: proc.is_suspended(server), "its stop")
        [found] = await look(RUNS, target, process=spec)
        assert (found.status, found.code) == (Status.CRITICAL, "mcp.timeout"), found
        os.kill(server, signal.SIGKILL)
        until(lambda: not running(target.command), "its end")
        [found] = await look(RUNS, target, process=spec)
        assert (found.status, found.code) == (Status.CRITICAL, "mcp.exited"), found
        assert "was killed by SIGKILL" in found.because
        assert "out of memory" in found.evidence[0].text
        processes.set("it", pid=agent.pid, is_starting=True, uptime_s=0.1)
        [found] = await look(RUNS, target, process=spec)
        assert found.status is Status.INFO
    finally:
        agent.kill()
        agent.communicate()
    processes.set("it", pid=None)
    [found] = await look(RUNS, target, process=spec)
    assert (found.status, found.code) == (Status.INFO, None)
    [found] = await look(RUNS, target)
    assert "nobody says which process starts it" in found.observed


def pack_component(target: Mcp):
    from paramedic.model.component import Component

    return Component(name="it", kind="mcp", target=target)
