"""Does it let the service in, and answer?"""

from paramedic.packs.mysql import codes
from paramedic.packs.mysql.line import Line, Row, asked
from paramedic.packs.mysql.target import MySQL
from paramedic.packs.tcp.checks import DNS_UNRESOLVED, SHARE_OF_TIME
from paramedic.packs.tcp.entry import Shut, Why, no_entry
from paramedic.sdk import Context, Finding, check

_ASK = "SELECT VERSION() AS version, @@global.read_only AS read_only, @@innodb_read_only AS innodb_read_only"


@check(
    codes.REFUSED,
    codes.TIMEOUT,
    codes.AUTH_FAILED,
    codes.DATABASE_MISSING,
    codes.NOT_READY,
    codes.EXHAUSTED,
    codes.READ_ONLY,
    DNS_UNRESOLVED,
    of=MySQL,
    timeout_s=5,
    every_s=5,
)
async def accepts_queries(database: MySQL, context: Context) -> Finding:
    """MySQL lets the service in and answers a query.

    Looks at: one connection with the service's own user and password, then whether the server takes writes.
    Why: nothing that needs the database can work without it.
    By hand: ``mysql -h HOST -P PORT -u USER -p NAME -e 'SELECT VERSION(), @@global.read_only'``
    Healed by: restart-database when refused; release-idle-connections when every connection is taken;
    restore-from-backup, once a person agrees, when the database is gone; passwords and silence go to a person.
    """
    began = context.clock.monotonic()
    try:
        (row,) = await asked(database, database.login, context.remaining_s * SHARE_OF_TIME, _versions)
    except Shut as shut:
        return _not_let_in(database, shut, context)
    took_ms = (context.clock.monotonic() - began) * 1000
    switched_on = [name for name in ("read_only", "innodb_read_only") if str(row[name]).upper() not in {"0", "OFF"}]
    if switched_on and not database.replica:
        return context.critical(
            codes.READ_ONLY,
            observed="the server takes no writes",
            expected="a server that takes writes",
            because=f"`{switched_on[0]}` is on",
            hint="if it is a replica, point the service at the primary, or promote it; a replica on purpose says "
            "`replica: true`. Else see why somebody switched it on, and the disk's free space",
            latency_ms=took_ms,
        )
    product = "MariaDB" if "mariadb" in str(row["version"]).lower() else "MySQL"
    version = str(row["version"]).partition("-")[0]
    return context.ok(f"{product} {version} answered in {took_ms:.0f} ms", latency_ms=took_ms)


def _versions(line: Line) -> list[Row]:
    return line.rows(_ASK)


def _not_let_in(database: MySQL, shut: Shut, context: Context) -> Finding:
    login, said = database.login, str(shut)
    shared = no_entry(
        shut, login, context, product="MySQL", extra="mysql", refused=codes.REFUSED, timeout=codes.TIMEOUT
    )
    if shared:
        return shared
    match shut.why:
        case Why.AUTH:
            return context.critical(
                codes.AUTH_FAILED,
                observed=f"the server refuses user `{login.user or 'of the system'}`",
                expected="a user and password that it accepts",
                because=said,
                hint="compare the password in the service's settings with the user's, and `SHOW GRANTS FOR "
                f"'{login.user or 'NAME'}'@'…'`: a user counts only together with the machine that it comes from",
            )
        case Why.MISSING:
            return context.critical(
                codes.DATABASE_MISSING,
                observed=f"there is no database `{login.database}`",
                expected="the database that the service file names",
                because=said,
                hint="if it was dropped, restore it from a backup before anything writes; "
                "only on a first installation create it with `CREATE DATABASE`",
            )
        case Why.FULL:
            return context.critical(
                codes.EXHAUSTED,
                observed="the server takes no further connection",
                expected="a free connection for the service",
                because=said,
                hint="see who holds them: `SELECT user, host, command, count(*) FROM information_schema.processlist "
                "GROUP BY 1, 2, 3`; close what idles, or raise `max_connections`",
            )
        case _:
            return context.critical(
                codes.NOT_READY,
                observed="the server lets nobody in",
                expected="a server that answers queries",
                because=said,
                hint="see the server's log; after a crash it recovers first, and a machine that failed too often is "
                "let in again after `FLUSH HOSTS`",
            )
