"""Real servers of tools on the official library, and stand-ins for what such servers do wrong."""

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from living import free_port
from paramedic.packs.mcp.target import Mcp
from paramedic.sdk import proc

SERVER = (sys.executable, "-m", "paramedic.drills.servers.mcp_tools")
STDIO = (*SERVER, "stdio")
WITHIN_S = 60.0

LINES = """
import json, sys
answers = json.loads(sys.argv[1])
for line in sys.stdin:
    message = json.loads(line)
    if "id" not in message:
        continue
    answer = answers.get(message["method"], {"error": {"code": -32601, "message": "there is no such method"}})
    if isinstance(answer, str):
        print(answer, flush=True)
    elif answer is not None:
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], **answer}), flush=True)
"""
"""A stand-in that answers each method with what it is told, and starts in no time."""
HELLO = {
    "result": {
        "protocolVersion": "2025-06-18",
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "stand-in", "version": "1"},
    }
}
FINE = {"initialize": HELLO, "ping": {"result": {}}, "tools/list": {"result": {"tools": []}}}


def running(command: tuple[str, ...]) -> list[int]:
    """Living processes with this command line."""
    return [pid for pid in proc.pids() if proc.command(pid) == command and proc.identity(pid)]


def until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)


class Running:
    """A server over HTTP."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/mcp"
        self.target = Mcp(url=self.url)
        with (folder / "server.log").open("wb") as log:
            self.process = subprocess.Popen(
                [*SERVER, "http", str(self.port)], cwd=folder, stdout=log, stderr=log, start_new_session=True
            )
        until(self._answers, "the server")

    def _answers(self) -> bool:
        assert self.process.poll() is None
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=1).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    def send(self, what: signal.Signals) -> None:
        os.kill(self.process.pid, what)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A real server, for tests that leave it as it was."""
    one = Running(tmp_path_factory.mktemp("mcp"))
    yield one
    one.end()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Callable[[], Running]]:
    """``own()``: a real server of this test's own, of the release in ``release.json``."""
    started: list[Running] = []

    def start() -> Running:
        started.append(Running(tmp_path))
        return started[-1]

    yield start
    for each in started:
        each.end()


@contextmanager
def answering(status: int, body: bytes, kind: str = "application/json", wait_s: float = 0.0) -> Iterator[str]:
    """A stand-in that answers every request over HTTP in the same way; gives its address."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            time.sleep(wait_s)
            content = body.replace(b"@ID@", asked.partition(b'"id":')[2].partition(b",")[0].strip(b"} ") or b"0")
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as listener:
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.server_address[1]}/mcp"
        finally:
            listener.shutdown()
            thread.join()
