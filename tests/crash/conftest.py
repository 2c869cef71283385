"""Crash tests run on both stores."""

from collections.abc import Iterator

import pytest

from postgres_server import PostgresServer, postgres_server


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresServer]:
    """One Postgres for all tests of this process."""
    with postgres_server() as found:
        yield found


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def store_url(request: pytest.FixtureRequest) -> str | None:
    """``None``: the SQLite file beside the service."""
    return None if request.param == "sqlite" else request.getfixturevalue("server").create_database()
