"""A question to a Neo4j, and why there is no answer."""

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from paramedic.packs.neo4j.target import Neo4j
from paramedic.packs.tcp.checks import SHARE_OF_TIME
from paramedic.packs.tcp.entry import Shut, Why, by_cause
from paramedic.packs.tcp.resolve import Unresolved, addresses
from paramedic.sdk import Context
from paramedic.sdk.patience import fair_timeout

_GOODBYE_S = 0.2
_CODES = (
    (Why.MISSING, ("Neo.ClientError.Database.DatabaseNotFound",)),
    (Why.FORBIDDEN, ("Neo.ClientError.Security.Forbidden",)),
    (Why.AUTH, ("Neo.ClientError.Security.",)),
    (Why.UNKNOWN_WORDS, ("Neo.ClientError.Statement.", "Neo.ClientError.Procedure.")),
)

Record = Mapping[str, Any]
"""One row of an answer. Any: Cypher's values."""


async def asked(
    graph: Neo4j, context: Context, query: str, *, database: str | None = None
) -> tuple[Sequence[Record], str]:
    """The rows of an answer, and what the server calls itself.

    Raises:
        Shut: there is no connection, it broke or fell silent, or the server refuses to answer.
    """
    try:
        from neo4j import AsyncGraphDatabase
        from neo4j.exceptions import DriverError, Neo4jError
    except ImportError:
        raise Shut(Why.NO_DRIVER, "the driver `neo4j` is not installed") from None
    logging.getLogger("neo4j").setLevel(logging.CRITICAL)  # what goes wrong is a finding already
    login, limit_s = graph.login, context.remaining_s * SHARE_OF_TIME
    driver = None
    try:
        async with fair_timeout(limit_s):
            await addresses(
                login.host, login.port, limit_s
            )  # the driver would ask where a hung resolver holds others up
            driver = AsyncGraphDatabase.driver(
                graph.uri,
                auth=(login.user or "neo4j", login.password.reveal()) if login.password else None,
                connection_timeout=limit_s,
                connection_acquisition_timeout=limit_s,
                max_connection_pool_size=1,
                max_transaction_retry_time=0,
                telemetry_disabled=True,
                user_agent="paramedic",
            )
            async with driver.session(database=database or login.database, default_access_mode="READ") as session:
                result = await session.run(query)
                rows = [dict(each) async for each in result]
                return rows, (await result.consume()).server.agent
    except TimeoutError:
        raise Shut(Why.TIMEOUT, f"no answer within {limit_s:.1f} s") from None
    except Unresolved as unresolved:
        raise Shut(Why.UNRESOLVED, str(unresolved)) from None
    except (DriverError, Neo4jError, OSError) as error:
        raise _shut(error) from None
    finally:
        if driver is not None:
            with contextlib.suppress(Exception):  # a boundary: it is over, however it says goodbye
                async with asyncio.timeout(_GOODBYE_S):
                    await driver.close()


def _shut(error: Exception) -> Shut:
    code = str(getattr(error, "code", None) or "")
    said = " ".join(str(getattr(error, "message", None) or error).split()) or type(error).__name__
    for why, starts in _CODES:
        if code.startswith(starts):
            return Shut(why, said)
    return Shut(by_cause(error) or Why.NOT_READY, said)
