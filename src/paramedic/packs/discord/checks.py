"""May the bot work, is it connected, and does it answer?"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from paramedic.packs.discord.closing import Closed
from paramedic.packs.discord.codes import (
    FORBIDDEN,
    GATEWAY_DROPPED,
    GATEWAY_REFUSED,
    INTENT_MISSING,
    PERMISSIONS,
    SILENT,
    UNAUTHORIZED,
    UNREACHABLE,
)
from paramedic.packs.discord.journal import told_by
from paramedic.packs.discord.rights import lacking, not_allowed
from paramedic.packs.discord.shape import misshapen
from paramedic.packs.discord.target import Discord
from paramedic.packs.http.answer import NoAnswer, Trouble, readable
from paramedic.packs.http.codes import RATE_LIMITED
from paramedic.packs.http.patience import asked_to_wait_s, keep_away, still_waiting
from paramedic.packs.tcp.checks import DNS_UNRESOLVED, SHARE_OF_TIME, name_without_address
from paramedic.sdk import Context, Evidence, Finding, check
from paramedic.sdk.blocking import in_thread
from paramedic.sdk.url import shown

if TYPE_CHECKING:
    from paramedic.packs.discord.rest import Platform, Refused, Waiting

_DOWN_S = 30.0
_DOWN_SINCE = "down since"


@check(
    UNAUTHORIZED,
    FORBIDDEN,
    PERMISSIONS,
    INTENT_MISSING,
    SILENT,
    UNREACHABLE,
    RATE_LIMITED,
    DNS_UNRESOLVED,
    of=Discord,
    imports=("paramedic.packs.discord.rest",),
    timeout_s=15,
    every_s=60,
)
async def may_work(bot: Discord, context: Context) -> Finding:
    """The platform knows the bot, gives it the rights that it needs, and people get answers.

    Looks at: the shape of the token, which is not sent where it can be none; then, as the bot, its own user, and
    where declared its rights in ``guild``, what ``intents`` its application may ask for, and the newest messages of
    ``channel``. A platform that asks to be left alone (429) is not asked before the time that it names.
    Why: a bot without a right, a valid token or an answer looks online to everybody but those who talk to it.
    By hand: ``curl -sS -i -H "Authorization: Bot $DISCORD_TOKEN" https://discord.com/api/v10/users/@me``
    Healed by: wait-and-retry when called too often; tokens, rights and intents go to a person.
    """
    from paramedic.packs.discord.rest import Platform, Refused, Unreadable  # aiohttp takes long to import

    if waiting := still_waiting(context):
        return waiting
    if why := misshapen(bot.token.reveal()):
        return _unauthorized("the token has not the shape of one", f"{why}; it was not sent anywhere", context)
    try:
        async with Platform(bot, context.clock) as platform:
            return await _look(platform, bot, context)
    except Refused as refused:
        return _refused(refused, bot, context)
    except NoAnswer as none:
        return _no_answer(none, bot, context)
    except Unreadable as strange:
        return _unreachable(f"what answers at `{shown(bot.api)}` is not its API", str(strange), bot, context)


@check(
    GATEWAY_DROPPED,
    GATEWAY_REFUSED,
    INTENT_MISSING,
    UNAUTHORIZED,
    SILENT,
    of=Discord,
    when=lambda bot: bot.log is not None or bot.health is not None,
    imports=("paramedic.packs.http.exchange",),
    timeout_s=5,
    every_s=10,
)
async def stays_connected(bot: Discord, context: Context) -> Finding:
    """The bot keeps its connection to the gateway, and its loop turns.

    Looks at: what the bot says at ``health``, where declared, else the end of its ``log``: the last word about the
    gateway counts. Threshold: ``gateway_down_s`` (30) for how long a library may take to come back by itself; what
    the gateway refuses for good (a wrong token, disallowed intents) is told at once.
    Why: all events come through the gateway; without it the bot is deaf while its process lives.
    By hand: ``grep -iE 'gateway|shard|intent' LOG | tail``; the numbers are explained in the platform's documentation
    under "Gateway Close Event Codes".
    Healed by: reconnect, with the bot's own command, else restart-component; refusals go to a person.
    """
    if bot.health is not None:
        return await _health(bot, bot.health, context)
    assert bot.log is not None, "`when` says so"
    try:
        told = await in_thread(told_by, bot.log)
    except OSError as error:
        return context.unknown(
            f"the bot's log {bot.log.name} cannot be read: {error.strerror}", hint="correct `log`, or its mode"
        )
    if told.blocked:
        return _silent(
            "its loop hangs, by its own log",
            "heartbeats to the gateway are sent by the same loop that answers people",
            "something in the bot blocks its loop: `py-spy dump --pid PID` shows what; move it to a thread",
            context,
            Evidence(label="log", text=told.blocked),
        )
    if told.closed:
        return _closed(told.closed, context)
    context.memory.pop(_DOWN_SINCE, None)
    if not told.is_open:
        return context.unknown(
            f"the end of {bot.log.name} tells nothing of the gateway", hint="let the library log at the level INFO"
        )
    return context.ok("the gateway is open, by the bot's log")


async def _look(platform: "Platform", bot: Discord, context: Context) -> Finding:
    def limit_s() -> float:
        return context.remaining_s * SHARE_OF_TIME

    began = context.clock.monotonic()
    me = await platform.myself(limit_s())
    latency_ms = (context.clock.monotonic() - began) * 1000
    if bot.guild is not None:
        rights = await platform.permissions(str(bot.guild), limit_s())
        if rights is None:
            return _not_a_member(bot, context)
        if missing := lacking(rights, bot.permissions):
            titles = ", ".join(f"`{each.called}`" for each in missing)
            return context.critical(
                PERMISSIONS,
                observed=f"in its guild the bot lacks {titles}",
                expected=", ".join(each.called for each in bot.permissions),
                because=f"the platform tells its rights there as {rights}, and these bits are not set",
                hint=f"give the bot's role {titles} (Server Settings, Roles), or leave them out of `permissions`",
            )
    if bot.intents and (missing_intents := not_allowed(await platform.flags(limit_s()), bot.intents)):
        titles = ", ".join(f"`{each.called}`" for each in missing_intents)
        return context.critical(
            INTENT_MISSING,
            observed=f"the bot's application may not ask for {titles}",
            expected="every intent that the bot asks for is allowed",
            because="the flags of the application say so; the gateway will close with 4014",
            hint=f"switch on {titles} in the developer portal (Bot, Privileged Gateway Intents)",
        )
    if bot.channel is not None:
        waiting = await platform.unanswered(str(bot.channel), me, limit_s())
        age_s = (context.clock.now() - waiting.at).total_seconds() if waiting else 0.0
        if waiting and age_s > bot.answers_within_s:
            return _unanswered(waiting, age_s, bot, context)
    return context.ok(f"the platform knows the bot, and answered in {latency_ms:.0f} ms", latency_ms=latency_ms)


async def _health(bot: Discord, url: str, context: Context) -> Finding:
    from paramedic.packs.http.exchange import Client
    from paramedic.packs.http.request import Request

    try:
        async with Client(context.clock) as client:
            answer = await client.ask(Request(url=url), context.remaining_s * SHARE_OF_TIME)
        said = json.loads(answer.body)
    except NoAnswer as none:
        if none.trouble is not Trouble.TIMEOUT:
            return context.unknown(f"the bot could not be asked at `{shown(url)}`: {none}", hint="correct `health`")
        return _silent(
            "its health endpoint accepts connections and does not answer",
            f"{none}; the loop that should answer there is the one that answers people",
            "something in the bot blocks its loop: `py-spy dump --pid PID` shows what; a restart frees it",
            context,
        )
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, Mapping) or not isinstance(said.get("connected"), bool):
        return context.unknown(
            f"`{shown(url)}` does not tell `connected`", hint='let it answer JSON such as `{"connected": true}`'
        )
    code, waits_s, latency_ms = (said.get(each) for each in ("close_code", "oldest_unanswered_s", "latency_ms"))
    if not said["connected"]:
        return _closed(Closed(code=code if isinstance(code, int) else None, said=readable(answer.text)[:400]), context)
    context.memory.pop(_DOWN_SINCE, None)
    if isinstance(waits_s, int | float) and waits_s > bot.answers_within_s:
        return _silent(
            f"a message has waited for an answer for {waits_s:.0f} s",
            "the bot says so itself, and that it is connected",
            "read its log around then; `py-spy dump --pid PID` shows whether its loop hangs",
            context,
        )
    measured = {"latency_ms": float(latency_ms)} if isinstance(latency_ms, int | float) else {}
    return context.ok("the gateway is open, says the bot", **measured)


def _closed(closed: Closed, context: Context) -> Finding:
    """The finding for a gateway that is closed: at once where it refuses, after a while where a library comes back."""
    now = context.clock.monotonic()
    since = context.memory.setdefault(_DOWN_SINCE, now)
    assert isinstance(since, float), "only this function sets it"
    longest_s = context.threshold("gateway_down_s", _DOWN_S)
    trouble = closed.trouble
    if trouble is GATEWAY_DROPPED and context.looks_again and now - since < longest_s:
        return context.info(f"the gateway closed {closed.meaning}; libraries come back by themselves")
    down = f" {now - since:.0f} s ago" if now - since >= 1 else ""
    return context.critical(
        trouble,
        observed=f"the gateway closed {closed.meaning}{down}, and is not open again",
        expected="an open gateway",
        because="without it no event reaches the bot, whatever its process does",
        hint=closed.remedy,
        evidence=(Evidence(label="told", text=closed.said),),
    )


def _unanswered(waiting: "Waiting", age_s: float, bot: Discord, context: Context) -> Finding:
    many = f"{waiting.count} mentions" if waiting.count > 1 else "a mention"
    return _silent(
        f"{many} of the bot got no answer, the oldest for {age_s:.0f} s",
        "the platform lets it in, so what is missing is in the bot or in what it may read",
        "see whether its process hangs (`py-spy dump --pid PID`), whether it may read what people write "
        "(Message Content Intent), and what its log says of these messages",
        context,
        Evidence(label="channel", text=str(bot.channel)),
    )


def _silent(observed: str, because: str, hint: str, context: Context, *evidence: Evidence) -> Finding:
    return context.critical(
        SILENT,
        observed=observed,
        expected="an answer to whoever talks to it",
        because=because,
        hint=hint,
        evidence=evidence,
    )


def _unauthorized(observed: str, because: str, context: Context) -> Finding:
    return context.critical(
        UNAUTHORIZED,
        observed=observed,
        expected="a token that the platform accepts",
        because=because,
        hint="make a new token in the developer portal (Bot, Reset Token) and put it where `token` of "
        f"`{context.component.name}` comes from; then restart the bot",
    )


def _not_a_member(bot: Discord, context: Context) -> Finding:
    return context.critical(
        PERMISSIONS,
        observed=f"the bot is no member of the guild {bot.guild}",
        expected="a member with the rights that it needs",
        because="the guild is not among those that the platform lists for it",
        hint="invite it again (developer portal, OAuth2, URL Generator), or correct `guild`",
    )


def _refused(refused: "Refused", bot: Discord, context: Context) -> Finding:
    match refused.status:
        case 401:
            return _unauthorized(
                "the platform does not know the token", f"`{refused.what}` answered {refused.title}", context
            )
        case 403 | 404:
            return context.critical(
                FORBIDDEN,
                observed=f"the platform refuses `{refused.what}` to the bot",
                expected="the bot may do what it is for",
                because=f"answered {refused.title}: {refused}" if str(refused) else f"answered {refused.title}",
                hint="see that the bot is a member, that its role may view the channel, and that neither the bot nor "
                "its application was restricted (developer portal); correct `guild` and `channel`",
            )
        case 429:
            wait_s = refused.wait_s
            if wait_s is None or refused.retry_after:
                wait_s = max(wait_s or 0.0, asked_to_wait_s(refused.retry_after, context.clock.now()))
            found = context.warning(
                RATE_LIMITED,
                observed="the platform asks to be called less often",
                expected="an answer",
                because=f"`{refused.what}` answered {refused.title}, come back in {wait_s:.0f} s",
                hint="let the bot call the platform less often; nothing is asked again before that time",
            )
            found = replace(found, measures={"retry_after_s": wait_s})
            keep_away(found, context)
            return found
        case _:
            return _unreachable(
                "the platform's API answers with an error", f"`{refused.what}` answered {refused.title}", bot, context
            )


def _no_answer(none: NoAnswer, bot: Discord, context: Context) -> Finding:
    match none.trouble:
        case Trouble.OURS:
            return context.unknown(f"this machine could not ask: {none}")
        case Trouble.NAME:
            name, _, reason = str(none).partition(": ")
            return name_without_address(name.strip("`"), reason, context)
        case _:
            return _unreachable("the platform's API does not answer", str(none), bot, context)


def _unreachable(observed: str, because: str, bot: Discord, context: Context) -> Finding:
    return context.critical(
        UNREACHABLE,
        observed=observed,
        expected="an answer of its API",
        because=because,
        hint="look at https://discordstatus.com, and at the way there with "
        f"`curl -sS -m 10 -i {shown(bot.api)}/gateway`; "
        f"`paramedic guide start {context.component.name}` goes through it step by step",
    )
