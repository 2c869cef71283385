"""A small speech server in the test's own process; its tones are made by the stand-in of the drills."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from paramedic.drills.servers.speaker import tone


@dataclass
class Speaker:
    """What it was asked, and what it answers."""

    url: str = ""
    asked: list[tuple[str, object]] = field(default_factory=list)
    heads: list[dict[str, str]] = field(default_factory=list)
    voices: object = field(default_factory=lambda: {"voices": ["anna", "bert"]})
    audio: bytes = field(default_factory=tone)
    status: int = 200
    voices_status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    hangs: bool = False

    async def answer(self, request: web.Request) -> web.Response:
        text = await request.text()
        self.asked.append((f"{request.method} {request.path_qs}", text))
        self.heads.append(dict(request.headers))
        if self.hangs:
            await asyncio.Event().wait()
        is_list = request.method == "GET" and "text=" not in request.query_string
        status = self.voices_status if is_list else self.status
        if status != 200:
            return web.Response(status=status, text="no", headers=self.headers)
        if is_list:
            return web.json_response(self.voices)
        if request.path == "/audio_query":
            return web.json_response({"speedScale": 1.0})
        return web.Response(body=self.audio, content_type="audio/wav")


@pytest.fixture
async def speaker() -> AsyncIterator[Speaker]:
    """A running one that is well."""
    it = Speaker()
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", it.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    it.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield it
    await runner.cleanup()


@pytest.fixture
async def talk_nonsense() -> AsyncIterator[str]:
    """A server that answers, but not in HTTP."""

    async def say(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(say, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
