"""One request as it is sent."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from paramedic.sdk import Secret

Method = Literal["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]
READING = ("GET", "HEAD", "OPTIONS")
"""Methods that change nothing, as HTTP promises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked, and how."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str | Secret] = field(default_factory=dict)
    """Go to the server of ``url`` only, not to one that a redirect leads to."""
    body: bytes | None = None
    verify_tls: bool = True
    follows_redirects: bool = True
    reads_body: bool = True
    """Without it the answer ends with its head."""


def encoded(body: object) -> tuple[bytes | None, Mapping[str, str]]:
    """The bytes of a body and the header that tells what they are: text as it is, anything else as JSON."""
    if body is None:
        return None, {}
    if isinstance(body, str):
        return body.encode(), {"Content-Type": "text/plain; charset=utf-8"}
    return json.dumps(body).encode(), {"Content-Type": "application/json"}


def misdeclared(method: str, *, writes: bool | None) -> str | None:
    """What is wrong with a request of which nobody said whether it changes something."""
    if method in READING or writes is not None:
        return None
    return f"say `writes: true` if the `{method}` changes something at the service, or `writes: false` if it does not"
