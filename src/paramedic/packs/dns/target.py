"""Which name has to resolve, and to what."""

import ipaddress
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from paramedic.sdk.pack import Address

DNS_PORT = 53
RecordType = Literal["A", "AAAA"]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Dns:
    """A name that resolves to an address."""

    name: str
    """The name, such as ``db.internal``; asked for as a program on this machine would."""
    expect: tuple[str, ...] = ()
    """The only addresses, or networks such as ``10.0.0.0/8``, that it may lead to; any where not given."""
    server: str | None = None
    """A name server's address to ask directly, such as ``10.0.0.2`` or ``10.0.0.2:5353``; the system's resolver where
    not given."""
    records: tuple[RecordType, ...] = ()
    """Kinds of address that must all be there: ``A`` (IPv4), ``AAAA`` (IPv6); any one of them where not given."""

    def __post_init__(self) -> None:
        if not self.name.strip(".") or self.name.split() != [self.name]:
            raise ValueError(f"`{self.name}` is no name such as db.internal")
        if is_address(self.name):
            raise ValueError(f"`{self.name}` is an address already; only a name has to resolve")
        _ = self.networks  # which says what is wrong with them
        if self.server is not None and self.server_address is None:
            raise ValueError(f"`{self.server}` is no address of a name server such as 10.0.0.2 or 10.0.0.2:5353")

    @property
    def networks(self) -> tuple[Network, ...]:
        """What may be found.

        Raises:
            ValueError: one of them is neither an address nor a network.
        """
        return tuple(ipaddress.ip_network(each, strict=False) for each in self.expect)

    @property
    def server_address(self) -> Address | None:
        """Where the declared name server listens; ``None`` where there is none, or it makes no sense."""
        if self.server is None:
            return None
        if is_address(self.server):
            return self.server, DNS_PORT
        try:
            parts = urlsplit(f"//{self.server}")
            host, port = parts.hostname or "", parts.port
        except ValueError:
            return None
        return (host, DNS_PORT if port is None else port) if is_address(host) and port != 0 else None


def is_address(text: str) -> bool:
    """Whether this is an address, IPv4 or IPv6, and not a name."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
