"""Does a socket open, answer, and stay?"""

from paramedic.packs.tcp.checks import DNS_UNRESOLVED, SHARE_OF_TIME
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
from paramedic.sdk import Context, Finding, check

_DROPPED = "dropped"
_LEAST_S = 0.5
"""For the handshake and both pings."""


@check(
    REFUSED,
    TIMEOUT,
    TLS,
    HANDSHAKE,
    UNRESPONSIVE,
    DISCONNECT_LOOP,
    PROTOCOL,
    ECHO,
    DNS_UNRESOLVED,
    of=WebSocket,
    imports=("paramedic.packs.websocket.visit",),
    timeout_s=8,
    every_s=10,
)
async def stays_open(server: WebSocket, context: Context) -> Finding:
    """A WebSocket opens, answers a ping, and stays open for as long as it should.

    Looks at: one new socket: the handshake, a ping, the text in ``echo`` where declared, then ``stays_open`` in
    silence, and a ping at the end. One that the server closes early is followed by a second one; only when both were
    closed, or one in each of two looks, is it a loop.
    Thresholds: ``pong_ms`` (2000) for how long a ping may stay unanswered.
    Why: a server can answer over HTTP while its sockets are dead, or die within seconds.
    By hand: ``websocat -v URL``; ``curl -sS -i --http1.1 -H 'Connection: Upgrade' -H 'Upgrade: websocket'
    -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==' HTTP-URL`` shows the handshake
    Healed by: restart-component when refused, unresponsive or closing every socket; the rest goes to a person.
    """
    from paramedic.packs.websocket.judge import judge_drop, judge_none, judge_talk  # aiohttp takes long to import
    from paramedic.packs.websocket.visit import Broken, Deaf, Dropped, NoSocket, TooLarge, visit

    if server.stays_open_s + _LEAST_S > context.remaining_s * SHARE_OF_TIME:
        return context.unknown(
            f"to see whether it stays open for {server.stays_open_s:g} s takes longer than a look may",
            hint=f"set `timeout: {int(server.stays_open_s * 3 + 5)}s`, or a shorter `stays_open`",
        )
    pong_s = min(context.threshold("pong_ms", 2000) / 1000, context.remaining_s / 3)
    earlier: list[Dropped] = []
    while True:
        limit_s = context.remaining_s * SHARE_OF_TIME
        try:
            seen = await visit(server, limit_s=limit_s, pong_s=pong_s, clock=context.clock)
        except NoSocket as none:
            return judge_none(none, server, context)
        except (Deaf, Broken) as trouble:
            return judge_talk(trouble, server, context)
        except TooLarge as message:
            return context.unknown(f"`{server.shown}` sends messages that are too large for a look: {message}")
        except Dropped as dropped:
            earlier.append(dropped)
            if len(earlier) > 1 or context.memory.get(_DROPPED):
                context.memory[_DROPPED] = True
                return judge_drop(earlier, server, context)
            continue
        context.memory[_DROPPED] = bool(earlier)
        note = f"; an earlier one was closed after {earlier[0].after_s:.1f} s with {earlier[0].code}" if earlier else ""
        return context.ok(
            f"a socket answered a ping in {seen.ping_ms:.0f} ms and stayed open for {seen.open_s:.1f} s{note}",
            latency_ms=seen.ping_ms,
            handshake_ms=seen.handshake_ms,
        )
