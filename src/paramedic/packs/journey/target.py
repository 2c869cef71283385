"""A journey as the service file declares it: where it begins, and its steps."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated

from annotated_types import Interval, MaxLen, MinLen

from paramedic.packs.http.conditions import Expected, regular
from paramedic.packs.http.request import READING
from paramedic.packs.journey.blanks import blanks, blanks_of
from paramedic.sdk import Permit, Secret
from paramedic.sdk.url import refuse_nowhere

RUN = "run"
"""A variable that every run has: another short text each time, for names that must be new."""
_METHODS = (*READING, "POST", "PUT", "PATCH", "DELETE")
_PLACE = re.compile(r"body|status|header\.[A-Za-z0-9-]+|json(\..+)?|/.+/", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that a user does. A blank such as ``{{order}}`` in any text stands for a variable."""

    name: str | None = None
    """How reports call it; by default what it does."""
    request: str | None = None
    """A method and an address, such as ``POST /login``; a path belongs to the journey's server."""
    connect: str | None = None
    """The path or address of a WebSocket to open; it stays open until the end."""
    send: object = None
    """A message to the open WebSocket: text as it is, anything else as JSON."""
    receive: bool = False
    """Wait for a message that is as expected; others are passed over."""
    headers: Mapping[str, str | Secret] = field(default_factory=dict)
    """Sent along with a request or a handshake."""
    body: object = None
    """Sent along with a request: text as it is, anything else as JSON."""
    expect: Expected = field(default_factory=Expected)
    """What the answer or the message must hold."""
    keep: Mapping[str, str] = field(default_factory=dict)
    """Variables for later steps, and where their values stand in the answer: ``json.order.id``, ``header.location``,
    ``status``, ``body`` or ``/token=(.+?)&/`` (the first group)."""
    within_s: Annotated[float, Interval(gt=0)] = 10.0
    """How long it may take."""

    def __post_init__(self) -> None:
        given = [self.request is not None, self.connect is not None, self.send is not None, self.receive]
        if sum(given) != 1:
            raise ValueError("a step is exactly one of `request`, `connect`, `send` and `receive`")
        if self.request is not None and (self.method not in _METHODS or not self.place):
            raise ValueError(f"`{self.request}` is no method and address, such as `GET /cart`")
        if not self.hears and (self.expect != Expected() or self.keep):
            raise ValueError("only a `request` and a `receive` have an answer to expect or keep something of")
        for name, place in self.keep.items():
            if not _NAME.fullmatch(name) or name == RUN:
                raise ValueError(f"`{name}` is no name of a variable of one's own")
            if not _PLACE.fullmatch(place):
                raise ValueError(
                    f"`{place}` is no place in an answer: `json.PATH`, `header.NAME`, `status`, `body` or `/PATTERN/`"
                )
            regular(place[1:-1] if place.startswith("/") else None)

    @property
    def hears(self) -> bool:
        """Whether something comes back that can be judged."""
        return self.request is not None or self.receive

    @property
    def method(self) -> str:
        """Of a request."""
        return (self.request or "").partition(" ")[0].upper()

    @property
    def place(self) -> str:
        """The path or address of a request or a WebSocket."""
        return (self.connect or (self.request or "").partition(" ")[2]).strip()

    @property
    def title(self) -> str:
        """How reports call it; blanks stay blank, so that no value is told."""
        if self.name or self.request:
            return self.name or self.request or ""
        return f"connect {self.connect}" if self.connect else "receive" if self.receive else "send"

    @property
    def may_write(self) -> bool:
        """Whether it could change something at the service."""
        return self.send is not None or (self.request is not None and self.method not in READING)

    def blanks(self) -> Iterator[str]:
        """The variables that it needs."""
        yield from blanks((self.place, self.send, self.headers, self.body))
        yield from blanks_of(self.expect)


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """A synthetic probe: what a user does, step by step."""

    url: str
    """The server where paths begin, such as ``http://127.0.0.1:8000``."""
    steps: Annotated[tuple[Step, ...], MinLen(1), MaxLen(100)]
    """What is done, in this order; the first step that goes wrong ends it."""
    variables: Mapping[str, str | Secret] = field(default_factory=dict)
    """Values for blanks; ``{{run}}`` is always there and another one each time."""
    headers: Mapping[str, str | Secret] = field(default_factory=dict)
    """Sent with every request to this server; never to another."""
    writes: bool | None = None
    """Whether it changes something at the service; must be said where a step could. Then it runs only where the
    service file permits it."""
    spends: bool = False
    """Whether it costs tokens or money; then it runs only where the service file permits it."""
    verify_tls: bool = True
    """Whether certificates must be valid."""

    def __post_init__(self) -> None:
        refuse_nowhere(self.url, "http://127.0.0.1:8000")
        if self.writes is None and (writing := next((each for each in self.steps if each.may_write), None)):
            raise ValueError(
                f"say `writes: true` if `{writing.title}` changes something at the service, "
                "or `writes: false` if it does not"
            )
        known, is_connected = {RUN, *self.variables}, False
        for number, step in enumerate(self.steps, 1):
            if unknown := sorted({*step.blanks(), *blanks(self.headers)} - known):
                raise ValueError(f"step {number} needs `{unknown[0]}`, which is no variable and kept by no step before")
            is_connected |= step.connect is not None
            if (step.send is not None or step.receive) and not is_connected:
                raise ValueError(f"step {number} needs an open WebSocket; `connect` must come first")
            known |= set(step.keep)

    @property
    def permits(self) -> tuple[Permit, ...]:
        """What the service file must permit before it runs."""
        wanted = ((Permit.WRITES, self.writes), (Permit.SPENDS, self.spends))
        return tuple(permit for permit, is_wanted in wanted if is_wanted)
