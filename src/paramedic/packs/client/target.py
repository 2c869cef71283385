"""A client in somebody's hand, or a provider elsewhere, as the service file declares it."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from annotated_types import Gt

from paramedic.sdk.url import leads_somewhere


class Sort(StrEnum):
    """What a client is, by which the steps for its owner are chosen."""

    MOBILE = "mobile"
    VOICE = "voice"
    MICROPHONE = "microphone"
    COMPUTER = "computer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client that Paramedic cannot touch: on a phone, at a microphone, on somebody's computer."""

    sort: Sort = Sort.MOBILE
    """What it is: ``mobile``, ``voice``, ``microphone`` or ``computer`` (a browser, a command line)."""
    config: Path | None = None
    """The client's own configuration (JSON, YAML or TOML), where it is on this machine."""
    token: str = "token"  # noqa: S105  # the name of a key
    """Where its stored token stands in ``config``, with dots between levels."""
    auth: str | None = None
    """An address of the backend that answers 2xx to a valid bearer token; the token in ``config`` is tried there."""
    version: str | None = None
    """The client's version; without it, what stands at ``version_at`` in ``config``."""
    version_at: str = "version"
    """Where its version stands in ``config``, with dots between levels."""
    compatible: str | None = None
    """An address of the backend that answers JSON with its ``version``, and may tell ``min_client`` and
    ``max_client``; without those the first number of both versions must be the same."""
    last_seen: str | None = None
    """An address of the backend that answers JSON with ``last_seen``: when this client was last heard of."""
    seen_within_s: Annotated[float, Gt(0)] = 86_400.0
    """How long it may stay away."""

    def __post_init__(self) -> None:
        for name in ("auth", "compatible", "last_seen"):
            _refuse_no_address(name, getattr(self, name))
        if self.auth and self.config is None:
            raise ValueError("`auth` needs `config`, where the client's token is stored")
        if self.compatible and self.version is None and self.config is None:
            raise ValueError("`compatible` needs `version`, or `config` to read it from")


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A hosted service that somebody else runs."""

    status_page: str | None = None
    """Its status page, such as ``https://discordstatus.com``, where that is one of Statuspage (most are)."""

    def __post_init__(self) -> None:
        _refuse_no_address("status_page", self.status_page)

    @property
    def status_url(self) -> str | None:
        """Where the page tells programs."""
        if self.status_page is None or urlsplit(self.status_page).path.endswith(".json"):
            return self.status_page
        return f"{self.status_page.rstrip('/')}/api/v2/status.json"


def _refuse_no_address(name: str, url: str | None) -> None:
    if url is not None and not leads_somewhere(url):
        raise ValueError(f"`{name}` is `{url}`, expected an address such as http://127.0.0.1:8000/me")
