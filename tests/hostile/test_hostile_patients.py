"""Patients that print rubbish, answer rubbish, hang, or refuse to die: verdicts, never tracebacks, nobody held up."""

import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from hostile.ward import Ward
from living import free_port, until

NOISY = r"""
import sys, time
out = sys.stdout.buffer
for _ in range(30):
    out.write(b"\xff\xfe\x00\x1b[2J\x1b]0;owned\x07\r\n" + bytes(range(256)))
    out.write(b"x" * 1_000_000 + b"\n")
    out.flush()
sys.exit(3)
"""
STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open("stubborn.pid", "w").write(str(os.getpid()))
while True: time.sleep(1)
"""
FORKING = """
import os, time
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
time.sleep(1000)
"""
RUBBISH = r"""
import random, socketserver, sys
BODIES = [
    bytes(random.Random(1).randrange(256) for _ in range(5000)),
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=\xff\r\nContent-Length: 4\r\n\r\n\xff\xfe{{",
    b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nshort",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZZZ\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 8\r\n\r\nnot gzip",
    b"HTTP/1.1 999 \x1b[2J\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n" + b"X-Long: " + b"a" * 200000 + b"\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nLocation: http://[::1\r\n\r\n",
    b"",
]
class Answer(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.recv(1000)
        self.request.sendall(self.server.body)
import threading
for port, body in zip(sys.argv[1:], BODIES):
    server = socketserver.ThreadingTCPServer(("127.0.0.1", int(port)), Answer)
    server.body = body
    threading.Thread(target=server.serve_forever).start()
open("listening", "w")
"""


def kept(*command: str) -> str:
    """The lines that give a component a process."""
    words = ", ".join(f'"{word}"' for word in command)
    return f"process: {{command: [{words}]}}"


def test_a_patient_that_prints_rubbish_is_diagnosed(tmp_path: Path) -> None:
    """Bytes that are no text, control characters and lines of a megabyte, thirty of them, then a crash, again and again."""
    (tmp_path / "noisy.py").write_text(NOISY)
    ward = Ward(
        tmp_path,
        f"service: ward\ncomponents:\n  noisy: {{kind: process, interval: 300ms, {kept(sys.executable, 'noisy.py')}}}\n",
    )
    with ward.watch():
        until(lambda: any(each["state"] == "escalated" for each in ward.incidents()), 60, "it is given up in the end")
        for command in (("status",), ("check", "-v"), ("receipts",), ("incidents", "show", ward.incidents()[0]["id"])):
            said = ward.run(*command)
            assert "\x1b" not in said.out
            assert "\x00" not in said.out
            assert max(map(len, said.out.splitlines())) < 10_000
    assert "\x1b" not in ward.said()


CHATTY = """
import sys, time
while True:
    sys.stdout.write("the same again " * 70 + "\\n"); time.sleep(0.0001)
"""


@pytest.mark.slow
def test_a_log_that_grows_without_end_is_cut(tmp_path: Path) -> None:
    """A process in despair prints megabytes a second; its logs stay within their bounds."""
    (tmp_path / "chatty.py").write_text(CHATTY)
    ward = Ward(
        tmp_path,
        f"service: ward\nsettings: {{log_max_bytes: 1MB, log_keep: 2}}\n"
        f"components:\n  chatty: {{kind: process, {kept(sys.executable, 'chatty.py')}}}\n",
    )
    logs = ward.state / "logs"
    with ward.watch():
        until((logs / "chatty.log.2").exists, 30, "it was cut twice")
        assert sum(each.stat().st_size for each in logs.iterdir()) < 200_000_000
        assert ward.run("check").code == 0


def test_http_answers_of_rubbish_are_findings(tmp_path: Path) -> None:
    """Whatever comes over the wire: no check crashes, none calls it healthy."""
    (tmp_path / "rubbish.py").write_text(RUBBISH)
    ports = [free_port() for _ in range(9)]
    server = subprocess.Popen([sys.executable, "rubbish.py", *map(str, ports)], cwd=tmp_path)
    parts = "".join(
        f"  a{n}: {{kind: http, url: 'http://127.0.0.1:{port}/', expect_json: {{status: ok}}, timeout: 2s}}\n"
        for n, port in enumerate(ports)
    )
    ward = Ward(tmp_path, f"service: ward\ncomponents:\n{parts}")
    try:
        until((tmp_path / "listening").exists, 30, "the server listens")
        said = ward.run("check", "--format", "json")
    finally:
        server.kill()
        server.wait()
    found = {each["component"]: each for each in said.json["findings"] if each["status"] in ("critical", "unknown")}
    assert set(found) == {f"a{n}" for n in range(9)}
    assert not [each for each in found.values() if each["code"] == "paramedic.check-crashed"]


def test_files_that_are_none_are_findings(tmp_path: Path) -> None:
    """Pipes, devices, folders, ten megabytes of brackets, random bytes: every one has a verdict, in time."""
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "brackets.json").write_text("[" * 10_000_000)
    (tmp_path / "braces.yaml").write_text("{" * 100_000)
    (tmp_path / "bomb.yaml").write_text(
        "a: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(8))
    )
    (tmp_path / "bytes.toml").write_bytes(random.Random(2).randbytes(10_000))
    (tmp_path / "bytes.db").write_bytes(random.Random(3).randbytes(100_000))
    (tmp_path / "header.db").write_bytes(b"SQLite format 3\0" + random.Random(4).randbytes(100_000))
    os.mkfifo(tmp_path / "pipe.db")
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    ward = Ward(
        tmp_path,
        """\
service: ward
components:
  pipe: {kind: config, path: pipe.yaml}
  device: {kind: config, path: /dev/zero, format: yaml}
  folder: {kind: config, path: folder.yaml}
  brackets: {kind: config, path: brackets.json}
  braces: {kind: config, path: braces.yaml}
  bomb: {kind: config, path: bomb.yaml}
  toml: {kind: config, path: bytes.toml}
  loop: {kind: config, path: loop.yaml}
  base: {kind: sqlite, path: bytes.db}
  header: {kind: sqlite, path: header.db}
  pipebase: {kind: sqlite, path: pipe.db}
  devicebase: {kind: sqlite, path: /dev/zero}
""",
    )
    began = time.monotonic()
    said = ward.run("check", "--format", "json")
    assert time.monotonic() - began < 30
    found = {}
    for each in said.json["findings"]:
        found.setdefault(each["component"], set()).add(each["status"])
        assert each["code"] != "paramedic.check-crashed", each
    assert set(found) == set(ward_components(tmp_path))
    for name in set(found) - {"bomb"}:
        assert found[name] & {"critical", "unknown", "warning"}, name
    with ward.watch():
        until(lambda: len(ward.status()) == 12, 20, "watch lives with them")


def ward_components(folder: Path) -> list[str]:
    """As they are written in the service file."""
    lines = (folder / "paramedic.yaml").read_text().splitlines()
    return [line.split(":")[0].strip() for line in lines if line.startswith("  ")]


@pytest.fixture
def silent_ports() -> Iterator[list[int]]:
    """Fifty ports that accept and never answer."""
    with ExitStack() as stack:
        found = []
        for _ in range(50):
            listener = stack.enter_context(socket.socket())
            listener.bind(("127.0.0.1", 0))
            listener.listen(200)
            found.append(listener.getsockname()[1])
        yield found


def test_ports_that_hang_delay_nobody(tmp_path: Path, silent_ports: list[int]) -> None:
    """Fifty of them, looked at twice a second: the healthy one is looked at in time, and its death is healed at once."""
    hung = "".join(
        f"  h{n}: {{kind: http, url: 'http://127.0.0.1:{port}/', interval: 500ms, timeout: 3s}}\n"
        for n, port in enumerate(silent_ports)
    )
    ward = Ward(
        tmp_path,
        f"service: ward\ncomponents:\n  well: {{kind: process, interval: 500ms, {kept('sleep', '1000')}}}\n{hung}",
    )
    with ward.watch():
        ward.kill("sleep")
        until(lambda: ward.ended_well("well"), 15, "the healthy one is healed")


def test_processes_that_refuse_to_end_are_ended(tmp_path: Path) -> None:
    """One that ignores SIGTERM is killed after its time; one that forks away is found and stopped with its children."""
    (tmp_path / "stubborn.py").write_text(STUBBORN)
    (tmp_path / "forking.py").write_text(FORKING)
    python = sys.executable
    ward = Ward(
        tmp_path,
        f"""\
service: ward
components:
  stubborn:
    kind: process
    process: {{command: ["{python}", stubborn.py], stop_timeout: 1s}}
  forking: {{kind: process, {kept(python, "forking.py")}}}
""",
    )
    with ward.watch(wait=False):
        until((tmp_path / "stubborn.pid").exists, 30, "it runs")
        assert ward.run("stop", "stubborn").code == 0
        assert not ward.pids("stubborn.py")
        assert ward.run("stop", "forking").code in (0, 1)
        until(lambda: not ward.pids("forking.py"), 30, "nothing of it is left")
