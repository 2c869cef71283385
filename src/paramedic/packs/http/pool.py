"""A server's own pool of connections that is used up: what it says of that, and what it tells of the pool."""

import json
import re
from dataclasses import dataclass

from paramedic.packs.http.answer import Answer
from paramedic.packs.http.codes import POOL
from paramedic.packs.http.conditions import value_at
from paramedic.sdk import Context, Finding

_SAID = re.compile(
    r"queuepool limit of size"  # SQLAlchemy
    r"|couldn't get a connection after"  # psycopg_pool
    r"|connection pool (?:is )?exhausted"  # psycopg2, pgx
    r"|failed getting connection; pool exhausted"  # mysql-connector
    r"|timed out fetching a new connection from the connection pool"  # Prisma
    r"|timeout acquiring a connection\. the pool is probably full"  # Knex
    r"|connection is not available, request timed out after"  # HikariCP
    r"|failed to obtain a connection from the pool within",  # Neo4j
    re.IGNORECASE,
)
_FULL_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Where an answer tells of the pool."""

    in_use: str
    """Connections that are lent, by dotted path, such as ``pool.checked_out``."""
    size: str | int
    """How many there may be: a number, or a dotted path as well."""


def used_up(answer: Answer, pool: Pool | None, context: Context) -> Finding | None:
    """A finding if an answer says, or tells by its numbers for longer than a peak lasts, that no connection is left."""
    if answer.status >= 500 and (said := _SAID.search(answer.text)):
        line = answer.text[said.start() :].partition("\n")[0].strip()
        return context.critical(
            POOL,
            observed=f"answered {answer.title}: {line[:120]}",
            expected="a free connection in the server's pool",
            because="the server lives, and waits for connections that nobody gives back",
            hint="reset the pool (`process.reset_pools`) or restart it; find the code that takes a connection and "
            "does not return it when it fails, or raise the pool's size where the load asks for it",
            latency_ms=answer.latency_ms,
        )
    if pool is None or (numbers := _numbers(answer, pool)) is None:
        return None
    in_use, size = numbers
    if in_use < size:
        context.memory.pop("pool-full-since", None)
        return None
    now, limit_s = context.clock.monotonic(), context.threshold("pool_full_s", _FULL_S)
    since = context.memory.setdefault("pool-full-since", now)
    assert isinstance(since, float), "only this function sets it"
    if now - since < limit_s:
        return None
    return context.warning(
        POOL,
        observed=f"{in_use:g} of {size:g} connections of its pool are lent, for {now - since:.0f} s",
        expected=f"a free connection within {limit_s:g} s",
        because="whoever needs a connection now waits, and then fails",
        hint="see which requests hold them; reset the pool or restart the server if nobody gives them back, or raise "
        "the pool's size",
        pool_in_use=in_use,
    )


def _numbers(answer: Answer, pool: Pool) -> tuple[float, float] | None:
    """Lent and possible connections; ``None`` where the answer does not tell."""
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    found = [value_at(document, each) if isinstance(each, str) else each for each in (pool.in_use, pool.size)]
    in_use, size = (float(n) if isinstance(n, int | float) and not isinstance(n, bool) else None for n in found)
    return None if in_use is None or not size else (in_use, size)
