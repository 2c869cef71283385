"""What came back from an HTTP server, or why nothing did."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

BODY_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer, its body read up to ``BODY_LIMIT`` bytes."""

    status: int
    reason: str
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes
    is_whole: bool
    """Whether the body ended before the limit."""
    charset: str | None
    latency_ms: float
    """From the first byte sent to the last byte read, redirects included."""
    downgrade: str = ""
    """The redirect that left https for http, where one did."""

    @property
    def title(self) -> str:
        """Such as ``503 Service Unavailable``."""
        return readable(f"{self.status} {self.reason}".strip())

    @property
    def text(self) -> str:
        """The body as text; bytes that are none become U+FFFD."""
        try:
            return readable(self.body.decode(self.charset or "utf-8", errors="replace"))
        except LookupError:  # a charset that nobody knows
            return readable(self.body.decode(errors="replace"))


class Trouble(StrEnum):
    """Why there is no answer."""

    NAME = "name"
    """A host's name has no address."""
    CONNECT = "connect"
    """No connection could be made."""
    TIMEOUT = "timeout"
    TLS = "tls"
    PROTOCOL = "protocol"
    """What came back is not HTTP."""
    REDIRECTS = "redirects"
    OURS = "ours"
    """This machine could not ask."""


class NoAnswer(Exception):
    """No answer; the message says what was seen."""

    def __init__(self, trouble: Trouble, seen: str) -> None:
        super().__init__(readable(seen))
        self.trouble = trouble


def readable(text: str) -> str:
    """Text from outside that can be printed and stored: no lone surrogates, no control characters."""
    clean = text.encode("utf-8", "replace").decode("utf-8")
    return "".join(each if each.isprintable() or each in "\n\t" else "�" for each in clean)
