"""Hostile answers, down to the bytes: judged in words, in time, and without repeating what was sent along."""

import asyncio
import random
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz.accidents import GUIDED, INPUTS, PLANTED, battered, leaks, watched
from fuzz.runs import STYLES, Bench, crashed, spec

SERVICE = """\
service: shop
components:
  plain: &api  # a user in the address and an `Authorization` exclude each other
    kind: http
    url: http://ops:${PASSWORD}@0.0.0.0:PORT/health?api_key=${KEY}  # leads here, but nobody looks up who listens
    timeout: 2s
    samples: 1
    headers: {X-Auth: "Bearer ${TOKEN}", X-Api-Key: "${KEY}"}
  json: {<<: *api, expect_json: {status: ok, checks.db.0.name: up}}
  body: {<<: *api, expect_body: fine, expect_status: [200, 204, 302]}
  head: {<<: *api, method: HEAD}
  here: {<<: *api, url: "http://127.0.0.1:PORT/health"}
"""
KINDS = ("plain", "json", "body", "head")


def answer(status: str, headers: str, body: str) -> bytes:
    return f"HTTP/1.1 {status}\r\n{headers}\r\n{body}".encode()


P = PLANTED
ANSWERS = [
    answer("200 OK", "Content-Type: application/json\r\nContent-Length: 49\r\n", '{"status": "ok", "checks": {"db": [{"name": 1}]}}'),
    answer("200 OK", "Transfer-Encoding: chunked\r\nX-A: b\r\n", "4\r\nfine\r\n5;x=y\r\n and \r\n0\r\nTrailer: x\r\n\r\n"),
    answer("500 Internal Server Error", "Content-Type: text/html; charset=iso-8859-1\r\n", f"<h1>Traceback</h1> Bearer {P['token']}"),
    answer("503 Service Unavailable", f"Retry-After: 120\r\nSet-Cookie: session={P['token']}\r\n", f"key {P['key']} is wrong"),
    answer("302 Found", f"Location: http://ops:{P['password']}@127.0.0.1:PORT/next?api_key={P['key']}\r\nContent-Length: 0\r\n", ""),
    answer("301 Moved", "Location: //[::1\r\nLocation: /x\r\n", ""),
    answer("429 Too Many Requests", "Retry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\nX-RateLimit-Remaining: 0\r\n", "slow down"),
    answer("401 Unauthorized", 'WWW-Authenticate: Basic realm="x"\r\n', f"no user ops with password {P['password']}"),
    answer("200 OK", "Content-Encoding: gzip\r\nContent-Length: 4\r\n", "\x1f\x08\x00\x00"),
    b"HTTP/1.0 200\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    b"SSH-2.0-OpenSSH_9.2\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
]  # fmt: skip


class Server:
    """Answers every connection with the bytes that were set, then closes; sometimes it says back what it was told."""

    def __init__(self) -> None:
        self.bytes = b""
        self.echoes = False
        self.pieces = 1

    async def __aenter__(self) -> "Server":
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            said = self.bytes.replace(b"PORT", str(self.port).encode())
            said += head if self.echoes else b""
            size = -(-len(said) // self.pieces) or 1
            for at in range(0, len(said), size):
                writer.write(said[at : at + size])
                await writer.drain()
                await asyncio.sleep(0)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the client went away, which is its right
        finally:
            writer.close()


class Line:
    """A service behind such a server."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.server = server
        environ = {"PASSWORD": P["password"], "TOKEN": P["token"], "KEY": P["key"]}
        self.bench = Bench(folder, SERVICE.replace("PORT", str(server.port)), environ)
        self.spec = spec("http.answers")

    async def judge(self, kind: str, content: bytes, style: str, *, echoes: bool = False, pieces: int = 1) -> str:
        """What is said of an answer in one format; a crash or a time-out of the check fails the test."""
        self.server.bytes, self.server.echoes, self.server.pieces = content, echoes, pieces
        with watched():
            found = await self.bench.look(kind, self.spec)
            assert crashed(found) == []
            assert found
            return self.bench.said(found, style)


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    async with Server() as server:
        yield Line(tmp_path, server)


def broken(chance: random.Random) -> bytes:
    """An answer with accidents; in half of them only in the body, so that they are read to the end."""
    whole = chance.choice(ANSWERS)
    head, gap, body = whole.partition(b"\r\n\r\n")
    if not gap or chance.random() < 0.5:
        return battered(whole, chance, ANSWERS)
    return re.sub(rb"\r\nContent-Length:[^\r]*", b"", head) + gap + battered(body, chance, ANSWERS)


@pytest.mark.timeout(120 + INPUTS // 4)
async def test_battered_answers(line: Line):
    """Status lines, headers, lengths, chunks and bodies with every accident, whole or in pieces."""
    for seed in range(INPUTS):
        chance = random.Random(seed)
        content = broken(chance)
        kind, style = "here" if seed % 50 == 49 else KINDS[seed % 4], STYLES[seed // 4 % len(STYLES)]
        said = await line.judge(kind, content, style, echoes=seed % 3 == 0, pieces=chance.choice((1, 1, 2, 40)))
        assert leaks(said) == [], seed


async def test_every_verdict_is_reached(line: Line):
    """The accidents lead to answers of every sort, so that nothing is left out by chance."""
    codes: set[str | None] = set()
    for content in ANSWERS:
        line.server.bytes, line.server.echoes, line.server.pieces = content, False, 1
        for kind in KINDS:
            codes |= {each.code for each in await line.bench.look(kind, line.spec)}
    wanted = {None, "http.status", "http.protocol", "http.body", "http.rate-limited", "http.auth"}
    assert wanted <= codes
    assert "paramedic.cannot-look" not in codes


_HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["Content-Length", "Transfer-Encoding", "Location", "Retry-After", "Content-Type", "X"])
        | st.text(max_size=8),
        st.text(max_size=20) | st.sampled_from(["chunked", "0", "-1", "/", "http://[", "text/html; charset=nope"]),
    ),
    max_size=5,
)


@pytest.mark.timeout(120 + INPUTS)
@settings(
    max_examples=GUIDED, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    status=st.integers(-1, 1000) | st.text(max_size=5), reason=st.text(max_size=12), headers=_HEADERS,
    body=st.binary(max_size=200), kind=st.sampled_from(KINDS), style=st.sampled_from(STYLES), echoes=st.booleans(),
)  # fmt: skip
def test_answers_of_every_kind(  # noqa: PLR0917  # given by name
    tmp_path: Path, status, reason, headers, body, kind, style, echoes
):
    """Any status, any reason, any headers, any body."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    content = f"HTTP/1.1 {status} {reason}\r\n{lines}\r\n".encode("utf-8", "surrogatepass") + body

    async def once() -> str:
        async with Server() as server:
            return await Line(tmp_path, server).judge(kind, content, style, echoes=echoes)

    assert leaks(asyncio.run(once())) == []
