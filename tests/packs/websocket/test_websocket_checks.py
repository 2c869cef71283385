"""The check of the websocket pack against real servers that are well, sick and hostile."""

import asyncio
import itertools
import resource
import socket

import pytest
from aiohttp import web

from packs.authority import Issued
from paramedic.drills.ports import free_ports
from paramedic.packs.websocket.checks import stays_open
from paramedic.packs.websocket.target import WebSocket
from paramedic.sdk import ProcessSpec, Secret, Status


def ws(url: str, **fields) -> WebSocket:
    return WebSocket(url=url, **{"stays_open_s": 0.2, **fields})


def text(payload: bytes, opcode: int = 1) -> bytes:
    """A frame of a server."""
    size = len(payload)
    length = (
        bytes((size,))
        if size < 126
        else b"\x7e" + size.to_bytes(2, "big")
        if size < 65536
        else b"\x7f" + size.to_bytes(8, "big")
    )
    return bytes((0x80 | opcode,)) + length + payload


def closing(code: int, reason: str = "", after_s: float = 0.02, only_first: int = 10**9):
    """A handler that closes the first so many sockets."""
    count = itertools.count()

    async def handler(request):
        raw = web.WebSocketResponse()
        await raw.prepare(request)
        if next(count) < only_first:
            asyncio.get_running_loop().call_later(
                after_s, lambda: tasks.append(asyncio.ensure_future(raw.close(code=code, message=reason.encode())))
            )
        async for _ in raw:
            pass
        return raw

    tasks: list[asyncio.Future[bool]] = []
    return handler


# ------------------------------------------------------------------ healthy


async def test_healthy(look, serve, well):
    """A socket that answers a ping and stays open is well; how long the pong took is kept."""
    [found] = await look(stays_open, ws(await serve(well)))
    assert (found.status, found.code) == (Status.OK, None), found
    assert 0 <= found.measures["latency_ms"] < 1000
    assert "stayed open for 0." in found.observed


async def test_echo(look, serve, well):
    """A text that comes back within a longer message is well."""
    [found] = await look(stays_open, ws(await serve(well), echo="ping"))
    assert found.status is Status.OK, found


async def test_ipv6_only(look, serve, well):
    """A server without an IPv4 address is reached."""
    try:
        url = await serve(well, host="::1")
    except OSError:
        pytest.skip("this machine has no IPv6")
    [found] = await look(stays_open, ws(url))
    assert found.status is Status.OK, found


async def test_tls(look, serve, well):
    """A certificate that nobody trusts is `websocket.tls`; with `verify_tls: false` the same server is well."""
    url = await serve(well, issued=Issued.make("it", "127.0.0.1"))
    [found] = await look(stays_open, ws(url))
    assert (found.status, found.code) == (Status.CRITICAL, "websocket.tls")
    assert "self-signed" in found.because
    [found] = await look(stays_open, ws(url, verify_tls=False))
    assert found.status is Status.OK, found


async def test_secret_headers_and_subprotocols(look, serve):
    """Declared headers reach the server and no finding; a subprotocol that is agreed upon is well."""

    async def handler(request):
        if request.headers.get("Authorization") != "Bearer s3cr3t":
            raise web.HTTPUnauthorized
        raw = web.WebSocketResponse(protocols=("chat.v2",))
        await raw.prepare(request)
        async for _ in raw:
            pass
        return raw

    url = await serve(handler)
    right = {"headers": {"Authorization": Secret("Bearer s3cr3t")}, "subprotocol": "chat.v2"}
    [found] = await look(stays_open, ws(url, **right))
    assert found.status is Status.OK, found
    wrong = {"headers": {"X-Key": Secret("wr0ng")}}
    [found] = await look(stays_open, ws(url.replace("//", "//anna:pa55@") + "?token=t0ken", **wrong))
    assert found.code == "websocket.handshake"
    assert "answered 401" in found.observed
    assert "token in `headers`" in found.hint
    assert not any(each in repr(found) for each in ("wr0ng", "pa55", "t0ken"))


async def test_a_busy_server(look, talk_to, upgrade):
    """A server that never stops talking, and pings by itself, is well as long as it answers pings."""
    ponged = []

    async def talk(reader, writer):
        await upgrade(reader, writer)
        writer.write(text(b"mine", 9))

        async def hear():
            while True:
                first, size = await reader.readexactly(2)
                mask = await reader.readexactly(4)
                data = bytes(
                    a ^ b for a, b in zip(await reader.readexactly(size & 127), itertools.cycle(mask), strict=False)
                )
                if first & 15 == 9:
                    writer.write(text(data, 10))
                if first & 15 == 10:
                    ponged.append(data)
                if first & 15 == 8:
                    return

        hearing = asyncio.create_task(hear())
        while not hearing.done():
            writer.write(text(b"news" * 5000))
            await writer.drain()
            await asyncio.sleep(0)

    [found] = await look(stays_open, ws(await talk_to(talk)))
    assert found.status is Status.OK, found
    assert ponged == [b"mine"]


# ------------------------------------------------------------------ no socket


async def test_refused(look):
    """A closed port is `websocket.refused`, with the command that starts the server."""
    (port,) = free_ports(1)
    [found] = await look(stays_open, ws(f"ws://127.0.0.1:{port}/ws"), name="live", process=ProcessSpec(command=("x",)))
    assert (found.status, found.code) == (Status.CRITICAL, "websocket.refused")
    assert "paramedic start live" in found.hint


async def test_a_full_backlog(look):
    """A listener that accepts no more is `websocket.timeout`, within the check's own time."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        [found] = await look(
            stays_open, ws(f"ws://127.0.0.1:{server.getsockname()[1]}/", stays_open_s=0), timeout_s=0.7
        )
        for client in waiting:
            client.close()
    assert (found.status, found.code) == (Status.CRITICAL, "websocket.timeout")


async def test_a_name_without_address(look):
    """An unknown host is `dns.unresolved`."""
    [found] = await look(stays_open, ws("ws://no-such-host.invalid/"))
    assert found.code == "dns.unresolved"


@pytest.mark.parametrize(
    ("status", "because"),
    [
        (401, "refuses who asks"),
        (403, "refuses who asks"),
        (404, "has no WebSocket there"),
        (200, "like a web page"),
        (426, "not the one that opens"),
        (503, "failed while answering"),
    ],
)
async def test_the_status_of_a_handshake_is_told(look, serve, status, because):
    """Whatever the server answers instead is `websocket.handshake` with its status and what it means."""

    async def handler(request):
        return web.Response(status=status, text="no")

    [found] = await look(stays_open, ws(await serve(handler)))
    assert (found.status, found.code) == (Status.CRITICAL, "websocket.handshake")
    assert f"answered {status}" in found.observed
    assert because in found.because


async def test_a_redirect_is_not_followed(look, serve):
    """A redirect opens no socket, and what was given for one server is not sent to another."""
    heard = []

    async def other(request):
        heard.append(request)
        return web.Response()

    elsewhere = (await serve(other)).replace("ws:", "http:")

    async def handler(request):
        raise web.HTTPFound(f"{elsewhere}?token=t0ken")

    [found] = await look(stays_open, ws(await serve(handler), headers={"X-Key": Secret("s3cr3t")}))
    assert found.code == "websocket.handshake"
    assert "answered 302" in found.observed
    assert "t0ken" not in repr(found)
    assert heard == []


async def test_a_subprotocol_that_is_not_agreed_upon(look, serve, well):
    """A server that does not speak what is asked for is `websocket.handshake`."""
    [found] = await look(stays_open, ws(await serve(well), subprotocol="graphql-transport-ws"))
    assert found.code == "websocket.handshake"
    assert "graphql-transport-ws" in found.observed


ANSWERS = {
    "nothing": (b"", "closed the connection without an answer"),
    "another protocol": (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "no HTTP"),
    "zeros": (bytes(4096), ""),
    "a wrong key": (
        b"HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n",
        "invalid challenge",
    ),
    "no upgrade": (b"HTTP/1.1 101 Yes\r\n\r\n", "invalid upgrade"),
    "half a head": (b"HTTP/1.1 101 Switching Pro", ""),
    "an escape": (b"HTTP/1.1 101 \x1b[31m\xff\r\nA: \xed\xa0\x80\r\n\r\n", ""),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_an_answer_that_is_none(look, talk_to, name):
    """Bytes that are no handshake, or break off, are `websocket.handshake`, printable."""
    answer, told = ANSWERS[name]

    async def talk(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        if answer:
            writer.write_eof()
            await reader.read()

    [found] = await look(stays_open, ws(await talk_to(talk)), timeout_s=3)
    assert (found.status, found.code) == (Status.CRITICAL, "websocket.handshake")
    assert told in f"{found.observed} {found.because}"
    assert (found.observed + found.because).isprintable()


@pytest.mark.parametrize("line", [b"A: b\r\n", b"x" * 8192])
async def test_a_header_without_end(look, talk_to, line):
    """A header that never ends is given up, within the check's own time."""

    async def talk(reader, writer):
        writer.write(b"HTTP/1.1 101 Yes\r\n")
        while True:
            writer.write(line)
            await writer.drain()
            await asyncio.sleep(0)  # it shares its loop with the look

    [found] = await look(stays_open, ws(await talk_to(talk)), timeout_s=2)
    assert found.code in ("websocket.handshake", "websocket.unresponsive")


# ------------------------------------------------------------------ unresponsive


async def test_a_handshake_that_hangs(look, talk_to):
    """A server that accepts and never answers the handshake is `websocket.unresponsive`."""

    async def talk(reader, writer):
        await reader.read()

    [found] = await look(stays_open, ws(await talk_to(talk)), timeout_s=0.9)
    assert (found.status, found.code) == (Status.CRITICAL, "websocket.unresponsive")
    assert "handshake" in found.observed


async def test_no_pong(look, talk_to, upgrade):
    """An open socket on which no ping is answered is `websocket.unresponsive`; other pongs do not count."""

    async def talk(reader, writer):
        await upgrade(reader, writer)
        writer.write(text(b"unasked", 10))
        await reader.read()

    [found] = await look(stays_open, ws(await talk_to(talk)), thresholds={"pong_ms": 200})
    assert (found.status, found.code) == (Status.CRITICAL, "websocket.unresponsive")
    assert "no pong came within 0.2 s" in found.because


async def test_a_server_that_goes_deaf(look, talk_to, upgrade):
    """A ping is answered at first, and no more after a while: the second one finds it."""

    async def talk(reader, writer):
        await upgrade(reader, writer)
        await reader.readexactly(2)
        mask = await reader.readexactly(4)
        data = await reader.readexactly(16)
        writer.write(text(bytes(a ^ b for a, b in zip(data, itertools.cycle(mask), strict=False)), 10))
        await reader.read()

    [found] = await look(stays_open, ws(await talk_to(talk)), thresholds={"pong_ms": 200})
    assert found.code == "websocket.unresponsive"


async def test_no_echo(look, serve):
    """A server that answers pings and sends something else back is `websocket.echo`, with what came."""

    async def handler(request):
        raw = web.WebSocketResponse()
        await raw.prepare(request)
        async for _ in raw:
            await raw.send_str("pardon?\x1b")
        return raw

    [found] = await look(stays_open, ws(await serve(handler), echo="hello"), thresholds={"pong_ms": 200})
    assert (found.status, found.code) == (Status.CRITICAL, "websocket.echo")
    assert "`pardon?\ufffd`" in found.because


# ------------------------------------------------------------------ closed early


async def test_every_socket_is_closed(look, serve):
    """Two sockets in a row that the server closes early are `websocket.disconnect-loop`, with code and reason."""
    [found] = await look(stays_open, ws(await serve(closing(1008, "no token"))))
    assert (found.status, found.code) == (Status.CRITICAL, "websocket.disconnect-loop")
    assert "1008 (policy violation)" in found.observed
    assert "`no token`" in found.because
    assert "check the token" in found.hint


async def test_one_drop_is_no_loop(look, serve):
    """A single socket that is closed is told and is well; one in each of two looks is a loop."""
    url = await serve(closing(1012, only_first=1))
    [found] = await look(stays_open, ws(url))
    assert found.status is Status.OK, found
    assert "closed after 0.0 s with 1012" in found.observed
    url = await serve(closing(1012, only_first=1))
    [found] = await look(stays_open, ws(url))
    assert found.code == "websocket.disconnect-loop"
    [found] = await look(stays_open, ws(url))
    assert found.status is Status.OK


async def test_without_a_word(look, talk_to, upgrade):
    """A connection that ends without a close frame counts as closed, with 1006; so does one that is reset."""
    for reset in (False, True):

        async def talk(reader, writer, reset=reset):
            await upgrade(reader, writer)
            if reset:
                await reader.read(1)
                writer.transport.abort()

        [found] = await look(stays_open, ws(await talk_to(talk)))
        assert found.code == "websocket.disconnect-loop"
        assert "1006 (without a word)" in found.observed


async def test_a_server_that_goes_away(look, talk_to, upgrade):
    """A server that closes a socket and is then gone is `websocket.refused`: it is down, not in a loop."""
    (port,) = free_ports(1)

    async def talk(reader, writer):
        await upgrade(reader, writer)
        listener.close()
        writer.transport.abort()

    listener = await asyncio.start_server(talk, "127.0.0.1", port)
    [found] = await look(stays_open, ws(f"ws://127.0.0.1:{port}/ws"))
    assert found.code == "websocket.refused"


# ------------------------------------------------------------------ hostile frames


@pytest.mark.parametrize(
    "frames",
    [
        b"\xff" * 64,
        b"\x83\x00",  # an opcode that is none
        b"\x89\x7e\x01\x00" + b"x" * 256,  # a ping that is too long
        b"\x81\x02\xc3\x28",  # no UTF-8
        b"\x88\x01x",  # half a close code
        b"\x88\x02\x00\x01",  # a close code that is none
        b"HTTP/1.1 200 OK\r\n\r\n",
    ],
)
async def test_bytes_that_are_no_frames(look, talk_to, upgrade, frames):
    """What breaks the rules of WebSocket is `websocket.protocol`, never a traceback."""

    async def talk(reader, writer):
        await upgrade(reader, writer)
        writer.write(frames)
        await reader.read()

    [found] = await look(stays_open, ws(await talk_to(talk)), timeout_s=3)
    assert (found.status, found.code) == (Status.CRITICAL, "websocket.protocol")
    assert found.because.isprintable()


async def test_huge_frames(look, talk_to, upgrade):
    """A message that is announced with gigabytes is not read: the look is unknown, at once."""

    async def talk(reader, writer):
        await upgrade(reader, writer)
        writer.write(b"\x82\x7f" + (1 << 40).to_bytes(8, "big"))
        while True:
            writer.write(bytes(65536))
            await writer.drain()
            await asyncio.sleep(0)

    [found] = await look(stays_open, ws(await talk_to(talk)), timeout_s=3)
    assert found.status is Status.UNKNOWN
    assert "too large" in found.observed


async def test_half_closed(look, talk_to, upgrade):
    """A server that closes only its own direction is closed early, too."""

    async def talk(reader, writer):
        await upgrade(reader, writer)
        writer.write_eof()
        await reader.read()

    [found] = await look(stays_open, ws(await talk_to(talk)), timeout_s=3)
    assert found.code == "websocket.disconnect-loop"


# ------------------------------------------------------------------ cannot look


async def test_a_look_that_is_too_short(look, serve, well):
    """Where `stays_open` does not fit into the time of a look the verdict is unknown, and the hint says how long."""
    [found] = await look(stays_open, ws(await serve(well), stays_open_s=20))
    assert found.status is Status.UNKNOWN
    assert "timeout: 65s" in found.hint


async def test_a_header_that_cannot_be_sent(look, serve, well):
    """A declared header with a line break is not the server's fault."""
    [found] = await look(stays_open, ws(await serve(well), headers={"X-Bad": "a\r\nInjected: yes"}))
    assert found.status is Status.UNKNOWN


async def test_cannot_look_without_descriptors(look):
    """When this machine cannot open a socket the verdict is unknown."""
    (port,) = free_ports(1)
    target = ws(f"ws://127.0.0.1:{port}/ws")
    await look(stays_open, target)  # everything is imported
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    opened = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, hard))
    try:
        while True:
            try:
                opened.append(socket.socket())
            except OSError:
                break
        [found] = await look(stays_open, target)
    finally:
        for each in opened:
            each.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert found.status is Status.UNKNOWN


@pytest.mark.parametrize("url", ["http://x/", "ws://", "ws://x:0/", "ws://x:port/", "", "ws://[::1/"])
def test_nonsense_is_refused(url):
    """An address that is none is a mistake in the service file."""
    with pytest.raises(ValueError):
        WebSocket(url=url)
