"""A bot on a chat platform, as the service file declares it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from annotated_types import Gt

from paramedic.packs.discord.rights import Intent, Right
from paramedic.sdk import Secret
from paramedic.sdk.url import leads_somewhere

API = "https://discord.com/api/v10"


@dataclass(frozen=True, slots=True, kw_only=True)
class Discord:
    """A bot on Discord."""

    token: Secret
    """The bot's token, such as ``${DISCORD_TOKEN}``; it is sent to ``api`` only, and never shown."""
    guild: str | int | None = None
    """The guild in which its rights are looked at, by its id."""
    permissions: tuple[Right, ...] = (Right.SEND, Right.EMBED, Right.HISTORY, Right.REACTIONS)
    """The rights that it needs there; a bot that talks also needs ``connect`` and ``speak``."""
    intents: tuple[Intent, ...] = ()
    """The privileged events that it asks for, such as ``message_content``; whether it may is looked up."""
    channel: str | int | None = None
    """A channel, by its id, in which whoever mentions the bot must get an answer."""
    answers_within_s: Annotated[float, Gt(0)] = 120.0
    """How long a mention, or a message that ``health`` counts, may stay without an answer."""
    log: Path | None = None
    """The bot's log, in which its library tells of the gateway (discord.py, discord.js and their kin)."""
    health: str | None = None
    """An address of the bot's own that answers JSON with any of ``connected``, ``close_code``, ``latency_ms`` and
    ``oldest_unanswered_s``."""
    reconnect: tuple[str, ...] = ()
    """A command that makes the running bot connect to the gateway again."""
    api: str = API
    """Where the platform's API is; another one for a proxy or a test."""

    def __post_init__(self) -> None:
        for name, url in (("api", self.api), ("health", self.health)):
            if url is not None and not leads_somewhere(url):
                raise ValueError(f"`{name}` is `{url}`, expected an address such as {API}")
        for name, id_ in (("guild", self.guild), ("channel", self.channel)):
            if id_ is not None and not str(id_).isdecimal():
                raise ValueError(f"`{name}` is `{id_}`, expected an id, which is a number of 17 digits or more")
