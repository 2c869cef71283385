"""Does a name lead where it should?"""

import ipaddress
from collections.abc import Sequence

from paramedic.packs.dns.codes import SLOW, TIMEOUT, UNRESOLVED, WRONG_ANSWER
from paramedic.packs.dns.resolver import Resolved, resolve
from paramedic.packs.dns.servers import Heard, Manner, configured, consult
from paramedic.packs.dns.target import Dns
from paramedic.packs.dns.wire import Record
from paramedic.packs.tcp.checks import SHARE_OF_TIME
from paramedic.sdk import Context, Evidence, Finding, check

_SHARE_OF_RESOLVER = 0.7
"""The rest of the time is for finding out why it did not answer."""
_CONSULT_S = 2.0
_BOTH = (Record.A, Record.AAAA)
_NO_SUCH_NAME = 3
_WELL = 0


@check(UNRESOLVED, TIMEOUT, WRONG_ANSWER, SLOW, of=Dns, timeout_s=10, every_s=10)
async def resolves(target: Dns, context: Context) -> Finding:
    """The name resolves in time, and only to addresses that are expected.

    Looks at: one question to the system's resolver, which knows /etc/hosts and search domains, as any program asks
    it; or to ``server`` alone where that is declared. When no answer comes, this machine's name servers are asked one
    by one, so that an unknown name, a silent server and a missing network can be told apart.
    Thresholds: ``latency_ms`` (1000) for slow answers.
    Why: whatever is reached by a name is lost without it, and a stale record leads to the wrong machine.
    By hand: ``getent ahosts NAME``; ``dig @SERVER NAME`` asks one name server
    Healed by: nobody but a person; names, name servers and routes are not Paramedic's to change.
    """
    wanted = tuple(Record[each] for each in dict.fromkeys(target.records))
    try:
        if server := target.server_address:
            began = context.clock.monotonic()
            replies = await consult(target.name, (server,), context.remaining_s * SHARE_OF_TIME, wanted or _BOTH)
            took_ms = (context.clock.monotonic() - began) * 1000
            return _judge_replies(replies, took_ms, target, context)
        limit_s = context.remaining_s * _SHARE_OF_RESOLVER
        resolved = await resolve(target.name, wanted, limit_s, context.clock, context.memory)
        if resolved is None or not resolved.is_certain:
            return _no_answer(resolved, await _servers(target, context), limit_s, target, context)
        if not resolved.addresses:
            return _unresolved(f"the resolver said: {resolved.refusal}", target, context)
        slow = resolved.took_ms > _slowest_ms(context)
        return _judge(
            resolved.addresses, resolved.took_ms, target, context, await _servers(target, context) if slow else ()
        )
    except UnicodeError:
        return _unresolved("it is not a valid host name", target, context)
    except OSError as error:
        return context.unknown(
            f"this machine could not ask for `{target.name}`: {error.strerror or error}",
            hint="look at this machine's own limits with `ulimit -n` and `ss -s`",
        )


async def _servers(target: Dns, context: Context) -> tuple[Heard, ...]:
    """What this machine's name servers say themselves."""
    return await consult(target.name, configured(), min(_CONSULT_S, context.remaining_s * SHARE_OF_TIME))


def _judge_replies(replies: Sequence[Heard], took_ms: float, target: Dns, context: Context) -> Finding:
    """The finding for what the declared server said."""
    messages = [each.message for each in replies if each.message]
    if len(messages) < len(replies):
        return _silent(replies, f"`{target.server}` gave no answer", target, context)
    addresses = tuple(dict.fromkeys(address for each in messages for address in each.addresses))
    if not addresses:
        failed = next((each for each in replies if each.message and each.message.rcode != _WELL), replies[0])
        return _unresolved(_why_none(failed), target, context)
    return _judge(addresses, took_ms, target, context, ())


def _no_answer(
    resolved: Resolved | None, servers: tuple[Heard, ...], limit_s: float, target: Dns, context: Context
) -> Finding:
    """The finding where the resolver could not find out: because of the name, its servers, or the network."""
    said = f"the resolver said: {resolved.refusal}" if resolved else f"the resolver said nothing within {limit_s:.1f} s"
    answered = [each for each in servers if each.message]
    if resolved and answered and all(each.message and each.message.rcode != _WELL for each in answered):
        return _unresolved(f"{said}; {_why_none(answered[0])}", target, context, evidence=_evidence(servers))
    return _silent(servers, said, target, context)


def _silent(servers: Sequence[Heard], said: str, target: Dns, context: Context) -> Finding:
    told = "; ".join(dict.fromkeys(each.told for each in servers))
    manners = {each.manner for each in servers}
    if manners == {Manner.NO_WAY}:
        told += ", so the network of this machine is away"
        hint = "look at this machine's network with `ip addr` and `ip route`"
    elif Manner.ANSWERED in manners:
        hint = f"compare `getent ahosts {target.name}` with `dig {target.name}`; look at /etc/nsswitch.conf and at "
        hint += "the order of name servers in /etc/resolv.conf"
    else:
        hint = f"ask by hand with `dig @{servers[0].server.replace(' port ', ' -p ')} {target.name}`; "
        hint += "start that name server, or name another one"
    return context.critical(
        TIMEOUT,
        observed=f"`{target.name}` could not be looked up",
        expected="an answer from a name server",
        because=f"{said}; {told}",
        hint=hint,
        evidence=_evidence(servers),
    )


def _unresolved(because: str, target: Dns, context: Context, evidence: tuple[Evidence, ...] = ()) -> Finding:
    return context.critical(
        UNRESOLVED,
        observed=f"`{target.name}` has no address",
        expected="a name that resolves",
        because=because,
        hint=f"compare `getent hosts {target.name}` here and on a machine where it works; add the record, look at "
        "`search` in /etc/resolv.conf and at /etc/hosts, or correct the name",
        evidence=evidence,
    )


def _judge(
    addresses: tuple[str, ...], took_ms: float, target: Dns, context: Context, servers: tuple[Heard, ...]
) -> Finding:
    """The finding for a name that resolves."""
    found = ", ".join(addresses)
    kinds = {"AAAA" if ":" in each else "A" for each in addresses}
    if missing := [each for each in target.records if each not in kinds]:
        because = f"it resolves to {found}, and to no address of kind {' or '.join(missing)}"
        return _unresolved(because, target, context)
    strangers = [each for each in addresses if not _is_expected(each, target)]
    if strangers:
        return context.critical(
            WRONG_ANSWER,
            observed=f"`{target.name}` leads to {', '.join(strangers)}",
            expected=f"only {', '.join(target.expect)}",
            because=f"the answer was {found}",
            hint=f"compare `getent ahosts {target.name}` with `dig {target.name}`: an entry in /etc/hosts or an old "
            "record may be in the way; correct that, or `expect`",
            latency_ms=took_ms,
        )
    if took_ms > _slowest_ms(context):
        faulty = [each.told for each in servers if each.manner is not Manner.ANSWERED]
        because = "; ".join(faulty) or "the answer itself is as expected"
        return context.warning(
            SLOW,
            observed=f"`{target.name}` resolved in {took_ms:.0f} ms",
            expected=f"an answer within {_slowest_ms(context):.0f} ms",
            because=because,
            hint="put a name server that answers first in /etc/resolv.conf"
            if faulty
            else "look at the load and the way to the name server with `dig` and `ping`",
            evidence=_evidence(servers),
            latency_ms=took_ms,
        )
    return context.ok(f"`{target.name}` resolved to {found} in {took_ms:.0f} ms", latency_ms=took_ms)


def _why_none(heard: Heard) -> str:
    rcode = heard.message.rcode if heard.message else None
    if rcode == _NO_SUCH_NAME:
        return f"{heard.told}: the name does not exist"
    if rcode == _WELL:
        return f"{heard.told}: the name exists, without an address"
    return f"{heard.told}: it could not or would not find out"


def _is_expected(address: str, target: Dns) -> bool:
    return not target.expect or any(ipaddress.ip_address(address) in each for each in target.networks)


def _slowest_ms(context: Context) -> float:
    return context.threshold("latency_ms", 1000)


def _evidence(servers: Sequence[Heard]) -> tuple[Evidence, ...]:
    rows = "\n".join(f"{each.told} ({each.record.name})" for each in servers)
    return (Evidence(label="name servers", text=rows),) if rows else ()
