"""A real MariaDB for tests, from Debian's package."""

import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pymysql


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A running MariaDB on 127.0.0.1; `root` enters without a password."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.port = free_port()
        self._numbers = count()
        with (folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "paramedic.drills.servers.mariadb", folder / "server", str(self.port), *options],
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 60
        while True:
            try:
                self.execute("SELECT 1")
            except pymysql.OperationalError:
                assert self.process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < deadline, (folder / "log").read_text()
                time.sleep(0.05)
            else:
                return

    def enter(self, user: str = "root", password: str = "", **options: Any) -> "pymysql.Connection":
        """One more connection."""
        return pymysql.connect(host="127.0.0.1", port=self.port, user=user, password=password, **options)

    def execute(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements as root; what the last one gave."""
        with self.enter(autocommit=True) as connection, connection.cursor() as cursor:
            for each in statements:
                cursor.execute(each)
            return list(cursor.fetchall())

    def create_database(self) -> str:
        """The name of a new empty database that `app` may use."""
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name}", f"GRANT ALL ON {name}.* TO app")
        return name

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


@contextmanager
def mariadb(*options: str) -> Iterator[Server]:
    """A server of its own; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="mariadb-for-tests-", dir="/tmp"))
    try:
        server = Server(folder, *options)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
