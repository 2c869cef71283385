"""A Redis of the tests' own, and clients that end with the test."""

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import redis

from paramedic.drills.servers.redis import command


class Server:
    """A running server on 127.0.0.1."""

    def __init__(self, folder: Path, *options: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.folder, self.options = folder, options
        folder.mkdir(exist_ok=True)
        self.process = self._start()

    def _start(self) -> "subprocess.Popen[bytes]":
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(command(self.folder, self.port, *self.options), stdout=log, stderr=log)

    def client(self, **fields: object) -> redis.Redis:
        once = redis.retry.Retry(redis.backoff.NoBackoff(), 0)
        return redis.Redis(port=self.port, decode_responses=True, retry=once, protocol=2, **fields)

    def until(self, answers: Callable[[redis.Redis], bool]) -> None:
        """Wait for what the server says."""
        deadline = time.monotonic() + 20
        with self.client() as client:
            while True:
                try:
                    if answers(client):
                        return
                except redis.exceptions.ConnectionError:
                    pass
                assert self.process.poll() is None, (self.folder / "log").read_text()
                assert time.monotonic() < deadline, (self.folder / "log").read_text()
                time.sleep(0.01)

    def start_again(self) -> None:
        self.stop()
        self.process = self._start()

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def running(folder: Path, *options: str) -> Iterator[Server]:
    """A server that answers, and is gone afterwards."""
    server = Server(folder, *options)
    try:
        server.until(lambda client: client.ping())
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for tests that leave it as it was."""
    with running(tmp_path_factory.mktemp("redis")) as one:
        yield one


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """``own("--maxmemory", "3mb")``: a server of this test's own."""
    with ExitStack() as stack:

        def start(*options: str) -> Server:
            folder = tmp_path / f"redis-{len(list(tmp_path.iterdir()))}"
            return stack.enter_context(running(folder, *options))

        yield start


@pytest.fixture
def client(server: Server) -> Iterator[redis.Redis]:
    """A client of the shared server."""
    with server.client() as one:
        yield one
