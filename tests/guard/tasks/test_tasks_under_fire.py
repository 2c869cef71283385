"""The queue of failed calls between programs that are killed."""

import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

SERVER = """
import json, sqlite3, socketserver, sys
db = sqlite3.connect(sys.argv[2], isolation_level=None, check_same_thread=False)
db.execute("PRAGMA journal_mode=WAL")
db.execute("CREATE TABLE IF NOT EXISTS calls (id TEXT, number INTEGER PRIMARY KEY)")
class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            db.execute("INSERT INTO calls (id) VALUES (?)", (line.decode().strip(),))
            self.wfile.write(b"ok\\n")
class Server(socketserver.UnixStreamServer):
    request_queue_size = 50
with Server(sys.argv[1], Handler) as server:
    server.serve_forever()
"""

CLIENT = """
import os, socket, sys, threading
from paramedic.guard import FailedTaskQueue
line = None
def deliver(task_id):
    global line
    try:
        if line is None:
            s = socket.socket(socket.AF_UNIX); s.settimeout(5); s.connect(sys.argv[1]); line = s.makefile("rwb")
        line.write(task_id.encode() + b"\\n"); line.flush()
        if line.readline() != b"ok\\n": raise ConnectionError("the server is gone")
    except OSError:
        line = None
        raise
queue = FailedTaskQueue(sys.argv[2], handlers={"deliver": deliver}, max_retries=1000, backoff_s=0.01, max_backoff_s=0.05)
real = queue._file.acknowledge
def acknowledge(task_id, now):
    real(task_id, now)
    os.write(1, f"acknowledged {task_id}\\n".encode())  # whole or not at all, whoever is killed or writes beside it
queue._file.acknowledge = acknowledge
queue.start()
for number in range(int(sys.argv[3])):
    queue.add("deliver", task_id=f"t{number}")
while queue.counts()["done"] < int(sys.argv[3]):
    threading.Event().wait(0.05)
os.write(1, b"finished\\n")
"""


def under_fire(tmp_path, calls: int, server_kills: int, client_kills: int) -> None:
    """Kill both sides at random; at the end every call has arrived, and none after its acknowledgement was known."""
    dice = random.Random(5)
    address, received, queue = str(tmp_path / "s"), str(tmp_path / "received.sqlite"), str(tmp_path / "q.sqlite")
    acknowledged: dict[str, int] = {}
    finished = threading.Event()
    looker = None

    def arrived() -> int:
        with sqlite3.connect(received) as db:
            found = db.execute("SELECT coalesce(max(number), 0) FROM calls").fetchone()[0]
        db.close()
        return int(found)

    def start_server():
        Path(address).unlink(missing_ok=True)
        child = subprocess.Popen([sys.executable, "-c", SERVER, address, received])
        deadline = time.monotonic() + 20
        while not Path(address).exists():
            assert time.monotonic() < deadline
            time.sleep(0.005)
        return child

    def read(stream) -> None:
        for line in stream:
            word, _, task_id = line.strip().partition(" ")
            if word == "acknowledged":
                acknowledged.setdefault(task_id, arrived())
            if word == "finished":
                finished.set()

    def start_client():
        child = subprocess.Popen(
            [sys.executable, "-c", CLIENT, address, queue, str(calls)], stdout=subprocess.PIPE, text=True
        )
        reader = threading.Thread(target=read, args=(child.stdout,))
        reader.start()
        return child, reader

    server = start_server()
    client, looker = start_client()
    blows = ["server"] * server_kills + ["client"] * client_kills
    dice.shuffle(blows)
    for blow in blows:
        at_least = arrived() + dice.randrange(1, max(2, calls // (2 * len(blows))))
        deadline = time.monotonic() + 60
        while arrived() < at_least and not finished.is_set() and time.monotonic() < deadline:
            time.sleep(0.002)
        if blow == "server":
            server.send_signal(signal.SIGKILL)
            server.wait()
            server = start_server()
        else:
            client.send_signal(signal.SIGKILL)
            client.wait()
            looker.join()
            client, looker = start_client()
    assert finished.wait(600)
    client.wait()
    looker.join()
    server.kill()
    server.wait()
    with sqlite3.connect(received) as db:
        last = dict(db.execute("SELECT id, max(number) FROM calls GROUP BY id").fetchall())
        total = db.execute("SELECT count(*) FROM calls").fetchone()[0]
    db.close()
    assert set(last) == {f"t{number}" for number in range(calls)}
    repeated = [each for each, known in acknowledged.items() if last[each] > known]
    assert repeated == []
    assert len(acknowledged) >= calls - client_kills
    print(
        f"{calls} calls, {server_kills} server kills, {client_kills} client kills: 0 lost, 0 repeated after their acknowledgement, {total - calls} made again before it"
    )


def test_nothing_is_lost_when_both_sides_are_killed(tmp_path) -> None:
    """A small run of it in every run of the tests."""
    under_fire(tmp_path, 150, 4, 2)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_nothing_of_10000_calls_is_lost_when_both_sides_are_killed(tmp_path) -> None:
    """The server fifty times, the client twenty."""
    under_fire(tmp_path, 10_000, 50, 20)
