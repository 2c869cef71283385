"""Which server of tools, and what is expected of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from paramedic.sdk import Secret
from paramedic.sdk.url import is_here, place, refuse_nowhere, shown


class Revision(StrEnum):
    """Every released revision of the protocol, the oldest first."""

    NOVEMBER_2024 = "2024-11-05"
    MARCH_2025 = "2025-03-26"
    JUNE_2025 = "2025-06-18"
    NOVEMBER_2025 = "2025-11-25"
    JULY_2026 = "2026-07-28"

    @property
    def has_handshake(self) -> bool:
        """Whether a session begins with ``initialize`` and knows ``ping``; later ones have neither."""
        return self is not Revision.JULY_2026


@dataclass(frozen=True, slots=True, kw_only=True)
class Mcp:
    """A server of tools over the Model Context Protocol: one of `url` and `command` says which."""

    url: str | None = None
    """Where it answers over streamable HTTP, such as ``http://127.0.0.1:3001/mcp``."""
    command: tuple[str, ...] = ()
    """The command line of a server that speaks over its standard input and output. Whoever starts it in earnest is the
    component's ``process``, or that of the component named by ``started_by``."""
    headers: Mapping[str, str | Secret] = field(default_factory=dict)
    """Sent with each request over HTTP; never to another server that a redirect leads to."""
    env: Mapping[str, str | Secret] = field(default_factory=dict)
    """Set for the ``command`` beside the few variables that MCP clients pass on."""
    cwd: Path | None = None
    """Where the ``command`` is run; the folder of the service file where not given."""
    started_by: str | None = None
    """The component whose process starts the ``command`` and holds the other end of its pipes."""
    launch: bool = True
    """Whether a look may start a server of its own from ``command``; ``false`` where a second one does harm. Then only
    the running one is looked for."""
    protocol: Revision | None = None
    """The revision of the protocol that its clients speak, such as ``2025-11-25``; any that both sides know where not
    given."""
    manifest: Path | None = None
    """The tools as ``paramedic mcp record`` wrote them down; by default beside the service file, in
    ``NAME.tools.json``."""
    verify_tls: bool = True
    """Whether the certificate of an ``https`` address must be valid."""

    def __post_init__(self) -> None:
        if bool(self.url) == bool(self.command):
            raise ValueError("one of `url` and `command` is needed")
        if self.url is None:
            if self.headers:
                raise ValueError("`headers` are sent over HTTP, and a `command` is not asked that way; use `env`")
            return
        if self.env or self.cwd or self.started_by:
            raise ValueError("`env`, `cwd` and `started_by` belong to a `command`")
        refuse_nowhere(self.url, "http://127.0.0.1:3001/mcp")

    @property
    def address(self) -> tuple[str, int] | None:
        """Host and port, where it has them."""
        return place(self.url) if self.url is not None else None

    @property
    def is_on_this_machine(self) -> bool:
        """Whether the process behind its address can be looked up here."""
        return self.address is None or is_here(self.address[0])

    @property
    def shown(self) -> str:
        """The address without a user and password that may stand in it, or the command."""
        return " ".join(self.command) if self.url is None else shown(self.url, with_query=False)

    @property
    def identity(self) -> str:
        """Equal for two components that are one server."""
        return self.url or "\0".join((str(self.cwd or ""), *self.command))

    def manifest_path(self, service: Path, component: str) -> Path:
        """Where its tools are written down."""
        return self.manifest or service.parent / f"{component}.tools.json"
