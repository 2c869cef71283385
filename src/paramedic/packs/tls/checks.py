"""Can an application trust it?"""

import ssl

from paramedic.packs.tcp.checks import DNS_UNRESOLVED, SHARE_OF_TIME, name_without_address
from paramedic.packs.tcp.connect import Refused, Silent
from paramedic.packs.tcp.remedy import how_to_start, who_listens
from paramedic.packs.tcp.resolve import Unresolved
from paramedic.packs.tls import trust
from paramedic.packs.tls.certificate import NoReader, Unreadable, read_all
from paramedic.packs.tls.codes import (
    EXPIRED,
    EXPIRING,
    HANDSHAKE,
    NAME_MISMATCH,
    NOT_YET_VALID,
    REFUSED,
    TIMEOUT,
    UNTRUSTED,
    WEAK,
)
from paramedic.packs.tls.handshake import Failed, Hanging, NotTrusted, Shaken, shake
from paramedic.packs.tls.judge import judge_refused, judge_trusted
from paramedic.packs.tls.target import Tls
from paramedic.sdk import Context, Finding, check
from paramedic.sdk.blocking import in_thread

_ASK_AGAIN_S = 3600.0
_ONCE = "spoke old protocols"


@check(
    EXPIRED,
    EXPIRING,
    NOT_YET_VALID,
    NAME_MISMATCH,
    UNTRUSTED,
    HANDSHAKE,
    REFUSED,
    TIMEOUT,
    WEAK,
    DNS_UNRESOLVED,
    of=Tls,
    timeout_s=8,
    every_s=10,
)
async def is_trusted(server: Tls, context: Context) -> list[Finding]:
    """The server's certificate is trusted, for the right name, and will be so for two weeks.

    Looks at: one TLS handshake as an application makes it, and nothing after it. Where that fails, two more that
    verify less, to see the certificate and to tell apart what is wrong with it. Once an hour another offers only
    TLS 1.0 and 1.1, which a safe server refuses.
    Thresholds: ``expiring_days`` (14) for a warning, ``expiring_critical_days`` (3) for more than that.
    Why: on the day after its last one every caller refuses the connection, however well the server works.
    By hand: ``openssl s_client -connect HOST:PORT -servername HOST </dev/null | openssl x509 -noout -text``
    Healed by: restart-component when refused; certificates are renewed by a person.
    """
    try:
        found = await _look(server, context)
    except Unresolved as unresolved:
        found = [name_without_address(server.host, str(unresolved), context)]
    except Refused as refused:
        found = [_refused(server, str(refused), context)]
    except Silent as silent:
        found = [_silent(server, f"{silent}; a closed port would have refused at once", context)]
    except Hanging as hanging:
        found = [_silent(server, f"the connection was accepted, then the handshake did not go on: {hanging}", context)]
    except NoReader:
        found = [
            context.unknown("certificates cannot be read here", hint="install it with `pip install paramedic[tls]`")
        ]
    except Unreadable as strange:
        found = [context.unknown(f"the certificate of `{server.place}` cannot be read: {strange}")]
    except OSError as error:
        reason = error.strerror or str(error)
        hint = "look at this machine's own limits with `ulimit -n` and `ss -s`"
        found = [context.unknown(f"this machine could not open a connection: {reason}", hint=hint)]
    return found


async def _look(server: Tls, context: Context) -> list[Finding]:
    read_all(())  # which needs its library: without it, nothing can be told
    try:
        strict = await in_thread(trust.strict, server.ca)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it holds no certificate"
        return [context.unknown(f"the authorities in `{server.ca}` cannot be read: {reason}", hint="correct `ca`")]
    try:
        shaken = await _shake(server, strict, context)
    except NotTrusted as refusal:
        return await _why_not_trusted(refusal, server, context)
    except Failed as failed:
        return [await _no_handshake(server, str(failed), context)]
    old = await _old_protocol(server, context)
    return judge_trusted(shaken, read_all(shaken.verified or shaken.presented), old, server, context)


async def _shake(server: Tls, how: ssl.SSLContext, context: Context) -> Shaken:
    return await shake(server, how, context.remaining_s * SHARE_OF_TIME, context.clock)


async def _why_not_trusted(refusal: NotTrusted, server: Tls, context: Context) -> list[Finding]:
    """Look at the certificate without verifying it, and verify it without its dates and names."""
    try:
        presented = read_all((await _shake(server, trust.blind(), context)).presented)
    except (Failed, Unreadable):
        presented = ()
    doubt: NotTrusted | None = None
    try:
        await _shake(server, await in_thread(trust.dateless, server.ca), context)
    except NotTrusted as still:
        doubt = still
    except Failed:
        doubt = refusal
    return judge_refused(refusal, doubt, presented, server, context)


async def _no_handshake(server: Tls, reason: str, context: Context) -> Finding:
    if old := await _old_protocol(server, context):
        reason = f"it speaks {old} at most, which nothing up to date accepts"
    return context.critical(
        HANDSHAKE,
        observed=f"`{server.place}` accepted a connection, and no TLS came of it",
        expected="TLS 1.2 or newer",
        because=f"the handshake failed: {reason}",
        hint=f"look at it with `openssl s_client -connect {server.place} -servername {server.name}`, and at the log of "
        f"the server around now; {who_listens(server.port)} shows whether another program listens there",
    )


async def _old_protocol(server: Tls, context: Context) -> str | None:
    """The old protocol that the server still speaks; asked once an hour, because servers note such callers."""
    now = context.clock.monotonic()
    match context.memory.get(_ONCE):
        case (float(asked), answer) if now - asked < _ASK_AGAIN_S:
            return str(answer) if answer else None
    try:
        old: str | None = (await _shake(server, trust.ancient(), context)).version
    except (Failed, NotTrusted):
        old = None
    except (Hanging, Refused, Silent, Unresolved, OSError):
        return None  # nothing was learned
    context.memory[_ONCE] = (now, old)
    return old


def _refused(server: Tls, by: str, context: Context) -> Finding:
    return context.critical(
        REFUSED,
        observed=f"`{server.place}` refused the connection",
        expected="a listening server",
        because=f"{by} answered that the port is closed, so the machine is up and no process listens there",
        hint=f"{how_to_start(context.component)}, or correct `host` and `port`; "
        f"{who_listens(server.port)} shows who listens",
    )


def _silent(server: Tls, because: str, context: Context) -> Finding:
    return context.critical(
        TIMEOUT,
        observed=f"`{server.place}` did not answer in time",
        expected="a TLS handshake",
        because=because,
        hint=f"try `openssl s_client -connect {server.place}`; look at the backlog with {who_listens(server.port)}, "
        f"and at the path with `ip route get {server.host}` and the firewall's rules",
    )
