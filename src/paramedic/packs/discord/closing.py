"""Why a gateway hangs up: its close codes, and what each of them asks for.

The numbers and their meaning are those of the platform's documentation ("Gateway Close Event Codes").
"""

from dataclasses import dataclass
from datetime import datetime

from paramedic.packs.discord.codes import GATEWAY_DROPPED, GATEWAY_REFUSED, INTENT_MISSING, UNAUTHORIZED
from paramedic.sdk import Code

_AGAIN = "let the bot connect again; its library should do so by itself"
_CLOSES: dict[int, tuple[str, Code, str]] = {
    1000: ("a normal end", GATEWAY_DROPPED, _AGAIN),
    1001: ("the server goes away", GATEWAY_DROPPED, _AGAIN),
    1006: ("the connection broke off without a word", GATEWAY_DROPPED, f"{_AGAIN}; look at the network in between"),
    4000: ("an unknown error", GATEWAY_DROPPED, _AGAIN),
    4001: ("an unknown opcode", GATEWAY_DROPPED, "update the bot's library, then let it connect again"),
    4002: ("a payload that cannot be read", GATEWAY_DROPPED, "update the bot's library, then let it connect again"),
    4003: ("not authenticated", GATEWAY_DROPPED, _AGAIN),
    4004: ("the token is wrong", UNAUTHORIZED, "make a new token in the developer portal (Bot, Reset Token)"),
    4005: ("authenticated twice", GATEWAY_DROPPED, _AGAIN),
    4007: ("a sequence that cannot be resumed", GATEWAY_DROPPED, "let the bot connect anew, without resuming"),
    4008: (
        "too many messages",
        GATEWAY_DROPPED,
        "let the bot send less (120 gateway events in 60 s), and connect again",
    ),
    4009: ("the session timed out", GATEWAY_DROPPED, _AGAIN),
    4010: ("an invalid shard", GATEWAY_REFUSED, "correct the number of the shard, or how many there are"),
    4011: ("sharding is required", GATEWAY_REFUSED, "divide the bot into shards: it is in too many guilds for one"),
    4012: ("an invalid version of the API", GATEWAY_REFUSED, "update the bot's library"),
    4013: ("invalid intents", INTENT_MISSING, "correct the intents that the bot asks for"),
    4014: (
        "disallowed intents",
        INTENT_MISSING,
        "switch the intent on in the developer portal (Bot, Privileged Gateway Intents), or do not ask for it",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """The gateway is closed."""

    code: int | None
    said: str
    """The line or the answer that told so."""
    at: datetime | None = None
    """When, where that is known."""

    @property
    def meaning(self) -> str:
        """In words."""
        if self.code is None:
            return "for a reason that is not told"
        return f"with {self.code} ({_CLOSES[self.code][0]})" if self.code in _CLOSES else f"with {self.code}"

    @property
    def trouble(self) -> Code:
        """What it is called."""
        return _CLOSES[self.code][1] if self.code in _CLOSES else GATEWAY_DROPPED

    @property
    def remedy(self) -> str:
        """What a person can do."""
        return _CLOSES[self.code][2] if self.code in _CLOSES else _AGAIN
