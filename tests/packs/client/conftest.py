"""A small backend that tells about its clients."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web


@dataclass
class Backend:
    """What it answers, and what it was asked."""

    url: str = ""
    said: object = field(default_factory=dict)
    status: int = 200
    token: str = "a-token"
    heads: list[dict[str, str]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        self.heads.append(dict(request.headers))
        if self.status != 200:
            return web.Response(status=self.status)
        if request.path == "/me" and request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.Response(status=401)
        return web.json_response(self.said)


@pytest.fixture
async def backend() -> AsyncIterator[Backend]:
    """A running one."""
    it = Backend()
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", it.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    it.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield it
    await runner.cleanup()
