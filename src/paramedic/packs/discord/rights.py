"""Rights of a bot in a guild, and events that it may receive, as the platform counts them in bits."""

from collections.abc import Iterable
from enum import StrEnum


class Right(StrEnum):
    """What a bot may do in a guild."""

    VIEW = "view"
    SEND = "send"
    EMBED = "embed"
    HISTORY = "history"
    REACTIONS = "reactions"
    ATTACH = "attach"
    THREADS = "threads"
    COMMANDS = "commands"
    MANAGE = "manage"
    CONNECT = "connect"
    SPEAK = "speak"

    @property
    def bit(self) -> int:
        return 1 << _RIGHTS[self][0]

    @property
    def called(self) -> str:
        """As the platform's own pages call it."""
        return _RIGHTS[self][1]


class Intent(StrEnum):
    """A sort of events that a bot receives only where its application is allowed to."""

    PRESENCES = "presences"
    MEMBERS = "members"
    MESSAGE_CONTENT = "message_content"

    @property
    def bits(self) -> int:
        """Of the application's flags: allowed, or allowed because it is in few guilds."""
        return 0b11 << _INTENTS[self][0]

    @property
    def called(self) -> str:
        """As the switch is called in the developer portal."""
        return _INTENTS[self][1]


_ADMINISTRATOR = 1 << 3
_RIGHTS = {
    Right.VIEW: (10, "View Channels"),
    Right.SEND: (11, "Send Messages"),
    Right.EMBED: (14, "Embed Links"),
    Right.HISTORY: (16, "Read Message History"),
    Right.REACTIONS: (6, "Add Reactions"),
    Right.ATTACH: (15, "Attach Files"),
    Right.THREADS: (38, "Send Messages in Threads"),
    Right.COMMANDS: (31, "Use Application Commands"),
    Right.MANAGE: (13, "Manage Messages"),
    Right.CONNECT: (20, "Connect"),
    Right.SPEAK: (21, "Speak"),
}
_INTENTS = {
    Intent.PRESENCES: (12, "Presence Intent"),
    Intent.MEMBERS: (14, "Server Members Intent"),
    Intent.MESSAGE_CONTENT: (18, "Message Content Intent"),
}


def lacking(permissions: int, wanted: Iterable[Right]) -> tuple[Right, ...]:
    """The rights among those wanted that are not there; who administers a guild has all of them."""
    if permissions & _ADMINISTRATOR:
        return ()
    return tuple(each for each in wanted if not permissions & each.bit)


def not_allowed(flags: int, wanted: Iterable[Intent]) -> tuple[Intent, ...]:
    """The intents among those wanted that the application's flags do not allow."""
    return tuple(each for each in wanted if not flags & each.bits)
