"""The store goes away while watch runs and comes back: watch lives, says so, and loses no incident."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostile.ward import Ward, fill, small_disk
from living import SERVER, free_port, until
from postgres_server import PostgresServer, postgres_server


def serving(folder: Path, store: str = "", more: str = "") -> Ward:
    """A ward with a web server that watch keeps."""
    port = free_port()
    (folder / "server.py").write_text(SERVER)
    return Ward(
        folder,
        f"""\
service: ward
{f"store: {store}" if store else ""}
components:
  api:
    kind: http
    url: http://127.0.0.1:{port}/
    interval: 300ms
    timeout: 2s
    process: {{command: ["{sys.executable}", server.py, "{port}"]}}
{more}""",
    )


def test_a_disk_that_becomes_full_loses_no_incident(tmp_path: Path) -> None:
    """What happens while no byte can be written is kept in memory, said once, and recorded and healed afterwards."""
    ward = serving(tmp_path)
    with small_disk(ward.state, "4m") as disk, ward.watch() as watching:
        until(lambda: ward.status()["api"]["status"] == "ok", 20, "the api is well")
        ballast = fill(disk)
        ward.kill("server.py")
        until(lambda: "wait in memory" in ward.said(), 30, "the log says that the store takes nothing")
        time.sleep(3)  # long enough for every job to meet the full disk
        assert watching.poll() is None
        assert ward.said().count("wait in memory") == 1, "it is said once"
        refused = ward.run("restart", "api")
        assert (refused.code, "space" in refused.err) == (75, True)
        assert ward.run("check").code == 2
        ballast.unlink()
        until(lambda: ward.ended_well("api"), 30, "the incident is there, healed")
        assert "can be used again" in ward.said()
        assert ward.run("audit", "verify").code == 0
        assert ward.run("restart", "api").code == 0, "commands are taken again"


def test_a_full_disk_calls_people_all_the_same(tmp_path: Path) -> None:
    """An escalation that cannot be stored is sent from memory, and once only."""
    (tmp_path / "sink.py").write_text(SINK)
    port = free_port()
    ward = Ward(
        tmp_path,
        f"""\
service: ward
escalation: {{L2: ["http://127.0.0.1:{port}/"]}}
components:
  door: {{kind: tcp, host: 127.0.0.1, port: {free_port()}, interval: 300ms}}
  sink: {{kind: process, process: {{command: ["{sys.executable}", sink.py, "{port}"]}}}}
""",
    )
    heard = tmp_path / "heard"
    with small_disk(ward.state, "4m") as disk, ward.watch():
        until(heard.exists, 20, "people are called")
        before = heard.read_bytes().count(b"\n")
        ballast = fill(disk)
        time.sleep(4)
        assert heard.read_bytes().count(b"\n") == before, "nobody is told twice because nothing can be written"
        ballast.unlink()
        until(lambda: not undelivered(ward), 20, "what was sent is known as sent")
        assert heard.read_bytes().count(b"\n") == before


def undelivered(ward: Ward) -> int:
    """Messages that the store takes for not sent."""
    from paramedic.model.clock import SystemClock
    from paramedic.store import read_store

    store = read_store(f"sqlite:///{ward.state}/paramedic.db", node="n", clock=SystemClock())
    assert store is not None
    try:
        with store.read() as tx:
            return len(tx.outbox.undelivered())
    finally:
        store.close()


SINK = """
import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with open("heard", "ab") as file: file.write(body + b"\\n")
        self.send_response(200); self.end_headers()
    def log_message(self, *args): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as running:
        yield running


def test_a_postgres_that_restarts_is_used_again(tmp_path: Path, server: PostgresServer) -> None:
    """What died while it was away is healed and recorded when it is back."""
    ward = serving(tmp_path, server.create_database())
    with ward.watch() as watching:
        until(lambda: ward.status()["api"]["status"] == "ok", 20, "the api is well")
        server.kill()
        ward.kill("server.py")
        until(lambda: "wait in memory" in ward.said(), 30, "the log says that the store is away")
        time.sleep(2)
        assert watching.poll() is None
        server.start()
        until(lambda: ward.ended_well("api"), 40, "the incident is there, healed")
        assert ward.run("audit", "verify").code == 0


@pytest.mark.slow
def test_a_postgres_that_stands_still_stops_no_look(tmp_path: Path, server: PostgresServer) -> None:
    """A server that is stopped answers nobody; checks go on, and watch ends when it is told to."""
    ward = serving(tmp_path, server.create_database())
    with ward.watch() as watching:
        until(lambda: ward.status()["api"]["status"] == "ok", 20, "the api is well")
        family = [server.process.pid, *children(server.process.pid)] if server.process else []
        for pid in family:
            os.kill(pid, signal.SIGSTOP)
        try:
            (tmp_path / "paramedic.yaml").write_text("rubbish: [")
            until(lambda: "stays in force" in ward.said(), 30, "the loop lives")
            watching.send_signal(signal.SIGTERM)
            time.sleep(1)
            watching.send_signal(signal.SIGTERM)
            watching.wait(30)
        finally:
            for pid in family:
                os.kill(pid, signal.SIGCONT)


def children(pid: int) -> list[int]:
    """Of a process."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(each) for each in found]
