"""A connection to a PostgreSQL, and why there is none."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from paramedic.packs.tcp.entry import Shut, Why
from paramedic.sdk.dsn import Login
from paramedic.sdk.patience import fair_timeout

if TYPE_CHECKING:
    from psycopg import AsyncConnection

APPLICATION = "paramedic"

# libpq gives no SQLSTATE for a connection that fails: what the server says is all there is.
_SAID = (
    (Why.FULL, ("too many clients", "too many connections", "remaining connection slots")),
    (Why.NOT_READY, ("starting up", "shutting down", "in recovery mode", "not yet accepting connections")),
    (
        Why.AUTH,
        (
            *("authentication failed", "no pg_hba.conf entry", "pg_hba.conf rejects", "no password supplied"),
            *("is not permitted to log in", "permission denied for database"),
        ),
    ),
    (Why.REFUSED, ("Connection refused", "No such file or directory")),
    (Why.UNRESOLVED, ("Name or service not known", "could not translate host name", "failed to resolve host")),
    (Why.TIMEOUT, ("timeout expired", "timed out", "No route to host", "Network is unreachable")),
)


@asynccontextmanager
async def opened(login: Login, limit_s: float) -> "AsyncIterator[AsyncConnection[Any]]":  # Any: rows of any shape
    """A connection that is closed afterwards; entering and whatever is asked on it ends within the limit.

    Raises:
        Shut: there is no connection, or it broke or fell silent.
    """
    try:
        import psycopg
    except ImportError:
        raise Shut(Why.NO_DRIVER, "the driver `psycopg` is not installed") from None
    # It tells of each cancelled query; a time-out of ours is a finding already.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    connection = None
    try:
        async with fair_timeout(limit_s):
            connection = await psycopg.AsyncConnection.connect(
                host=login.host,
                port=login.port,
                user=login.user,
                password=login.password.reveal() if login.password else None,
                dbname=login.database,
                application_name=APPLICATION,
                autocommit=True,
            )
            yield connection
    except TimeoutError:
        raise Shut(Why.TIMEOUT, f"no answer within {limit_s:.1f} s") from None
    except psycopg.OperationalError as error:
        raise _shut(error) from None
    finally:
        if connection is not None:
            connection.pgconn.finish()  # at once: a polite goodbye to a silent server would wait


def _shut(error: Exception) -> Shut:
    said = " ".join(str(error).split())
    if 'database "' in said and "does not exist" in said:
        return Shut(Why.MISSING, said)
    if 'role "' in said and "does not exist" in said:
        return Shut(Why.AUTH, said)
    for why, marks in _SAID:
        if any(mark in said for mark in marks):
            return Shut(why, said)
    return Shut(Why.NOT_READY, said)
