"""Is what it holds safe on disk?"""

from paramedic.packs.redis import codes
from paramedic.packs.redis.line import MAY_LOOK, opened
from paramedic.packs.redis.target import Redis
from paramedic.packs.tcp.entry import Shut, not_looked
from paramedic.sdk import Context, Depth, Finding, check

_STOPS = "stop-writes-on-bgsave-error"


@check(codes.PERSISTENCE, of=Redis, timeout_s=5, every_s=10, depth=Depth.NORMAL)
async def persistence(server: Redis, context: Context) -> Finding:
    """Redis saves what it holds.

    Looks at: ``INFO persistence``: whether the last snapshot, the last write of the append-only file and its last
    rewrite worked, and whether writes are refused because of that (MISCONF); and the age of the last snapshot where
    ``snapshot_age_s`` says how old it may be.
    Why: what is not on disk is gone with the next crash, and by default a Redis that cannot save takes no writes.
    By hand: ``redis-cli INFO persistence | grep -E 'status|last_save'``
    Healed by: nothing by itself; the disk's room and rights are for a person.
    """
    try:
        async with opened(server, context) as client:
            told = await client.info()
            stops = await _stops_writes(client) if told.get("rdb_last_bgsave_status") == "err" else None
            age_s = (await client.time())[0] - int(told["rdb_last_save_time"]) if told.get("rdb_last_save_time") else 0
    except Shut as shut:
        return not_looked(shut, context, extra="redis", grant=MAY_LOOK)
    if told.get("aof_enabled") and told.get("aof_last_write_status") == "err":
        return _failing("the append-only file cannot be written", context, refuses=True)
    if told.get("rdb_last_bgsave_status") == "err":
        return _failing("the last snapshot failed", context, refuses=stops)
    if told.get("aof_enabled") and told.get("aof_last_bgrewrite_status") == "err":
        return _failing("the append-only file could not be rewritten", context, refuses=False)
    limit_s, changes = context.threshold("snapshot_age_s", 0), int(told.get("rdb_changes_since_last_save", 0))
    if limit_s and changes and age_s > limit_s:
        return context.warning(
            codes.PERSISTENCE,
            observed=f"the last snapshot is {age_s} s old, and {changes} changes came since",
            expected=f"at most {limit_s:g} s",
            because="no snapshot is taken" if not told.get("rdb_bgsave_in_progress") else "a snapshot is being taken",
            hint="see `CONFIG GET save`, and take one with `BGSAVE`",
        )
    return context.ok("the last snapshot and the append-only file are as they should be")


async def _stops_writes(client: object) -> bool | None:
    """Whether a failed snapshot makes it refuse writes; ``None`` where we may not ask."""
    from redis.asyncio import Redis as Client
    from redis.exceptions import ResponseError

    assert isinstance(client, Client)
    try:
        settings = {**await client.config_get(_STOPS), **await client.config_get("save")}
    except ResponseError:
        return None
    return settings.get(_STOPS) == "yes" and bool(settings.get("save"))


def _failing(what: str, context: Context, *, refuses: bool | None) -> Finding:
    consequence = {True: "writes are refused (MISCONF)", False: "writes are still taken", None: "writes may be refused"}
    return (context.critical if refuses else context.warning)(
        codes.PERSISTENCE,
        observed=f"{what}; {consequence[refuses]}",
        expected="data that is safe on disk",
        because="Redis says so in `INFO persistence`",
        hint="see its log for the reason, the room and the rights of the folder in `CONFIG GET dir`, and "
        "`vm.overcommit_memory` where it could not fork; afterwards `BGSAVE` must succeed",
    )
