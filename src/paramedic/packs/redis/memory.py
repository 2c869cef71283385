"""Has it room for more?"""

from paramedic.packs.redis import codes
from paramedic.packs.redis.line import MAY_LOOK, Info, info
from paramedic.packs.redis.target import Redis
from paramedic.packs.tcp.entry import Shut, not_looked
from paramedic.sdk import Context, Finding, check

_MEMORY_PERCENT = 90.0
_EVICTIONS_PER_S = 100.0
_MB = 1 << 20


@check(codes.MEMORY, of=Redis, timeout_s=5, every_s=10)
async def memory(server: Redis, context: Context) -> Finding:
    """Redis has memory for what comes next, and keeps what it was given.

    Looks at: ``INFO``: the memory used against ``maxmemory`` where nothing may be thrown away for more
    (``memory_percent``, 90), against the machine's memory where there is no limit, and how many keys a second are
    thrown away (``evictions_per_s``, 100).
    Why: a full Redis refuses every write, or loses keys that somebody may still need.
    By hand: ``redis-cli INFO memory``; ``redis-cli INFO stats | grep evicted``
    Healed by: advice only; what may go is the owner's to say.
    """
    try:
        told = await info(server, context)
    except Shut as shut:
        return not_looked(shut, context, extra="redis", grant=MAY_LOOK)
    used, limit = int(told["used_memory"]), int(told.get("maxmemory") or 0)
    whole = limit or int(told.get("total_system_memory") or 0)
    percent = 100 * used / whole if whole else 0.0
    policy = str(told.get("maxmemory_policy", "noeviction"))
    lost_per_s = _evictions_per_s(int(told.get("evicted_keys", 0)), context)
    allowed_per_s = context.threshold("evictions_per_s", _EVICTIONS_PER_S)
    allowed_percent = context.threshold("memory_percent", _MEMORY_PERCENT)
    shown = f"{used / _MB:.0f} MB of {whole / _MB:.0f} MB are used"
    if not limit or _keeps_everything(policy, told):
        if percent <= allowed_percent:
            return context.ok(shown, used_percent=percent)
        is_full = limit and used >= limit
        return (context.critical if is_full else context.warning)(
            codes.MEMORY,
            observed="Redis refuses writes: its memory is used up" if is_full else shown,
            expected=f"at most {allowed_percent:g} %",
            because=f"{shown}, and `{policy}` lets it throw nothing away" if limit else "`maxmemory` sets no limit",
            hint="raise `maxmemory`, give keys an expiry, or choose a `maxmemory-policy` that may evict; "
            "`redis-cli --bigkeys` names what is large"
            if limit
            else "set `maxmemory`, before the kernel ends a process for lack of memory",
            used_percent=percent,
        )
    if lost_per_s > allowed_per_s:
        return context.warning(
            codes.MEMORY,
            observed=f"Redis throws {lost_per_s:.0f} keys a second away",
            expected=f"at most {allowed_per_s:g} a second",
            because=f"{shown}, and `{policy}` makes room in this way",
            hint="raise `maxmemory`, or store less; `INFO stats` compares keyspace_hits with keyspace_misses",
            evictions_per_s=lost_per_s,
        )
    return context.ok(f"{shown}; `{policy}` makes room", used_percent=percent)


def _keeps_everything(policy: str, told: Info) -> bool:
    if policy == "noeviction":
        return True
    databases = (each for name, each in told.items() if name.startswith("db") and isinstance(each, dict))
    return policy.startswith("volatile") and not any(each.get("expires") for each in databases)


def _evictions_per_s(total: int, context: Context) -> float:
    """Since the look before; at a lone look nothing is known of that."""
    now, before = context.clock.monotonic(), context.memory.get("evicted")
    context.memory["evicted"] = (now, total)
    if not isinstance(before, tuple) or total < before[1]:  # less: the server was started again
        return 0.0
    return float((total - before[1]) / max(1.0, now - before[0]))
