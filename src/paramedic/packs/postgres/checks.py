"""Does it let the service in, and answer?"""

from paramedic.packs.postgres import codes
from paramedic.packs.postgres.line import opened
from paramedic.packs.postgres.target import Postgres
from paramedic.packs.tcp.checks import DNS_UNRESOLVED, SHARE_OF_TIME
from paramedic.packs.tcp.entry import Shut, Why, no_entry
from paramedic.sdk import Context, Finding, check


@check(
    codes.REFUSED,
    codes.TIMEOUT,
    codes.AUTH_FAILED,
    codes.DATABASE_MISSING,
    codes.NOT_READY,
    codes.EXHAUSTED,
    codes.READ_ONLY,
    DNS_UNRESOLVED,
    of=Postgres,
    timeout_s=5,
    every_s=5,
)
async def accepts_queries(database: Postgres, context: Context) -> Finding:
    """PostgreSQL lets the service in and answers a query.

    Looks at: one connection with the service's own role and password, then whether the database takes writes.
    Why: nothing that needs the database can work without it.
    By hand: ``psql "$DATABASE_URL" -c 'SHOW transaction_read_only'``
    Healed by: restart-database when refused; release-idle-connections when every connection is taken;
    restore-from-backup, once a person agrees, when the database is gone; passwords and silence go to a person.
    """
    began = context.clock.monotonic()
    try:
        async with opened(database.login, context.remaining_s * SHARE_OF_TIME) as connection:
            cursor = await connection.execute("SELECT current_setting('transaction_read_only'), pg_is_in_recovery()")
            (row,) = await cursor.fetchall()
            version = connection.info.server_version // 10000
    except Shut as shut:
        return not_let_in(database, shut, context)
    took_ms = (context.clock.monotonic() - began) * 1000
    is_read_only, is_standby = row[0] == "on", row[1]
    if is_read_only and not database.replica:
        return context.critical(
            codes.READ_ONLY,
            observed="the database takes no writes",
            expected="a database that takes writes",
            because="the server is a standby" if is_standby else "`default_transaction_read_only` is on",
            hint="point the service at the primary, or promote this server; a standby on purpose says `replica: true`"
            if is_standby
            else "see why somebody switched it: `SHOW default_transaction_read_only`, and the disk's free space",
            latency_ms=took_ms,
        )
    return context.ok(f"PostgreSQL {version} answered in {took_ms:.0f} ms", latency_ms=took_ms)


def not_let_in(database: Postgres, shut: Shut, context: Context) -> Finding:
    """The finding for a connection that could not be had."""
    login, said = database.login, str(shut)
    shared = no_entry(
        shut, login, context, product="PostgreSQL", extra="postgres", refused=codes.REFUSED, timeout=codes.TIMEOUT
    )
    if shared:
        return shared
    match shut.why:
        case Why.AUTH:
            return context.critical(
                codes.AUTH_FAILED,
                observed=f"the server refuses role `{login.user or 'of the system user'}`",
                expected="a role and password that it accepts",
                because=said,
                hint="compare the password in the service's settings with the role's: "
                f"`ALTER ROLE {login.user or 'NAME'} PASSWORD '…'`, or allow it in pg_hba.conf and reload",
            )
        case Why.MISSING:
            return context.critical(
                codes.DATABASE_MISSING,
                observed=f"there is no database `{login.database or login.user}`",
                expected="the database that the service file names",
                because=said,
                hint="if it was dropped, restore it from a backup before anything writes; "
                "only on a first installation create it with `createdb`",
            )
        case Why.FULL:
            return context.critical(
                codes.EXHAUSTED,
                observed="the server takes no further connection",
                expected="a free connection for the service",
                because=said,
                hint="see who holds them: `SELECT usename, application_name, state, count(*) FROM pg_stat_activity "
                "GROUP BY 1, 2, 3`; close what idles, or raise `max_connections`",
            )
        case _:
            return context.critical(
                codes.NOT_READY,
                observed="the server lets nobody in",
                expected="a server that answers queries",
                because=said,
                hint="wait for a recovery to end; the server's log says how far it is",
            )
