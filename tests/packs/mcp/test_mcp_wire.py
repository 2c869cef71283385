"""What servers may do over HTTP beside a plain answer, by stand-ins: streams of events, redirects, questions of theirs."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from packs.mcp.conftest import FINE
from paramedic.packs.mcp import pack
from paramedic.packs.mcp.messages import message_in
from paramedic.packs.mcp.target import Mcp, Revision
from paramedic.sdk import Status

ANSWERS = {each.id: each for each in pack.checks}["mcp.answers"]
LIMIT_S = 30.0


@dataclass
class StandIn:
    """Answers as ``answer`` says, and keeps what it was told."""

    url: str = ""
    told: list[Any] = field(default_factory=list)  # Any: JSON
    methods: list[str] = field(default_factory=list)


@asynccontextmanager
async def standing_in(
    answer: Callable[[StandIn, web.Request, dict[str, Any]], web.StreamResponse],
) -> AsyncIterator[StandIn]:
    here = StandIn()

    async def handle(request: web.Request) -> web.StreamResponse:
        here.methods.append(request.method)
        body = await request.json() if request.method == "POST" else {}
        here.told.append(body)
        if request.method == "POST" and "id" in body and "method" in body:
            return answer(here, request, body)
        if request.method == "GET":
            return answer(here, request, {"method": "GET", "last": request.headers.get("Last-Event-ID")})
        return web.Response(status=202)

    app = web.Application()
    app.router.add_route("*", "/{any:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    here.url = f"http://127.0.0.1:{runner.addresses[0][1]}/mcp"
    try:
        yield here
    finally:
        await runner.cleanup()


def plain(body: dict[str, Any]) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": body["id"], **FINE[body["method"]]}


def events(*texts: str) -> web.Response:
    return web.Response(text="".join(texts), content_type="text/event-stream")


async def test_a_server_may_ask_before_it_answers(look) -> None:
    """Amid the events of an answer come notices and questions; the questions are answered, the answer is found."""

    def answer(_here: StandIn, _request: web.Request, body: dict[str, Any]) -> web.Response:
        return events(
            ": a comment\n\n",
            'event: message\r\ndata: {"jsonrpc":"2.0",\r\ndata: "method":"notifications/message"}\r\n\r\n',
            'data: {"jsonrpc":"2.0","id":"q1","method":"ping"}\n\n',
            'data: {"jsonrpc":"2.0","id":"q2","method":"sampling/createMessage"}\n\n',
            f"id: 7\ndata: {json.dumps(plain(body))}\n\n",
        )

    async with standing_in(answer) as here:
        [found] = await look(ANSWERS, Mcp(url=here.url, protocol=Revision.JUNE_2025), timeout_s=LIMIT_S)
    assert found.status is Status.INFO, found
    replies = {each["id"]: each for each in here.told if "method" not in each and "id" in each}
    assert replies["q1"]["result"] == {}
    assert replies["q2"]["error"]["code"] == -32601


async def test_a_stream_that_ends_is_taken_up_again(look) -> None:
    """A server that hangs up before the answer is asked for the rest; one that cannot be asked speaks no protocol."""

    def answer(here: StandIn, _request: web.Request, body: dict[str, Any]) -> web.Response:
        if body["method"] == "GET":
            assert body["last"] == "first"
            asked = [each for each in here.told if each.get("method") == "tools/list"][-1]
            return events(f"data: {json.dumps(plain(asked))}\n\n")
        if body["method"] == "tools/list":
            return events("retry: 10\nid: first\ndata:\n\n")
        return web.json_response(plain(body))

    async with standing_in(answer) as here:
        target = Mcp(url=here.url, protocol=Revision.JUNE_2025)
        [found] = await look(ANSWERS, target, timeout_s=LIMIT_S)
    assert found.status is Status.INFO, found
    assert "GET" in here.methods
    async with standing_in(lambda *_: events("data:\n\n")) as here:
        [found] = await look(ANSWERS, Mcp(url=here.url, protocol=Revision.JUNE_2025), timeout_s=LIMIT_S)
    assert (found.status, found.code) == (Status.CRITICAL, "mcp.protocol-error")
    assert "ended without an answer" in found.observed


async def test_redirects_lead_no_token_elsewhere(look) -> None:
    """A slash that was forgotten does no harm; another server gets nothing."""

    def answer(_here: StandIn, request: web.Request, body: dict[str, Any]) -> web.Response:
        if request.path == "/mcp":
            return web.Response(status=307, headers={"Location": "/mcp/"})
        return web.json_response(plain(body))

    async with standing_in(answer) as here:
        [found] = await look(ANSWERS, Mcp(url=here.url, protocol=Revision.JUNE_2025), timeout_s=LIMIT_S)
        assert found.status is Status.INFO, found

        def away(_here: StandIn, _request: web.Request, _body: dict[str, Any]) -> web.Response:
            return web.Response(status=307, headers={"Location": here.url})

        heard = len(here.told)
        async with standing_in(away) as other:
            [found] = await look(ANSWERS, Mcp(url=other.url), timeout_s=LIMIT_S)
        assert (found.status, found.code) == (Status.CRITICAL, "mcp.protocol-error")
        assert len(here.told) == heard


async def test_a_session_is_ended(look) -> None:
    """Who keeps sessions is told which one goes on, and that it is over."""
    seen: list[str | None] = []

    def answer(_here: StandIn, request: web.Request, body: dict[str, Any]) -> web.Response:
        seen.append(request.headers.get("Mcp-Session-Id"))
        return web.json_response(plain(body), headers={"Mcp-Session-Id": "one"})

    async with standing_in(answer) as here:
        await look(ANSWERS, Mcp(url=here.url, protocol=Revision.JUNE_2025), timeout_s=LIMIT_S)
    assert seen == [None, "one", "one"]
    assert here.methods[-1] == "DELETE"


async def test_an_answer_without_end(look) -> None:
    """No look reads for ever, and none takes a machine's memory."""

    async def forever(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        while True:
            await response.write(b" " * (1 << 16))

    app = web.Application()
    app.router.add_post("/mcp", forever)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/mcp"
        async with asyncio.timeout(LIMIT_S):
            [found] = await look(ANSWERS, Mcp(url=url, protocol=Revision.JUNE_2025), timeout_s=LIMIT_S)
    finally:
        await runner.cleanup()
    assert (found.status, found.code) == (Status.CRITICAL, "mcp.protocol-error")
    assert "longer than 8 MiB" in found.observed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        '{"jsonrpc":"1.0","id":1,"result":{}}',
        '{"jsonrpc":"2.0","id":1}',
        '{"jsonrpc":"2.0","id":1,"result":5}',
        '{"jsonrpc":"2.0","id":1,"error":{"code":"1","message":"no"}}',
        '{"jsonrpc":"2.0","method":5}',
        '{"jsonrpc":"2.0","id":1,"result":{"a":NaN}}',
        '{"jsonrpc":"2.0","id":1,"result":{"a":"\\ud800"}}',
        '{"jsonrpc":"2.0","id":1,"result":' + '{"a":' * 100_000,
    ],
)
def test_what_is_no_message(text: str) -> None:
    """Whatever is no message of the protocol is none."""
    assert message_in(text.encode()) is None
    assert message_in(b"\xff" + text.encode()) is None
