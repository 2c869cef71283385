"""How verdicts are said: a glyph, a word and a colour, so that none of them is needed alone."""

import math
import re
from dataclasses import dataclass

from paramedic.model.report import Report
from paramedic.model.status import Overall, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How one verdict is shown."""

    glyph: str
    word: str
    colour: str
    """An ANSI code."""


LOOKS = {
    Status.CRITICAL: Look(glyph="✗", word="critical", colour="1;31"),
    Status.UNKNOWN: Look(glyph="?", word="unknown", colour="1;35"),
    Status.WARNING: Look(glyph="!", word="warning", colour="1;33"),
    Status.INFO: Look(glyph="·", word="info", colour="36"),
    Status.OK: Look(glyph="✓", word="healthy", colour="32"),
}
OVERALL_LOOKS = {
    Overall.CRITICAL: LOOKS[Status.CRITICAL],
    Overall.UNKNOWN: LOOKS[Status.UNKNOWN],
    Overall.DEGRADED: Look(glyph="!", word="degraded", colour="1;33"),
    Overall.HEALTHY: LOOKS[Status.OK],
}
TO_ASCII = str.maketrans({"✗": "x", "·": "-", "✓": "+", "…": "...", "→": "->"})

# controls but line feed, what steers the direction of writing, line separators, halves of characters
_UNPRINTABLE = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff\ufff9-\ufffb]"
)


def printable(text: str) -> str:
    """The text without what could steer a terminal or hide something: escape becomes ``[x1b]``, a tab spaces."""
    return _UNPRINTABLE.sub(_escape, text.replace("\r\n", "\n").replace("\t", "    "))


def one_line(text: str) -> str:
    """Printable, and on one line."""
    return " ".join(printable(text).split())


def painted(text: str, colour: str, *, wanted: bool) -> str:
    """In colour, where wanted."""
    return f"\x1b[{colour}m{text}\x1b[0m" if wanted else text


def number(value: float) -> float | None:
    """What JSON can say of it: not infinite, not undefined."""
    return value if math.isfinite(value) else None


def duration(milliseconds: float) -> str:
    """``320 ms``, ``1.2 s``, ``2 min 5 s``, ``3 h 20 min``."""
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    if milliseconds < 59_950:
        return f"{milliseconds / 1000:.1f} s"
    minutes, seconds = divmod(round(milliseconds / 1000), 60)
    if minutes < 120:
        return f"{minutes} min {seconds} s".removesuffix(" 0 s")
    return f"{minutes // 60} h {minutes % 60} min".removesuffix(" 0 min")


def count(amount: int, thing: str) -> str:
    """``1 check``, ``3 checks``."""
    return f"{amount} {thing}" if amount == 1 else f"{amount} {thing}s"


def headline(report: Report) -> str:
    """How many checks looked and what they found, in words; the findings are what is listed, and what is summed up."""
    statuses = [finding.status for finding in report.findings]
    found = [f"{statuses.count(status)} {LOOKS[status].word}" for status in LOOKS if status in statuses]
    looked = count(report.checks, "check")
    if len(statuses) != report.checks:
        looked += f", {count(len(statuses), 'finding')}"
    text = f"{looked}: {', '.join(found) or 'nothing was looked at'}"
    return f"{text}, interrupted" if report.interrupted else text


def _escape(match: re.Match[str]) -> str:
    number = ord(match[0])
    return f"[x{number:02x}]" if number < 0x100 else f"[u{number:04x}]"
