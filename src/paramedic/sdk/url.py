"""Addresses as URLs: whether they lead anywhere, where, how far away that is, and how they are shown."""

import ipaddress
from urllib.parse import urlsplit, urlunsplit

_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_OURS = (".localhost", ".local", ".internal", ".lan")


def leads_somewhere(url: str, scheme: str = "http") -> bool:
    """Whether a URL of the scheme, or of the same with TLS, names a host and no impossible port."""
    try:
        parts = urlsplit(url)
        return parts.scheme in (scheme, f"{scheme}s") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def refuse_nowhere(url: str, example: str) -> None:
    """Raise ``ValueError`` where a URL of the example's kind leads nowhere."""
    if not leads_somewhere(url, urlsplit(example).scheme):
        raise ValueError(f"`{url}` is no address such as {example}")


def place(url: str) -> tuple[str, int]:
    """Host and port of a URL that leads somewhere."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or _PORTS[parts.scheme]


def is_near(host: str) -> bool:
    """Whether a host is this machine or in a private network, where asking once more costs nobody money."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        # a name of one word is looked up in our own network: a container, a service of a cluster
        return "." not in host or host.endswith(_OURS)
    return address.is_loopback or address.is_private or address.is_link_local


def is_here(host: str) -> bool:
    """Whether a host is this machine's own, so that processes behind its ports can be looked up."""
    return host in ("localhost", "::1") or host.startswith("127.")


def shown(url: str, *, with_query: bool = True) -> str:
    """A URL without a user and password that may stand in it; a query may hold a token."""
    parts = urlsplit(url)
    parts = parts._replace(netloc=parts.netloc.rpartition("@")[2])
    return urlunsplit(parts if with_query else parts._replace(query="", fragment=""))
