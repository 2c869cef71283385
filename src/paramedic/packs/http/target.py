"""What is asked of an HTTP server, and which answer counts as healthy."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated
from urllib.parse import urljoin

from annotated_types import Interval

from paramedic.packs.http.conditions import Comparison, Expected, StatusNumber
from paramedic.packs.http.pool import Pool
from paramedic.packs.http.request import READING, Method, Request, encoded, misdeclared
from paramedic.sdk import Permit, Secret
from paramedic.sdk.url import is_here, is_near, place, refuse_nowhere, shown

_PUBLIC_SAMPLES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Http:
    """A server that answers over HTTP."""

    url: str
    """What is asked for, such as ``http://127.0.0.1:8000/health``."""
    method: Method = "GET"
    """How it is asked."""
    writes: bool | None = None
    """Whether asking changes something at the service; must be said of methods that may. Then it is asked only where
    the service file permits it, and once a look."""
    body: object = None
    """Sent along: text as it is, anything else as JSON."""
    expect_status: StatusNumber | tuple[StatusNumber, ...] | None = None
    """The status, or statuses, that count as healthy; any 2xx or 3xx where not given."""
    expect_body: str | tuple[str, ...] | None = None
    """Text, or texts, that the answer must contain."""
    reject_body: str | tuple[str, ...] | None = None
    """Text, or texts, that it must not contain."""
    expect_pattern: str | None = None
    """A regular expression that must be found in it."""
    expect_json: Mapping[str, str | int | float | bool | Comparison | None] = field(default_factory=dict)
    """Values that it must hold by dotted path, such as ``checks.db: ok`` or ``queue: {below: 100}``."""
    expect_headers: Mapping[str, str | Comparison] = field(default_factory=dict)
    """Headers that it must have, with text that they must contain or a comparison."""
    expect_schema: Path | None = None
    """A JSON Schema that it must keep to (needs the package ``jsonschema``)."""
    pool: Pool | None = None
    """Where its JSON tells of its pool of connections, such as ``{in_use: pool.checked_out, size: 10}``."""
    openapi: bool | str = False
    """Where the server describes its API (``true``: at ``/openapi.json``); then a full check asks every described
    ``GET`` that needs no parameters."""
    headers: Mapping[str, str | Secret] = field(default_factory=dict)
    """Sent along; never to another server that a redirect leads to."""
    verify_tls: bool = True
    """Whether the certificate must be valid."""
    samples: Annotated[int, Interval(ge=1, le=100)] = 20
    """How many requests at most one look may send to measure the share of errors (at most 3 to a public address)."""

    def __post_init__(self) -> None:
        refuse_nowhere(self.url, "http://127.0.0.1:8000/health")
        expected = self.expected  # refuses what is no condition
        if self.method == "HEAD" and expected.wants_a_body:
            raise ValueError("an answer to `HEAD` has no body to expect anything of; use `GET`")
        if wrong := misdeclared(self.method, writes=self.writes):
            raise ValueError(wrong)

    @property
    def expected(self) -> Expected:
        """What the answer must hold."""
        return Expected(
            status=self.expect_status,
            body=self.expect_body or (),
            lacks=self.reject_body or (),
            pattern=self.expect_pattern,
            headers=self.expect_headers,
            json=self.expect_json,
            schema=self.expect_schema,
        )

    @property
    def request(self) -> Request:
        """What is sent."""
        body, told = encoded(self.body)
        return Request(
            url=self.url,
            method=self.method,
            headers={**told, **self.headers},
            body=body,
            verify_tls=self.verify_tls,
            follows_redirects=self.follows_redirects,
        )

    @property
    def permits(self) -> tuple[Permit, ...]:
        """What the service file must permit before it is asked."""
        return (Permit.WRITES,) if self.writes else ()

    @property
    def repeats(self) -> int:
        """How many requests one look may send."""
        return (self.samples if self.is_near else min(self.samples, _PUBLIC_SAMPLES)) if self.is_harmless else 1

    @property
    def is_harmless(self) -> bool:
        """Whether asking again changes nothing."""
        return self.method in READING and not self.writes

    @property
    def described_at(self) -> str | None:
        """Where its API is described, if that is to be followed."""
        if not self.openapi:
            return None
        return urljoin(self.url, "/openapi.json" if self.openapi is True else self.openapi)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return place(self.url)

    @property
    def shown(self) -> str:
        """The address without a user and password that may stand in it."""
        return shown(self.url)

    @property
    def is_near(self) -> bool:
        """Whether it is on this machine or a private network, so that a few requests more are no burden."""
        return is_near(self.address[0])

    @property
    def is_on_this_machine(self) -> bool:
        """Whether its address is this machine's own, so that the holder of its port can be looked up."""
        return is_here(self.address[0])

    @property
    def follows_redirects(self) -> bool:
        """Not where a redirect is itself the answer that is expected."""
        return not any(status in self.expected.statuses for status in (301, 302, 303, 307, 308))
