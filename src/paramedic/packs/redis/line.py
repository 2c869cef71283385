"""A connection to a Redis, and why there is none."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from paramedic.packs.redis.target import Redis
from paramedic.packs.tcp.checks import SHARE_OF_TIME
from paramedic.packs.tcp.entry import Shut, Why, by_cause
from paramedic.packs.tcp.resolve import Unresolved, addresses
from paramedic.sdk import Context
from paramedic.sdk.patience import fair_timeout

if TYPE_CHECKING:
    from redis.asyncio import Redis as Client

Info = Mapping[str, Any]
"""What INFO says; Any: the client makes numbers of what looks like one."""
MAY_LOOK = "allow it with `ACL SETUSER NAME +info +ping`"

_GOODBYE_S = 0.2
_SAID = (
    (Why.FULL, ("max number of clients",)),
    (Why.AUTH, ("protected mode", "NOAUTH", "AUTH <password> called without")),
)


@asynccontextmanager
async def opened(server: Redis, context: Context) -> "AsyncIterator[Client]":
    """A connection that is closed afterwards; entering and whatever is asked on it ends in time for a finding.

    Raises:
        Shut: there is no connection, it broke or fell silent, or our user may not ask that.
    """
    try:
        from redis.asyncio import Redis as Client
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff
        from redis.exceptions import RedisError
    except ImportError:
        raise Shut(Why.NO_DRIVER, "the client `redis` is not installed") from None
    login, limit_s = server.login, context.remaining_s * SHARE_OF_TIME
    client = Client(
        host=login.host,
        port=login.port,
        db=int(login.database or 0),
        username=login.user,
        password=login.password.reveal() if login.password else None,
        ssl=login.scheme.partition("+")[0] in ("rediss", "valkeys"),
        protocol=2,  # every version speaks it
        driver_info=None,  # a restricted user may not introduce itself
        decode_responses=True,
        encoding_errors="replace",
        socket_timeout=None,
        socket_connect_timeout=None,
        retry=Retry(NoBackoff(), 0),
        single_connection_client=True,
    )
    try:
        async with fair_timeout(limit_s):
            await addresses(
                login.host, login.port, limit_s
            )  # the client would ask where a hung resolver holds others up
            yield client
    except TimeoutError:
        raise Shut(Why.TIMEOUT, f"no answer within {limit_s:.1f} s") from None
    except Unresolved as unresolved:
        raise Shut(Why.UNRESOLVED, str(unresolved)) from None
    except (RedisError, OSError) as error:
        raise _shut(error) from None
    finally:
        with contextlib.suppress(Exception):  # a boundary: it is over, however it says goodbye
            async with asyncio.timeout(_GOODBYE_S):
                await client.aclose()


async def info(server: Redis, context: Context) -> Info:
    """Everything that INFO tells. Raises what ``opened`` raises."""
    async with opened(server, context) as client:
        told: Info = await client.info()
        return told


def _shut(error: Exception) -> Shut:
    from redis.exceptions import (
        AuthenticationError,
        AuthenticationWrongNumberOfArgsError,
        AuthorizationError,
        BusyLoadingError,
        NoPermissionError,
    )

    said = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, BusyLoadingError):
        return Shut(Why.LOADING, said)
    if isinstance(error, NoPermissionError):
        return Shut(Why.FORBIDDEN, said)
    if isinstance(error, AuthenticationError | AuthenticationWrongNumberOfArgsError | AuthorizationError):
        return Shut(Why.AUTH, said)
    for why, marks in _SAID:
        if any(mark in said for mark in marks):
            return Shut(why, said)
    return Shut(by_cause(error) or Why.NOT_READY, said)
