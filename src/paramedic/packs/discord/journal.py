"""What a bot's log tells of its gateway: the last word counts."""

import re
from dataclasses import dataclass
from pathlib import Path

from paramedic.packs.discord.closing import Closed

_TAIL = 256 * 1024
_LONGEST_LINE = 1000
_ABOUT = re.compile(r"gateway|websocket|\bws\b|\bshard|session", re.IGNORECASE)
_OPEN = re.compile(
    r"has connected to gateway|successfully resumed|session resumed|logged in as|\bready\b.*(?:shard|gateway|as )"
    r"|shard.{0,20}\b(?:ready|resumed)\b|connected to (?:the )?gateway",
    re.IGNORECASE,
)
_CODE = re.compile(r"(?:clos\w+|disconnect\w*|code)\D{0,40}\b(1\d{3}|4\d{3})\b", re.IGNORECASE)
_INTENTS = re.compile(r"disallowed intents?|PrivilegedIntentsRequired|privileged intents that have not", re.IGNORECASE)
_TOKEN = re.compile(r"improper token|LoginFailure|an invalid token was provided|TokenInvalid", re.IGNORECASE)
_GONE = re.compile(r"disconnected|connection (?:lost|reset|closed)|\bclosed\b|invalidated", re.IGNORECASE)
_BLOCKED = re.compile(r"heartbeat blocked for more than (\d+)|can't keep up.*?([\d.]+)s behind", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the end of a log says."""

    is_open: bool = False
    """The last word of the gateway was that it is open."""
    closed: Closed | None = None
    """Else how it closed."""
    blocked: str | None = None
    """The line that tells that the bot's loop hangs, where it came after all others."""


def told_by(path: Path) -> Told:
    """What the last part of a log says. Raises ``OSError`` where it cannot be read."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _TAIL))
        lines = file.read(_TAIL).decode(errors="replace").splitlines()
    told = Told()
    for line in lines if size <= _TAIL else lines[1:]:
        told = _after(told, line[:_LONGEST_LINE])
    return told


def _after(told: Told, line: str) -> Told:
    """What is known after one more line."""
    if _INTENTS.search(line):
        return Told(closed=Closed(code=4014, said=line))
    if _TOKEN.search(line):
        return Told(closed=Closed(code=4004, said=line))
    if _OPEN.search(line):
        return Told(is_open=True)
    if _BLOCKED.search(line):
        return Told(is_open=told.is_open, closed=told.closed, blocked=line)
    if not _ABOUT.search(line):
        return told
    if code := _CODE.search(line):
        return Told(closed=Closed(code=int(code[1]), said=line))
    if _GONE.search(line):
        # the reason often comes in a line before this one
        return told if told.closed else Told(closed=Closed(code=None, said=line))
    return told
