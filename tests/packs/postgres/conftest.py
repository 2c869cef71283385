"""A PostgreSQL of the tests' own, and connections that end with the test."""

from collections.abc import Callable, Iterator

import psycopg
import pytest

from paramedic.packs.postgres.target import Postgres
from paramedic.sdk import Secret
from postgres_server import PostgresServer, postgres_server


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresServer]:
    """A small server that counts statements; role ``app`` needs the password ``open-sesame``."""
    with postgres_server(
        max_connections=12,
        superuser_reserved_connections=3,
        shared_preload_libraries="pg_stat_statements",
        track_activity_query_size=4096,
    ) as running:
        running.ask_password_of("app", "open-sesame")
        yield running


@pytest.fixture
def name(server: PostgresServer) -> Iterator[str]:
    """A database of this test's own."""
    url = server.create_database()
    yield url.rpartition("/")[2]
    server.drop_database(url)


@pytest.fixture
def target(server: PostgresServer, name: str) -> Callable[..., Postgres]:
    """``target(release_roles=("app",))``: the server as the service file would name it, entered as ``app``."""

    def make(*, user: str = "app", password: str = "open-sesame", database: str = name, **fields: object) -> Postgres:
        return Postgres(
            dsn=Secret(f"postgresql+psycopg://{user}:{password}@127.0.0.1:{server.port}/{database}"),
            admin=Secret(f"postgresql://paramedic@127.0.0.1:{server.port}/{name}"),
            **fields,
        )

    return make


@pytest.fixture
def enter(server: PostgresServer, name: str) -> Iterator[Callable[..., "psycopg.Connection"]]:
    """``enter("app")``: one more connection of a role, closed with the test."""
    made: list[psycopg.Connection] = []

    def connect(role: str = "app", **options: object) -> psycopg.Connection:
        made.append(
            psycopg.connect(
                host="127.0.0.1", port=server.port, user=role, password="open-sesame", dbname=name, **options
            )
        )
        return made[-1]

    yield connect
    for each in made:
        each.close()
