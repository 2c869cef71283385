"""A small bot, as one in a chat: it holds a gateway open and logs as libraries do. It does not come back by itself.

Usage: ``python -m paramedic.drills.servers.bot PORT GATEWAY LOG``; ``GET /health`` tells how it is, and
``POST /reconnect`` lets it connect again. ``python -m paramedic.drills.servers.bot reconnect PORT`` asks it to.
"""

import asyncio
import sys
import time
import urllib.request
from pathlib import Path

import aiohttp
from aiohttp import web

_NOT_ALLOWED = 4014


class Bot:
    """One connection to a gateway."""

    def __init__(self, gateway: str, log: Path) -> None:
        self._gateway = gateway
        self._log = log
        self._open: asyncio.Task[None] | None = None
        self.code: int | None = None
        """With which the gateway closed, where it did."""

    async def connect(self) -> None:
        """Open the gateway, and follow it in the background."""
        if self._open:
            self._open.cancel()
        opened = asyncio.Event()
        self._open = asyncio.create_task(self._follow(opened))
        await opened.wait()

    async def _follow(self, opened: asyncio.Event) -> None:
        async with aiohttp.ClientSession() as session:
            try:
                async with session.ws_connect(self._gateway) as socket:
                    message = await socket.receive()
                    if message.type is aiohttp.WSMsgType.TEXT:
                        self.code = None
                        self._say("Shard ID None has connected to Gateway (Session ID: 0).")
                        opened.set()
                    while not socket.closed:
                        await socket.receive()
                    self.code = socket.close_code
            except aiohttp.ClientError:
                self.code = 1006
        if self.code == _NOT_ALLOWED:
            self._say(
                "discord.errors.PrivilegedIntentsRequired: Shard ID None is requesting privileged intents that "
                "have not been explicitly enabled in the developer portal."
            )
        else:
            self._say(f"Shard ID None WebSocket closed with {self.code}")
        opened.set()

    def _say(self, text: str) -> None:
        with self._log.open("a") as log:
            log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} INFO     discord.gateway {text}\n")


async def _serve(port: int, gateway: str, log: Path) -> None:
    bot = Bot(gateway, log)

    async def health(_request: web.Request) -> web.Response:
        return web.json_response({"connected": bot.code is None, "close_code": bot.code})

    async def reconnect(_request: web.Request) -> web.Response:
        await bot.connect()
        return web.json_response({"connected": bot.code is None})

    app = web.Application()
    app.add_routes([web.get("/health", health), web.post("/reconnect", reconnect)])
    runner = web.AppRunner(app)
    await runner.setup()
    await bot.connect()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


def _ask(port: int) -> None:
    address = f"http://127.0.0.1:{port}/reconnect"
    urllib.request.urlopen(address, data=b"", timeout=10).close()  # the bot's own page


if __name__ == "__main__":
    if sys.argv[1] == "reconnect":
        _ask(int(sys.argv[2]))
    else:
        asyncio.run(_serve(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])))
