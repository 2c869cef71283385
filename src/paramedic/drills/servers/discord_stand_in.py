"""A stand-in for Discord, where no real one may be broken: a few pages of its API, and a gateway that only stays open.

Usage: ``python -m paramedic.drills.servers.discord_stand_in PORT``. ``POST /stand-in`` changes how it is, by the
fields of ``Mood``; ``GET /stand-in`` tells how often it was asked, and how often before a time that it had named.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime

from aiohttp import WSMsgType, web

TOKEN = "MTAwMDAwMDAwMDAwMDAwMDAx.G00000.stand-in-token-of-nobody-000000"  # noqa: S105  # of nobody
ME, GUILD, CHANNEL = "100000000000000001", "200000000000000001", "300000000000000001"
EVERYTHING = 0x7FFFFFFFFFFF & ~(1 << 3)
"""All rights, without being an administrator."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Mood:
    """How it is at the moment."""

    status: int = 200
    """What every page answers."""
    retry_after_s: float = 0.0
    """So long it answers 429 from now on."""
    says_when: bool = True
    """Whether it then says how long."""
    permissions: int = EVERYTHING
    flags: int = (1 << 12) | (1 << 14) | (1 << 18)
    mentioned_s_ago: float | None = None
    """Somebody mentioned the bot so long ago and got no answer."""
    closes: int | None = None
    """Every open gateway is closed with this code, and a new one, too, until it is ``None`` again."""


@dataclass
class StandIn:
    """The pages."""

    mood: Mood = field(default_factory=Mood)
    asked: int = 0
    too_early: int = 0
    until: float = 0.0
    has_told: bool = False
    """Whoever asks after the first refusal could have known."""
    sockets: set[web.WebSocketResponse] = field(default_factory=set)

    def app(self) -> web.Application:
        """Everything that it serves."""
        app = web.Application(middlewares=[self._guarded])
        app.add_routes(
            [
                web.get("/api/users/@me", self._me),
                web.get("/api/users/@me/guilds", self._guilds),
                web.get("/api/applications/@me", self._application),
                web.get("/api/channels/{channel}/messages", self._messages),
                web.get("/gateway", self._gateway),
                web.get("/stand-in", self._counted),
                web.post("/stand-in", self._change),
            ]
        )
        return app

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.startswith("/api/"):
            return await handler(request)
        self.asked += 1
        left_s = self.until - time.monotonic()
        if left_s > 0:
            self.too_early += self.has_told
            self.has_told = True
            body = {"message": "You are being rate limited.", "retry_after": round(left_s, 2), "global": False}
            head = {"Retry-After": str(int(left_s) + 1)} if self.mood.says_when else {}
            return web.json_response(body if self.mood.says_when else {}, status=429, headers=head)
        if (
            request.headers.get("Authorization") != f"Bot {TOKEN}"
            or self.mood.status == web.HTTPUnauthorized.status_code
        ):
            return web.json_response({"message": "401: Unauthorized", "code": 0}, status=401)
        if self.mood.status != web.HTTPOk.status_code:
            return web.json_response({"message": "Missing Access", "code": 50001}, status=self.mood.status)
        return await handler(request)

    async def _me(self, _request: web.Request) -> web.Response:
        return web.json_response({"id": ME, "username": "shop", "bot": True})

    async def _guilds(self, request: web.Request) -> web.Response:
        after = int(request.query.get("after", "0"))
        guild = {"id": GUILD, "name": "a shop", "permissions": str(self.mood.permissions)}
        return web.json_response([guild] if int(GUILD) > after else [])

    async def _application(self, _request: web.Request) -> web.Response:
        return web.json_response({"id": ME, "flags": self.mood.flags})

    async def _messages(self, _request: web.Request) -> web.Response:
        def message(number: int, author: str, age_s: float, *mentions: str) -> dict[str, object]:
            at = datetime.fromtimestamp(time.time() - age_s, UTC).isoformat()
            who = {"id": author, **({"bot": True} if author == ME else {})}
            return {"id": str(number), "author": who, "mentions": [{"id": each} for each in mentions], "timestamp": at}

        answered = [message(2, ME, 7200), message(1, "42", 7205, ME)]
        if self.mood.mentioned_s_ago is None:
            return web.json_response(answered)
        return web.json_response([message(3, "42", self.mood.mentioned_s_ago, ME), *answered])

    async def _gateway(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.add(socket)
        if self.mood.closes is not None:
            await socket.close(code=self.mood.closes)
        else:
            await socket.send_json({"op": 10})
            while (await socket.receive()).type is WSMsgType.TEXT:
                continue
        self.sockets.discard(socket)
        return socket

    async def _change(self, request: web.Request) -> web.Response:
        said = await request.json()
        known = {each.name for each in fields(Mood)}
        if not set(said) <= known:
            return web.Response(status=400)
        self.mood = Mood(**{**asdict(self.mood), **said})
        if "retry_after_s" in said:
            self.until, self.has_told = time.monotonic() + self.mood.retry_after_s, False
        if self.mood.closes is not None:
            await asyncio.gather(*(each.close(code=self.mood.closes) for each in set(self.sockets)))
        return web.json_response(asdict(self.mood))

    async def _counted(self, _request: web.Request) -> web.Response:
        return web.json_response({"asked": self.asked, "too_early": self.too_early})


if __name__ == "__main__":
    web.run_app(StandIn().app(), host="127.0.0.1", port=int(sys.argv[1]), print=None)
