"""Does it let the service in, and answer at once?"""

from contextlib import suppress
from statistics import median
from typing import TYPE_CHECKING

from paramedic.packs.redis import codes
from paramedic.packs.redis.line import opened
from paramedic.packs.redis.target import Redis
from paramedic.packs.tcp.checks import DNS_UNRESOLVED
from paramedic.packs.tcp.entry import Shut, Why, no_entry
from paramedic.sdk import Context, Evidence, Finding, check

if TYPE_CHECKING:
    from redis.asyncio import Redis as Client

_PINGS = 5
_LATENCY_MS = 100.0
_SHOWN = 10


@check(
    codes.REFUSED,
    codes.TIMEOUT,
    codes.AUTH_FAILED,
    codes.LOADING,
    codes.NOT_READY,
    codes.EXHAUSTED,
    codes.LATENCY,
    DNS_UNRESOLVED,
    of=Redis,
    timeout_s=5,
    every_s=5,
)
async def accepts_commands(server: Redis, context: Context) -> Finding:
    """Redis lets the service in and answers at once.

    Looks at: one connection with the service's own user and password, and the median time of five pings on it
    (``latency_ms``, 100); where that is long, the slow log tells which commands hold the others up.
    Why: a Redis does one command after the other, so that a slow one delays everybody.
    By hand: ``redis-cli -u "$REDIS_URL" --latency``; ``redis-cli SLOWLOG GET 10``
    Healed by: restart-component when refused; passwords, silence and slow commands go to a person.
    """
    try:
        async with opened(server, context) as client:
            tries = []
            for _ in range(_PINGS):
                began = context.clock.monotonic()
                await _ping(client)
                tries.append((context.clock.monotonic() - began) * 1000)
            took_ms, limit_ms = median(tries), context.threshold("latency_ms", _LATENCY_MS)
            slow = await _slow_log(client) if took_ms > limit_ms else ()
    except Shut as shut:
        return _not_let_in(server, shut, context)
    if took_ms <= limit_ms:
        return context.ok(f"Redis answered in {took_ms:.1f} ms", latency_ms=took_ms)
    return context.warning(
        codes.LATENCY,
        observed=f"a ping takes {took_ms:.0f} ms",
        expected=f"at most {limit_ms:g} ms",
        because=f"the slow log holds `{slow[0]}`" if slow else "",
        hint="look for commands that touch many keys with `SLOWLOG GET 10`, for swapping with `INFO memory`, "
        "and for a host that is short of processor time",
        evidence=(Evidence(label="slow log", text="\n".join(slow)),) if slow else (),
        latency_ms=took_ms,
    )


async def _ping(client: "Client") -> None:
    from redis.exceptions import NoPermissionError

    with suppress(NoPermissionError):  # an answer all the same, and as quick as any
        await client.execute_command("PING")  # type: ignore[no-untyped-call]  # the client declares no types here


async def _slow_log(client: "Client") -> tuple[str, ...]:
    """Slow commands, the slowest first; without their values, which may be anybody's secrets."""
    from redis.exceptions import ResponseError

    try:
        entries = await client.slowlog_get(_SHOWN)
    except ResponseError:
        return ()  # forbidden or renamed: it would only have explained
    entries.sort(key=lambda each: -each["duration"])
    words = [(str(each["command"]).split(), each["duration"] / 1000) for each in entries]
    return tuple(f"{' '.join(each[:2])[:80]} ({took_ms:.0f} ms)" for each, took_ms in words)


def _not_let_in(server: Redis, shut: Shut, context: Context) -> Finding:
    login, said = server.login, str(shut)
    shared = no_entry(
        shut, login, context, product="Redis", extra="redis", refused=codes.REFUSED, timeout=codes.TIMEOUT
    )
    if shared:
        return shared
    match shut.why:
        case Why.AUTH:
            return context.critical(
                codes.AUTH_FAILED,
                observed=f"Redis refuses user `{login.user or 'default'}`",
                expected="a user and password that it accepts",
                because=said,
                hint="compare the password in the service's settings with `requirepass` or `ACL LIST` of the server",
            )
        case Why.LOADING:
            return context.critical(
                codes.LOADING,
                observed="Redis reads its data from disk",
                expected="a server that answers",
                because=said,
                hint="wait; `redis-cli INFO persistence` says in `loading_eta_seconds` how long",
            )
        case Why.FULL:
            return context.critical(
                codes.EXHAUSTED,
                observed="Redis takes no further connection",
                expected="a free connection for the service",
                because=said,
                hint="see who holds them with `CLIENT LIST`; close what idles (`CONFIG SET timeout 300`), "
                "or raise `maxclients`",
            )
        case _:
            return context.critical(
                codes.NOT_READY,
                observed="Redis lets nobody in",
                expected="a server that answers",
                because=said,
                hint="see the server's log, and whether it is a Redis that listens there",
            )
