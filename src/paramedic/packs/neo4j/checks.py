"""Does it let the service in, and is every database online?"""

from paramedic.packs.neo4j import codes
from paramedic.packs.neo4j.line import Record, asked
from paramedic.packs.neo4j.target import Neo4j
from paramedic.packs.tcp.checks import DNS_UNRESOLVED
from paramedic.packs.tcp.entry import Shut, Why, no_entry, not_looked
from paramedic.sdk import Context, Depth, Evidence, Finding, check


@check(
    codes.UNAVAILABLE,
    codes.TIMEOUT,
    codes.AUTH_FAILED,
    codes.DATABASE_MISSING,
    codes.NOT_READY,
    DNS_UNRESOLVED,
    of=Neo4j,
    timeout_s=5,
    every_s=5,
)
async def accepts_queries(graph: Neo4j, context: Context) -> Finding:
    """Neo4j lets the service in and answers a query.

    Looks at: one connection with the service's own user and password, and the answer to ``RETURN 1``.
    Why: nothing that needs the graph can work without it.
    By hand: ``cypher-shell -a "$NEO4J_URI" -u USER 'RETURN 1'``
    Healed by: restart-database when nobody listens; passwords, missing databases and silence go to a person.
    """
    began = context.clock.monotonic()
    try:
        rows, agent = await asked(graph, context, "RETURN 1 AS one")
    except Shut as shut:
        return _not_let_in(graph, shut, context)
    took_ms = (context.clock.monotonic() - began) * 1000
    if [dict(each) for each in rows] != [{"one": 1}]:
        return context.critical(
            codes.NOT_READY,
            observed="`RETURN 1` gives something else",
            expected="one row with 1",
            because=f"the answer has {len(rows)} rows",
            hint="see whether it is a Neo4j that listens there, and its log",
            latency_ms=took_ms,
        )
    return context.ok(f"{agent.replace('/', ' ')} answered in {took_ms:.0f} ms", latency_ms=took_ms)


@check(codes.DATABASE_OFFLINE, of=Neo4j, timeout_s=5, every_s=30, depth=Depth.NORMAL)
async def databases(graph: Neo4j, context: Context) -> Finding:
    """Every database of a Neo4j is as it was asked to be.

    Looks at: ``SHOW DATABASES``: the current status of each against the one that was requested.
    Why: a damaged store, or a full disk, takes one database offline while the server goes on answering for others.
    By hand: ``cypher-shell -d system 'SHOW DATABASES YIELD name, requestedStatus, currentStatus, statusMessage'``
    Healed by: nothing by itself; why a database cannot be opened is for a person.
    """
    try:
        rows, _agent = await asked(graph, context, "SHOW DATABASES", database="system")
    except Shut as shut:
        if shut.why is Why.UNKNOWN_WORDS or shut.why is Why.MISSING:
            return context.info("not looked at: this server has no `SHOW DATABASES`")
        return not_looked(shut, context, extra="neo4j", grant="allow it with `GRANT ACCESS ON DATABASE system TO ROLE`")
    wrong = [each for each in rows if each.get("currentStatus") != each.get("requestedStatus")]
    if not wrong:
        return context.ok(f"{len(rows)} databases are as they should be")
    ours = graph.login.database
    is_ours = any(ours in (each.get("name"), None) or each.get("home") for each in wrong)
    first = wrong[0]
    return (context.critical if is_ours else context.warning)(
        codes.DATABASE_OFFLINE,
        observed=f"the database `{first.get('name')}` is {first.get('currentStatus')}",
        expected=f"{first.get('requestedStatus')}, as it was asked to be",
        because=str(first.get("statusMessage") or first.get("error") or ""),
        hint=f"see the server's log for the reason; afterwards `START DATABASE {first.get('name')}`, "
        "or restore it from a backup",
        evidence=(Evidence(label="databases", text="\n".join(map(_line, rows))),),
    )


def _line(row: Record) -> str:
    return f"{row.get('name')}: {row.get('currentStatus')}, requested {row.get('requestedStatus')}"


def _not_let_in(graph: Neo4j, shut: Shut, context: Context) -> Finding:
    login, said = graph.login, str(shut)
    shared = no_entry(
        shut, login, context, product="Neo4j", extra="neo4j", refused=codes.UNAVAILABLE, timeout=codes.TIMEOUT
    )
    if shared:
        return shared
    match shut.why:
        case Why.AUTH:
            return context.critical(
                codes.AUTH_FAILED,
                observed=f"Neo4j refuses user `{login.user or 'neo4j'}`",
                expected="a user and password that it accepts",
                because=said,
                hint="compare the password in the service's settings with the user's: "
                f"`ALTER USER {login.user or 'neo4j'} SET PASSWORD '…'` in the database `system`",
            )
        case Why.MISSING:
            return context.critical(
                codes.DATABASE_MISSING,
                observed=f"there is no database `{login.database or 'of this user'}`",
                expected="the database that the service file names",
                because=said,
                hint="if it was dropped, restore it from a backup before anything writes; "
                "only on a first installation create it with `CREATE DATABASE`",
            )
        case _:
            return context.critical(
                codes.NOT_READY,
                observed="Neo4j answers no query",
                expected="a server that answers",
                because=said,
                hint="`SHOW DATABASES` in the database `system` and the server's log say what it waits for",
            )
