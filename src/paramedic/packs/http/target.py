"""What is asked of an HTTP server, and which answer counts as healthy."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit, urlunsplit

from annotated_types import Interval

from paramedic.sdk import Secret

StatusNumber = Annotated[int, Interval(ge=100, le=599)]
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Http:
    """A server that answers over HTTP."""

    url: str
    """What is asked for, such as ``http://127.0.0.1:8000/health``."""
    method: Literal["GET", "HEAD"] = "GET"
    """How it is asked; only methods that change nothing."""
    expect_status: StatusNumber | tuple[StatusNumber, ...] | None = None
    """The status, or statuses, that count as healthy; any 2xx or 3xx where not given."""
    expect_body: str | None = None
    """Text that the answer must contain."""
    expect_json: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)
    """Values that the answer must hold, by dotted path, such as ``checks.db: ok``."""
    headers: Mapping[str, str | Secret] = field(default_factory=dict)
    """Sent along; never to another server that a redirect leads to."""
    verify_tls: bool = True
    """Whether the certificate must be valid."""
    samples: Annotated[int, Interval(ge=1, le=100)] = 20
    """How many requests at most one look may send to measure the share of errors (at most 3 to a public address)."""

    def __post_init__(self) -> None:
        try:
            usable = self._parts.scheme in _PORTS and bool(self._parts.hostname) and self._parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            raise ValueError(f"`{self.url}` is no address such as http://127.0.0.1:8000/health")
        if self.method == "HEAD" and (self.expect_body is not None or self.expect_json):
            raise ValueError("an answer to `HEAD` has no body to expect anything of; use `GET`")

    @property
    def _parts(self) -> SplitResult:
        return urlsplit(self.url)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return self._parts.hostname or "", self._parts.port or _PORTS[self._parts.scheme]

    @property
    def shown(self) -> str:
        """The address without a user and password that may stand in it."""
        return shown(self.url)

    @property
    def is_near(self) -> bool:
        """Whether it is on this machine or a private network, so that a few requests more are no burden."""
        host, _ = self.address
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return host == "localhost" or host.endswith(".localhost")
        return address.is_loopback or address.is_private

    @property
    def is_on_this_machine(self) -> bool:
        """Whether its address is this machine's own, so that the holder of its port can be looked up."""
        host, _ = self.address
        return host in ("localhost", "::1") or host.startswith("127.")

    def accepts(self, status: int) -> bool:
        """Whether an answer's status counts as healthy."""
        if self.expect_status is None:
            return 200 <= status < 400
        return status in ((self.expect_status,) if isinstance(self.expect_status, int) else self.expect_status)

    @property
    def follows_redirects(self) -> bool:
        """Not where a redirect is itself the answer that is expected."""
        return not any(self.accepts(status) for status in (301, 302, 303, 307, 308)) or self.expect_status is None


def shown(url: str) -> str:
    """An address without a user and password that may stand in it."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
