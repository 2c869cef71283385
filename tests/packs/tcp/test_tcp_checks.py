"""The check of the tcp pack against real listeners."""

import asyncio
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from paramedic.model.component import Owner
from paramedic.packs.tcp.checks import accepts_connections
from paramedic.packs.tcp.target import Tcp
from paramedic.sdk import ProcessSpec, Status


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A socket that listens on a free port and is never accepted from."""
    with socket.create_server(("127.0.0.1", 0), backlog=5) as server:
        yield server


def port_of(server: socket.socket) -> int:
    return int(server.getsockname()[1])


async def test_healthy(look, listener):
    """A listening server is well, and the time it took is kept."""
    [found] = await look(accepts_connections, Tcp(port=port_of(listener)))
    assert found.status is Status.OK
    assert found.code is None
    assert 0 < found.measures["latency_ms"] < 1000


async def test_a_refusal_is_named_with_the_command_that_starts_the_server(look, listener):
    """Nobody listens: `tcp.refused`, and the hint names who can start it."""
    port = port_of(listener)
    listener.close()
    [found] = await look(accepts_connections, Tcp(port=port), name="db", process=ProcessSpec(command=("sleep", "1")))
    assert (found.status, found.code) == (Status.CRITICAL, "tcp.refused")
    assert "`paramedic start db`" in found.hint
    assert f"sport = :{port}" in found.hint
    [found] = await look(accepts_connections, Tcp(port=port), owner=Owner(manager="systemd", unit="redis"))
    assert "systemctl start redis" in found.hint
    [found] = await look(accepts_connections, Tcp(port=port))
    assert "`process` or `owner`" in found.hint


async def test_a_full_backlog_is_a_timeout(look):
    """A listener that accepts no more is silent, not refused: `tcp.timeout`, within the check's own time."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        waiting = []
        for _ in range(4):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(server.getsockname())
            waiting.append(client)
        [found] = await look(accepts_connections, Tcp(port=port_of(server)), timeout_s=0.6)
        for client in waiting:
            client.close()
    assert (found.status, found.code) == (Status.CRITICAL, "tcp.timeout")
    assert "backlog" in found.hint


def test_no_way_is_silence_that_says_so():
    """In a network without routes an attempt counts as unanswered, with the system's reason."""
    script = """
import asyncio
from paramedic.model.clock import SystemClock
from paramedic.packs.tcp.connect import latency_ms
asyncio.run(latency_ms("192.0.2.1", 9, 1.0, SystemClock()))
"""
    empty_network = ["unshare", "--map-root-user", "--net"]
    if subprocess.run([*empty_network, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine does not let a process have a network of its own")
    done = subprocess.run([*empty_network, sys.executable, "-c", script], check=False, capture_output=True, text=True)
    assert "Silent: 192.0.2.1: " in done.stderr
    assert "nreachable" in done.stderr


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 64, "", "two words", "tab\there"])
async def test_a_name_without_address(look, host):
    """A name that does not resolve, whether unknown or impossible, is `dns.unresolved`."""
    [found] = await look(accepts_connections, Tcp(host=host, port=80))
    assert (found.status, found.code) == (Status.CRITICAL, "dns.unresolved")
    assert "getent hosts" in found.hint


async def test_a_resolver_that_hangs_delays_nobody(look, monkeypatch):
    """A resolver without an answer is `dns.unresolved` within the check's own time.

    A stand-in for the system's resolver: a real one cannot be made to hang without changing the machine.
    """
    release = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: release.wait(30))
    [found] = await look(accepts_connections, Tcp(host="slow.example", port=80), timeout_s=0.4)
    release.set()
    assert found.code == "dns.unresolved"
    assert "no answer from the resolver" in found.because


async def test_every_address_of_a_name_is_tried(look, listener, monkeypatch):
    """A server that listens on one of a name's addresses only is well (stand-in: a name with several addresses)."""
    rows = [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port_of(listener), 0, 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.2", port_of(listener))),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port_of(listener))),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: rows)
    [found] = await look(accepts_connections, Tcp(host="both.example", port=port_of(listener)))
    assert found.status is Status.OK


async def test_cannot_look_without_descriptors(look, listener):
    """When this machine cannot open a socket the verdict is unknown: it says nothing about the server."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    opened = []
    await asyncio.sleep(0)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    try:
        while True:
            try:
                opened.append(socket.socket())
            except OSError:
                break
        [found] = await look(accepts_connections, Tcp(port=port_of(listener)))
    finally:
        for each in opened:
            each.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert found.status is Status.UNKNOWN


async def test_a_server_that_breaks_off_at_once_is_still_listening(look):
    """Accepting and closing counts as accepting; what it says is another check's business."""

    async def slam(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    server = await asyncio.start_server(slam, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        [found] = await look(accepts_connections, Tcp(port=port))
    assert found.status is Status.OK
