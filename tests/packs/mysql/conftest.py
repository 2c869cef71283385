"""A real MariaDB where it is installed, and else what speaks its protocol."""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import pymysql
import pytest

from mariadb_server import Server, free_port, mariadb
from paramedic.drills.servers.mariadb import absent
from paramedic.packs.mysql.target import MySQL
from paramedic.sdk import Secret


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A small server that counts statements; `app` needs the password `open-sesame`."""
    if why := absent():
        pytest.skip(why)
    with mariadb("--performance-schema=ON", "--log-bin=binlog", "--server-id=1") as running:
        running.execute("CREATE USER app IDENTIFIED BY 'open-sesame'")
        yield running


@pytest.fixture
def name(server: Server) -> Iterator[str]:
    """A database of this test's own."""
    made = server.create_database()
    yield made
    server.execute(f"DROP DATABASE IF EXISTS {made}")


@pytest.fixture
def target(server: Server, name: str) -> Callable[..., MySQL]:
    """``target(release_users=("app",))``: the server as the service file would name it, entered as ``app``."""

    def make(*, user: str = "app", password: str = "open-sesame", database: str = name, **fields: Any) -> MySQL:
        return MySQL(
            **{
                "dsn": Secret(f"mysql+pymysql://{user}:{password}@127.0.0.1:{server.port}/{database}"),
                "admin": Secret(f"mariadb://root@127.0.0.1:{server.port}"),
                **fields,
            }
        )

    return make


@pytest.fixture
def enter(server: Server, name: str) -> Iterator[Callable[..., "pymysql.Connection"]]:
    """``enter("app")``: one more connection of a user, closed with the test."""
    made: list[pymysql.Connection] = []

    def connect(user: str = "app", **options: Any) -> pymysql.Connection:
        made.append(server.enter(user, "open-sesame", database=name, **options))
        return made[-1]

    yield connect
    for each in made:
        each._force_close()


@pytest.fixture
def until() -> Callable[[Callable[[], object]], None]:
    """Wait for a condition."""

    def wait(condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.02)

    return wait


@pytest.fixture
async def mimic() -> Any:
    """What speaks the protocol in place of a server, started with its answers; gives its port.

    A query is answered with the rows beside the first text that it holds; an error stands for itself. The user is `app`
    with the password `open-sesame`.
    """
    from mysql_mimic import IdentityProvider, MysqlServer, NativePasswordAuthPlugin, Session, User

    class Everybody(IdentityProvider):
        def get_plugins(self):
            return [NativePasswordAuthPlugin()]

        async def get_user(self, username: str):
            known = NativePasswordAuthPlugin.create_auth_string("open-sesame")
            return User(name=username, auth_string=known, auth_plugin=NativePasswordAuthPlugin.name)

    servers = []

    async def start(answers: dict[str, Any]) -> int:
        class Canned(Session):
            async def handle_query(self, sql: str, attrs: dict[str, str]):
                for text, rows in answers.items():
                    if text.lower() in sql.lower():
                        if isinstance(rows, Exception):
                            raise rows
                        return [tuple(each.values()) for each in rows], list(rows[0]) if rows else ["nothing"]
                return await super().handle_query(sql, attrs)

            async def use(self, database: str) -> None:
                if isinstance(error := answers.get("use"), Exception):
                    raise error

        server = MysqlServer(session_factory=Canned, identity_provider=Everybody())
        servers.append(server)
        port = free_port()
        await server.start_server(host="127.0.0.1", port=port)
        return port

    yield start
    for each in servers:
        each.close()
    await asyncio.gather(*(each.wait_closed() for each in servers))
