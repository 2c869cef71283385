"""What the platform says about a bot: tokens, rights, limits, silence. Against the stand-in."""

import asyncio
import time

import pytest
from aiohttp import web

from paramedic.drills.servers.discord_stand_in import CHANNEL, EVERYTHING, GUILD, TOKEN
from paramedic.packs.discord.checks import may_work
from paramedic.packs.discord.rights import Intent, Right
from paramedic.packs.discord.shape import misshapen
from paramedic.packs.discord.target import Discord
from paramedic.sdk import Secret, Status

OTHER = "MTAwMDAwMDAwMDAwMDAwMDAx.G00000.another-token-of-nobody-0000000"


async def test_healthy(look, platform):
    """A known token, all rights, allowed intents and an answered channel are well."""
    bot = platform.bot(guild=GUILD, channel=CHANNEL, intents=(Intent.MESSAGE_CONTENT,), permissions=tuple(Right))
    [found] = await look(may_work, bot)
    assert found.status is Status.OK
    assert found.measures["latency_ms"] > 0
    assert platform.stand_in.asked == 4


async def test_ids_may_be_numbers(look, platform):
    """YAML makes numbers of them."""
    [found] = await look(may_work, platform.bot(guild=int(GUILD), channel=int(CHANNEL)))
    assert found.status is Status.OK


@pytest.mark.parametrize(
    ("token", "why"),
    [
        ("", "empty"),
        (f" {TOKEN}", "spaces"),
        (f"'{TOKEN}'", "quotation"),
        (f"Bot {TOKEN}", "header"),
        ("100000000000000001", "a number"),
        ("https://discord.com/api/webhooks/1/abc", "an address"),
        ("0123456789abcdef0123456789abcdef", "1 parts"),
        ("abc.def.ghi", "length"),
        ("bm90LWEtbnVtYmVyLWF0LWFsbA.G00000.stand-in-token-of-nobody-000000", "name a bot"),
    ],
)
async def test_what_is_no_token_is_not_sent(look, platform, token, why):
    """Its shape tells, and nobody learns it."""
    [found] = await look(may_work, platform.bot(token=Secret(token)))
    assert (found.status, found.code) == (Status.CRITICAL, "discord.unauthorized")
    assert why in found.because
    assert platform.stand_in.asked == 0
    assert not token or token not in repr(found)


def test_a_token_has_the_shape_of_one():
    """The three parts, the first of which is the bot's id."""
    assert misshapen(TOKEN) is None


async def test_a_token_that_nobody_knows(look, platform):
    """401 is `discord.unauthorized`; the token is not in what is told."""
    [found] = await look(may_work, platform.bot(token=Secret(OTHER)))
    assert (found.status, found.code) == (Status.CRITICAL, "discord.unauthorized")
    assert OTHER not in repr(found)
    assert "Reset Token" in found.hint


async def test_the_token_goes_to_no_other_server(look, platform, page):
    """A redirect is not followed with it, nor at all."""
    heads = []

    async def other(request: web.Request) -> web.Response:
        heads.append(request.headers)
        return web.json_response({"id": "1"})

    away = await page(other)

    async def redirect(_request: web.Request) -> web.Response:
        raise web.HTTPFound(away)

    [found] = await look(may_work, platform.bot(api=await page(redirect)))
    assert (found.status, found.code) == (Status.CRITICAL, "discord.unreachable")
    assert heads == []


async def test_what_it_says_is_told_without_the_token(look, platform, page):
    """Even a platform that repeats the token does not make it public."""

    async def echo(request: web.Request) -> web.Response:
        return web.json_response({"message": f"no {request.headers['Authorization']}"}, status=403)

    [found] = await look(may_work, platform.bot(api=await page(echo)))
    assert found.code == "discord.forbidden"
    assert "***" in found.because
    assert TOKEN not in repr(found)


async def test_refused(look, platform):
    """403 is `discord.forbidden`, with what the platform says."""
    platform.stand_in.mood.status = 403
    [found] = await look(may_work, platform.bot())
    assert (found.status, found.code) == (Status.CRITICAL, "discord.forbidden")
    assert "Missing Access" in found.because


@pytest.mark.parametrize(
    ("permissions", "wanted", "missing"),
    [
        (EVERYTHING & ~Right.SEND.bit, (Right.SEND, Right.EMBED), ["Send Messages"]),
        (Right.SEND.bit, (Right.SEND, Right.CONNECT, Right.SPEAK), ["Connect", "Speak"]),
        (0, (Right.HISTORY, Right.REACTIONS), ["Read Message History", "Add Reactions"]),
        (1 << 3, tuple(Right), []),
    ],
)
async def test_rights(look, platform, permissions, wanted, missing):
    """Missing bits are named as the platform's pages name them; an administrator lacks nothing."""
    platform.stand_in.mood.permissions = permissions
    [found] = await look(may_work, platform.bot(guild=GUILD, permissions=wanted))
    assert found.code == ("discord.permissions-missing" if missing else None)
    for each in missing:
        assert f"`{each}`" in found.observed


async def test_no_member(look, platform):
    """A guild that is not the bot's is a missing permission, too."""
    [found] = await look(may_work, platform.bot(guild="999999999999999999"))
    assert found.code == "discord.permissions-missing"
    assert "no member" in found.observed


async def test_intents(look, platform):
    """What the application may not ask for is known before the gateway refuses it."""
    platform.stand_in.mood.flags = 1 << 15  # members, as a bot in few guilds
    [found] = await look(may_work, platform.bot(intents=(Intent.MEMBERS, Intent.MESSAGE_CONTENT)))
    assert (found.status, found.code) == (Status.CRITICAL, "discord.intent-missing")
    assert "`Message Content Intent`" in found.observed
    assert "Members" not in found.observed


@pytest.mark.parametrize(("age_s", "code"), [(600, "bot.silent"), (5, None)])
async def test_mentions(look, platform, age_s, code):
    """A mention that waits too long for an answer is a silent bot; a fresh one is not."""
    platform.stand_in.mood.mentioned_s_ago = age_s
    [found] = await look(may_work, platform.bot(channel=CHANNEL, answers_within_s=60))
    assert found.code == code


@pytest.mark.parametrize("says_when", [True, False])
async def test_a_rate_limit_is_honoured(look, platform, says_when):
    """Not one request comes before the time that it named, or before 60 s where it named none."""
    platform.stand_in.mood.says_when = says_when
    platform.stand_in.until = time.monotonic() + 30
    for _ in range(3):
        [found] = await look(may_work, platform.bot(guild=GUILD), looks_again=True)
        assert (found.status, found.code) == (Status.WARNING, "http.rate-limited")
    assert found.measures["retry_after_s"] == pytest.approx(30 if says_when else 60, abs=2)
    assert platform.stand_in.asked == 1
    assert platform.stand_in.too_early == 0


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (500, b"oops", "500"),
        (200, b"<html>", "no JSON"),
        (200, b"[]", "no `id`"),
        (200, b"[" * 100_000, "no JSON"),
        (503, b'{"message": ["\\ud800"]}', "503"),
    ],
)
async def test_strange_answers(look, platform, page, *, status, body, said):
    """An error, or what is no API at all, is `discord.unreachable`."""

    async def strange(_request: web.Request) -> web.Response:
        return web.Response(status=status, body=body)

    [found] = await look(may_work, platform.bot(api=await page(strange)))
    assert (found.status, found.code) == (Status.CRITICAL, "discord.unreachable")
    assert said in found.because


@pytest.mark.parametrize("permissions", ["many", None, {}])
async def test_strange_rights(look, platform, permissions):
    """Rights that are no number are not guessed."""
    platform.stand_in.mood.permissions = permissions
    [found] = await look(may_work, platform.bot(guild=GUILD))
    assert found.code == "discord.unreachable"


async def test_nobody_there(look, platform, unused_tcp_port):
    """A closed port is `discord.unreachable`; an unknown name is the name's trouble."""
    [found] = await look(may_work, platform.bot(api=f"http://127.0.0.1:{unused_tcp_port}/api"))
    assert found.code == "discord.unreachable"
    [found] = await look(may_work, platform.bot(api="http://nowhere.invalid/api"), name="other")
    assert found.code == "dns.unresolved"


async def test_a_platform_that_says_nothing(look, platform, page):
    """The look ends in time."""

    async def hang(_request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    [found] = await look(may_work, platform.bot(api=await page(hang)), timeout_s=0.5)
    assert found.code == "discord.unreachable"


async def test_a_machine_that_cannot_ask(look, platform):
    """A token that cannot stand in a header is not blamed on the platform."""
    [found] = await look(may_work, platform.bot(api="http://user:p%00@127.0.0.1:9/api"))
    assert found.status in (Status.UNKNOWN, Status.CRITICAL)
    assert TOKEN not in repr(found)


@pytest.mark.parametrize(
    "fields", [{"api": "discord.com"}, {"guild": "my guild"}, {"channel": "general"}, {"health": "localhost:1"}]
)
def test_mistakes_of_the_service_file(fields):
    """An address and ids are what they must be."""
    with pytest.raises(ValueError, match="expected"):
        Discord(token=Secret(TOKEN), **fields)
