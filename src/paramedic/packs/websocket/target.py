"""Which WebSocket is opened, and what is expected of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from annotated_types import Interval

from paramedic.sdk import Secret
from paramedic.sdk.url import place, refuse_nowhere, shown


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
        refuse_nowhere(self.url, "ws://127.0.0.1:8000/ws")

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return place(self.url)

    @property
    def shown(self) -> str:
        """The address without a user, a password or a token that may stand in it."""
        return shown(self.url, with_query=False)

    @property
    def shown_as_http(self) -> str:
        """The same for programs that speak only HTTP."""
        return "http" + self.shown.removeprefix("ws")
