"""Where a TCP server listens."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Interval

Port = Annotated[int, Interval(ge=1, le=65535)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tcp:
    """A server that accepts TCP connections."""

    port: Port
    """The port it listens on."""
    host: str = "127.0.0.1"
    """Name or address of its machine."""
