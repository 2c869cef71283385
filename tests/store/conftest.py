"""One store per test, on SQLite and on Postgres."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from paramedic.store import Store, open_store
from postgres_server import PostgresServer, postgres_server
from store.examples import CLOCK


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/store/paramedic.db"
        return
    server: PostgresServer = request.getfixturevalue("server")
    made = server.create_database()
    yield made
    server.drop_database(made)


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = open_store(url, node="here", clock=CLOCK)
    yield opened
    opened.close()
