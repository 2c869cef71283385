"""Pure judgement: what a visit that went wrong says about the server."""

from collections.abc import Sequence
from typing import assert_never

from paramedic.packs.tcp.checks import name_without_address
from paramedic.packs.tcp.remedy import who_listens
from paramedic.packs.tcp.unreached import no_connection, no_trust
from paramedic.packs.websocket.codes import (
    DISCONNECT_LOOP,
    ECHO,
    HANDSHAKE,
    PROTOCOL,
    REFUSED,
    TIMEOUT,
    TLS,
    UNRESPONSIVE,
)
from paramedic.packs.websocket.target import WebSocket
from paramedic.packs.websocket.visit import Broken, Deaf, Dropped, NoSocket, NotEchoed, Trouble
from paramedic.sdk import Context, Evidence, Finding

_CLOSES = {
    1000: ("normal closure", "see in its code why it hangs up"),
    1001: ("going away", "read its log: it or a proxy is shutting down, or gives every socket a short life"),
    1002: ("protocol error", "compare the versions and subprotocols of both sides"),
    1003: ("unsupported data", "correct `echo`, or what it expects to hear first"),
    1005: ("no status", "see in its code why it hangs up"),
    1006: ("without a word", "look for a crash in its log, and for idle time-outs of a proxy in between"),
    1007: ("invalid data", "correct `echo`"),
    1008: ("policy violation", "check the token in `headers`, and `subprotocol`"),
    1009: ("message too big", "send a shorter `echo`"),
    1011: ("internal error", "read its log around now for the error"),
    1012: ("service restart", "wait until it has restarted, and see in its log why it does so"),
    1013: ("try again later", "it is overloaded: look at its load, or raise its limit of connections"),
}


def judge_none(none: NoSocket, server: WebSocket, context: Context) -> Finding:
    """The finding for no socket."""
    host, port = server.address
    match none.trouble:
        case Trouble.NAME:
            return name_without_address(host, str(none), context)
        case Trouble.REFUSED:
            return no_connection(REFUSED, server.address, str(none), context)
        case Trouble.SILENT:
            return context.critical(
                TIMEOUT,
                observed=f"`{host}:{port}` did not answer an attempt to connect{_and_tls(server)}",
                expected="an accepted connection",
                because=f"{none}; a closed port would have refused at once",
                hint=f"look at the backlog with {who_listens(port)} (Recv-Q above Send-Q is full), "
                f"and at the path with `ip route get {host}` and the firewall's rules",
            )
        case Trouble.TLS:
            return no_trust(TLS, server.address, str(none), context)
        case Trouble.HANGING:
            return context.critical(
                UNRESPONSIVE,
                observed=f"`{server.shown}` accepts a connection and does not answer the handshake",
                expected="an open socket",
                because=str(none),
                hint=f"try `curl -m 10 -v {server.shown_as_http}`; if the process hangs, `py-spy dump --pid PID` "
                "shows where, and a restart frees it",
            )
        case Trouble.HANDSHAKE:
            return _no_handshake(none, server, context)
        case Trouble.OURS:
            return context.unknown(f"this machine could not open `{server.shown}`: {none}", hint="look at `ulimit -n`")
        case never:
            assert_never(never)


def _no_handshake(none: NoSocket, server: WebSocket, context: Context) -> Finding:
    curl = f"`curl -sS -i {server.shown_as_http}`"
    match none.status:
        case 401 | 403:
            because = "the server refuses who asks"
            hint = f"check the token in `headers` of `{context.component.name}`, that it has not expired, and `Origin`"
        case 404 | 405 | 410:
            because = "the server works, and has no WebSocket there"
            hint = f"correct the path in `url`; compare with {curl}"
        case int(status) if 200 <= status < 300:
            because = "it answered like a web page, so it, or a proxy in between, did not see the wish to upgrade"
            hint = "let the proxy pass `Upgrade` and `Connection` on (`proxy_set_header` in nginx), or correct `url`"
        case int(status) if status >= 500:
            because = "it was reached and failed while answering"
            hint = f"read its log around now, and that of a proxy in between; try {curl}"
        case 101:
            because = "it agreed to open a socket, but not as agreed upon"
            hint = f"correct `subprotocol`, or the server; look with {curl}"
        case _:
            because = "the answer is not the one that opens a socket"
            hint = f"correct `url`; look with {curl}, and at {who_listens(server.address[1])}"
    observed = f"answered {none.status}" if none.status and none.status != 101 else str(none)
    return context.critical(
        HANDSHAKE,
        observed=f"`{server.shown}` opened no socket: {observed}",
        expected="101 Switching Protocols",
        because=f"{because}: {none}" if str(none) and str(none) != observed else because,
        hint=hint,
    )


def judge_talk(trouble: Deaf | Broken, server: WebSocket, context: Context) -> Finding:
    """The finding for a socket that is open and of no use."""
    if isinstance(trouble, Broken):
        return context.critical(
            PROTOCOL,
            observed=f"what `{server.shown}` sends over the socket is no WebSocket",
            expected="frames as RFC 6455 has them",
            because=str(trouble),
            hint=f"see the bytes with `websocat -v {server.shown}`; look for a proxy in between that changes them",
        )
    if isinstance(trouble, NotEchoed):
        return context.critical(
            ECHO,
            observed=f"`{server.shown}` did not send back what it was told",
            expected=f"`{server.echo}`",
            because=f"it answers pings, but {trouble}",
            hint=f"try it with `websocat {server.shown}`; correct `echo`, or see in its log what it did with the text",
        )
    return context.critical(
        UNRESPONSIVE,
        observed=f"`{server.shown}` opened a socket and does not answer a ping",
        expected="a pong",
        because=str(trouble),
        hint="every WebSocket must answer pings, so its process hangs, or a proxy in between holds them back; "
        "`py-spy dump --pid PID` shows where it hangs, and a restart frees it",
    )


def judge_drop(dropped: Sequence[Dropped], server: WebSocket, context: Context) -> Finding:
    """The finding for sockets that the server closes one after the other."""
    last = dropped[-1]
    name, hint = _CLOSES.get(last.code, ("", "see in its code or manual what the code means"))
    said = f", saying `{last}`" if str(last) else ""
    rows = "\n".join(f"after {each.after_s:.2f} s: {each.code} {each}".rstrip() for each in dropped)
    return context.critical(
        DISCONNECT_LOOP,
        observed=f"`{server.shown}` closes its sockets early: after {last.after_s:.1f} s, with {last.code}"
        + (f" ({name})" if name else ""),
        expected=f"sockets that stay open for {server.stays_open_s:g} s",
        because=f"this happened to {'two new sockets in a row' if len(dropped) > 1 else 'sockets of two looks'}{said}",
        hint=f"{hint}; a restart helps where it is stuck",
        evidence=(Evidence(label="closed sockets", text=rows),),
        open_s=last.after_s,
    )


def _and_tls(server: WebSocket) -> str:
    return " and to begin TLS" if server.url.startswith("wss") else ""
