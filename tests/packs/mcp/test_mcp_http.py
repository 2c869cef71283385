"""Servers of tools over HTTP: a real one on the official library, and stand-ins for what goes wrong."""

import asyncio
import json
import signal
import socket
import sys
from pathlib import Path

import pytest

from packs.mcp.conftest import Running, answering
from paramedic.packs.mcp import pack
from paramedic.packs.mcp.talk import call
from paramedic.packs.mcp.target import Mcp, Revision
from paramedic.sdk import Secret, Status

ANSWERS = {each.id: each for each in pack.checks}["mcp.answers"]
RECORD = {each.id: each.action for each in pack.actions}["mcp.record"]
LIMIT_S = 30.0
"""For looks that succeed; a busy machine needs a while."""


async def test_a_real_server_is_well(look, act, bench, server: Running) -> None:
    """It answers in the newest revision; once its tools are written down they are what is expected."""
    [found] = await look(ANSWERS, server.target, timeout_s=LIMIT_S)
    assert (found.status, found.code) == (Status.INFO, None), found
    assert "2026-07-28, 4 tools, which nobody has written down" in found.observed
    await RECORD.apply(act(server.target))
    [found] = await look(ANSWERS, server.target, timeout_s=LIMIT_S)
    assert (found.status, found.code) == (Status.OK, None), found
    assert found.measures["latency_ms"] > 0


async def test_ping_is_used_where_the_revision_has_one(look, server: Running) -> None:
    """Up to 2025-11-25 a server is asked with a ping, in exactly the revision that was agreed upon."""
    for revision in (Revision.MARCH_2025, Revision.NOVEMBER_2025):
        [found] = await look(ANSWERS, Mcp(url=server.url, protocol=revision), timeout_s=LIMIT_S)
        assert found.status is Status.INFO, found
        assert "answered ping in" in found.observed
        assert f"ms, {revision}, 4 tools" in found.observed


async def test_nobody_listens(look) -> None:
    """A closed port is a refusal, a name without address says so."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    [found] = await look(ANSWERS, Mcp(url=f"http://127.0.0.1:{port}/mcp"))
    assert (found.status, found.code) == (Status.CRITICAL, "mcp.refused")
    [found] = await look(ANSWERS, Mcp(url="http://no-such-host.invalid/mcp"))
    assert (found.status, found.code) == (Status.CRITICAL, "dns.unresolved")


@pytest.mark.parametrize(
    ("status", "body", "kind", "code", "told"),
    [
        (401, b"who are you", "text/plain", "mcp.auth-failed", "401"),
        (403, b"{}", "application/json", "mcp.auth-failed", "403"),
        (404, b"not here", "text/plain", "mcp.protocol-error", "answered 404"),
        (500, b"oh no", "text/plain", "mcp.failed", "answered 500"),
        (200, b"<html>welcome</html>", "text/html", "mcp.protocol-error", "<html>welcome</html>"),
        (200, b"INFO server ready", "application/json", "mcp.protocol-error", "INFO server ready"),
        (200, b"data: INFO ready\n\n", "text/event-stream", "mcp.protocol-error", "INFO ready"),
        (200, b'{"jsonrpc":"2.0","id":@ID@,"error":{"code":-32603,"message":"no database"}}', "application/json",
         "mcp.failed", "no database"),
        (200, b'{"jsonrpc":"2.0","id":@ID@,"result":{"tools":5}}', "application/json", "mcp.protocol-error", "tools"),
    ],
)  # fmt: skip
async def test_what_is_no_answer(look, *, status: int, body: bytes, kind: str, code: str, told: str) -> None:
    """Whatever comes instead of a message is named for what it is, and quoted."""
    with answering(status, body, kind) as url:
        [found] = await look(ANSWERS, Mcp(url=url), timeout_s=LIMIT_S)
    assert (found.status, found.code) == (Status.CRITICAL, code), found
    assert told in f"{found.observed} {found.because}"


async def test_a_certificate_that_nobody_knows(look, tmp_path: Path) -> None:
    """An untrusted certificate is no silence; it may be accepted on purpose."""
    import ssl
    import threading

    from packs.authority import Issued

    root = Issued.make("nobody", is_authority=True)
    issued = Issued.make("127.0.0.1", "127.0.0.1", by=root)
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trust.load_cert_chain(*issued.write(tmp_path))

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            caller, _ = listener.accept()
            with caller, pytest.raises(OSError):  # noqa: PT012  # the caller hangs up
                trust.wrap_socket(caller, server_side=True).recv(10)
                raise OSError

        thread = threading.Thread(target=greet)
        thread.start()
        [found] = await look(ANSWERS, Mcp(url=f"https://127.0.0.1:{listener.getsockname()[1]}/mcp"))
        thread.join()
    assert (found.status, found.code) == (Status.CRITICAL, "mcp.tls"), found


async def test_a_server_that_hangs(look, own) -> None:
    """One that is stopped, or accepts and never answers, is found within the look's own time, and told why."""
    server = own()
    server.send(signal.SIGSTOP)
    try:
        [found] = await look(ANSWERS, server.target, timeout_s=3.0)
    finally:
        server.send(signal.SIGCONT)
    assert (found.status, found.code) == (Status.CRITICAL, "mcp.timeout"), found
    assert "SIGSTOP" in found.because
    with socket.create_server(("127.0.0.1", 0)) as silent:
        [found] = await look(ANSWERS, Mcp(url=f"http://127.0.0.1:{silent.getsockname()[1]}/mcp"), timeout_s=2.0)
    assert (found.status, found.code) == (Status.CRITICAL, "mcp.timeout"), found


async def test_a_busy_server_is_not_dead(look, own, tmp_path: Path) -> None:
    """A long call that keeps the server from answering is work, until it has lasted for too long."""
    server = own()
    long = asyncio.create_task(call(server.target, tmp_path, "ponder", {"seconds": 25.0}, limit_s=90.0))
    try:
        found = None
        for _ in range(100):
            [found] = await look(ANSWERS, server.target, timeout_s=2.0)
            if found.observed.startswith("busy"):
                break
            await asyncio.sleep(0.1)
        assert found is not None
        assert (found.status, found.code) == (Status.INFO, None), found
        assert "keeps" in found.observed
        [found] = await look(ANSWERS, server.target, timeout_s=2.0, thresholds={"busy_s": 0.0})
        assert (found.status, found.code) == (Status.CRITICAL, "mcp.timeout"), found
        assert "has answered nobody for" in found.because
    finally:
        long.cancel()
        await asyncio.gather(long, return_exceptions=True)


async def test_an_older_server(look, own, tmp_path: Path) -> None:
    """A server that does not speak the revision of its clients is told from one that nobody can talk to."""
    (tmp_path / "release.json").write_text(json.dumps({"revision": "2025-06-18"}))
    server = own()
    [found] = await look(ANSWERS, Mcp(url=server.url, protocol=Revision.NOVEMBER_2025), timeout_s=LIMIT_S)
    assert (found.status, found.code) == (Status.CRITICAL, "mcp.version-mismatch"), found
    assert "speaks 2025-06-18, its clients speak 2025-11-25" in found.observed
    assert "paramedic mcp set-protocol it 2025-06-18" in (found.hint or "")
    [found] = await look(ANSWERS, Mcp(url=server.url, protocol=Revision.JUNE_2025), timeout_s=LIMIT_S)
    assert found.status is Status.INFO, found
    alien = {"protocolVersion": "2019-01-01", "capabilities": {}, "serverInfo": {"name": "old", "version": "0"}}
    body = json.dumps({"jsonrpc": "2.0", "id": "@ID@", "result": alien}).replace('"@ID@"', "@ID@").encode()
    with answering(200, body) as url:
        [found] = await look(ANSWERS, Mcp(url=url, protocol=Revision.NOVEMBER_2025))
    assert (found.status, found.code) == (Status.CRITICAL, "mcp.version-mismatch"), found


async def test_tools_that_changed(look, act, bench, server: Running) -> None:
    """A tool that is gone or takes other arguments is critical, another description a warning, a new tool no trouble."""
    await RECORD.apply(act(server.target))
    path = bench.folder / "it.tools.json"
    recorded = json.loads(path.read_text())

    async def after(change) -> object:
        data = json.loads(json.dumps(recorded))
        change(data["tools"])
        for tool in data["tools"].values():
            from paramedic.packs.mcp.manifest import contract, digest

            tool["sha256"] = digest(contract(tool))
        path.write_text(json.dumps(data))
        [found] = await look(ANSWERS, server.target, timeout_s=LIMIT_S)
        return found

    gone = await after(lambda tools: tools.update(lend=tools["find"]))
    assert (gone.status, gone.code) == (Status.CRITICAL, "mcp.tools-changed")
    assert gone.observed == "tool `lend`: is gone"
    other = await after(lambda tools: tools["find"]["inputSchema"]["properties"]["limit"].update(type="string"))
    assert (other.status, other.code) == (Status.CRITICAL, "mcp.tools-changed")
    assert "the argument `limit` is an integer, was a string" in other.observed
    words = await after(lambda tools: tools["find"].update(description="Find anything."))
    assert (words.status, words.code) == (Status.WARNING, "mcp.tools-changed")
    new = await after(lambda tools: tools.pop("reserve"))
    assert new.status is Status.OK
    assert "new since then: `reserve`" in new.observed
    path.write_text("no list of tools")
    [found] = await look(ANSWERS, server.target, timeout_s=LIMIT_S)
    assert found.status is Status.UNKNOWN


async def test_a_slow_server(look) -> None:
    """An idle server that takes long is slow, and that is advice only."""
    result = {"result": {"tools": [], "protocolVersion": "2025-11-25", "capabilities": {"tools": {}},
              "serverInfo": {"name": "slow", "version": "1"}}}  # fmt: skip
    body = json.dumps({"jsonrpc": "2.0", "id": "@ID@", **result}).replace('"@ID@"', "@ID@").encode()
    with answering(200, body, wait_s=0.2) as url:
        target = Mcp(url=url, protocol=Revision.NOVEMBER_2025)
        [found] = await look(ANSWERS, target, timeout_s=LIMIT_S, thresholds={"latency_ms": 100.0})
    assert (found.status, found.code) in ((Status.WARNING, "mcp.slow"), (Status.INFO, None)), found
    assert "ms" in found.observed


async def test_without_the_library(look, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the client library is not installed nothing is judged, and the extra is named."""
    monkeypatch.setitem(sys.modules, "paramedic.packs.mcp.talk", None)
    [found] = await look(ANSWERS, Mcp(url="http://127.0.0.1:9/mcp"))
    assert found.status is Status.UNKNOWN
    assert "paramedic[mcp]" in (found.hint or "")


async def test_headers_are_sent_and_never_shown(look) -> None:
    """A token goes to the server and into no finding, not even in an address."""
    with answering(401, b"no", "text/plain") as url:
        address = url.replace("http://", "http://user:hunter2@") + "?key=hunter3"
        [found] = await look(ANSWERS, Mcp(url=address, headers={"Authorization": Secret("Bearer hunter4")}))
    assert found.code == "mcp.auth-failed"
    assert "hunter" not in repr(found)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"url": "http://a/mcp", "command": ("b",)},
        {"url": "ftp://a"},
        {"url": "http://"},
        {"command": ("a",), "headers": {"b": "c"}},
        {"url": "http://a/mcp", "started_by": "b"},
    ],
)
def test_what_is_no_server(fields: dict[str, object]) -> None:
    """An address that nobody can ask is refused when the service file is read."""
    with pytest.raises(ValueError, match="`"):
        Mcp(**fields)
