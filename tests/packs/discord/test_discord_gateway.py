"""What a bot's log or health page tells of its gateway."""

import asyncio

import pytest
from aiohttp import web

from paramedic.packs.discord.checks import stays_connected
from paramedic.packs.discord.journal import told_by
from paramedic.sdk import Status

CONNECTED = "2026-11-22 09:00:00 INFO     discord.gateway Shard ID None has connected to Gateway (Session ID: abc).\n"
RESUMED = "2026-11-22 09:05:00 INFO     discord.gateway Shard ID None has successfully RESUMED session abc.\n"
DROPPED = "2026-11-22 09:01:00 ERROR    discord.client Shard ID None WebSocket closed with 4000\n"
NOISE = "2026-11-22 09:02:00 INFO     shop an order of 4014 EUR was closed\n"


@pytest.fixture
def told(tmp_path):
    """Write a log; what comes back is its path."""

    def write(*lines: str):
        path = tmp_path / "bot.log"
        path.write_text("".join(lines))
        return path

    return write


async def test_healthy(look, platform, told):
    """The last word was that the gateway is open."""
    [found] = await look(stays_connected, platform.bot(log=told(CONNECTED, DROPPED, RESUMED, NOISE)))
    assert found.status is Status.OK


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (DROPPED, "discord.gateway-dropped"),
        ("[WS => Shard 0] [CLOSE] Event Code: 1006 Clean: false\n", "discord.gateway-dropped"),
        ("Shard 0 disconnected\n", "discord.gateway-dropped"),
        ("discord.errors.PrivilegedIntentsRequired: Shard ID None is requesting privileged intents that have not been\n", "discord.intent-missing"),
        ("Error: Used disallowed intents\n", "discord.intent-missing"),
        ("Shard ID 1 WebSocket closed with 4013\n", "discord.intent-missing"),
        ("discord.errors.LoginFailure: Improper token has been passed.\n", "discord.unauthorized"),
        ("Shard ID 1 WebSocket closed with 4004\n", "discord.unauthorized"),
        ("Shard ID 1 WebSocket closed with 4011\n", "discord.gateway-refused"),
        ("Shard ID 1 WebSocket closed with 4999\n", "discord.gateway-dropped"),
        ("Shard ID None heartbeat blocked for more than 40 seconds.\n", "bot.silent"),
        ("Can't keep up, shard ID None websocket is 62.5s behind.\n", "bot.silent"),
    ],
)  # fmt: skip
async def test_last_words(look, platform, told, line, code):
    """Each way to end has its code, in the words of the common libraries; the line is the evidence."""
    [found] = await look(stays_connected, platform.bot(log=told(CONNECTED, line, NOISE)))
    assert (found.status, found.code) == (Status.CRITICAL, code)
    assert line.strip() in found.evidence[0].text


async def test_a_library_gets_time_to_come_back(look, platform, told):
    """While watching, a fresh drop is only worth knowing; one that lasts is told; what is refused is told at once."""
    bot = platform.bot(log=told(CONNECTED, DROPPED))
    [found] = await look(stays_connected, bot, looks_again=True)
    assert found.status is Status.INFO
    [found] = await look(stays_connected, bot, looks_again=True, thresholds={"gateway_down_s": 0})
    assert (found.status, found.code) == (Status.CRITICAL, "discord.gateway-dropped")
    bot = platform.bot(log=told(CONNECTED, "Error: Used disallowed intents\n"))
    [found] = await look(stays_connected, bot, looks_again=True)
    assert found.code == "discord.intent-missing"


async def test_a_log_that_tells_nothing(look, platform, told):
    """No word of the gateway is no verdict; neither is a log that is not there."""
    [found] = await look(stays_connected, platform.bot(log=told(NOISE)))
    assert found.status is Status.UNKNOWN
    path = told()
    path.unlink()
    [found] = await look(stays_connected, platform.bot(log=path), name="other")
    assert found.status is Status.UNKNOWN


def test_only_the_end_of_a_long_log_is_read(told):
    """Whatever its size, and whatever bytes stand in it."""
    path = told(DROPPED, "x" * 3_000_000, "\n", CONNECTED)
    assert told_by(path).is_open
    path.write_bytes(b"\xff\x00" * 1000 + b"\n" + CONNECTED.encode())
    assert told_by(path).is_open


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        ({"connected": True, "latency_ms": 40}, Status.OK, None),
        ({"connected": False}, Status.CRITICAL, "discord.gateway-dropped"),
        ({"connected": False, "close_code": 4014}, Status.CRITICAL, "discord.intent-missing"),
        ({"connected": True, "oldest_unanswered_s": 600}, Status.CRITICAL, "bot.silent"),
        ({"connected": True, "oldest_unanswered_s": 2}, Status.OK, None),
        ({"status": "fine"}, Status.UNKNOWN, "paramedic.cannot-look"),
        ([], Status.UNKNOWN, "paramedic.cannot-look"),
    ],
)
async def test_health(look, platform, page, *, said, status, code):
    """What the bot tells of itself goes before its log."""

    async def health(_request: web.Request) -> web.Response:
        return web.json_response(said)

    [found] = await look(stays_connected, platform.bot(health=await page(health)))
    assert (found.status, found.code) == (status, code)


async def test_a_loop_that_hangs(look, platform, page, unused_tcp_port):
    """A health page that never answers is a bot that answers nobody; one that is not there says nothing."""

    async def hang(_request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    [found] = await look(stays_connected, platform.bot(health=await page(hang)), timeout_s=0.5)
    assert (found.status, found.code) == (Status.CRITICAL, "bot.silent")
    [found] = await look(stays_connected, platform.bot(health=f"http://127.0.0.1:{unused_tcp_port}"), name="other")
    assert found.status is Status.UNKNOWN


async def test_without_log_and_health_nothing_is_looked_at(platform):
    """The check does not concern such a bot."""
    assert not stays_connected.when(platform.bot())
