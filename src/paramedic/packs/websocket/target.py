"""Which WebSocket is opened, and what is expected of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import SplitResult, urlsplit, urlunsplit

from annotated_types import Interval

from paramedic.sdk import Secret

_PORTS = {"ws": 80, "wss": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSocket:
    """A server that speaks WebSocket."""

    url: str
    """What is opened, such as ``ws://127.0.0.1:8000/ws``."""
    headers: Mapping[str, str | Secret] = field(default_factory=dict)
    """Sent with the handshake; never to another server that a redirect leads to."""
    subprotocol: str | None = None
    """What both sides must agree to speak, such as ``graphql-transport-ws``."""
    stays_open_s: Annotated[float, Interval(ge=0.0, le=60.0)] = 2.0
    """How long a socket must stay open; raise ``timeout`` with it."""
    echo: str | None = None
    """A harmless text that is sent and must come back, alone or within a longer message."""
    verify_tls: bool = True
    """Whether the certificate of a ``wss`` address must be valid."""

    def __post_init__(self) -> None:
        try:
            usable = self._parts.scheme in _PORTS and bool(self._parts.hostname) and self._parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            raise ValueError(f"`{self.url}` is no address such as ws://127.0.0.1:8000/ws")

    @property
    def _parts(self) -> SplitResult:
        return urlsplit(self.url)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return self._parts.hostname or "", self._parts.port or _PORTS[self._parts.scheme]

    @property
    def shown(self) -> str:
        """The address without a user, a password or a token that may stand in it."""
        parts = self._parts
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment=""))

    @property
    def shown_as_http(self) -> str:
        """The same for programs that speak only HTTP."""
        return "http" + self.shown.removeprefix("ws")
