"""Does it take writes, and does a replica hear its primary?"""

from paramedic.packs.redis import codes
from paramedic.packs.redis.line import MAY_LOOK, info
from paramedic.packs.redis.target import Redis
from paramedic.packs.tcp.entry import Shut, not_looked
from paramedic.sdk import Context, Finding, check


@check(codes.READ_ONLY, codes.LINK_DOWN, of=Redis, timeout_s=5, every_s=10)
async def replication(server: Redis, context: Context) -> Finding:
    """Redis takes writes, or is a replica that hears its primary.

    Looks at: ``INFO replication``: the role against ``replica`` in the service file, and a replica's link.
    Why: after a failover the service may talk to the wrong one, and a replica without its primary serves old data.
    By hand: ``redis-cli INFO replication``
    Healed by: nothing by itself; who is the primary is for a person, or for Sentinel.
    """
    try:
        told = await info(server, context)
    except Shut as shut:
        return not_looked(shut, context, extra="redis", grant=MAY_LOOK)
    if told.get("role") != "slave":
        return context.ok(f"a primary with {told.get('connected_slaves', 0)} replicas")
    primary = f"`{told.get('master_host')}:{told.get('master_port')}`"
    if told.get("slave_read_only") and not server.replica:
        return context.critical(
            codes.READ_ONLY,
            observed="Redis takes no writes",
            expected="a Redis that takes writes",
            because=f"it is a replica of {primary}",
            hint="point the service at the primary, or promote this one with `REPLICAOF NO ONE`; "
            "a replica on purpose says `replica: true`",
        )
    if told.get("master_link_status") != "up":
        return context.warning(
            codes.LINK_DOWN,
            observed=f"the replica has heard nothing from {primary} for {told.get('master_link_down_since_seconds')} s",
            expected="a link to its primary",
            because="its `master_link_status` is down",
            hint="see whether the primary runs, and `masterauth` and the network in between",
        )
    return context.ok(f"a replica of {primary}, which it heard {told.get('master_last_io_seconds_ago')} s ago")
