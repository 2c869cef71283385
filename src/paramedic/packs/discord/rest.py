"""What the platform's API says about the bot, one request after the other."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from paramedic.model.clock import Clock
from paramedic.packs.discord.target import Discord
from paramedic.packs.http.answer import Answer, readable
from paramedic.packs.http.exchange import Client
from paramedic.packs.http.request import Request
from paramedic.sdk import Secret

_MESSAGES = 50
_SAID_CHARS = 200


class Refused(Exception):
    """The platform does not give what was asked for; the message is its own."""

    def __init__(self, what: str, answer: Answer, said: str, wait_s: float | None) -> None:
        super().__init__(said)
        self.what = what
        self.status = answer.status
        self.title = answer.title
        self.retry_after = answer.headers.get("retry-after", "")
        self.wait_s = wait_s
        """From the body, where it says more exactly than the header how long to wait."""


class Unreadable(Exception):
    """What came back is not what this API answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A message for the bot that nobody answered."""

    at: datetime
    count: int
    """How many there are."""


class Platform:
    """An async context; asks as the bot, with its token, which goes nowhere else."""

    def __init__(self, bot: Discord, clock: Clock) -> None:
        self._bot = bot
        self._client = Client(clock)
        self._base = bot.api.rstrip("/")

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.__aexit__(kind, error, trace)

    async def myself(self, limit_s: float) -> str:
        """The bot's own id."""
        return str(_field(await self._ask("/users/@me", limit_s), "id"))

    async def permissions(self, guild: str, limit_s: float) -> int | None:
        """The bot's rights in a guild; ``None`` where it is no member."""
        # the list begins after an id, so that one request is enough however many guilds there are
        guilds = await self._ask(f"/users/@me/guilds?after={int(guild) - 1}&limit=1", limit_s)
        for each in guilds if isinstance(guilds, list) else ():
            if str(_field(each, "id")) == guild:
                return _number(_field(each, "permissions"))
        return None

    async def flags(self, limit_s: float) -> int:
        """The flags of the bot's application."""
        return _number(_field(await self._ask("/applications/@me", limit_s), "flags"))

    async def unanswered(self, channel: str, me: str, limit_s: float) -> Waiting | None:
        """The oldest mention of the bot since its last message in a channel."""
        messages = await self._ask(f"/channels/{channel}/messages?limit={_MESSAGES}", limit_s)
        waiting: list[datetime] = []
        for each in messages if isinstance(messages, list) else ():  # the newest comes first
            author = _field(each, "author")
            if _field(author, "id") == me:
                break
            if any(_field(one, "id") == me for one in _field(each, "mentions")) and not author.get("bot"):
                waiting.append(_moment(_field(each, "timestamp")))
        return Waiting(at=waiting[-1], count=len(waiting)) if waiting else None

    async def _ask(self, path: str, limit_s: float) -> Any:  # Any: JSON of every shape
        request = Request(
            url=f"{self._base}{path}",
            headers={"Authorization": Secret(f"Bot {self._bot.token.reveal()}")},
            follows_redirects=False,
        )
        answer = await self._client.ask(request, limit_s)
        try:
            data = json.loads(answer.body)
        except (ValueError, RecursionError):
            data = None
        if answer.status != 200:
            said = data if isinstance(data, Mapping) else {}
            wait = said.get("retry_after")
            text = readable(str(said.get("message") or answer.text))[:_SAID_CHARS]
            text = text.replace(self._bot.token.reveal(), "***")
            raise Refused(path.partition("?")[0], answer, text, wait if isinstance(wait, int | float) else None)
        if data is None:
            raise Unreadable(f"`{path.partition('?')[0]}` answered no JSON")
        return data


def _field(data: Any, name: str) -> Any:  # Any: JSON of every shape
    if not isinstance(data, Mapping) or name not in data:
        raise Unreadable(f"there is no `{name}` where the API has one")
    return data[name]


def _number(value: object) -> int:
    try:
        return int(str(value))
    except ValueError:
        raise Unreadable(f"`{readable(str(value))[:40]}` is no number") from None


def _moment(value: object) -> datetime:
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise Unreadable("a message has no time")
    return at
