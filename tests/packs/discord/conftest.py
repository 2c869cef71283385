"""The stand-in for the platform that drills use, within the test's own process; no real one may be broken."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from aiohttp import web

from paramedic.drills.servers.discord_stand_in import TOKEN, StandIn
from paramedic.packs.discord.target import Discord
from paramedic.sdk import Secret


@dataclass
class Place:
    """Where it is, and how it is."""

    api: str
    stand_in: StandIn

    def bot(self, **fields) -> Discord:
        """A bot there."""
        return Discord(**{"token": Secret(TOKEN), "api": self.api, **fields})


@pytest.fixture
async def platform() -> AsyncIterator[Place]:
    """A running stand-in that is well."""
    stand_in = StandIn()
    runner = web.AppRunner(stand_in.app(), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield Place(api=f"http://127.0.0.1:{runner.addresses[0][1]}/api", stand_in=stand_in)
    await runner.cleanup()


@pytest.fixture
async def page() -> AsyncIterator:
    """Start a server with one page everywhere; what comes back is its address."""
    runners = []

    async def start(handler) -> str:
        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", handler)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    yield start
    for each in runners:
        await each.cleanup()
