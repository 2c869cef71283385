"""A small real shop with a login, a cart and a WebSocket, that can be broken."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import WSMsgType, web

TOKEN = "t0ken-of-nobody"


@dataclass
class Shop:
    """What it was asked, and how it is broken."""

    url: str = ""
    asked: list[str] = field(default_factory=list)
    heads: list[dict[str, str]] = field(default_factory=list)
    cart_status: int = 200
    chat: str = "answers"
    """``answers``, ``is-silent``, ``hangs-up`` or ``babbles``."""

    async def login(self, request: web.Request) -> web.Response:
        self._note(request)
        known = (await request.json()) == {"name": "probe", "password": "s3cr3t"}
        if not known:
            raise web.HTTPUnauthorized
        answer = web.json_response({"token": TOKEN, "user": {"id": 7}, "next": "/cart"})
        answer.set_cookie("session", "abc")
        return answer

    async def cart(self, request: web.Request) -> web.Response:
        self._note(request)
        if self.cart_status != 200:
            return web.Response(status=self.cart_status, text=f"no cart for {TOKEN}")
        if request.cookies.get("session") != "abc" or request.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise web.HTTPForbidden
        return web.json_response({"user": 7, "items": [], "name": request.query.get("name", "")})

    async def talk(self, request: web.Request) -> web.WebSocketResponse:
        self._note(request)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        if self.chat == "hangs-up":
            await socket.close(code=1011)
            return socket
        async for message in socket:
            if message.type is WSMsgType.TEXT and self.chat != "is-silent":
                await socket.send_json({"type": "typing"})
                if self.chat == "answers":
                    await socket.send_json({"type": "answer", "to": message.data})
        return socket

    def _note(self, request: web.Request) -> None:
        self.asked.append(f"{request.method} {request.path_qs}")
        self.heads.append(dict(request.headers))


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    """A running shop."""
    it = Shop()
    app = web.Application()
    app.add_routes([web.post("/login", it.login), web.get("/cart", it.cart), web.get("/talk", it.talk)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    it.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield it
    await runner.cleanup()
