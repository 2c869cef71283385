"""The check of the http pack against real servers that are well, sick, strange and hostile."""

import asyncio
import json
import os
import random
import resource
import signal
import socket
import subprocess
import sys

import pytest

from paramedic.packs.http.checks import answers
from paramedic.packs.http.target import Http
from paramedic.sdk import Component, Permit, ProcessSpec, Secret, Status


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# ------------------------------------------------------------------ healthy


async def test_healthy(look, serve, ok):
    """A 200 is well; how long it took and the share of errors are kept."""
    url = await serve(lambda n, head: ok())
    [found] = await look(answers, Http(url=url))
    assert found.status is Status.OK
    assert found.measures["error_percent"] == 0
    assert 0 < found.measures["latency_ms"] < 1000


async def test_localhost_is_found(look, serve, ok):
    """`localhost` works whatever addresses it has."""
    url = (await serve(lambda n, head: ok())).replace("127.0.0.1", "localhost")
    [found] = await look(answers, Http(url=url))
    assert found.status is Status.OK


async def test_head_asks_for_no_body(look, serve, ok):
    """`method: HEAD` is sent as such."""
    heads = []

    def reply(n, head):
        heads.append(head.split()[0])
        return b"HTTP/1.1 204 No Content\r\n\r\n"

    [found] = await look(answers, Http(url=await serve(reply), method="HEAD"))
    assert found.status is Status.OK
    assert set(heads) == {"HEAD"}


async def test_headers_are_sent_and_their_secret_is_not_shown(look, serve, ok):
    """Declared headers reach the server; nothing of a secret reaches the finding."""

    def reply(n, head):
        return ok() if "Authorization: Bearer s3cr3t" in head else ok(status="401 Unauthorized")

    headers = {"Authorization": Secret("Bearer s3cr3t")}
    url = await serve(reply)
    [found] = await look(answers, Http(url=url, headers=headers))
    assert found.status is Status.OK
    assert "s3cr3t" not in repr(found)


async def test_a_password_in_the_address_is_used_and_not_shown(look, serve, ok):
    """`http://user:password@host` authenticates, and no finding repeats the password."""
    right = "Authorization: Basic YW5uYTpzM2NyM3Q="
    url = await serve(lambda n, head: ok() if right in head else ok(status="500 Oops"))
    url = url.replace("http://", "http://anna:s3cr3t@")
    [found] = await look(answers, Http(url=url))
    assert found.status is Status.OK
    broken = await serve(lambda n, head: ok(status="302 Found", headers="Location: /health\r\n"))
    for address in (url.replace("s3cr3t", "s3cr3T"), broken.replace("http://", "http://anna:s3cr3T@")):
        [found] = await look(answers, Http(url=address))
        assert found.code == "http.status"
        assert "s3cr3T" not in repr(found)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"expect_status": 418}, "418 I'm a teapot"),
        ({"expect_status": (200, 503)}, "503 Service Unavailable"),
        ({"expect_status": 302}, "302 Found"),
        ({"expect_status": 401}, "401 Unauthorized"),
        ({"expect_body": "mod\u00e8le"}, "200 OK"),
        ({"expect_json": {"checks.db": "ok", "list.1.name": "b", "n": 3, "flag": True, "a.b": None}}, "200 OK"),
    ],
)
async def test_what_is_expected_counts_as_healthy(look, serve, ok, fields, status):
    """Expected statuses, text and JSON values are well, even where they look like failures."""
    body = json.dumps(
        {
            "checks": {"db": "ok"},
            "list": [{"name": "a"}, {"name": "b"}],
            "n": 3,
            "flag": True,
            "a.b": None,
            "m": "mod\u00e8le",
        },
        ensure_ascii=False,
    ).encode()
    url = await serve(lambda n, head: ok(body, status=status, headers="Location: /elsewhere\r\n"))
    [found] = await look(answers, Http(url=url, **fields))
    assert found.status is Status.OK


# ------------------------------------------------------------------ no connection


async def test_refused(look):
    """A closed port is `http.refused`, and nothing more is sent there."""
    url = f"http://127.0.0.1:{free_port()}/health"
    [found] = await look(answers, Http(url=url), name="api", process=ProcessSpec(command=("x",)))
    assert (found.status, found.code) == (Status.CRITICAL, "http.refused")
    assert "paramedic start api" in found.hint


async def test_a_name_without_address(look):
    """An unknown host is `dns.unresolved`, named."""
    [found] = await look(answers, Http(url="http://no-such-host.invalid/"))
    assert (found.status, found.code) == (Status.CRITICAL, "dns.unresolved")
    assert "no-such-host.invalid" in found.observed


async def test_a_bad_certificate(look, serve, ok):
    """An untrusted certificate is `http.tls`; with `verify_tls: false` the same server is well."""
    url = await serve(lambda n, head: ok(), tls=True)
    [found] = await look(answers, Http(url=url))
    assert (found.status, found.code) == (Status.CRITICAL, "http.tls")
    assert "self-signed" in found.because
    [found] = await look(answers, Http(url=url, verify_tls=False))
    assert found.status is Status.OK


async def test_https_asked_of_a_plain_server(look, serve, ok):
    """TLS towards a server that speaks none is `http.tls`."""

    async def talk(n, reader, writer):
        await reader.read(1)
        writer.write(ok(status="400 Bad Request"))

    url = (await serve(talk=talk)).replace("http:", "https:")
    [found] = await look(answers, Http(url=url))
    assert found.code == "http.tls"


async def test_cannot_look_without_descriptors(look, serve, ok):
    """When this machine cannot open a socket the verdict is unknown."""
    url = await serve(lambda n, head: ok())
    await look(answers, Http(url=url))  # everything is imported
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, hard))
    opened = []
    try:
        while True:
            try:
                opened.append(os.open("/dev/null", os.O_RDONLY))
            except OSError:
                break
        [found] = await look(answers, Http(url=url))
    finally:
        for each in opened:
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert found.status is Status.UNKNOWN


async def test_a_header_that_cannot_be_sent_is_not_the_servers_fault(look, serve, ok):
    """A declared header with a line break makes the look unknown."""
    url = await serve(lambda n, head: ok())
    [found] = await look(answers, Http(url=url, headers={"X-Bad": "a\r\nInjected: yes"}))
    assert found.status is Status.UNKNOWN


# ------------------------------------------------------------------ no answer


async def test_a_stopped_process_is_a_timeout(look):
    """SIGSTOP: the port accepts, nothing answers, and that is `http.timeout` within the check's own time."""
    port = free_port()
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                await asyncio.sleep(0.02)
        target = Http(url=f"http://127.0.0.1:{port}/")
        [found] = await look(answers, target)
        assert found.status is Status.OK
        server.send_signal(signal.SIGSTOP)
        [found] = await look(answers, target, timeout_s=0.6)
    finally:
        server.kill()
        await server.wait()
    assert (found.status, found.code) == (Status.CRITICAL, "http.timeout")
    [code] = [code for code in answers.codes if code.id == "http.timeout"]
    assert code.instant


async def test_a_full_backlog_is_a_timeout(look):
    """A listener that accepts no more is `http.timeout`, not refused."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        clients = [socket.socket() for _ in range(4)]
        for client in clients:
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        [found] = await look(answers, Http(url=f"http://127.0.0.1:{server.getsockname()[1]}/"), timeout_s=0.6)
        for client in clients:
            client.close()
    assert found.code == "http.timeout"
    assert "connecting" in found.because


async def test_a_body_that_never_ends_is_a_timeout_that_says_where(look, serve):
    """A body that drips for ever ends at the deadline, and the finding says that the header came."""

    async def drip(n, reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.05)

    [found] = await look(answers, Http(url=await serve(talk=drip)), timeout_s=0.6)
    assert found.code == "http.timeout"
    assert "200 OK" in found.because


async def test_a_huge_body_is_read_in_part(look, serve):
    """Of an endless fast body one MiB is read; the status decides, and an expected text in it is found."""

    async def flood(n, reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\nready ")
        while True:
            writer.write(b"\xff" * (1 << 16))
            await writer.drain()

    url = await serve(talk=flood)
    [found] = await look(answers, Http(url=url, expect_body="ready", samples=2))
    assert found.status is Status.OK
    [found] = await look(answers, Http(url=url, expect_json={"a": 1}, samples=2))
    assert found.code == "http.body"
    assert "longer than" in found.observed


@pytest.mark.parametrize(
    "garbage",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x00\xff\xfe\x80" * 50,
        b"",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\nnonsense\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nzzzz",
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(200_000)) + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 1_000_000 + b"\r\n\r\n",
        b"HTTP/1.1 999999 \xff\xff\r\n\r\n",
    ],
    ids=["ssh", "binary", "silence", "chunks", "short", "gzip", "headers", "header", "status"],
)
async def test_what_is_not_http(look, serve, garbage):
    """Another protocol, broken chunks, an answer cut short, headers without end: `http.protocol`."""
    [found] = await look(answers, Http(url=await serve(lambda n, head: garbage)))
    assert (found.status, found.code) == (Status.CRITICAL, "http.protocol")
    json.dumps([found.observed, found.because]).encode()


async def test_hostile_bytes_never_crash_the_check(look, bench, serve):
    """Whatever bytes come back, the verdict is a finding that can be printed and stored."""
    chance = random.Random(7)
    whole = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: //127.0.0.1:1/x?y=z#q\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 429 Slow Down\r\nRetry-After: 12\r\nContent-Encoding: deflate\r\nContent-Length: 5\r\n\r\nabcde",
    )

    def damaged(n, head):
        data = bytearray(chance.choice(whole))
        for _ in range(chance.choice((1, 3, 20))):
            at = chance.randrange(len(data))
            data[at : at + chance.randrange(3)] = chance.randbytes(chance.randrange(4))
        return bytes(data)

    url = await serve(damaged)
    for _ in range(100):
        bench.memories.clear()
        [found] = await look(answers, Http(url=url, samples=1, expect_json={"a": 1}))
        told = [found.observed, found.because, found.hint, *(each.text for each in found.evidence)]
        json.dumps(told, ensure_ascii=False).encode()


async def test_headers_that_never_end_stop_at_the_deadline(look, serve):
    """A server that drips headers for ever is a timeout, in time."""

    async def drip(n, reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while not writer.is_closing():
            writer.write(b"X: y\r\n")
            await writer.drain()
            await asyncio.sleep(0.1)

    [found] = await look(answers, Http(url=await serve(talk=drip)), timeout_s=0.6)
    assert found.code == "http.timeout"


# ------------------------------------------------------------------ wrong answers


async def test_always_500_is_a_status_and_settled_quickly(look, serve, ok):
    """When every request fails the trouble is `http.status`, with the body as evidence, after ten requests."""
    asked = []
    url = await serve(lambda n, head: asked.append(n) or ok(b"Traceback: boom", status="500 Internal Server Error"))
    [found] = await look(answers, Http(url=url))
    assert (found.status, found.code) == (Status.CRITICAL, "http.status")
    assert "boom" in found.evidence[0].text
    assert len(asked) == 10


async def test_404_has_a_hint_of_its_own(look, serve, ok):
    """A wrong path is `http.status` too, but the hint speaks of the address."""
    url = await serve(lambda n, head: ok(status="404 Not Found", headers="Server: nginx\r\n"))
    [found] = await look(answers, Http(url=url))
    assert found.code == "http.status"
    assert "`url`" in found.hint
    assert any("nginx" in each.text for each in found.evidence)


async def test_another_program_on_the_port_is_named(look, serve, ok, processes):
    """Where the component's own process does not hold the port, the finding names who answers instead."""
    url = await serve(lambda n, head: ok(status="404 Not Found"))
    other = await asyncio.create_subprocess_exec("sleep", "60")
    try:
        processes.set("it", pid=other.pid)
        [found] = await look(answers, Http(url=url))
        assert f"pid {os.getpid()}" in found.because
        processes.set("it", pid=os.getpid())
        [found] = await look(answers, Http(url=url))
        assert "another program" not in found.because
    finally:
        other.kill()
        await other.wait()


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
async def test_refused_for_identity(look, serve, ok, status):
    """401 and 403 are `http.auth`: asked once only, for a person to solve."""
    asked = []
    url = await serve(lambda n, head: asked.append(n) or ok(status=status))
    [found] = await look(answers, Http(url=url))
    assert (found.status, found.code) == (Status.CRITICAL, "http.auth")
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("header", "seconds", "text"),
    [
        ("Retry-After: 7\r\n", 7, "7"),
        ("", 60, "not said"),
        ("Retry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\n", 1, "2015"),
        ("Retry-After: Wed, 21 Oct 2115 07:28:00 GMT\r\n", 86_400, "2115"),
        ("Retry-After: soon\r\n", 60, "soon"),
    ],
)
async def test_rate_limited(look, serve, ok, *, header, seconds, text):
    """429 is a warning with what the server said about when to come back, and it is not asked again."""
    asked = []
    url = await serve(lambda n, head: asked.append(n) or ok(status="429 Too Many Requests", headers=header))
    [found] = await look(answers, Http(url=url))
    assert (found.status, found.code) == (Status.WARNING, "http.rate-limited")
    assert found.measures["retry_after_s"] == seconds
    assert text in found.evidence[0].text
    assert len(asked) == 1


async def test_a_maintenance_with_an_end_is_no_outage(look, serve, ok):
    """503 with `Retry-After` asks to come back later; without it, it is a failure."""
    later = await serve(lambda n, head: ok(status="503 Busy", headers="Retry-After: 30\r\n"))
    [found] = await look(answers, Http(url=later))
    assert (found.status, found.code) == (Status.WARNING, "http.rate-limited")
    [found] = await look(answers, Http(url=await serve(lambda n, head: ok(status="503 Busy"))), name="other")
    assert found.code == "http.status"


async def test_the_time_to_wait_is_honoured(look, serve, ok, processes, bench):
    """Not one request comes before the time that the server asked for; a new process is asked at once."""
    asked = []
    limits = iter(["3600"])

    def reply(n, head):
        asked.append(n)
        wait = next(limits, None)
        return ok(status="429 Slow down", headers=f"Retry-After: {wait}\r\n") if wait else ok()

    url = await serve(reply)
    for _ in range(3):
        [found] = await look(answers, Http(url=url), looks_again=True)
        assert (found.status, found.code) == (Status.WARNING, "http.rate-limited")
    assert len(asked) == 1
    assert "not asked again" in found.observed
    processes.set("it", pid=os.getpid(), uptime_s=0.0)
    [found] = await look(answers, Http(url=url), looks_again=True)
    assert found.status is Status.OK


async def test_the_time_to_wait_outlives_paramedic(look, serve, ok, bench):
    """Another process of Paramedic asks no sooner; a time that is over, or a file that makes no sense, is forgotten."""
    asked = []
    url = await serve(lambda n, head: asked.append(n) or ok(status="429 Slow down", headers="Retry-After: 600\r\n"))
    bench.settings.state_dir.mkdir()
    await look(answers, Http(url=url))
    bench.memories.clear()
    [found] = await look(answers, Http(url=url))
    assert (found.status, found.code) == (Status.WARNING, "http.rate-limited")
    assert 590 < found.measures["retry_after_s"] <= 600
    assert len(asked) == 1
    [kept] = (bench.settings.state_dir / "patience").iterdir()
    for text in ("{", '{"at": "2020-01-01T00:00:00+00:00", "until": "2020-01-02T00:00:00+00:00"}'):
        kept.write_text(text)
        bench.memories.clear()
        await look(answers, Http(url=url))
    assert len(asked) == 3


@pytest.mark.parametrize(
    ("body", "fields", "says"),
    [
        (b"something else", {"expect_body": "ready"}, "`ready` is not in"),
        (b"\xff\xfe\x00 not utf-8", {"expect_body": "ready"}, "`ready` is not in"),
        (b"<html>", {"expect_json": {"a": 1}}, "not JSON"),
        (b"[" * 100_000, {"expect_json": {"a": 1}}, "not JSON"),
        (b'{"b": 1}', {"expect_json": {"a": 1}}, "no `a`"),
        (b'{"a": {"b": "bad"}}', {"expect_json": {"a.b": "ok"}}, '`a.b` is `"bad"`'),
        (b'{"a": true}', {"expect_json": {"a": 1}}, "`a` is `true`"),
        (b'{"a": [1]}', {"expect_json": {"a.5": 1}}, "no `a.5`"),
        (b'{"a": "\\ud800"}', {"expect_json": {"a": "x"}}, "`a` is"),
    ],
)
async def test_a_body_that_says_otherwise(look, serve, ok, *, body, fields, says):
    """A healthy status with a body that fails the declared conditions is `http.body`, and says which."""
    url = await serve(lambda n, head: ok(body))
    [found] = await look(answers, Http(url=url, **fields))
    assert (found.status, found.code) == (Status.CRITICAL, "http.body")
    assert says in found.observed
    json.dumps([each.text for each in found.evidence] + [found.observed], ensure_ascii=False).encode()


async def test_a_charset_that_nobody_knows(look, serve, ok):
    """An unknown charset is read as UTF-8."""
    url = await serve(lambda n, head: ok(b"ready", headers="Content-Type: text/plain; charset=klingon\r\n"))
    [found] = await look(answers, Http(url=url, expect_body="ready"))
    assert found.status is Status.OK


# ------------------------------------------------------------------ the service file


@pytest.mark.parametrize(
    "url", ["ftp://x/", "127.0.0.1:8000", "http://", "http://x:99999/", "http://[::1/", "http://x:0/"]
)
def test_an_address_that_is_none_is_refused(url):
    """The service file's reader hears what is wrong with an address."""
    with pytest.raises(ValueError, match="is no address such as"):
        Http(url=url)


def test_a_body_cannot_be_expected_of_head():
    """Asking without a body and expecting one contradict each other."""
    with pytest.raises(ValueError, match="HEAD"):
        Http(url="http://x/", method="HEAD", expect_body="x")


def test_what_may_write_must_be_said():
    """A `POST` without a word about what it changes is refused; one that writes needs a permit and is sent once."""
    with pytest.raises(ValueError, match="writes: true"):
        Http(url="http://x/", method="POST")
    assert answers.permits(Component(name="it", kind="http", target=Http(url="http://x/"))) == frozenset()
    writing = Http(url="http://127.0.0.1/", method="POST", writes=True)
    assert answers.permits(Component(name="it", kind="http", target=writing)) == {Permit.WRITES}
    assert writing.repeats == 1


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://localhost:8000/health", ("localhost", 8000)),
        ("https://example.org/", ("example.org", 443)),
        ("http://[::1]/", ("::1", 80)),
    ],
)
def test_the_address_of_the_kind(url, address):
    """Host and port are known to the kind, defaults included."""
    from paramedic.packs.http import pack

    assert pack.kinds[0].address(Http(url=url)) == address


@pytest.mark.parametrize(
    ("url", "near"),
    [
        ("http://localhost/", True),
        ("http://127.8.8.8/", True),
        ("http://10.0.0.5/", True),
        ("http://[::1]/", True),
        ("http://example.org/", False),
        ("http://8.8.8.8/", False),
    ],
)
def test_only_near_servers_are_asked_often(url, near):
    """A burst goes to this machine and private networks only."""
    assert Http(url=url).is_near is near


async def test_importing_the_pack_is_cheap():
    """`paramedic --help` must not pay for aiohttp."""
    script = "import sys, paramedic.packs.http; sys.exit('aiohttp' in sys.modules)"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script)
    assert await process.wait() == 0
