"""A real service under a real ``paramedic watch``, driven from outside as a user would."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from paramedic.model.clock import SystemClock
from paramedic.model.incident import Incident
from paramedic.model.receipt import Receipt
from paramedic.model.service import Service
from paramedic.sdk import load_packs
from paramedic.service import load
from paramedic.store import Store, read_store

Seen = TypeVar("Seen")
PARAMEDIC = (sys.executable, "-m", "paramedic")

SERVER = """
import http.server, os, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"well")
    def log_message(self, *args): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""

WRITER = """
import sqlite3, sys, time
while True:
    base = sqlite3.connect("data.db", timeout=5)
    try:
        base.execute("select count(*) from notes").fetchone()
    except sqlite3.DatabaseError:
        pass
    finally:
        base.close()
    time.sleep(0.05)
"""


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(look: Callable[[], Seen], within_s: float, what: str) -> Seen:
    """The first true answer of ``look``; fails the test when there is none in time."""
    deadline = time.monotonic() + within_s
    while True:
        seen = look()
        if seen:
            return seen
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(0.02)


class Living:
    """A folder with a web server, a settings file and a database, and the watch over them."""

    def __init__(self, folder: Path, store: str | None = None, more: str = "") -> None:
        self.folder = folder
        self.port = free_port()
        self.watching: subprocess.Popen[bytes] | None = None
        (folder / "server.py").write_text(SERVER)
        (folder / "writer.py").write_text(WRITER)
        (folder / "settings.yaml").write_text("# as agreed\nvector_dimension: 384\nname: shop\n")
        with sqlite3.connect(folder / "data.db") as base:
            base.execute("create table notes (id integer primary key, text text)")
            base.executemany("insert into notes (text) values (?)", [(f"note {n} " * 20,) for n in range(500)])
        base.close()
        (folder / "paramedic.yaml").write_text(
            f"""
service: living
{f"store: {store}" if store else ""}
components:
  api:
    kind: http
    url: http://127.0.0.1:{self.port}/
    interval: 500ms
    timeout: 2s
    depends_on: [settings]
    process: {{command: ["{sys.executable}", server.py, "{self.port}"]}}
  writer:
    kind: process
    process: {{command: ["{sys.executable}", writer.py]}}
    interval: 500ms
    depends_on: [data]
  settings: {{kind: config, path: settings.yaml, required: [vector_dimension, name], interval: 500ms}}
  data: {{kind: sqlite, path: data.db, tables: [notes], interval: 500ms}}
{more}
"""
        )
        self.service: Service = load(folder / "paramedic.yaml", load_packs(), os.environ)

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """A ``paramedic`` command to its end."""
        return subprocess.run(
            [*PARAMEDIC, *arguments],
            cwd=self.folder,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def begin(self, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        """A ``paramedic`` command in the background, its words in ``watch.log``."""
        with (self.folder / "watch.log").open("ab") as log:
            return subprocess.Popen(
                [*PARAMEDIC, *arguments], cwd=self.folder, env={**os.environ, **environment}, stdout=log, stderr=log
            )

    def watch(self, **environment: str) -> None:
        """Start ``paramedic watch`` and wait until everything is well and can be restored."""
        self.watching = self.begin("watch", **environment)
        until(lambda: b"watching living" in (self.folder / "watch.log").read_bytes(), 30, "watch is up")
        until(self.is_well, 30, "the service is well")
        until(lambda: len(list((self.folder / ".paramedic" / "last-good").rglob("*"))) >= 4, 20, "copies are kept")

    def stop(self) -> None:
        """End the watch, whatever it takes, and everything that it started."""
        if self.watching and self.watching.poll() is None:
            self.watching.send_signal(signal.SIGTERM)
            try:
                self.watching.wait(20)
            except subprocess.TimeoutExpired:
                self.watching.kill()
                self.watching.wait()
        for pid in self.pids("server.py") + self.pids("writer.py"):
            os.kill(pid, signal.SIGKILL)

    @contextmanager
    def store(self) -> Iterator[Store | None]:
        """The store, to read."""
        settings = self.service.settings
        found = read_store(settings.store, node=settings.node, clock=SystemClock())
        try:
            yield found
        finally:
            if found:
                found.close()

    def incidents(self) -> Sequence[Incident]:
        """All incidents, newest first."""
        with self.store() as store:
            if store is None:
                return ()
            with store.begin() as tx:
                return tx.incidents.list()

    def receipts(self) -> Sequence[Receipt]:
        """All receipts of plans for incidents, oldest first."""
        with self.store() as store:
            if store is None:
                return ()
            with store.begin() as tx:
                plans = [plan for each in tx.incidents.list() for plan in tx.plans.of(each.id)]
                return [receipt for plan in plans for receipt in tx.receipts.of(plan.id)]

    def breaks(self) -> Sequence[str]:
        """Every break of a hash chain."""
        with self.store() as store:
            return store.verify() if store else ()

    def status(self) -> dict[str, Any]:
        """What ``paramedic status`` says."""
        ended = self.run("status", "--format", "json")
        return json.loads(ended.stdout)  # type: ignore[no-any-return]

    def is_well(self) -> bool:
        """Whether every check of every component was looked at and passes."""
        with self.store() as store:
            if store is None:
                return False
            with store.begin() as tx:
                latest = tx.findings.latest()
        return {each.component for each in latest} >= set(self.service.components) and all(
            each.status in ("ok", "info") for each in latest
        )

    def pids(self, script: str) -> list[int]:
        """Living processes of this folder that run a script."""
        found = []
        for name in os.listdir("/proc"):
            if not name.isdigit():
                continue
            try:
                command = Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0")
                here = os.readlink(f"/proc/{name}/cwd") == str(self.folder)
                state = Path(f"/proc/{name}/stat").read_text().rsplit(")", 1)[1].split()[0]
            except OSError:
                continue
            if here and script.encode() in command and state != "Z":
                found.append(int(name))
        return found
