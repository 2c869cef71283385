"""Where a TLS server listens, and whom to trust."""

from dataclasses import dataclass
from pathlib import Path

from paramedic.packs.tcp.target import Port


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """A server that speaks TLS from the first byte."""

    host: str
    """Name or address of its machine."""
    port: Port = 443
    """The port it listens on."""
    server_name: str | None = None
    """The name that it is asked for and that its certificate must carry; ``host`` where not given."""
    ca: Path | None = None
    """A PEM file with the authorities to trust, relative to the service file; the system's where not given."""

    def __post_init__(self) -> None:
        try:
            self.name.encode("idna")
        except UnicodeError:
            raise ValueError(f"`{self.name}` is no name that a certificate could carry") from None
        if not self.name or self.name.startswith("."):
            raise ValueError(f"`{self.name}` is no name that a certificate could carry")

    @property
    def name(self) -> str:
        """The name that the certificate must carry."""
        return self.server_name if self.server_name is not None else self.host.strip("[]")

    @property
    def place(self) -> str:
        """Host and port, as people write them."""
        return f"{self.host}:{self.port}"
