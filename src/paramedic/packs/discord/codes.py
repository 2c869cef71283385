"""The troubles of a bot on a chat platform."""

from paramedic.sdk import Code, Ending, IssueType

UNAUTHORIZED = Code(
    id="discord.unauthorized",
    type=IssueType.AUTH,
    summary="the platform does not know the bot's token, or it is none",
    instant=True,
    depth=3,
)
FORBIDDEN = Code(
    id="discord.forbidden",
    type=IssueType.AUTH,
    summary="the platform knows the bot and refuses what it asks for",
    instant=True,
    depth=2,
)
PERMISSIONS = Code(
    id="discord.permissions-missing",
    type=IssueType.AUTH,
    summary="the bot lacks rights in its guild that it needs, or is no member of it",
    ending=Ending.ADVISE,
    depth=2,
)
INTENT_MISSING = Code(
    id="discord.intent-missing",
    type=IssueType.AUTH,
    summary="the bot asks for events that its application may not receive",
    ending=Ending.ADVISE,
    depth=3,
)
GATEWAY_DROPPED = Code(
    id="discord.gateway-dropped",
    type=IssueType.CONNECTIVITY,
    summary="the bot lost its gateway, through which all events come, and did not come back by itself",
)
GATEWAY_REFUSED = Code(
    id="discord.gateway-refused",
    type=IssueType.CONFIG,
    summary="the gateway refuses the bot for how it connects: its shards, or the version that it speaks",
    depth=2,
)
UNREACHABLE = Code(
    id="discord.unreachable",
    type=IssueType.CONNECTIVITY,
    summary="the platform's API does not answer, or answers only errors",
)
SILENT = Code(
    id="bot.silent",
    type=IssueType.OUTAGE,
    summary="the bot is there and connected, and answers nobody",
    ending=Ending.ADVISE,
)
