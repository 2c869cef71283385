"""Does it accept a connection?"""

from paramedic.packs.tcp.connect import Refused, Silent, latency_ms
from paramedic.packs.tcp.remedy import how_to_start, who_listens
from paramedic.packs.tcp.resolve import Unresolved
from paramedic.packs.tcp.target import Tcp
from paramedic.sdk import Code, Context, Finding, IssueType, check

REFUSED = Code(
    id="tcp.refused",
    type=IssueType.CONNECTIVITY,
    summary="the machine answers, but nobody listens on the port",
)
TIMEOUT = Code(
    id="tcp.timeout",
    type=IssueType.CONNECTIVITY,
    summary="an attempt to connect gets no answer: a full backlog, lost packets or no route",
)
DNS_UNRESOLVED = Code(
    id="dns.unresolved",
    type=IssueType.CONNECTIVITY,
    summary="the host's name has no address",
    depth=2,
)

# A finding must be ready before the runner gives up.
SHARE_OF_TIME = 0.9


@check(REFUSED, TIMEOUT, DNS_UNRESOLVED, of=Tcp, timeout_s=3, every_s=5)
async def accepts_connections(server: Tcp, context: Context) -> Finding:
    """A connection to the server's port is accepted.

    Looks at: one connection to every address of the host until one is accepted; it is closed at once, unused.
    Why: whatever talks to this server begins with a connection.
    By hand: ``nc -zv HOST PORT``; on its machine ``ss -ltn 'sport = :PORT'``; for a name ``getent hosts HOST``
    Healed by: restart-component when refused; silence and unknown names go to a person.
    """
    place = f"{server.host}:{server.port}"
    try:
        took_ms = await latency_ms(server.host, server.port, context.remaining_s * SHARE_OF_TIME, context.clock)
    except Unresolved as unresolved:
        return name_without_address(server.host, str(unresolved), context)
    except Refused as refused:
        return context.critical(
            REFUSED,
            observed=f"`{place}` refused the connection",
            expected="a listening server",
            because=f"{refused} answered that the port is closed, so the machine is up and no process listens there",
            hint=f"{how_to_start(context.component)}, or correct `host` and `port`; "
            f"{who_listens(server.port)} shows who listens",
        )
    except Silent as silent:
        return context.critical(
            TIMEOUT,
            observed=f"`{place}` did not answer an attempt to connect",
            expected="an accepted connection",
            because=f"{silent}; a closed port would have refused at once",
            hint=f"look at the backlog with {who_listens(server.port)} (Recv-Q above Send-Q is full), "
            f"and at the path with `ip route get {server.host}` and the firewall's rules",
        )
    except OSError as error:
        return context.unknown(
            f"this machine could not open a connection: {error.strerror or error}",
            hint="look at this machine's own limits with `ulimit -n` and `ss -s`",
        )
    return context.ok(f"`{place}` accepted a connection in {took_ms:.0f} ms", latency_ms=took_ms)


def name_without_address(host: str, reason: str, context: Context) -> Finding:
    """The finding for a host's name that does not resolve, for every kind that has a host."""
    return context.critical(
        DNS_UNRESOLVED,
        observed=f"`{host}` has no address",
        expected="a name that resolves",
        because=f"the resolver said: {reason}",
        hint=f"compare `getent hosts {host}` here and on a machine where it works; "
        "look at /etc/resolv.conf and /etc/hosts, or correct the name",
    )
